"""Where the power comes from and how much the Mac draws: source, UPS, adapter (`pmset -g batt`, `ioreg` telemetry)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from exporters.core.collector import Partial, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, counter, enum, gauge
from exporters.core.read import lines
from exporters.macos.smartbattery import BATTERY, Node, first_node, has_moved, measure, part, says
from exporters.sources.base import Command, ParseError, Replies

SUPPLIES = Command(("pmset", "-g", "batt"))
SOURCES = {"AC Power": "ac", "Battery Power": "battery", "UPS Power": "ups"}
DRAWING = re.compile(r"Now drawing from '(.*)'")
CHARGE = re.compile(r"\s*(\d{1,3})\s*%;")
LEFT = re.compile(r"discharging; (\d{1,3}):(\d\d) remaining")
FULL = 100  # percent
MOST_WATTS = 1000


@dataclass(frozen=True, slots=True)
class Ups:
    """Charge as a ratio; seconds to empty while it discharges, where the UPS gives an estimate."""

    charge: float
    to_empty: float | None


@dataclass(frozen=True, slots=True)
class Power:
    """The source in use, the UPS if there is one, and watts."""

    source: str
    ups: Ups | None = None
    adapter: float | None = None
    system: float | None = None


@dataclass(frozen=True, slots=True)
class History:
    """The last reading, and how often each source was changed to since the start."""

    reading: Power
    changes: Mapping[str, int]


def parse(replies: Replies, _: Context) -> Power | Partial:
    """A headline with the source, then ` -NAME (id=N)<TAB>P%; STATE; H:MM remaining` for each supply."""
    told = lines(replies[SUPPLIES].stdout)
    supplies = Power(source=_source(told), ups=_ups(told))
    try:
        node = first_node(replies.get(BATTERY))
        adapter = measure(part(node, "AdapterDetails"), "Watts", 1, MOST_WATTS)
        return replace(supplies, adapter=adapter, system=_system_watts(node))
    except ParseError as error:
        return Partial(supplies, f"ioreg: {error}")


def _source(told: Sequence[str]) -> str:
    for line in told:
        if found := DRAWING.search(line):
            if found[1] not in SOURCES:
                raise ParseError("pmset names a power source that is not known here")
            return SOURCES[found[1]]
    raise ParseError("pmset does not say where the power comes from")


def _ups(told: Sequence[str]) -> Ups | None:
    """What is no internal battery is a UPS, whose name may hold anything; of several the one with the least charge."""
    supplies = (line.partition("\t") for line in told if line.lstrip().startswith("-") and "present: false" not in line)
    named = (state for name, _, state in supplies if not name.lstrip().startswith("-InternalBattery"))
    found = (ups for state in named if (ups := _one_ups(state)))
    return min(found, key=lambda ups: ups.charge, default=None)


def _one_ups(state: str) -> Ups | None:
    charge = CHARGE.match(state)
    if charge is None or int(charge[1]) > FULL:
        return None
    left = LEFT.search(state)
    seconds = 0 if left is None else int(left[1]) * 3600 + int(left[2]) * 60
    return Ups(charge=int(charge[1]) / FULL, to_empty=seconds or None)


def _system_watts(node: Node) -> float | None:
    """SystemPower is in watts and gone since macOS 27; SystemLoad is in milliwatts and 0 just after unplugging.

    Up to macOS 26 SystemLoad includes what charges the battery, so it counts only where nothing is said to charge.
    """
    if watts := measure(part(node, "BatteryData"), "SystemPower", 0, MOST_WATTS):
        return watts
    if says(node, "IsCharging") is not False and not has_moved(node):
        return None
    return measure(part(node, "PowerTelemetryData"), "SystemLoad", 1, MOST_WATTS * 1000, per=1000)


def advance(state: History | None, reading: Power, _now: float, _: Context) -> History:
    """Counts a change where the source differs from the last look's; the first look changes nothing."""
    if state is None:
        return History(reading, dict.fromkeys(SOURCES.values(), 0))
    changed = reading.source != state.reading.source
    return History(reading, {to: count + (changed and to == reading.source) for to, count in state.changes.items()})


SOURCE = enum(
    "macos_power_source", "Where the power comes from now (pmset -g batt).", "source", tuple(SOURCES.values())
)
CHANGES = counter(
    "macos_power_source_changes_total",
    "Changes of the power source between two looks, by the source changed to (pmset -g batt).",
    "to",
)
UPS_CHARGE = gauge("macos_ups_charge_ratio", "Charge of the UPS, of several the lowest, 0 to 1 (pmset -g batt).")
UPS_TO_EMPTY = gauge(
    "macos_ups_time_to_empty_seconds", "Estimated time to empty while the UPS discharges (pmset -g batt)."
)
ADAPTER = gauge("macos_power_adapter_watts", "Power that the adapter offers (ioreg AdapterDetails Watts).")
SYSTEM = gauge(
    "macos_system_power_watts",
    "Power that the system draws, without what charges the battery (ioreg SystemPower, else SystemLoad).",
)


@collector(
    "power",
    SOURCE,
    CHANGES,
    UPS_CHARGE,
    UPS_TO_EMPTY,
    ADAPTER,
    SYSTEM,
    required=(SUPPLIES,),
    optional=(BATTERY,),
    parse=parse,
    advance=advance,
    cadence=60,
)
def power(state: History, _: Context) -> Iterable[Sample]:
    """The counters of all sources exist from the first look on."""
    reading = state.reading
    yield from SOURCE.one_of(reading.source)
    for to, count in state.changes.items():
        yield from CHANGES(count, to=to)
    if reading.ups is not None:
        yield from UPS_CHARGE(reading.ups.charge)
        yield from UPS_TO_EMPTY(reading.ups.to_empty)
    yield from ADAPTER(reading.adapter)
    yield from SYSTEM(reading.system)
