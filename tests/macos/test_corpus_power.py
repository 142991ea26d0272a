"""Captures of real Macs: each file for battery, power, thermal and machine gives the facts its manifest states."""

import json
import plistlib
import re
from pathlib import Path
from typing import Any

import pytest

from exporters.core.collector import Collector
from exporters.macos.battery import battery
from exporters.macos.battery_health import POWER, battery_health
from exporters.macos.machine import SYSCTL, machine
from exporters.macos.memory_pressure import memory_pressure
from exporters.macos.power import SUPPLIES, power
from exporters.macos.smartbattery import BATTERY, PACK
from exporters.macos.thermal import LIMITS, PRESSURE, thermal
from macos.looking import Seen, facts, ioreg, see

READ = {
    "ioreg-battery-json": "*.json",
    "ioreg-battery": "*.plist",
    "system_profiler-power": "*.json",
    "pmset-batt": "*.txt",
    "pmset-therm": "*.txt",
    "notifyutil": "*.txt",
}


def node(path: Path) -> bytes:
    """As `ioreg -a` prints it. The JSON ones were a list of one dictionary; JSON's null has no place in a plist."""
    if path.suffix == ".plist":
        return path.read_bytes()
    return ioreg({key: value for key, value in json.loads(path.read_bytes()).items() if value is not None})


def numbers(*values: float | None) -> dict[str, float]:
    names = ("charge", "health", "cycles", "volts", "amperes", "celsius", "to_empty", "to_full", "failure")
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


# state, what `numbers` names (health from mAh), watts of the adapter and of the system
BATTERIES: dict[str, tuple[Any, ...]] = {
    "ioreg-battery-json/air-m2-macos27-adapter.json": (
        "charging", numbers(0.34, 4427 / 4563, 37, 11.842, 2.019, 33.59, None, 9600, 0), 30, 4.230,
    ),
    "ioreg-battery-json/air-m4-macos26-adapter.json": (
        "held", numbers(0.80, 4215 / 4629, 123, 12.386, 0, 29.99, None, None, 0), 30, 3.701916,
    ),
    "ioreg-battery-json/mbp-m1pro-macos15-adapter.json": (
        "charging", numbers(0.59, 5704 / 6075, 39, 12.532, 5.114, 31.15, None, 3720, 0), 94, 17.94236,
    ),
    "ioreg-battery-json/mbp-m2pro-macos26-adapter.json": (
        "held", numbers(0.80, 5779 / 6075, 98, 12.162, 0, 30.28, None, None, 0), 65, 13.90779,
    ),
    "ioreg-battery-json/mbp-m4max-macos26-onbattery.json": (
        "discharging", numbers(0.79, 6137 / 6249, 89, 12.076, -2.335, 30.49, 7140, None, 0), None, 28.70034,
    ),
    "ioreg-battery-json/mbp-m4pro-macos15-onbattery.json": (
        "discharging", numbers(1.00, 6068 / 6249, 124, 13.032, None, 30.13, None, None, 0), None, 3.414962,
    ),
    "ioreg-battery-json/mbp-m4pro-macos26-unknown-adapter.json": (
        "full", numbers(1.00, 5797 / 6249, 19, 12.817, 0, 30.53, None, None, 0), 90, 4.815584,
    ),
    "ioreg-battery-json/mbp-m5-macos26-adapter.json": (
        "held", numbers(0.79, 6351 / 6249, 5, 12.296, 0, 31.03, None, None, 0), 68, 11.8738,
    ),
    "ioreg-battery/m5-macos26.6.plist": (
        "discharging", numbers(1.00, 5910 / 6249, 58, 12.881, -0.2, 30.29, 56820, None, 0), None, 2.5767221450805664,
    ),
}  # fmt: skip
SERIES = {
    "charge": "macos_battery_charge_ratio",
    "health": "macos_battery_health_ratio",
    "cycles": "macos_battery_charge_cycles",
    "volts": "macos_battery_voltage_volts",
    "amperes": "macos_battery_current_amperes",
    "celsius": "macos_battery_temperature_celsius",
    "to_empty": "macos_battery_time_to_empty_seconds",
    "to_full": "macos_battery_time_to_full_seconds",
    "failure": "macos_battery_failure",
}
PACKS = "ioreg-battery-json/air-m2-macos27-adapter-pack.json"
DESKTOP = "ioreg-battery-json/macmini-m4-macos26-nobattery.json"
SUPPLIED = {
    "attached-not-charging-old.txt": ("ac", None),
    "charged-10.13.txt": ("ac", None),
    "charging.txt": ("ac", None),
    "desktop.txt": ("ac", None),
    "discharging-10.11.txt": ("battery", None),
    "discharging-no-estimate-10.11.txt": ("battery", None),
    "held-at-80.txt": ("ac", None),
    "ups-discharging-desktop.txt": ("ups", 0.87),
}
REPORTS: dict[str, tuple[float | None, str | None, float | None]] = {
    "apple-silicon-excerpt-83pct.json": (0.83, "normal", None),
    "catalina-vmware-intel.json": (None, None, None),
    "m5-macos26.6.json": (0.99, "normal", 0),
    "runner-macos15-intel-desktop.json": (None, None, None),
}
LIMITED = {
    "pmset-therm/intel-12cpu-2021.txt": (1.0, 1.0, 12, "none"),
    "pmset-therm/intel-16cpu-2026.txt": (1.0, 1.0, 16, "none"),
    "pmset-therm/m1pro-macos12.1.txt": (None, None, None, "unknown"),
    "pmset-thermlog/intel-throttled-2020.txt": (0.28, 0.40, 8, "cpu_speed"),
}
PRESSURES = {
    "failed-code-9.txt": None,
    "thermalpressurelevel-0.txt": "nominal",
    "thermalpressurelevel-1.txt": "moderate",
    "thermalpressurelevel-3.txt": "trapping",
    "thermalpressurelevel-4.txt": "sleeping",
}


@pytest.fixture
def macos(corpus: Path) -> Path:
    return corpus / "macos"


def test_every_capture_that_counts_is_read_here(macos: Path) -> None:
    there = {f"{folder}/{path.name}" for folder, pattern in READ.items() for path in (macos / folder).glob(pattern)}
    read = {*BATTERIES, PACKS, DESKTOP, *LIMITED}
    read |= {f"pmset-batt/{name}" for name in SUPPLIED} | {f"system_profiler-power/{name}" for name in REPORTS}
    assert there <= read | {f"notifyutil/{name}" for name in PRESSURES}


@pytest.mark.parametrize("name", BATTERIES)
def test_battery(name: str, macos: Path) -> None:
    state, expected, _, _ = BATTERIES[name]
    seen = see(battery, {BATTERY: node(macos / name), PACK: node(macos / PACKS)})
    assert seen.problems == {}
    assert seen.values["macos_battery_present"] == 1
    assert seen.values["macos_battery_design_cycles"] == 1000
    assert seen.values["macos_battery_update_timestamp_seconds"] > 1785000000
    assert seen.only("macos_battery_state") == state
    found = {name: seen.values[series] for name, series in SERIES.items() if series in seen.values}
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("name", BATTERIES)
def test_watts(name: str, macos: Path) -> None:
    _, _, adapter, system = BATTERIES[name]
    seen = see(power, {SUPPLIES: b"Now drawing from 'AC Power'\n", BATTERY: node(macos / name)})
    assert seen.problems == {}
    assert seen.values.get("macos_power_adapter_watts") == adapter
    assert seen.values.get("macos_system_power_watts") == pytest.approx(system)


def test_a_mac_mini_has_no_battery_and_tells_no_watts(macos: Path) -> None:
    printed = node(macos / DESKTOP)
    assert see(battery, {BATTERY: printed}) == Seen({"macos_battery_present": 0}, {})
    seen = see(power, {SUPPLIES: b"Now drawing from 'AC Power'\n", BATTERY: printed})
    assert not any("watts" in series for series in seen.values)


@pytest.mark.parametrize("name", SUPPLIED)
def test_supplies(name: str, macos: Path) -> None:
    source, ups = SUPPLIED[name]
    seen = see(power, {SUPPLIES: (macos / "pmset-batt" / name).read_bytes(), BATTERY: b""})
    assert seen.only("macos_power_source") == source
    assert seen.values.get("macos_ups_charge_ratio") == ups
    assert "macos_ups_time_to_empty_seconds" not in seen.values


def test_a_ups_whose_real_name_ends_in_a_blank(macos: Path) -> None:
    told = (macos / "ups-powersource" / "apc-back-ups-xs1400u.txt").read_text()
    name = re.search(r'Name = "(.*)";', told)
    charge = re.search(r"Current Capacity = (\d+);", told)
    assert name
    assert charge
    line = f" -{name[1]} (id=31719424)\t{charge[1]}%; charged; 0:00 remaining present: true\n"
    seen = see(power, {SUPPLIES: b"Now drawing from 'AC Power'\n" + line.encode(), BATTERY: b""})
    assert seen.values["macos_ups_charge_ratio"] == 1


@pytest.mark.parametrize("name", REPORTS)
def test_report(name: str, macos: Path) -> None:
    capacity, condition, low_power = REPORTS[name]
    seen = see(battery_health, {POWER: (macos / "system_profiler-power" / name).read_bytes()})
    assert seen.problems == {}
    assert seen.values.get("macos_battery_maximum_capacity_ratio") == capacity
    assert seen.only("macos_battery_condition") == condition
    assert seen.values.get("macos_low_power_mode") == low_power


@pytest.mark.parametrize("name", LIMITED)
def test_limits(name: str, macos: Path) -> None:
    seen = see(thermal, {SYSCTL: facts(hw__optional__arm64=0), LIMITS: (macos / name).read_bytes()})
    names = ("macos_cpu_speed_limit_ratio", "macos_cpu_scheduler_limit_ratio", "macos_cpu_available")
    assert seen.problems == {}
    assert (*(seen.values.get(each) for each in names), seen.only("macos_throttling")) == LIMITED[name]


@pytest.mark.parametrize("name", PRESSURES)
def test_pressure(name: str, macos: Path) -> None:
    answers = {SYSCTL: facts(hw__optional__arm64=1), PRESSURE: (macos / "notifyutil" / name).read_bytes()}
    seen = see(thermal, answers)
    assert seen.only("macos_thermal_pressure") == PRESSURES[name]
    assert ("unparsable" in seen.problems) == (PRESSURES[name] is None)


def told(declared: Collector, path: Path) -> Seen:
    """The sysctl fact from a text of `sysctl`: numbers and texts, and the seconds of a time."""
    known: dict[str, Any] = {}
    for line in path.read_text().splitlines():
        name, _, value = line.partition(": ")
        time = re.match(r"\{ sec = (\d+), usec = (\d+) \}", value)
        known[name] = int(time[1]) + int(time[2]) / 1e6 if time else int(value) if value.isdigit() else value
    answers = {SYSCTL: json.dumps(known).encode(), LIMITS: b"Note: No CPU power status has been recorded\n"}
    return see(declared, answers)


@pytest.mark.parametrize(
    ("name", "cores"),
    [
        ("m3max-hw-excerpt.txt", {"performance": 12, "efficiency": 4}),
        ("m5max-perflevels.txt", {"super": 6, "performance": 12}),
        ("macos-10.14.6-intel.txt", {}),
    ],
)
def test_cores(name: str, cores: dict[str, float], macos: Path) -> None:
    seen = told(machine, macos / "sysctl" / name)
    found = {key.split('"')[1]: value for key, value in seen.values.items() if key.startswith("macos_machine_cpus")}
    assert found == cores


def test_a_mac_that_never_slept(macos: Path) -> None:
    assert told(machine, macos / "sysctl" / "waketime-never-slept.txt") == Seen({}, {})


@pytest.mark.parametrize(
    ("name", "level"), [("macos27-memory-normal.txt", "normal"), ("macos27-memory-pressure-2.txt", "warning")]
)
def test_memory_pressure(name: str, level: str, macos: Path) -> None:
    assert told(memory_pressure, macos / "sysctl" / name).only("macos_memory_pressure") == level


@pytest.mark.parametrize(("name", "level"), [("thermal-level-intel.txt", 60), ("macos-10.14.6-intel.txt", 0)])
def test_intel_thermal_level(name: str, level: float, macos: Path) -> None:
    assert told(thermal, macos / "sysctl" / name).values["macos_cpu_thermal_level"] == level


def test_no_serial_number_of_a_capture_is_published(macos: Path) -> None:
    printed = (macos / "ioreg-battery" / "m5-macos26.6.plist").read_bytes()
    serial = plistlib.loads(printed)[0]["Serial"]
    assert serial
    assert not any(serial in series for series in see(battery, {BATTERY: printed}).values)
