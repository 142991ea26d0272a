"""When the machine started, and what time it has (psutil `boot_time`, system clock)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import amount, maybe, record
from exporters.sources.base import Replies, System

BOOT = System("boot_time")
CLOCKS = System("clocks")
SAME_BOOT = 30.0
"""Seconds by which the time of one boot may wander: both kernels reckon it from a clock that gets corrected."""


@dataclass(frozen=True, slots=True)
class Time:
    """Unix times."""

    boot: float | None
    now: float


def parse(replies: Replies, _: Context) -> Time:
    """Shapes: a number, and `{now, elapsed, awake}`."""
    return Time(maybe(amount, replies.get(BOOT)), amount(record(replies[CLOCKS]).get("now")))


def advance(state: Time | None, reading: Time, _now: float, _: Context) -> Time:
    """The boot time in whole seconds, which stays as it was until there is another boot."""
    if reading.boot is None:
        return reading
    before = state.boot if state is not None else None
    same = before is not None and abs(reading.boot - before) < SAME_BOOT
    return replace(reading, boot=before if same else round(reading.boot))


BOOTED = gauge("pomona_host_boot_timestamp_seconds", "Start of the system, Unix time (psutil boot_time).")
NOW = gauge("pomona_host_time_seconds", "Time of the system, Unix time (system clock).")


@collector("time", BOOTED, NOW, required=(CLOCKS,), optional=(BOOT,), parse=parse, advance=advance)
def time(state: Time, _: Context) -> Iterable[Sample]:
    """Both times."""
    yield from BOOTED(state.boot)
    yield from NOW(state.now)
