"""The last observations, so that what happened while the exporter was down can be counted: one SQLite file."""

import fcntl
import logging
import os
import sqlite3
import stat
import threading
from pathlib import Path
from typing import TypeVar

import msgspec

FILE = "observations.sqlite"
LOCK = "lock"
VERSION = 1
Kind = TypeVar("Kind", bound=msgspec.Struct)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS observations (
  collector TEXT PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  seen TEXT NOT NULL,
  written TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
)"""
log = logging.getLogger("pomona.state")


class StateError(Exception):
    """The state directory cannot be used: says why and how to mend it."""


class Store:
    """Observations by collector. A fault is told once and in `usable`; the exporter goes on without."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._known: dict[str, tuple[str, str]] = {}
        self._held: int | None = None
        self._database: sqlite3.Connection | None = None
        try:
            self._held = _claim(folder)
            self._database = _open(folder / FILE)
        except (OSError, sqlite3.Error, StateError) as error:
            self._give_up(error)

    @property
    def claimed(self) -> bool:
        """Whether the directory is ours alone, be its database usable or not."""
        return self._held is not None

    @property
    def usable(self) -> bool:
        """Whether observations are being kept."""
        return self._database is not None

    def get(self, collector: str, fingerprint: str, kind: type[Kind]) -> Kind | None:
        """What was stored under the same fingerprint, or None."""
        with self._lock:
            if self._database is None:
                return None
            try:
                row = self._database.execute(
                    "SELECT fingerprint, seen FROM observations WHERE collector = ?", (collector,)
                ).fetchone()
                return msgspec.json.decode(row[1], type=kind) if row and row[0] == fingerprint else None
            except sqlite3.Error as error:
                self._give_up(error)
            except msgspec.MsgspecError:
                log.warning("what %s saw before this start cannot be read: it begins anew", collector)
            return None

    def put(self, collector: str, fingerprint: str, observations: msgspec.Struct) -> None:
        """Stores observations; unchanged ones are not written again."""
        row = (fingerprint, msgspec.json.encode(observations).decode())
        with self._lock:
            if self._database is None or self._known.get(collector) == row:
                return
            try:
                with self._database:
                    self._database.execute(
                        "INSERT OR REPLACE INTO observations (collector, fingerprint, seen) VALUES (?, ?, ?)",
                        (collector, *row),
                    )
                self._known[collector] = row
            except sqlite3.Error as error:
                self._give_up(error)

    def close(self) -> None:
        """Ends the use of the directory."""
        with self._lock:
            if self._database is not None:
                self._database.close()
            if self._held is not None:
                os.close(self._held)
            self._database = self._held = None

    def _give_up(self, error: Exception) -> None:
        log.error(
            "%s: %s; going on without a memory of what was there before a restart: "
            "mend or move the directory away and restart",
            self._folder,
            error,
        )
        if self._database is not None:
            self._database.close()
        self._database = None


class Section:
    """The part of a Store that belongs to one target."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name

    def get(self, collector: str, fingerprint: str, kind: type[Kind]) -> Kind | None:
        """What was stored for this target under the same fingerprint, or None."""
        return self._store.get(f"{self._name}/{collector}", fingerprint, kind)

    def put(self, collector: str, fingerprint: str, observations: msgspec.Struct) -> None:
        """Stores observations of this target."""
        self._store.put(f"{self._name}/{collector}", fingerprint, observations)


def _claim(folder: Path) -> int:
    """Makes the directory ours: 0700, no link, our owner, one process at a time."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode):
        raise StateError("is a link or no directory")
    if facts.st_uid != os.geteuid():
        raise StateError(f"belongs to user {facts.st_uid}, not to {os.geteuid()}")
    if facts.st_mode & 0o077:
        folder.chmod(0o700)
    held = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        raise StateError("another pomona uses it") from error
    return held


def _open(path: Path) -> sqlite3.Connection:
    if path.is_symlink():
        raise StateError(f"{path.name} is a link")
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(path, check_same_thread=False, timeout=1)
    try:
        _prepare(database, path.name)
        # an exporter writes at each look: it then waits for the disk once, not four times
        database.execute("PRAGMA journal_mode = WAL")
    except BaseException:
        database.close()
        raise
    return database


def _prepare(database: sqlite3.Connection, name: str) -> None:
    """Creates or checks the one table; anything else in the file is not ours."""
    if database.execute("PRAGMA user_version").fetchone()[0] not in {0, VERSION}:
        raise StateError(f"{name} was written by another version")
    if database.execute("PRAGMA quick_check").fetchone()[0] != "ok":
        raise StateError(f"{name} is corrupt")
    with database:
        database.execute(_SCHEMA)
        database.execute(f"PRAGMA user_version = {VERSION}")
    database.execute("SELECT collector, fingerprint, seen FROM observations LIMIT 1")
