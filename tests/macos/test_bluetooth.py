"""Bluetooth: the layouts, which levels count, names that stay at home."""

from typing import Any

import pytest
from hypothesis import given

from exporters.core.context import Level
from exporters.core.metrics import render
from exporters.macos import bluetooth
from exporters.sources.base import ParseError
from macos.attached import bluetooth_report, context, paired, replies, shown
from macos.looking import spoiled_bytes, spoiled_json, steadily

MOUSE = "02:00:00:00:01:01"
PHONE = "02:00:00:00:01:02"


def reading(report: Any) -> bluetooth.Bluetooth:
    return bluetooth.parse(replies(bluetooth=report), context())


def only(report: Any) -> bluetooth.Paired:
    (found,) = reading(report).paired
    return found


def listed(**about: str) -> dict[str, Any]:
    """The layout of macOS 12.0 to 12.2."""
    return {"SPBluetoothDataType": [{"controller_properties": {}, "devices_list": [paired("Mouse", MOUSE, **about)]}]}


def test_devices_of_both_headings_with_their_connection() -> None:
    found = reading(bluetooth_report([paired("Mouse", MOUSE)], [paired("Phone", PHONE)])).paired
    assert [(each.device.name, each.connected) for each in found] == [("Mouse", True), ("Phone", False)]


def test_two_devices_with_one_name_are_both_kept() -> None:
    report = bluetooth_report([paired("Keyboard", MOUSE), paired("Keyboard", PHONE)])
    lines = shown(bluetooth.bluetooth, bluetooth=report)
    assert sum(line.startswith("macos_bluetooth_device_connected") for line in lines) == 2


def test_levels_by_part() -> None:
    levels = {
        "device_batteryLevelMain": "75%",
        "device_batteryLevelLeft": "100\u00a0%",
        "device_batteryLevelRight": "92%",
        "device_batteryLevelCase": "0%",
    }
    found = only(bluetooth_report([paired("Pods", MOUSE, **levels)])).levels
    assert found == {"main": 0.75, "left": 1.0, "right": 0.92, "case": 0.0}


@pytest.mark.parametrize("level", ["255%", "101%", "-1%", "%", "", "unknown", "75", "1e2%"])
def test_what_is_no_level_gives_no_sample_and_loses_nothing_else(level: str) -> None:
    found = only(bluetooth_report([paired("Mouse", MOUSE, device_batteryLevelMain=level)]))
    assert (found.levels, found.connected) == ({}, True)


def test_levels_of_a_disconnected_device_are_stale_and_dropped() -> None:
    report = bluetooth_report([], [paired("Mouse", MOUSE, device_batteryLevelMain="75%")])
    assert only(report).levels == {}


def test_the_list_of_macos_12_0_tells_devices_and_leaves_an_unseen_connection_open() -> None:
    assert only(listed(device_batteryLevelMain="75%")).connected is None
    assert only(listed(device_batteryLevelMain="75%")).levels == {}
    assert reading(listed()).attached() is None


def test_the_list_of_macos_12_0_with_a_word_about_the_connection() -> None:
    found = only(listed(device_isconnected="attrib_Yes", device_batteryLevelMain="75%"))
    assert (found.connected, found.levels) == (True, {"main": 0.75})
    assert reading(listed(device_isconnected="attrib_No")).attached() == ()


@pytest.mark.parametrize(("state", "powered"), [("attrib_on", True), ("attrib_off", False), ("attrib_new", None)])
def test_the_controllers_state(state: str, powered: bool | None) -> None:
    assert reading(bluetooth_report([], state=state)).powered is powered


def test_no_device_is_a_complete_report_but_an_empty_or_older_one_is_not() -> None:
    assert reading(bluetooth_report([])).attached() == ()
    assert reading({"SPBluetoothDataType": []}).attached() is None
    assert reading({"SPBluetoothDataType": [{"local_device_title": {}, "device_title": [{}]}]}).attached() is None


@pytest.mark.parametrize("report", [b"", b"{", {}, {"SPBluetoothDataType": {}}, bluetooth_report([[]])])
def test_what_is_no_report_is_unparsable(report: Any) -> None:
    with pytest.raises(ParseError):
        reading(report)


@pytest.mark.parametrize(
    ("vendor", "apple"),
    [("0x004C", True), ("0x004C (Apple)", True), ("0x05AC", True), ("0x0067", False), ("", None)],
)
def test_apple_by_the_vendors_number(vendor: str, apple: bool | None) -> None:
    assert only(bluetooth_report([paired("Mouse", MOUSE, device_vendorID=vendor)])).device.apple is apple


def test_one_address_is_one_device_however_it_is_written() -> None:
    dashes, colons = (only(bluetooth_report([paired("X", text)])).device for text in ("aa-bb-0c", "AA:BB:0C"))
    assert dashes.identity == colons.identity


PRIVATE = bluetooth_report([paired("Anna's phone", MOUSE)], [paired("Bob", PHONE), {"Carol": {}}, {"Carol": {}}])


@pytest.mark.parametrize(("level", "seen"), [("full", True), ("standard", False), ("strict", False)])
def test_names_and_addresses_are_told_only_at_full(level: Level, seen: bool) -> None:
    text = "\n".join(shown(bluetooth.bluetooth, level, bluetooth=PRIVATE))
    assert [each in text for each in ("Anna", "Bob", "Carol", MOUSE, PHONE)] == [seen] * 5


@pytest.mark.parametrize("level", ["standard", "full", "strict"])
def test_every_device_is_one_series_at_every_level(level: Level) -> None:
    lines = shown(bluetooth.bluetooth, level, bluetooth=PRIVATE)
    assert sum(line.startswith("macos_bluetooth_device_info") for line in lines) == 4


REPORT = bluetooth_report(
    [paired("Pods", MOUSE, device_batteryLevelLeft="75%", device_minorType="Headphones", device_vendorID="0x004C")],
    [paired("Phone", PHONE)],
)


@steadily
@given(
    spoiled_json(REPORT) | spoiled_json(listed()) | spoiled_bytes(replies(bluetooth=REPORT)[bluetooth.REPORT].stdout)
)
def test_whatever_is_answered_gives_samples_or_a_parse_error(answer: bytes) -> None:
    for level in ("standard", "full", "strict"):
        where = context(level)
        try:
            found = bluetooth.parse(replies(bluetooth=answer), where)
        except ParseError:
            continue
        text = render(bluetooth.bluetooth.metrics(found, where)).decode()
        assert text.count("\nmacos_bluetooth_device_info{") == len(found.paired)


def test_an_address_is_one_device_whether_or_not_the_report_tells_its_ids() -> None:
    address = "02:00:00:00:01:09"
    bare = shown(bluetooth.bluetooth, bluetooth=bluetooth_report([paired("Pods", address)]))
    full = shown(
        bluetooth.bluetooth,
        bluetooth=bluetooth_report([paired("Pods", address, device_vendorID="0x004C", device_productID="0x2014")]),
    )
    pick = "macos_bluetooth_device_connected"
    assert [line for line in bare if pick in line] == [line for line in full if pick in line]


def test_a_twin_keeps_its_number_at_strict_when_the_report_changes_its_order() -> None:
    ids = {"device_vendorID": "0x004C", "device_productID": "0x2014"}
    one = paired("A", "02:00:00:00:01:01", device_batteryLevelMain="10%", **ids)
    two = paired("B", "02:00:00:00:01:02", device_batteryLevelMain="90%", **ids)
    there, back = (
        {line for line in shown(bluetooth.bluetooth, "strict", bluetooth=bluetooth_report(order)) if "battery" in line}
        for order in ([one, two], [two, one])
    )
    assert there == back
    assert len(there) == 2
