"""The running processes of one program, or the one that a pidfile names, by psutil: the answers to `Processes`.

JSON: `[{pid, created, cpu_seconds, rss, open_files, threads}]`, by pid. `created` is a Unix time, `cpu_seconds` user
and system time together, `rss` bytes, `open_files` the number of descriptors. The last four are absent where this user
may not ask: macOS tells them of other users' processes to root only, Linux `open_files`. Zombies and processes that
end meanwhile do not count; an empty list says that nothing runs.

- `executable` is compared with the whole path of the program, then with its base name; where the path may not be read,
  with the name that the kernel knows. A script is run by its interpreter: to watch one, let it write a pidfile.
- An expression has a second to be compared with all that runs, those of one round have `ROUND` seconds together. A
  single comparison is stopped by the CPU time of this process, so on a busy machine it may take longer on the clock.
- A pidfile that does not exist says that nothing runs, one that holds anything but one number is a failure. The number
  is not believed where its process began `SLACK` seconds after the file was written: it was given to another process.

The macOS side of this follows psutil's code and documentation and was not tried on a real Mac.
"""

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import psutil

from exporters.sources.base import Failed, Processes, Question, SourceError, TimedOut, TooLarge
from exporters.sources.patterns import compiled, found
from exporters.sources.system import told

MOST = 10_000
SLACK = 300.0
"""Seconds. On macOS psutil moves the start of a process by what the clock was corrected since psutil was loaded."""
EACH, ROUND = 1.0, 5.0
"""Seconds."""
LONGEST = 64
"""Bytes of a pidfile."""
_PID = re.compile(rb"\s*(\d{1,10})\s*")
Opener = Callable[[str, int], int]
Facts = dict[str, float]
Subject = TypeVar("Subject")
Value = TypeVar("Value")


class Running:
    """The programs that run, by name, read once for all the questions of a round."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._named: tuple[tuple[psutil.Process, str], ...] | None = None
        self._left = ROUND

    def answers(self, asked: Iterable[Processes]) -> dict[Question[Any], Any]:
        """Each question with its answer or its error."""
        answers: dict[Question[Any], Any] = {}
        for each in asked:
            try:
                answers[each] = self.answer(each)
            except SourceError as error:
                answers[each] = error
        return answers

    def answer(self, asked: Processes) -> list[Facts]:
        """What runs of it, or a `SourceError`."""
        answer: list[Facts] = told(lambda: self._matching(asked))
        return answer

    def _matching(self, asked: Processes) -> list[Facts]:
        if bool(asked.executable) == bool(asked.pidfile):
            raise Failed("either a program or a pidfile is asked for")
        running = self._by_pidfile(asked.pidfile) if asked.pidfile else self._by_program(asked.executable)
        every = list(islice(running, MOST + 1))
        if len(every) > MOST:
            raise TooLarge(f"more than {MOST} processes")
        return every

    def _by_program(self, pattern: str) -> Iterator[Facts]:
        """A first pass reads names alone; the few that match are asked for the rest."""
        wanted = compiled(pattern)
        if self._named is None:
            self._named = tuple(filter(None, (_if_there(_with_path, pid) for pid in sorted(psutil.pids()))))
        for process in self._fitting(wanted.fullmatch, self._named):
            yield from filter(None, (_if_there(_measured, process),))

    def _fitting(
        self, match: Callable[..., Any], named: Iterable[tuple[psutil.Process, str]]
    ) -> Sequence[psutil.Process]:
        begun, most = time.monotonic(), min(EACH, self._left)

        def fits(text: str) -> bool:
            return found(match, text, begun + most - time.monotonic())

        try:
            return [process for process, path in named if fits(path) or fits(path.rpartition("/")[2])]
        except TimeoutError as error:
            raise TimedOut("the expression takes too long") from error
        finally:
            self._left -= time.monotonic() - begun

    def _by_pidfile(self, path: str) -> Iterator[Facts]:
        try:
            with open(path, "rb", buffering=0, opener=self._opener) as file:
                written, content = os.fstat(file.fileno()).st_mtime, file.read(LONGEST)
        except (FileNotFoundError, NotADirectoryError):
            return
        number = _PID.fullmatch(content)
        if number is None or not int(number[1]):
            raise Failed("the pidfile does not hold one number")
        facts = _if_there(lambda pid: _measured(psutil.Process(pid)), int(number[1]))
        if facts is not None and facts["created"] <= written + SLACK:
            yield facts


def _if_there(read: Callable[[Subject], Value], subject: Subject) -> Value | None:
    """None where the process is gone, be it as a zombie."""
    try:
        return read(subject)
    except psutil.NoSuchProcess:
        return None


def _with_path(pid: int) -> tuple[psutil.Process, str]:
    process = psutil.Process(pid)
    return process, _allowed(process.exe) or _allowed(process.name) or ""


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
