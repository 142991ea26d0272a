"""Time that the processors spent, by mode (psutil `cpu_times`)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from exporters.core.collector import Questions, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, counter, gauge
from exporters.core.read import amount, array, maybe, record
from exporters.sources.base import Replies, System

TIMES = System("cpu_times")
CORES = System("cpu_times_per_core")
COUNT = System("cpu_count")
# Linux counts `guest` in `user` too: published beside each other, their sum would hold that time twice; and the
# difference of two values that the kernel rounds each on its own would step back now and then.
MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
REAL_STEP = 60.0
"""Seconds: Linux lets `idle` and `iowait` step back a little, which a counter must not show; more is a new start."""

Times = Mapping[str, float]


class CpuConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`per_core`: also publish every core on its own."""

    per_core: bool = False


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds by mode, over all cores and for each of them; the number of logical processors."""

    total: Times
    cores: tuple[Times, ...]
    count: float | None


def questions(context: Context) -> Questions:
    """The cores are asked for on request only."""
    return (TIMES, CORES) if context.config.per_core else (TIMES,)


def parse(replies: Replies, _: Context) -> Cpu:
    """Shape: `{mode: seconds}`, a list of them, a number."""
    cores = tuple(_times(each) for each in array(replies.get(CORES) or ()))
    return Cpu(_times(replies[TIMES]), cores, maybe(amount, replies.get(COUNT)))


def _times(reply: object) -> Times:
    modes = record(reply)
    return {mode: amount(modes[mode]) for mode in MODES if mode in modes}


def advance(state: Cpu | None, reading: Cpu, _now: float, _: Context) -> Cpu:
    """The same times, none of which steps back a little."""
    if state is None:
        return reading
    kept = state.cores if len(state.cores) == len(reading.cores) else reading.cores
    cores = tuple(_forward(before, now) for before, now in zip(kept, reading.cores, strict=True))
    return Cpu(_forward(state.total, reading.total), cores, reading.count)


def _forward(before: Times, now: Times) -> Times:
    back = {mode: before.get(mode, 0.0) - seconds for mode, seconds in now.items()}
    return {mode: before[mode] if 0 < back[mode] < REAL_STEP else seconds for mode, seconds in now.items()}


SECONDS = counter("pomona_host_cpu_seconds_total", "Time of all cores together by mode (psutil cpu_times).", "mode")
CORE_SECONDS = counter(
    "pomona_host_cpu_core_seconds_total", "Time of each core by mode (psutil cpu_times).", "core", "mode"
)
CPUS = gauge("pomona_host_cpus", "Logical processors (psutil cpu_count).")


@collector(
    "cpu",
    SECONDS,
    CORE_SECONDS,
    CPUS,
    required=questions,
    optional=(COUNT,),
    parse=parse,
    advance=advance,
    config=CpuConfig,
)
def cpu(state: Cpu, _: Context) -> Iterable[Sample]:
    """Seconds by mode, by core where that is wanted, and the number of processors."""
    for mode, seconds in state.total.items():
        yield from SECONDS(seconds, mode=mode)
    for number, times in enumerate(state.cores):
        for mode, seconds in times.items():
            yield from CORE_SECONDS(seconds, core=str(number), mode=mode)
    yield from CPUS(state.count)
