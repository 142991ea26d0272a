"""Three clocks: the wall, one that runs on while the machine sleeps, one that does not."""

import sys
import time
from dataclasses import dataclass
from typing import Protocol


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
    """The clocks of this machine: RAW ones on Darwin (the others are adjusted), BOOTTIME and MONOTONIC on Linux."""

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
    if sys.platform == "darwin":
        return SystemClock(time.CLOCK_MONOTONIC_RAW, time.CLOCK_UPTIME_RAW)
    return SystemClock(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC), time.CLOCK_MONOTONIC)
