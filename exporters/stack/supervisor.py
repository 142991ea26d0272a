"""The processes of `pomona up`: each leads a session of its own, its output goes to a log, and all of them end."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

GRACE = 4.0
"""Seconds that a process gets to end before it is killed."""
POLL = 0.05
LAST_WORDS = 4096


@dataclass(frozen=True, slots=True)
class Child:
    """A process, what it is called and where its output goes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def ended(self) -> bool:
        """Whether it has ended."""
        return self.process.poll() is not None

    def last_words(self) -> str:
        """How it ended, and the last line that it printed."""
        lines = self.log.read_bytes()[-LAST_WORDS:].decode(errors="replace").strip().splitlines()
        said = lines[-1] if lines else "it said nothing"
        return f"{self.name} ended with status {self.process.returncode}, see {self.log}: {said}"


class Supervisor:
    """Starts children and ends them: at the end of the `with` block none is left, not even one that hangs."""

    def __init__(self, logs: Path, grace: float = GRACE) -> None:
        self._logs, self._grace = logs, grace
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, name: str, argv: Sequence[str]) -> Child:
        """A new child; what it prints replaces the log of the run before."""
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def dead(self) -> Iterator[Child]:
        """The children that ended by themselves."""
        return (child for child in self._children if child.ended())

    def stop(self) -> None:
        """Asks all to end, and kills their whole groups after the grace."""
        for child in self._children:
            _signal(child, signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        while time.monotonic() < deadline and not all(child.ended() for child in self._children):
            time.sleep(POLL)
        for child in self._children:
            _signal(child, signal.SIGKILL)
            child.process.wait()
        self._children.clear()


def _signal(child: Child, number: signal.Signals) -> None:
    """To the whole group: an ended leader may have left others; PermissionError is what Darwin says of a dead group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, number)


def run_to_end(argv: Sequence[str]) -> int:
    """Runs one command to its end, its output before the user's eyes; the exit status."""
    try:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, check=False).returncode
    except OSError:
        return 127
