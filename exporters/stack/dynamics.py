"""How a simulated Mac changes: pure functions of its own time in seconds, so that any moment can be had at once."""

import math
from dataclasses import dataclass
from random import Random
from typing import Literal

ChargeState = Literal["discharging", "charging", "attached"]
HOUR = 3600.0
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Wave:
    """A value that swings around `base` and never falls below 0. `swings`: amplitude, period (s), phase (rad)."""

    base: float
    swings: tuple[tuple[float, float, float], ...]

    def at(self, time: float) -> float:
        """The value at a moment."""
        return self.base + sum(size * math.sin(math.tau * time / period + phase) for size, period, phase in self.swings)

    def total(self, time: float) -> float:
        """The integral from 0: what a counter of this rate shows."""
        return self.base * time + sum(
            size * period / math.tau * (math.cos(phase) - math.cos(math.tau * time / period + phase))
            for size, period, phase in self.swings
        )


def wave(random: Random, base: float, swing: float = 0.8) -> Wave:
    """A slow and a quick swing that together stay below `swing` (0 to 1) of the base."""
    sizes = (0.7 * swing * base, 0.3 * swing * base)
    periods = (random.uniform(1.5, 4) * HOUR, random.uniform(6, 15) * MINUTE)
    return Wave(
        base, tuple((size, period, random.uniform(0, math.tau)) for size, period in zip(sizes, periods, strict=True))
    )


@dataclass(frozen=True, slots=True)
class Charge:
    """Charge as a ratio, its change a second (negative while discharging), seconds in this state and to its end."""

    ratio: float
    state: ChargeState
    rate: float
    since: float
    left: float
    rounds: int


@dataclass(frozen=True, slots=True)
class Habit:
    """A laptop's round: it drains from `high` to a low, charges again, rests on the adapter; times in seconds."""

    seed: str
    drain: float
    charge: float
    rest: float
    high: float
    low: tuple[float, float]
    offset: float = 0

    def at(self, time: float) -> Charge:
        """The charge at a moment; each round has a low of its own."""
        rounds, into = divmod(time + self.offset, self.drain + self.charge + self.rest)
        low = Random(f"{self.seed}/{int(rounds)}").uniform(*self.low)  # noqa: S311 - a simulation
        span = self.high - low
        if into < self.drain:
            rate = -span / self.drain
            return Charge(self.high + rate * into, "discharging", rate, into, self.drain - into, int(rounds))
        into -= self.drain
        if into < self.charge:
            rate = span / self.charge
            return Charge(low + rate * into, "charging", rate, into, self.charge - into, int(rounds))
        into -= self.charge
        return Charge(self.high, "attached", 0.0, into, self.rest - into, int(rounds))


@dataclass(frozen=True, slots=True)
class Nap:
    """Whether it sleeps, the seconds slept until now, and the moment of the last wake, if any."""

    asleep: bool
    slept: float
    woke: float | None


@dataclass(frozen=True, slots=True)
class Naps:
    """A laptop that is awake for its `first` seconds, then sleeps and wakes by turns; None as `asleep` never sleeps."""

    first: float = math.inf
    awake: float = 1.0
    asleep: float = 1.0

    def at(self, time: float) -> Nap:
        """Sleep at a moment."""
        if time < self.first:
            return Nap(asleep=False, slept=0.0, woke=None)
        turn = self.asleep + self.awake
        turns, into = divmod(time - self.first, turn)
        slept = turns * self.asleep + min(into, self.asleep)
        if into >= self.asleep:
            return Nap(asleep=False, slept=slept, woke=self.first + turns * turn + self.asleep)
        return Nap(asleep=True, slept=slept, woke=self.first + turns * turn - self.awake if turns else None)


@dataclass(frozen=True, slots=True)
class Visit:
    """Something that comes and goes: there for `share` (0 to 1) of each `period` seconds; a share of 1 always."""

    period: float
    share: float
    offset: float

    def there(self, time: float) -> bool:
        """Whether it is there at a moment."""
        return (time + self.offset) % self.period < self.share * self.period
