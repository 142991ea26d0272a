"""Three clocks: the wall, one that runs on while the machine sleeps, one that does not."""

import time
from dataclasses import dataclass
from typing import Protocol

from exporters.sources.clocks import clock_ids


class Clock(Protocol):
    """All in seconds. Ages and cadences are measured by `elapsed`, so that a wake makes old readings old."""

    def now(self) -> float:
        """Unix time."""

    def elapsed(self) -> float:
        """Since an arbitrary start, sleep included."""

    def awake(self) -> float:
        """Since an arbitrary start, sleep left out."""


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The clocks of this machine."""

    elapsed_id: int
    awake_id: int

    def now(self) -> float:
        """Unix time."""
        return time.time()

    def elapsed(self) -> float:
        """Since boot, sleep included."""
        return time.clock_gettime(self.elapsed_id)

    def awake(self) -> float:
        """Since boot, sleep left out."""
        return time.clock_gettime(self.awake_id)


def system_clock() -> SystemClock:
    """The clocks of the running system."""
    return SystemClock(*clock_ids())
