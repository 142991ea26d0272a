"""The battery: what counts as one, what it does, which readings are no measurements, both node layouts."""

import plistlib
from typing import Any

import pytest
from hypothesis import given

from conftest import ROOT, fixtures_of
from exporters.macos.battery import battery
from exporters.macos.smartbattery import BATTERY, PACK
from exporters.sources.base import Denied
from exporters.sources.replay import Captured
from macos.looking import Seen, ioreg, see, spoiled_bytes, spoiled_plist, steadily

FIXTURES = ROOT / "tests" / "fixtures" / "battery"
LAPTOP: dict[str, Any] = plistlib.loads((FIXTURES / "macos-15-macbook-pro-m3" / "battery.plist").read_bytes())[0]
NEW: list[Any] = plistlib.loads((FIXTURES / "macos-27-macbook-air-m2" / "battery.plist").read_bytes())
NEW_PACK: list[Any] = plistlib.loads((FIXTURES / "macos-27-macbook-air-m2" / "pack.plist").read_bytes())
ABSENT = {"macos_battery_present": 0.0}
BOUNDS = {
    "macos_battery_charge_ratio": (0, 1),
    "macos_battery_health_ratio": (0.00001, 1.5),
    "macos_battery_temperature_celsius": (-40, 150),
    "macos_battery_voltage_volts": (0.001, 65.534),
    "macos_battery_charge_cycles": (0, 65534),
    "macos_battery_time_to_empty_seconds": (60, 65534 * 60),
    "macos_battery_time_to_full_seconds": (60, 65534 * 60),
    "macos_battery_full_charge_coulombs": (3.6, 65534 * 3.6),
    "macos_battery_design_charge_coulombs": (3.6, 65534 * 3.6),
}
RESTING = {"ExternalConnected": True, "Amperage": 0}


def with_battery(**changes: Any) -> Seen:
    return see(battery, {BATTERY: ioreg({**LAPTOP, **changes})})


@pytest.mark.parametrize(
    "printed",
    [
        b"",
        b"\n",
        ioreg(),
        ioreg({"BatteryInstalled": False, "MaxCapacity": 0, "CurrentCapacity": 0, "CycleCount": 0, "Voltage": 0}),
        ioreg({"BatteryInstalled": 0, "MaxCapacity": 100, "CurrentCapacity": 50, "Temperature": 3000}),
        ioreg({"MaxCapacity": 0}),
        ioreg({}),
    ],
    ids=["vm", "blank", "empty list", "desktop", "numbers without a battery", "not stated", "bare node"],
)
def test_a_mac_without_a_battery_says_so_and_nothing_else(printed: bytes) -> None:
    assert see(battery, {BATTERY: printed}) == Seen(ABSENT, {})


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"IsCharging": True, "ExternalConnected": True}, "charging"),
        ({}, "discharging"),
        ({"FullyCharged": True}, "discharging"),
        ({**RESTING, "FullyCharged": True}, "full"),
        ({**RESTING, "ChargerData": {"NotChargingReason": 16777216}}, "held"),
        ({**RESTING, "ChargerData": {"NotChargingReason": 36028797018964096}}, "held"),
        ({**RESTING, "ChargerData": {"NotChargingReason": 0}}, "not_charging"),
        ({**RESTING, "ChargerData": {}}, "not_charging"),
        ({**RESTING, "Amperage": -2000, "ChargerData": {"NotChargingReason": 128}}, "discharging"),
    ],
)
def test_state(changes: dict[str, Any], state: str) -> None:
    assert with_battery(**changes).only("macos_battery_state") == state


def test_state_is_unknown_on_mains_where_charging_is_not_told_nor_anything_that_stops_it() -> None:
    node = {key: value for key, value in {**LAPTOP, **RESTING, "ChargerData": {}}.items() if key != "IsCharging"}
    assert see(battery, {BATTERY: ioreg(node)}).only("macos_battery_state") == "unknown"
    held = {**node, "ChargerData": {"NotChargingReason": 16}}
    assert see(battery, {BATTERY: ioreg(held)}).only("macos_battery_state") == "held"


def test_state_is_unknown_where_mains_are_not_told() -> None:
    node = {key: value for key, value in LAPTOP.items() if key not in {"ExternalConnected", "IsCharging"}}
    assert see(battery, {BATTERY: ioreg(node)}).only("macos_battery_state") == "unknown"


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"MaxCapacity": 0}, "charge_ratio"),
        ({"CurrentCapacity": 101}, "charge_ratio"),
        ({"CurrentCapacity": -1}, "charge_ratio"),
        ({"AppleRawMaxCapacity": 0, "DesignCapacity": 6249}, "health_ratio"),
        ({"AppleRawMaxCapacity": 65535}, "full_charge_coulombs"),
        ({"AppleRawMaxCapacity": 12000}, "health_ratio"),
        ({"CycleCount": 65535}, "charge_cycles"),
        ({"DesignCycleCount9C": 65535}, "design_cycles"),
        ({"Voltage": 0}, "voltage_volts"),
        ({"Amperage": 0}, "current_amperes"),
        ({"Amperage": 18446744073709550034}, "current_amperes"),
        ({"Temperature": 65535}, "temperature_celsius"),
        ({"Temperature": 0}, "temperature_celsius"),
        ({"Temperature": -4100}, "temperature_celsius"),
        ({"AvgTimeToEmpty": 65535}, "time_to_empty_seconds"),
        ({"AvgTimeToEmpty": 0}, "time_to_empty_seconds"),
        ({"IsCharging": True}, "time_to_empty_seconds"),
        ({"UpdateTime": 0}, "update_timestamp_seconds"),
    ],
)
def test_what_is_no_measurement_gives_no_sample(changes: dict[str, Any], name: str) -> None:
    series = f"macos_battery_{name}"
    assert series in with_battery().values
    spoiled = with_battery(**changes)
    assert series not in spoiled.values
    assert "macos_battery_present" in spoiled.values


def test_an_empty_battery_is_a_measurement() -> None:
    assert with_battery(CurrentCapacity=0).values["macos_battery_charge_ratio"] == 0


def test_no_current_is_a_measurement_while_on_mains() -> None:
    held = with_battery(ExternalConnected=True, Amperage=0)
    assert held.values["macos_battery_current_amperes"] == 0


def test_a_frozen_battery_is_a_measurement() -> None:
    assert with_battery(Temperature=-520).values["macos_battery_temperature_celsius"] == -5.2


def test_percent_of_apple_silicon_is_never_taken_for_milliampere_hours() -> None:
    node = {key: value for key, value in LAPTOP.items() if key != "AppleRawMaxCapacity"}
    assert "macos_battery_full_charge_coulombs" not in see(battery, {BATTERY: ioreg(node)}).values


def test_macos_27_asks_the_pack_only_when_it_must() -> None:
    assert battery.then is not None
    without_pack = see(battery, {BATTERY: ioreg(LAPTOP), PACK: Captured(error=Denied)})
    assert without_pack.problems == {}
    denied = see(battery, {BATTERY: ioreg(*NEW), PACK: Captured(error=Denied)})
    assert set(denied.problems) == {"denied"}
    assert "macos_battery_temperature_celsius" not in denied.values
    assert denied.values["macos_battery_charge_ratio"] == 0.52


def test_a_permanent_failure_is_told_by_either_layout() -> None:
    assert with_battery(PermanentFailureStatus=2).values["macos_battery_failure"] == 1
    pack = {**NEW_PACK[0], "BatteryData": {**NEW_PACK[0]["BatteryData"], "PermanentFailureStatus": 1}}
    assert see(battery, {BATTERY: ioreg(*NEW), PACK: ioreg(pack)}).values["macos_battery_failure"] == 1


@pytest.mark.parametrize("printed", [b"<?xml", b"<plist><array>", b"{}", "Capacité".encode("latin-1"), ioreg() + b"x"])
def test_half_a_property_list_is_unparsable(printed: bytes) -> None:
    assert see(battery, {BATTERY: printed}).problems.keys() == {"unparsable"}


@pytest.mark.parametrize("name", ["battery", "battery_health", "power"])
def test_serial_numbers_stay_inside(name: str) -> None:
    published = [(folder / "expected.prom").read_text() for folder in fixtures_of(name)]
    assert published
    assert not any("FIXTURE0" in text for text in published)


def check(seen: Seen) -> None:
    """Whatever the node holds: a reading is plausible or absent, and no battery means no reading."""
    for name, (low, high) in BOUNDS.items():
        assert low <= seen.values.get(name, low) <= high
    if seen.values.get("macos_battery_present") != 1:
        assert set(seen.values) <= {"macos_battery_present"}


@steadily
@given(spoiled_plist([LAPTOP]) | spoiled_bytes(ioreg(LAPTOP)))
def test_any_node_is_read_or_unparsable(printed: bytes) -> None:
    seen = see(battery, {BATTERY: printed})
    assert seen.problems.keys() <= {"unparsable"}
    check(seen)


@steadily
@given(spoiled_plist(NEW), spoiled_plist(NEW_PACK) | spoiled_bytes(ioreg(*NEW_PACK)))
def test_any_node_of_macos_27_is_read_or_unparsable(printed: bytes, pack: bytes) -> None:
    seen = see(battery, {BATTERY: printed, PACK: pack})
    assert seen.problems.keys() <= {"unparsable"}
    check(seen)
