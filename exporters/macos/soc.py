"""A run of samples of the chip, whatever tool took them: joules and seconds by unit, means of the rest."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from exporters.core.read import maybe, number
from exporters.sources.base import ParseError

Values = Mapping[str, float]
SAMPLES = 10
EVERY = 5000
"""Milliseconds of one sample."""
MOST_WATTS, MOST_CELSIUS, MOST_RPM, MOST_HERTZ, MOST_ACTIVE = 1000.0, 150.0, 20_000.0, 20e9, 1.01
"""What is beyond cannot be true; a share may be a trifle above 1 where it was summed from parts."""


@dataclass(frozen=True, slots=True)
class Interval:
    """One sample: the seconds that it covers; watts by unit, hertz and active share by cluster, celsius, rpm."""

    seconds: float
    watts: Values = field(default_factory=dict)
    hertz: Values = field(default_factory=dict)
    active: Values = field(default_factory=dict)
    celsius: Values = field(default_factory=dict)
    rpm: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """Joules, and the seconds in which they were measured, by unit; means over the run of the rest."""

    joules: Values = field(default_factory=dict)
    seconds: Values = field(default_factory=dict)
    hertz: Values = field(default_factory=dict)
    active: Values = field(default_factory=dict)
    celsius: Values = field(default_factory=dict)
    rpm: Values = field(default_factory=dict)


def run_of(intervals: Sequence[Interval]) -> Run:
    """Every sample counts for as long as it lasted."""
    joules, seconds = _summed(intervals, lambda each: each.watts)
    if not joules:
        raise ParseError("no sample tells any power")
    return Run(
        joules=joules,
        seconds=seconds,
        hertz=_means(intervals, lambda each: each.hertz),
        active={name: min(mean, 1.0) for name, mean in _means(intervals, lambda each: each.active).items()},
        celsius=_means(intervals, lambda each: each.celsius),
        rpm=_means(intervals, lambda each: each.rpm),
    )


def _summed(intervals: Iterable[Interval], part: Callable[[Interval], Values]) -> tuple[Values, Values]:
    """Each value times its seconds, and the seconds, by name."""
    sums: dict[str, float] = defaultdict(float)
    seconds: dict[str, float] = defaultdict(float)
    for interval in intervals:
        for name, value in part(interval).items():
            sums[name] += value * interval.seconds
            seconds[name] += interval.seconds
    return sums, seconds


def _means(intervals: Iterable[Interval], part: Callable[[Interval], Values]) -> Values:
    sums, seconds = _summed(intervals, part)
    return {name: sums[name] / seconds[name] for name in sums}


def told(values: Mapping[str, object], scale: float, most: float, *, zero: bool = True) -> dict[str, float]:
    """Those of the values that can be true, times `scale`; 0 only where that is one."""
    read = {name: maybe(number, value) for name, value in values.items()}
    scaled = {name: value * scale for name, value in read.items() if value is not None}
    return {name: value for name, value in scaled.items() if 0 <= value <= most and (zero or value)}
