"""Apple's verdict: number formats of other places, words that are not known, the settings that are in force."""

import json
from typing import Any

import pytest
from hypothesis import given

from exporters.macos.battery_health import POWER, battery_health
from macos.looking import Seen, see, spoiled_bytes, spoiled_json, steadily

REPORT = {
    "SPPowerDataType": [
        {
            "_name": "spbattery_information",
            "sppower_battery_health_info": {
                "sppower_battery_health": "Good",
                "sppower_battery_health_maximum_capacity": "91%",
            },
        },
        {
            "_name": "sppower_information",
            "AC Power": {"LowPowerMode": "No"},
            "Battery Power": {"Current Power Source": "TRUE", "LowPowerMode": "Yes"},
        },
    ]
}


def reported(health: dict[str, Any]) -> Seen:
    report = {"SPPowerDataType": [{"_name": "spbattery_information", "sppower_battery_health_info": health}]}
    return see(battery_health, {POWER: json.dumps(report).encode()})


@pytest.mark.parametrize("printed", ["91%", "91 %", "91\u00a0%", "91\u202f%"])
def test_maximum_capacity_in_any_number_format(printed: str) -> None:
    seen = reported({"sppower_battery_health_maximum_capacity": printed})
    assert seen.values == {"macos_battery_maximum_capacity_ratio": 0.91}


@pytest.mark.parametrize("printed", ["0%", "255%", "-1%"])
def test_an_impossible_maximum_capacity_gives_no_sample(printed: str) -> None:
    assert reported({"sppower_battery_health_maximum_capacity": printed}) == Seen({}, {})


@pytest.mark.parametrize("printed", ["", "%", "91", "neunzig%"])
def test_a_maximum_capacity_that_is_no_percentage_is_unparsable(printed: str) -> None:
    assert reported({"sppower_battery_health_maximum_capacity": printed}).problems.keys() == {"unparsable"}


@pytest.mark.parametrize(
    ("printed", "condition"),
    [
        ("Good", "normal"),
        ("Normal", "normal"),
        ("Check Battery", "check_battery"),
        ("Service Recommended", "service_recommended"),
        ("Replace Soon", "replace_soon"),
        ("Replace Now", "replace_now"),
        ("Wartung empfohlen", "unknown"),
        ("", None),
    ],
)
def test_condition(printed: str, condition: str | None) -> None:
    assert reported({"sppower_battery_health": printed}).only("macos_battery_condition") == condition


def test_low_power_mode_is_that_of_the_source_in_use() -> None:
    assert see(battery_health, {POWER: json.dumps(REPORT).encode()}).values["macos_low_power_mode"] == 1


@pytest.mark.parametrize("printed", [b"", b"{}", b"[]", b'{"SPPowerDataType": ', b'{"SPHardwareDataType": []}'])
def test_half_a_report_is_unparsable(printed: bytes) -> None:
    assert see(battery_health, {POWER: printed}).problems.keys() == {"unparsable"}


def test_a_report_without_items_is_a_good_answer() -> None:
    assert see(battery_health, {POWER: b'{"SPPowerDataType": []}'}) == Seen({}, {})


@steadily
@given(spoiled_json(REPORT) | spoiled_bytes(b'{"SPPowerDataType": [{"AC Power": {"LowPowerMode": "No"}}]}'))
def test_any_report_is_read_or_unparsable(printed: bytes) -> None:
    seen = see(battery_health, {POWER: printed})
    assert seen.problems.keys() <= {"unparsable"}
    assert 0 < seen.values.get("macos_battery_maximum_capacity_ratio", 1) <= 1
