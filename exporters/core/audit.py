"""The event log: JSON lines in one file a day, readable by its owner only, kept for some days."""

import json
import os
import re
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from exporters.core.clock import Clock

LIMIT = 10_000_000
"""Bytes of a day's file."""
_FILE = re.compile(r"events-([0-9]{4}-[0-9]{2}-[0-9]{2})\.jsonl\Z")
_FULL = b'"event":"log_full"}\n'
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class AuditLog:
    """Appends events to `folder`/events-DATE.jsonl (UTC); files older than `keep_days` are deleted.

    A file that reaches `limit` bytes gets one last line with the event `log_full`, and nothing more that day.
    """

    def __init__(self, folder: Path, clock: Clock, keep_days: int = 30, limit: int = LIMIT) -> None:
        self._folder, self._clock, self._keep, self._limit = folder, clock, timedelta(days=keep_days), limit
        self._lock = threading.Lock()
        self._swept: date | None = None

    def write(self, events: Sequence[Mapping[str, str]]) -> None:
        """Appends all of the events or none, and once a day deletes old files.

        OSError where the folder or file cannot be used, for the caller.
        """
        now = datetime.fromtimestamp(self._clock.now(), UTC)
        if not events and (self._swept == now.date() or not self._folder.exists()):
            return
        with self._lock, _opened_folder(self._folder) as folder:
            if self._swept != now.date():
                _sweep(folder, now.date() - self._keep)
                self._swept = now.date()
            if not events:
                return
            with _opened_file(f"events-{now.date()}.jsonl", folder) as file:
                _append(file, [_line(now, event) for event in events], _line(now, {"event": "log_full"}), self._limit)


def _line(now: datetime, event: Mapping[str, str]) -> bytes:
    # ASCII, so that no text that a device sends can end a line or steer a terminal
    time = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"time": time, **event}, separators=(",", ":")).encode("ascii") + b"\n"


@contextmanager
def _opened_folder(path: Path) -> Iterator[int]:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchmod(folder, 0o700)
        yield folder
    finally:
        os.close(folder)


@contextmanager
def _opened_file(name: str, folder: int) -> Iterator[int]:
    file = os.open(name, _FLAGS, 0o600, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(f"{name} is no regular file")
        os.fchmod(file, 0o600)
        yield file
    finally:
        os.close(file)


def _append(file: int, lines: Sequence[bytes], full: bytes, limit: int) -> None:
    size = os.fstat(file).st_size
    tail = os.pread(file, len(_FULL), max(0, size - len(_FULL)))
    if tail == _FULL:
        return
    # a power cut may have left half a line
    start = b"" if tail.endswith(b"\n") or not tail else b"\n"
    fitting = _fitting(lines, limit - size - len(start) - len(full))
    data = start + b"".join(fitting) + (full if len(fitting) < len(lines) else b"")
    try:
        _write(file, data)
    except OSError:
        os.ftruncate(file, size)
        raise


def _fitting(lines: Sequence[bytes], room: int) -> list[bytes]:
    fitting = []
    for line in lines:
        room -= len(line)
        if room < 0:
            break
        fitting.append(line)
    return fitting


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]


def _sweep(folder: int, oldest: date) -> None:
    for name in os.listdir(folder):
        found = _FILE.match(name)
        if found and found[1] < oldest.isoformat():
            os.unlink(name, dir_fd=folder)
