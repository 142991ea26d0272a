"""The key of the hashes that stand in for identifiers, and the places where it and the state lie."""

import errno
import os
import secrets
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import platformdirs

from exporters.core.errors import PersonError

SHORTEST = 16
LONGEST = 4096


class KeyFileError(PersonError):
    """A key file that cannot be used."""


@dataclass(frozen=True, slots=True)
class Key:
    """The secret, 16 bytes or more; whether it is the same after a restart; what should be mended, in one line."""

    secret: bytes = field(repr=False)
    kept: bool = True
    warning: str = ""


def state_dir(given: str, *, platform: str = sys.platform, root: bool | None = None) -> Path:
    """The given directory, else the system's for root, else the user's."""
    if given:
        return expanded(given)
    if _root(root):
        return Path("/Library/Application Support/Pomona" if platform == "darwin" else "/var/lib/pomona")
    name = "Pomona" if platform == "darwin" else "pomona"
    return _of_user(lambda: platformdirs.user_state_path(name, appauthor=False))


def key_place(*, platform: str = sys.platform, root: bool | None = None) -> Path:
    """Where a generated key lies: never below the state, so that deleting one does not touch the other."""
    if platform == "darwin":
        folder = Path("/") if _root(root) else _of_user(Path.home)
        return folder / "Library/Preferences/Pomona/key"
    if _root(root):
        return Path("/etc/pomona/key")
    return _of_user(lambda: platformdirs.user_config_path("pomona", appauthor=False)) / "key"


def _root(given: bool | None) -> bool:
    return os.geteuid() == 0 if given is None else given


def expanded(text: str) -> Path:
    """A path that may begin with `~`."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise PersonError(f"{text}: there is no such home directory") from error


def _of_user(find: Callable[[], Path]) -> Path:
    """A path below the home directory; older versions of platformdirs give a relative one where there is none."""
    try:
        path = find()
    except RuntimeError:
        path = Path()
    if not path.is_absolute():
        raise PersonError("this user has no home directory; set state.dir and privacy.key_file")
    return path


def new_key() -> bytes:
    """64 hexadecimal digits: as many bytes as the hash takes."""
    return secrets.token_hex(32).encode()


def condensed(content: bytes) -> bytes:
    """As many bytes as the hash takes, made of all of the file: two keys may begin alike."""
    return blake2b(content, digest_size=64).digest()


def load_key(key_file: str, spare: bytes, place: Path | None = None, *, make: bool = True) -> Key:
    """The key of the given file, else the one at `place`, made on first use; where there is none, `spare`."""
    if key_file:
        return _read(expanded(key_file), own=False)
    place = place or key_place()
    try:
        if not os.path.lexists(place):
            if not make:
                return Key(spare, kept=False)
            _create(place)
    except OSError as error:
        where, why = error.filename or place, error.strerror or type(error).__name__
        return Key(spare, kept=False, warning=f"{where}: {why}; hashes change with every start: set privacy.key_file")
    return _read(place, own=True)


def _create(place: Path) -> None:
    """Writes a new key beside the place and links it there: nobody reads half a key, and a rival's key stays."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = place.with_name(f".{place.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(new_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, place)
    finally:
        draft.unlink()


def _read(path: Path, *, own: bool) -> Key:
    """The key in a file; one that we made is no link. Every fault ends the start: other hashes would be wrong."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (os.O_NOFOLLOW if own else 0))
    except OSError as error:
        why = "is a link" if error.errno == errno.ELOOP else error.strerror
        where = "" if own else "privacy.key_file: "
        raise KeyFileError(f"{where}{path}: {why}") from error
    try:
        warning = _inspected(path, os.fstat(handle))
        secret = os.read(handle, LONGEST + 1).strip()
    finally:
        os.close(handle)
    if not SHORTEST <= len(secret) <= LONGEST:
        fault = "empty" if not secret else "too short for a key" if len(secret) < SHORTEST else "too long for a key"
        raise KeyFileError(f"{path}: {fault}; make one with: openssl rand -hex 32")
    return Key(condensed(secret), warning=warning)


def _inspected(path: Path, facts: os.stat_result) -> str:
    """What should be mended about a key file; an error where the key cannot be trusted."""
    if not stat.S_ISREG(facts.st_mode):
        raise KeyFileError(f"{path}: no regular file")
    if facts.st_uid not in {0, os.geteuid()}:
        raise KeyFileError(f"{path}: belongs to user {facts.st_uid}; mend it with: chown {os.geteuid()} {path}")
    if facts.st_mode & 0o022:
        raise KeyFileError(f"{path}: others may write it; mend it with: chmod 600 {path}")
    return f"{path}: others may read the key; mend it with: chmod 600 {path}" if facts.st_mode & 0o044 else ""
