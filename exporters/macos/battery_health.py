"""Apple's own verdict on the battery, and low power mode (`system_profiler` SPPowerDataType)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, enum, gauge
from exporters.core.read import array, flag, json, maybe, percent, record, text
from exporters.sources.base import Command, Replies

POWER = Command(("system_profiler", "-json", "SPPowerDataType"), timeout=30)
CONDITIONS = {
    "good": "normal",
    "normal": "normal",
    "check battery": "check_battery",
    "service recommended": "service_recommended",
    "replace soon": "replace_soon",
    "replace now": "replace_now",
}
SOURCES = ("AC Power", "Battery Power", "UPS Power")
Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Health:
    """The smoothed maximum capacity as a ratio, the condition in our words, low power mode; None where not told."""

    maximum_capacity: float | None = None
    condition: str | None = None
    low_power_mode: bool | None = None


def parse(replies: Replies, _: Context) -> Health:
    """A list of items under SPPowerDataType; desktops have no battery item, and older Macs no low power mode."""
    items = [record(item) for item in array(record(json(replies[POWER].stdout)).get("SPPowerDataType"))]
    health = _part(items, "sppower_battery_health_info")
    capacity = maybe(percent, health.get("sppower_battery_health_maximum_capacity"))
    condition = maybe(text, health.get("sppower_battery_health"))
    return Health(
        maximum_capacity=capacity if capacity and 0 < capacity <= 1 else None,
        condition=CONDITIONS.get(condition.lower(), "unknown") if condition else None,
        low_power_mode=maybe(flag, _settings_in_force(items).get("LowPowerMode")),
    )


def _part(items: Sequence[Item], key: str) -> Item:
    return next((record(item[key]) for item in items if key in item), {})


def _settings_in_force(items: Sequence[Item]) -> Item:
    """The energy settings of the power source in use: each source has its own block."""
    blocks = (_part(items, source) for source in SOURCES)
    return next((block for block in blocks if maybe(flag, block.get("Current Power Source"))), {})


MAXIMUM_CAPACITY = gauge(
    "macos_battery_maximum_capacity_ratio",
    "Apple's smoothed figure of the battery's health, 0 to 1: the one for alerts"
    " (system_profiler sppower_battery_health_maximum_capacity).",
)
CONDITION = enum(
    "macos_battery_condition",
    "Apple's verdict on the battery; unknown: a text that is not known here (system_profiler sppower_battery_health).",
    "condition",
    (*dict.fromkeys(CONDITIONS.values()), "unknown"),
)
LOW_POWER_MODE = gauge(
    "macos_low_power_mode",
    "Whether low power mode was on, at the last look, for the source then in use (system_profiler LowPowerMode).",
)


@collector(
    "battery_health",
    MAXIMUM_CAPACITY,
    CONDITION,
    LOW_POWER_MODE,
    required=(POWER,),
    parse=parse,
    cadence=300,
    publishes=("sppower_battery_health",),
)
def battery_health(reading: Health, _: Context) -> Iterable[Sample]:
    """Nothing for what the report does not tell."""
    yield from MAXIMUM_CAPACITY(reading.maximum_capacity)
    yield from CONDITION.one_of(reading.condition)
    yield from LOW_POWER_MODE(reading.low_power_mode)
