"""What machine this is: model, chip, macOS, kinds of cores, the last wake, Rosetta (`sysctl`)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import flag, maybe, number, record, text
from exporters.sources.base import Replies, System

SYSCTL = System("sysctl")
LEVELS = range(8)
MOST_CORES = 4096


@dataclass(frozen=True, slots=True)
class Machine:
    """Texts as sysctl gives them, cores by the name of their level, Unix time of the last wake."""

    model: str | None
    chip: str | None
    os_version: str | None
    os_build: str | None
    cores: Mapping[str, float]
    woke: float | None
    translated: bool | None


def parse(replies: Replies, _: Context) -> Machine:
    """A flat dictionary by sysctl name; names that this Mac does not have are absent."""
    facts = record(replies[SYSCTL])
    woke = maybe(number, facts.get("kern.waketime"))
    return Machine(
        model=maybe(text, facts.get("hw.model")),
        chip=maybe(text, facts.get("machdep.cpu.brand_string")),
        os_version=maybe(text, facts.get("kern.osproductversion")),
        os_build=maybe(text, facts.get("kern.osversion")),
        cores=_cores(facts),
        woke=woke if woke and woke > 0 else None,
        translated=maybe(flag, facts.get("sysctl.proc_translated")),
    )


def _cores(facts: Mapping[str, Any]) -> Mapping[str, float]:
    """Levels go by name: level 1 is Efficiency on one chip and Performance on another. Intel has none."""
    cores: Counter[str] = Counter()
    for level in LEVELS:
        name = maybe(text, facts.get(f"hw.perflevel{level}.name"))
        count = maybe(number, facts.get(f"hw.perflevel{level}.physicalcpu"))
        if name and count and 0 < count <= MOST_CORES:
            cores[name.lower()] += int(count)
    return cores


INFO = gauge(
    "macos_machine_info",
    "Model, chip and system; always 1 (sysctl hw.model, machdep.cpu.brand_string, kern.osproductversion and"
    " kern.osversion).",
    "model",
    "chip",
    "os_version",
    "os_build",
)
CPUS = gauge(
    "macos_machine_cpus",
    "Cores of each performance level; none on Intel (sysctl hw.perflevelN.name and hw.perflevelN.physicalcpu).",
    "level",
)
WAKE = gauge(
    "macos_last_wake_timestamp_seconds",
    "When the kernel last woke, dark wakes included; none if it has not slept since boot (sysctl kern.waketime).",
)
TRANSLATED = gauge(
    "macos_machine_translated",
    "Whether this exporter runs under Rosetta, where Apple's tools tell less (sysctl sysctl.proc_translated).",
)


@collector(
    "machine",
    INFO,
    CPUS,
    WAKE,
    TRANSLATED,
    required=(SYSCTL,),
    parse=parse,
    publishes=(
        "hw.model",
        "machdep.cpu.brand_string",
        "kern.osproductversion",
        "kern.osversion",
        *(f"hw.perflevel{level}.name" for level in LEVELS),
    ),
)
def machine(reading: Machine, _: Context) -> Iterable[Sample]:
    """One info series, and a few facts."""
    if reading.model:
        yield from INFO(
            1, model=reading.model, chip=reading.chip, os_version=reading.os_version, os_build=reading.os_build
        )
    for level, count in reading.cores.items():
        yield from CPUS(count, level=level)
    yield from WAKE(reading.woke)
    yield from TRANSLATED(reading.translated)
