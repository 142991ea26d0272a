"""Power: sources and their changes, a UPS under any name, watts whose meaning changed between systems."""

import plistlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from exporters.core.context import Context
from exporters.macos.power import SUPPLIES, History, Power, advance, power
from exporters.macos.smartbattery import BATTERY
from exporters.sources.base import Denied
from exporters.sources.replay import Captured
from macos.looking import NOW, Seen, ioreg, see, spoiled_bytes, spoiled_plist, steadily

FIXTURES = ROOT / "tests" / "fixtures" / "power"
ON_AC = b"Now drawing from 'AC Power'\n"
CHARGING: dict[str, Any] = plistlib.loads((FIXTURES / "macos-26-charging" / "battery.plist").read_bytes())[0]
NEW: dict[str, Any] = plistlib.loads((FIXTURES / "macos-27-macbook-air-m2" / "battery.plist").read_bytes())[0]
WATTS = "macos_system_power_watts"


def supplies(*lines: str) -> Seen:
    return see(power, {SUPPLIES: ON_AC + "\n".join(lines).encode(), BATTERY: b""})


def watts(**node: Any) -> float | None:
    return see(power, {SUPPLIES: ON_AC, BATTERY: ioreg(node)}).values.get(WATTS)


def changes(*sources: str) -> dict[str, int]:
    state: History | None = None
    for source in sources:
        state = advance(state, Power(source), NOW, Context())
    assert state is not None
    return dict(state.changes)


@pytest.mark.parametrize(
    ("printed", "source"), [("AC Power", "ac"), ("Battery Power", "battery"), ("UPS Power", "ups")]
)
def test_source(printed: str, source: str) -> None:
    seen = see(power, {SUPPLIES: f"Now drawing from '{printed}'\n".encode(), BATTERY: b""})
    assert seen.only("macos_power_source") == source


@pytest.mark.parametrize(
    "printed",
    [b"", b"\n", b"Now drawing from 'AC Pow", b"Now drawing from ''", b"Netzteil\n", b"\xff\xfe", b"No adapter"],
)
def test_an_answer_without_a_source_is_unparsable(printed: bytes) -> None:
    assert see(power, {SUPPLIES: printed, BATTERY: b""}).problems.keys() == {"unparsable"}


def test_the_first_look_counts_nothing_and_shows_every_counter() -> None:
    assert changes("battery") == {"ac": 0, "battery": 0, "ups": 0}


def test_changes_are_counted_by_the_source_changed_to() -> None:
    assert changes("ac", "ac", "battery", "battery", "ac", "ups", "battery") == {"ac": 1, "battery": 2, "ups": 1}


@pytest.mark.parametrize(
    "name",
    [
        "Back-UPS ES 700 (id=1234)",
        "Back-UPS XS 1400U FW:926.T2 .I USB FW:T2  (id=31719424)",
        "Smart-UPS (rack 2) - left; 50% load (id=-7)",
        "USV für Büro (id=9)",
        "Eaton",
    ],
)
def test_a_ups_may_have_any_name(name: str) -> None:
    seen = supplies(f" -{name}\t87%; discharging; 1:05 remaining present: true")
    assert seen.values["macos_ups_charge_ratio"] == 0.87
    assert seen.values["macos_ups_time_to_empty_seconds"] == 3900
    assert not any("UPS ES" in series or "Eaton" in series for series in seen.values)


@pytest.mark.parametrize(
    "state",
    [
        "87%; discharging; (no estimate) present: true",
        "87\u00a0%; charging; 1:05 remaining present: true",
        "87 %; charged; 0:00 remaining present: true",
        "87%; discharging; 0:00 remaining present: true",
        "87%; AC attached; not charging present: true",
        "87%;",
    ],
)
def test_a_ups_without_an_estimate_to_empty_has_none(state: str) -> None:
    seen = supplies(f" -Eaton 5E (id=7)\t{state}")
    assert seen.values["macos_ups_charge_ratio"] == 0.87
    assert "macos_ups_time_to_empty_seconds" not in seen.values


@pytest.mark.parametrize(
    "line",
    [
        " -InternalBattery-0 (id=4391011)\t100%; charged; 0:00 remaining present: true",
        " -InternalBattery-0 \t43%; charging; 2:13 remaining present: true",
        " -Eaton 5E (id=7)\t0%; discharging; (no estimate) present: false",
        " -Eaton 5E (id=7)\t255%; discharging; (no estimate) present: true",
        " -Eaton 5E (id=7)\tNaN%; discharging",
        " -Eaton 5E (id=7)\t8",
        " -Eaton 5E 87%; discharging",
        "\tBattery Warning: Early",
    ],
)
def test_what_is_no_ups_gives_no_ups(line: str) -> None:
    assert not any(series.startswith("macos_ups") for series in supplies(line).values)


def test_of_two_ups_the_emptier_one_is_published() -> None:
    seen = supplies(" -A\t90%; charging; 1:00 remaining", " -B\t31%; discharging; 0:09 remaining", " -C\t80%; charged")
    assert seen.values["macos_ups_charge_ratio"] == 0.31
    assert seen.values["macos_ups_time_to_empty_seconds"] == 540


def test_up_to_macos_26_the_load_that_charges_the_battery_is_not_the_systems() -> None:
    assert watts(**CHARGING) == 9.5
    assert watts(**{**CHARGING, "BatteryData": {}}) is None
    assert watts(**{**CHARGING, "BatteryData": {}, "IsCharging": False}) == 47.1


def test_since_macos_27_the_load_is_the_systems_alone() -> None:
    assert watts(**NEW) == 5.12


@pytest.mark.parametrize(
    "node",
    [
        {},
        {"BatteryData": {"SystemPower": 0.0}, "PowerTelemetryData": {"SystemLoad": 0}},
        {"BatteryData": {"SystemPower": 1087542125}},
        {"BatteryData": {"SystemPower": -3.5}},
        {"PowerTelemetryData": {"SystemLoad": -1}},
        {"PowerTelemetryData": {"SystemLoad": 18446744073709550034}},
    ],
)
def test_what_is_no_measurement_gives_no_watts(node: dict[str, Any]) -> None:
    assert watts(Temperature=3000, **node) is None


def test_adapter() -> None:
    given = {"Watts": 65, "Name": "67W USB-C Power Adapter"}
    plugged = see(power, {SUPPLIES: ON_AC, BATTERY: ioreg({"AdapterDetails": given})})
    assert plugged.values["macos_power_adapter_watts"] == 65
    unplugged = see(power, {SUPPLIES: ON_AC, BATTERY: ioreg({"AdapterDetails": {"FamilyCode": 0}})})
    assert "macos_power_adapter_watts" not in unplugged.values


def test_the_source_is_told_where_the_registry_is_not() -> None:
    seen = see(power, {SUPPLIES: ON_AC, BATTERY: Captured(error=Denied)})
    assert seen.only("macos_power_source") == "ac"
    assert seen.problems.keys() == {"denied"}


@steadily
@given(
    spoiled_bytes(ON_AC + " -Eaton 5E (id=7)\t87\u00a0%; discharging; 1:05 remaining present: true\n".encode()),
    spoiled_plist([CHARGING]) | spoiled_plist([NEW]),
)
def test_any_answer_is_read_or_unparsable(printed: bytes, node: bytes) -> None:
    for lines in (printed, ON_AC):
        seen = see(power, {SUPPLIES: lines, BATTERY: node})
        assert seen.problems.keys() <= {"unparsable"}
        assert 0 < seen.values.get(WATTS, 1) <= 1000
        assert 0 <= seen.values.get("macos_ups_charge_ratio", 0) <= 1


@steadily
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=40)))
def test_any_text_behind_the_headline_leaves_the_source(lines: list[str]) -> None:
    assert supplies(*lines).only("macos_power_source") == "ac"
