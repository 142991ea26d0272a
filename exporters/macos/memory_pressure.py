"""Memory pressure as Activity Monitor colours it (`sysctl` kern.memorystatus_vm_pressure_level)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, enum
from exporters.core.read import maybe, number, record
from exporters.sources.base import Replies, System

SYSCTL = System("sysctl")
LEVELS: Mapping[float, str] = {1: "normal", 2: "warning", 4: "critical"}


@dataclass(frozen=True, slots=True)
class Pressure:
    """One of `LEVELS`, or None where the kernel says nothing that is known here."""

    level: str | None


def parse(replies: Replies, _: Context) -> Pressure:
    """A flat dictionary by sysctl name; the level is 1, 2 or 4."""
    level = maybe(number, record(replies[SYSCTL]).get("kern.memorystatus_vm_pressure_level"))
    return Pressure(None if level is None else LEVELS.get(level))


LEVEL = enum(
    "macos_memory_pressure",
    "Memory pressure as the kernel tells it to programs (sysctl kern.memorystatus_vm_pressure_level).",
    "level",
    tuple(LEVELS.values()),
)


@collector(
    "memory_pressure",
    LEVEL,
    required=(SYSCTL,),
    parse=parse,
    unverified=(
        "the levels are those of Apple's sources; the captures that show them are synthetic, and the call itself"
        " was not tried on a Mac."
    ),
)
def memory_pressure(reading: Pressure, _: Context) -> Iterable[Sample]:
    """Exactly one level, or nothing."""
    yield from LEVEL.one_of(reading.level)
