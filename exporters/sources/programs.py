"""The running processes of one program, or the one that a pidfile names, by psutil: the answers to `Processes`.

JSON: `[{pid, created, cpu_seconds, rss, open_files, threads}]`, by pid. `created` is a Unix time, `cpu_seconds` user
and system time together, `rss` bytes, `open_files` the number of descriptors. The last four are absent where this user
may not ask: macOS tells them of other users' processes to root only, Linux `open_files`. Zombies and processes that
end meanwhile do not count; an empty list says that nothing runs.

- `executable` is compared with the whole path of the program, then with its base name; where the path may not be read,
  with the name that the kernel knows. A script is run by its interpreter: to watch one, let it write a pidfile.
- A pidfile that does not exist says that nothing runs, one that holds anything but one number is a failure. The number
  is not believed where its process began `SLACK` seconds after the file was written: it was given to another process.

The macOS side of this follows psutil's code and documentation and was not tried on a real Mac.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psutil

from exporters.sources.base import Failed, Processes, TooLarge

MOST = 10_000
SLACK = 300.0
"""Seconds. On macOS psutil moves the start of a process by what the clock was corrected since psutil was loaded."""
LONGEST = 64
"""Bytes of a pidfile."""
_PID = re.compile(rb"\s*(\d{1,10})\s*")
Opener = Callable[[str, int], int]
Facts = dict[str, float]


def matching(asked: Processes, opener: Opener) -> list[Facts]:
    """What runs; `opener` gives a descriptor of a regular file. Raises what psutil and the file system raise."""
    if bool(asked.executable) == bool(asked.pidfile):
        raise Failed("either a program or a pidfile is asked for")
    found = _by_pidfile(asked.pidfile, opener) if asked.pidfile else _by_program(re.compile(asked.executable))
    every = []
    for facts in found:
        every.append(facts)
        if len(every) > MOST:
            raise TooLarge(f"more than {MOST} processes")
    return every


def _by_program(wanted: re.Pattern[str]) -> Iterator[Facts]:
    """A first pass reads names alone; the few that match are asked for the rest."""
    for pid in sorted(psutil.pids()):
        if (facts := _facts(pid, wanted)) is not None:
            yield facts


def _by_pidfile(path: str, opener: Opener) -> Iterator[Facts]:
    try:
        with open(path, "rb", buffering=0, opener=opener) as file:
            written, content = os.fstat(file.fileno()).st_mtime, file.read(LONGEST)
    except (FileNotFoundError, NotADirectoryError):
        return
    found = _PID.fullmatch(content)
    if found is None or not int(found[1]):
        raise Failed("the pidfile does not hold one number")
    facts = _facts(int(found[1]), None)
    if facts is not None and facts["created"] <= written + SLACK:
        yield facts


def _facts(pid: int, wanted: re.Pattern[str] | None) -> Facts | None:
    """About a process that is of the wanted program; None where it is not, or is gone."""
    try:
        process = psutil.Process(pid)
        return _measured(process) if wanted is None or _is_of(process, wanted) else None
    except psutil.NoSuchProcess:  # zombies, too
        return None


def _is_of(process: psutil.Process, wanted: re.Pattern[str]) -> bool:
    path = _allowed(process.exe) or _allowed(process.name) or ""
    return bool(wanted.fullmatch(path) or wanted.fullmatch(path.rpartition("/")[2]))


def _measured(process: psutil.Process) -> Facts | None:
    """The rest is read in one go; afterwards it must be alive still, and the same process."""
    facts: Facts = {"pid": process.pid, "created": process.create_time()}
    with process.oneshot():
        read = {name: _allowed(lambda fact=fact: fact(process)) for name, fact in FACTS.items()}  # type: ignore[misc]
    if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
        return None
    return facts | {name: value for name, value in read.items() if value is not None}


def _allowed(read: Callable[[], Any]) -> Any:
    """None where this user may not ask."""
    try:
        return read()
    except psutil.AccessDenied:
        return None


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


FACTS: Mapping[str, Callable[[psutil.Process], float]] = {
    "cpu_seconds": _cpu_seconds,
    "rss": lambda process: process.memory_info().rss,
    "open_files": lambda process: process.num_fds(),
    "threads": lambda process: process.num_threads(),
}
