"""The processes of `pomona up`: they form one group, the output of each goes to a log, and all of them end."""

import os
import signal
import subprocess
import sys
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
GUARDIAN = (sys.executable, "-P", "-m", "exporters.stack.guardian")


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
    """Starts children and ends them: after the `with` block none is left, not even one that hangs.

    All are in the group of the guardian, so that they end as well when this process is killed within the block.
    """

    def __init__(self, logs: Path, grace: float = GRACE) -> None:
        self._logs, self._grace = logs, grace
        self._children: list[Child] = []
        self._group = 0

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        self._group = self._launch("guardian", GUARDIAN, subprocess.PIPE).process.pid
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def start(self, name: str, argv: Sequence[str]) -> Child:
        """A new child; what it prints replaces the log of the run before."""
        return self._launch(name, argv, subprocess.DEVNULL)

    def dead(self) -> Iterator[Child]:
        """The children that ended by themselves; without its guardian the group would not be safe either."""
        return (child for child in self._children if child.ended())

    def _launch(self, name: str, argv: Sequence[str], stdin: int) -> Child:
        """The first one leads a new group, away from a terminal's interrupt; the others join it before they run."""
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(argv, stdin=stdin, stdout=output, stderr=output, process_group=self._group)
        child = Child(name, process, log)
        self._children.append(child)
        return child

    def _stop(self) -> None:
        """Asks all to end, and kills the whole group after the grace: an ended child may have left others."""
        _signal(self._group, signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        parts = [child for child in self._children if child.process.pid != self._group]
        while time.monotonic() < deadline and not all(child.ended() for child in parts):
            time.sleep(POLL)
        _signal(self._group, signal.SIGKILL)
        for child in self._children:
            child.process.communicate()


def _signal(group: int, number: signal.Signals) -> None:
    """PermissionError is what Darwin says of a group whose members have all ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def run_to_end(argv: Sequence[str]) -> int:
    """Runs one command to its end, its output before the user's eyes; the exit status."""
    try:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, check=False).returncode
    except OSError:
        return 127
