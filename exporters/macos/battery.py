"""The battery as its controller reports it: charge, health, cycles, temperature (`ioreg` AppleSmartBattery)."""

from collections.abc import Iterable
from dataclasses import dataclass

from exporters.core.collector import Questions, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, enum, gauge
from exporters.macos.smartbattery import (
    BATTERY,
    MOST,
    PACK,
    Node,
    first_node,
    has_moved,
    installed,
    measure,
    part,
    says,
)
from exporters.sources.base import Replies

STATES = ("charging", "discharging", "full", "held", "not_charging", "unknown")


@dataclass(frozen=True, slots=True)
class Battery:
    """Volts, amperes, coulombs, degrees Celsius, seconds, Unix time; all None where there is no battery."""

    present: bool
    state: str | None = None
    charge: float | None = None
    full: float | None = None
    design: float | None = None
    cycles: float | None = None
    design_cycles: float | None = None
    voltage: float | None = None
    current: float | None = None
    temperature: float | None = None
    to_empty: float | None = None
    to_full: float | None = None
    failed: bool | None = None
    updated: float | None = None

    @property
    def health(self) -> float | None:
        """Full to design charge; new batteries exceed 1 by a few percent, anything far above is no measurement."""
        if self.full is None or self.design is None or self.full > 1.5 * self.design:
            return None
        return self.full / self.design


def second_round(replies: Replies, _context: Context, _state: object) -> Questions:
    """The pack's own node, where temperature and failure are told since macOS 27."""
    node = first_node(replies[BATTERY])
    return (PACK,) if installed(node) and has_moved(node) else ()


def parse(replies: Replies, _: Context) -> Battery:
    """One dictionary: mAh (on Apple silicon CurrentCapacity and MaxCapacity are percent), mV, mA, 1/100 C, minutes."""
    node = first_node(replies[BATTERY])
    if not installed(node):
        return Battery(present=False)
    told_by = part(first_node(replies.get(PACK)), "BatteryData") if has_moved(node) else node
    state = _state(node)
    return Battery(
        present=True,
        state=state,
        charge=_charge(node),
        full=_full(node),
        design=_coulombs(node, "DesignCapacity") or _coulombs(part(node, "BatteryData"), "DesignCapacity"),
        cycles=measure(node, "CycleCount", 0, MOST),
        design_cycles=measure(node, "DesignCycleCount9C", 1, MOST),
        voltage=measure(node, "Voltage", 1, MOST, per=1000),
        current=_current(node, state),
        temperature=_temperature(told_by),
        to_empty=_seconds(node, "AvgTimeToEmpty") if state == "discharging" else None,
        to_full=_seconds(node, "AvgTimeToFull") if state == "charging" else None,
        failed=_failed(told_by),
        updated=measure(node, "UpdateTime", 1, 1 << 33),
    )


def _state(node: Node) -> str:
    """`held`: on mains and the charger gives a reason for not charging, a charge limit for example.

    A battery that drains is discharging on mains, too: the adapter may give less than the Mac draws.
    """
    external, charging = says(node, "ExternalConnected"), says(node, "IsCharging")
    if charging:
        return "charging"
    if external is None:
        return "unknown"
    if not external or measure(node, "Amperage", -MOST, -1) is not None:
        return "discharging"
    if says(node, "FullyCharged"):
        return "full"
    if measure(part(node, "ChargerData"), "NotChargingReason", 1, 1 << 64) is not None:
        return "held"
    return "unknown" if charging is None else "not_charging"


def _charge(node: Node) -> float | None:
    """What the menu bar shows: both are percent on Apple silicon, both mAh on Intel."""
    highest = measure(node, "MaxCapacity", 1, MOST)
    return None if highest is None else measure(node, "CurrentCapacity", 0, highest, per=highest)


def _full(node: Node) -> float | None:
    """In turn: up to macOS 26, macOS 27, Intel, whose MaxCapacity is mAh and not the percent that ends at 100."""
    return (
        _coulombs(node, "AppleRawMaxCapacity")
        or _coulombs(part(node, "BatteryData"), "FullChargeCapacity")
        or _coulombs(node, "MaxCapacity", low=101)
    )


def _coulombs(node: Node, key: str, low: float = 1) -> float | None:
    milliampere_hours = measure(node, key, low, MOST)
    return None if milliampere_hours is None else milliampere_hours * 3600 / 1000


def _current(node: Node, state: str) -> float | None:
    """A running Mac draws something from its battery: 0 mA just after unplugging is a gauge that has not measured."""
    amperes = measure(node, "Amperage", -MOST, MOST, per=1000)
    return None if state in {"discharging", "unknown"} and amperes == 0 else amperes


def _temperature(node: Node) -> float | None:
    """An exact 0 is a gauge that has not measured."""
    return measure(node, "Temperature", -4000, 15000, per=100) or None


def _seconds(node: Node, key: str) -> float | None:
    minutes = measure(node, key, 1, MOST)
    return None if minutes is None else minutes * 60


def _failed(node: Node) -> bool | None:
    status = measure(node, "PermanentFailureStatus", 0, 1 << 64)
    return None if status is None else status != 0


PRESENT = gauge("macos_battery_present", "Whether a battery is installed (ioreg BatteryInstalled).")
CHARGE = gauge(
    "macos_battery_charge_ratio", "Charge as the menu bar shows it, 0 to 1 (ioreg CurrentCapacity and MaxCapacity)."
)
STATE = enum(
    "macos_battery_state",
    "What the battery does; held: on mains, and the charger gives a reason for not charging, a charge limit for example"
    " (ioreg IsCharging, ExternalConnected, FullyCharged and NotChargingReason).",
    "state",
    STATES,
)
HEALTH = gauge(
    "macos_battery_health_ratio",
    "Full charge to design charge, above 1 for some new batteries; macos_battery_maximum_capacity_ratio is Apple's"
    " smoothed figure (ioreg AppleRawMaxCapacity, FullChargeCapacity or MaxCapacity, and DesignCapacity).",
)
CYCLES = gauge("macos_battery_charge_cycles", "Charge cycles so far (ioreg CycleCount).")
DESIGN_CYCLES = gauge("macos_battery_design_cycles", "Charge cycles it is rated for (ioreg DesignCycleCount9C).")
FULL = gauge(
    "macos_battery_full_charge_coulombs",
    "Charge it holds now when full (ioreg AppleRawMaxCapacity, FullChargeCapacity or MaxCapacity).",
)
DESIGN = gauge("macos_battery_design_charge_coulombs", "Charge it was designed for (ioreg DesignCapacity).")
VOLTAGE = gauge("macos_battery_voltage_volts", "Voltage of the pack (ioreg Voltage).")
CURRENT = gauge("macos_battery_current_amperes", "Current into the battery, negative: discharging (ioreg Amperage).")
TEMPERATURE = gauge("macos_battery_temperature_celsius", "Temperature of the battery (ioreg Temperature).")
TO_EMPTY = gauge(
    "macos_battery_time_to_empty_seconds", "Estimated time to empty while discharging (ioreg AvgTimeToEmpty)."
)
TO_FULL = gauge("macos_battery_time_to_full_seconds", "Estimated time to full while charging (ioreg AvgTimeToFull).")
FAILURE = gauge(
    "macos_battery_failure", "Whether the battery reports a permanent failure (ioreg PermanentFailureStatus)."
)
UPDATED = gauge(
    "macos_battery_update_timestamp_seconds", "When the controller last renewed its readings (ioreg UpdateTime)."
)


@collector(
    "battery",
    PRESENT,
    CHARGE,
    STATE,
    HEALTH,
    CYCLES,
    DESIGN_CYCLES,
    FULL,
    DESIGN,
    VOLTAGE,
    CURRENT,
    TEMPERATURE,
    TO_EMPTY,
    TO_FULL,
    FAILURE,
    UPDATED,
    required=(BATTERY,),
    then=second_round,
    then_asks=(PACK,),
    parse=parse,
    cadence=60,
)
def battery(reading: Battery, _: Context) -> Iterable[Sample]:
    """A Mac without a battery publishes that, and nothing else."""
    yield from PRESENT(reading.present)
    yield from STATE.one_of(reading.state)
    yield from CHARGE(reading.charge)
    yield from HEALTH(reading.health)
    yield from CYCLES(reading.cycles)
    yield from DESIGN_CYCLES(reading.design_cycles)
    yield from FULL(reading.full)
    yield from DESIGN(reading.design)
    yield from VOLTAGE(reading.voltage)
    yield from CURRENT(reading.current)
    yield from TEMPERATURE(reading.temperature)
    yield from TO_EMPTY(reading.to_empty)
    yield from TO_FULL(reading.to_full)
    yield from FAILURE(reading.failed)
    yield from UPDATED(reading.updated)
