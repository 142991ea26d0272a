"""How heat holds the Mac back: thermal pressure (`notifyutil`) on Apple silicon, CPU limits (`pmset`) on Intel."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from exporters.core.collector import Questions, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, enum, gauge
from exporters.core.read import maybe, number, record, whole_lines
from exporters.sources.base import Command, Output, ParseError, Replies, System

SYSCTL = System("sysctl")
KEY = "com.apple.system.thermalpressurelevel"
PRESSURE = Command(("notifyutil", "-g", KEY))
LIMITS = Command(("pmset", "-g", "therm"))
LEVELS = ("nominal", "moderate", "heavy", "trapping", "sleeping")
LEVEL = re.compile(re.escape(KEY).encode() + rb" ([0-4])\n?")
LIMIT = re.compile(r"\s*CPU_(Scheduler_Limit|Available_CPUs|Speed_Limit)\s*=\s*(\d{1,5})\s*")
NO_LIMITS = "Note: No CPU power status has been recorded"
HELD_BACK = frozenset({"heavy", "trapping", "sleeping"})
"""Not moderate, which programs know as fair: by Apple's documentation performance suffers from the next level on."""
REASONS = ("none", "thermal_pressure", "cpu_speed", "cpu_scheduler", "cpus_offline", "unknown")


@dataclass(frozen=True, slots=True)
class Thermal:
    """One of `LEVELS`, ratios, numbers of CPUs (left in use, and all), and Intel's own level, 0 while it is cool."""

    pressure: str | None = None
    speed: float | None = None
    scheduler: float | None = None
    cpus: float | None = None
    all_cpus: float | None = None
    level: float | None = None
    never: bool = False
    """Whether pmset says that no limit was recorded since boot."""

    @property
    def throttling(self) -> str:
        """One of `REASONS`: what holds the Mac back now, as far as this kind of Mac tells."""
        if self.pressure is not None:
            return "thermal_pressure" if self.pressure in HELD_BACK else "none"
        if self.speed is None:
            return "none" if self.never and self.level == 0 else "unknown"
        return self._limited()

    def _limited(self) -> str:
        """On Intel. Without all three limits only the first of them is proof of anything."""
        if self.speed is not None and self.speed < 1:
            return "cpu_speed"
        if self.scheduler is None or self.cpus is None:
            return "unknown"
        if self.scheduler < 1:
            return "cpu_scheduler"
        return "cpus_offline" if self.all_cpus is not None and self.cpus < self.all_cpus else "none"


def second_round(replies: Replies, _context: Context, _state: object) -> Questions:
    """The one tool that knows about this processor."""
    facts = record(replies[SYSCTL])
    if _virtual(facts):
        return ()
    return (PRESSURE,) if _apple_silicon(facts) else (LIMITS,)


def _apple_silicon(facts: Mapping[str, Any]) -> bool:
    """Also true for a process under Rosetta, which only Apple silicon has."""
    return 1 in (facts.get("hw.optional.arm64"), facts.get("sysctl.proc_translated"))


def _virtual(facts: Mapping[str, Any]) -> bool:
    """A virtual Mac may never post the level, and one that nobody posts reads 0."""
    return str(facts.get("hw.model", "")).startswith("VirtualMac")


def parse(replies: Replies, _: Context) -> Thermal:
    """The answer of the tool that was asked, and what sysctl knows on Intel."""
    facts = record(replies[SYSCTL])
    if _apple_silicon(facts):
        return Thermal(pressure=maybe(_pressure, replies.get(PRESSURE)))
    told = maybe(_limits, replies.get(LIMITS))
    limits = told or {}
    level = maybe(number, facts.get("machdep.xcpm.cpu_thermal_level"))
    return Thermal(
        speed=_ratio(limits.get("Speed_Limit")),
        scheduler=_ratio(limits.get("Scheduler_Limit")),
        cpus=limits.get("Available_CPUs") or None,
        all_cpus=maybe(number, facts.get("hw.logicalcpu_max")),
        level=level if level is not None and level >= 0 else None,
        never=told is not None and not told,
    )


def _pressure(output: Output) -> str:
    """`KEY N`. A failure is told on stdout with exit 0, so anything else is unparsable: a problem that can be seen."""
    found = LEVEL.fullmatch(output.stdout)
    if not found:
        raise ParseError("notifyutil gave no thermal pressure level")
    return LEVELS[int(found[1])]


def _limits(output: Output) -> Mapping[str, int]:
    """The block of CPU limits by name, in any order; empty where pmset says that there is none."""
    whole = whole_lines(output.stdout)
    found = (LIMIT.fullmatch(line) for line in whole)
    limits = {match[1]: int(match[2]) for match in found if match}
    if not limits and NO_LIMITS not in whole:
        raise ParseError("pmset gave neither CPU limits nor the note that there are none")
    return limits


def _ratio(percent: int | None) -> float | None:
    ratio = None if percent is None else percent / 100
    return ratio if ratio is not None and ratio <= 1 else None


PRESSURE_LEVEL = enum(
    "macos_thermal_pressure",
    f"How strongly heat holds the Mac back; Apple silicon only (notifyutil {KEY}).",
    "level",
    LEVELS,
)
SPEED = gauge(
    "macos_cpu_speed_limit_ratio",
    "Speed that heat leaves the CPUs, 1 is all; Intel only (pmset -g therm CPU_Speed_Limit).",
)
SCHEDULER = gauge(
    "macos_cpu_scheduler_limit_ratio",
    "CPU time that heat leaves the scheduler, 1 is all; Intel only (pmset -g therm CPU_Scheduler_Limit).",
)
CPUS = gauge("macos_cpu_available", "CPUs that heat leaves in use; Intel only (pmset -g therm CPU_Available_CPUs).")
CPU_LEVEL = gauge(
    "macos_cpu_thermal_level",
    "The kernel's thermal level of the CPU, 0 is cool; Intel only (sysctl machdep.xcpm.cpu_thermal_level).",
)
THROTTLING = enum(
    "macos_throttling",
    "What holds the processor back now, if anything; the same on Intel and Apple silicon (notifyutil or pmset).",
    "reason",
    REASONS,
)


@collector(
    "thermal",
    *(PRESSURE_LEVEL, SPEED, SCHEDULER, CPUS, CPU_LEVEL, THROTTLING),
    required=(SYSCTL,),
    then=second_round,
    then_asks=(PRESSURE, LIMITS),
    parse=parse,
    cadence=60,
    unverified=(
        "Thermal pressure: the line of a real Mac at rest has been seen, the levels above nominal only in synthetic"
        " captures. A key that nobody posts reads 0 as well, so nominal for weeks under load is no proof of coolness."
    ),
)
def thermal(reading: Thermal, _: Context) -> Iterable[Sample]:
    """Apple silicon has the pressure, Intel the limits, and both what follows from them."""
    yield from PRESSURE_LEVEL.one_of(reading.pressure)
    yield from SPEED(reading.speed)
    yield from SCHEDULER(reading.scheduler)
    yield from CPUS(reading.cpus)
    yield from CPU_LEVEL(reading.level)
    yield from THROTTLING.one_of(reading.throttling)
