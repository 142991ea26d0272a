"""Power, energy, frequencies, temperatures and fans of the chip (`macmon` without root, `powermetrics` with it)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import msgspec

from exporters.core.collector import Partial, Questions, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, counter, gauge
from exporters.macos import macmon, powermetrics
from exporters.macos.soc import Run, run_of
from exporters.sources.base import Command, ParseError, Replies


class SocPower(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who measures: macmon, which must be installed, or powermetrics, which needs root."""

    source: Literal["macmon", "powermetrics"] = "macmon"


@dataclass(frozen=True, slots=True)
class Totals:
    """The last run, and by unit the joules of all runs since the start with the seconds in which they were measured."""

    run: Run
    joules: Mapping[str, float]
    seconds: Mapping[str, float]


def first_round(context: Context) -> Questions:
    """One run of one tool."""
    return (powermetrics.CHIP,) if context.config.source == "powermetrics" else (macmon.PIPE,)


def later(context: Context) -> tuple[Command, ...]:
    """What an answer of powermetrics calls for; macmon's calls for nothing."""
    return (powermetrics.SMC,) if context.config.source == "powermetrics" else ()


def second_round(replies: Replies, _context: Context, _state: object) -> Questions:
    """Temperatures and the fan, on Intel."""
    told = replies.get(powermetrics.CHIP)
    return (powermetrics.SMC,) if told is not None and powermetrics.INTEL in told.stdout else ()


def parse(replies: Replies, _: Context) -> Run | Partial:
    """The run of the tool that was asked; without an answer nothing was measured."""
    if (piped := replies.get(macmon.PIPE)) is not None:
        return run_of(macmon.intervals(piped.stdout))
    if (told := replies.get(powermetrics.CHIP)) is None:
        return Run()
    run = run_of(powermetrics.intervals(told.stdout))
    if (smc := replies.get(powermetrics.SMC)) is None:
        return run
    try:
        sensed = powermetrics.sensors(smc.stdout)
    except ParseError as error:
        return Partial(run, f"smc: {error}")
    return replace(run, celsius=sensed.celsius, rpm=sensed.rpm)


def advance(state: Totals | None, reading: Run, _now: float, _: Context) -> Totals:
    """Adds what the run measured. The time between two runs is not measured, and not made up."""
    before = state or Totals(Run(), {}, {})
    return Totals(reading, _sum(before.joules, reading.joules), _sum(before.seconds, reading.seconds))


def _sum(before: Mapping[str, float], more: Mapping[str, float]) -> Mapping[str, float]:
    return {unit: before.get(unit, 0.0) + more.get(unit, 0.0) for unit in {**before, **more}}


WATTS = gauge(
    "macos_soc_power_watts",
    "Mean power over the last run of samples; package is the whole processor of an Intel Mac (macmon or powermetrics).",
    "unit",
)
JOULES = counter(
    "macos_soc_energy_joules_total",
    "Energy used while it was measured, which is not all the time (power and length of every sample).",
    "unit",
)
SECONDS = counter(
    "macos_soc_measured_seconds_total",
    "Time in which the energy was measured (macmon interval or powermetrics elapsed_ns).",
    "unit",
)
HERTZ = gauge(
    "macos_soc_frequency_hertz",
    "Mean frequency of a cluster while it is active, over the last run of samples (macmon or powermetrics).",
    "cluster",
)
ACTIVE = gauge(
    "macos_soc_active_ratio",
    "Share of time in which a cluster is active, 0 to 1 (macmon from 0.8 on, or powermetrics).",
    "cluster",
)
CELSIUS = gauge(
    "macos_soc_temperature_celsius",
    "Mean temperature of processor and graphics over the last run of samples (macmon, or powermetrics smc on Intel).",
    "sensor",
)
RPM = gauge(
    "macos_fan_speed_rpm",
    "Speed of a fan, 0 while it rests (macmon from 0.8 on, or powermetrics smc on Intel).",
    "fan",
)


@collector(
    "soc_power",
    *(WATTS, JOULES, SECONDS, HERTZ, ACTIVE, CELSIUS, RPM),
    optional=first_round,
    then=second_round,
    then_asks=later,
    parse=parse,
    advance=advance,
    cadence=60,
    least_cadence=60,
    enabled=False,
    privilege="none for macmon, root for powermetrics",
    config=SocPower,
    publishes=("name",),
    unverified=(
        "macmon: real lines of an old version only, 0.7 and 0.8 after its source. powermetrics: one sample of an M4 Max"
        " with macOS 26; several samples in one answer and Intel Macs only as described by others."
    ),
)
def soc_power(state: Totals, _: Context) -> Iterable[Sample]:
    """The gauges of the last run; the counters stay where a run failed."""
    run = state.run
    for unit, joules in run.joules.items():
        yield from WATTS(joules / run.seconds[unit], unit=unit)
    for unit, joules in state.joules.items():
        yield from JOULES(joules, unit=unit)
        yield from SECONDS(state.seconds[unit], unit=unit)
    told = ((HERTZ, run.hertz), (ACTIVE, run.active), (CELSIUS, run.celsius), (RPM, run.rpm))
    for family, values in told:
        for name, value in values.items():
            yield from family(value, **{family.labels[0]: name})
