"""Thunderbolt: ports, links as opposed to capabilities, chains, other Macs, no hardware."""

from typing import Any

import pytest
from hypothesis import given

from exporters.core.context import Level
from exporters.core.metrics import render
from exporters.macos import thunderbolt
from exporters.sources.base import ParseError
from macos.attached import context, dock, replies, shown, thunderbolt_report
from macos.looking import spoiled_bytes, spoiled_json, steadily

PEER = {
    "_name": "Anna\u2019s Mac Studio",
    "device_name_key": "Mac15,14",
    "domain_uuid_key": "00000000-0000-4000-8000-00000000000a",
    "services_title": [{"_name": "service_ip"}],
    "vendor_name_key": "Apple Inc.",
}


def reading(report: Any) -> thunderbolt.Thunderbolt:
    return thunderbolt.parse(replies(thunderbolt=report), context())


def link(speed: str) -> float | None:
    return reading(thunderbolt_report(dock(), speed=speed)).ports[0].link


def test_a_link_has_a_speed_in_bytes() -> None:
    assert link("80 Gb/s") == 1e10


@pytest.mark.parametrize("speed", ["Up to 40 Gb/s", "Up to 40 Gb/s x1", "40 Gb/s x2", "", "?"])
def test_what_a_port_could_do_is_no_link(speed: str) -> None:
    assert link(speed) is None


def test_an_idle_port_has_no_link_whatever_speed_it_names() -> None:
    lines = shown(thunderbolt.thunderbolt, thunderbolt=thunderbolt_report(speed="40 Gb/s"))
    assert lines == ['macos_thunderbolt_port_connected{port="1"} 0.0']


def test_a_daisy_chain_is_all_told() -> None:
    chain = dock("0x1", _items=[dock("0x2", _items=[dock("0x3")])])
    assert [each.serial for each in reading(thunderbolt_report(chain)).devices] == ["0x1", "0x2", "0x3"]


@pytest.mark.parametrize("level", ["standard", "strict"])
def test_another_mac_is_told_by_its_model_and_not_by_its_name(level: Level) -> None:
    (device,) = reading(thunderbolt_report(PEER)).devices
    assert (device.kind, device.product, device.apple) == ("mac", "Mac15,14", True)
    assert "Anna" not in "\n".join(shown(thunderbolt.thunderbolt, level, thunderbolt=thunderbolt_report(PEER)))


def test_a_device_with_services_and_a_switch_is_no_mac() -> None:
    (device,) = reading(thunderbolt_report(dock(services_title=[]))).devices
    assert device.kind == "device"


def test_no_hardware_is_a_good_report_of_nothing_and_an_empty_list_is_none() -> None:
    assert reading({"SPThunderboltDataType": [{"Thunderbolt": "no_hardware"}]}).attached() == ()
    assert reading({"SPThunderboltDataType": []}).attached() is None


def test_a_controller_with_two_receptacles_has_two_ports() -> None:
    second = {"receptacle_id_key": "2", "receptacle_status_key": "receptacle_connected", "current_speed_key": "40 Gb/s"}
    report = thunderbolt_report(receptacle_2_tag=second)
    assert [(port.number, port.connected) for port in reading(report).ports] == [("1", False), ("2", True)]


def test_ports_that_share_a_number_stay_apart() -> None:
    report = {"SPThunderboltDataType": thunderbolt_report()["SPThunderboltDataType"] * 2}
    assert len(shown(thunderbolt.thunderbolt, thunderbolt=report)) == 2


@pytest.mark.parametrize("level", ["standard", "full", "strict"])
def test_two_equal_devices_are_two_series_at_every_level(level: Level) -> None:
    lines = shown(thunderbolt.thunderbolt, level, thunderbolt=thunderbolt_report(dock(), dock()))
    assert sum(line.startswith("macos_thunderbolt_device_info") for line in lines) == 2


@pytest.mark.parametrize(("level", "seen"), [("full", True), ("standard", False), ("strict", False)])
def test_uids_are_told_only_at_full(level: Level, seen: bool) -> None:
    text = "\n".join(shown(thunderbolt.thunderbolt, level, thunderbolt=thunderbolt_report(dock("UID-1"), PEER)))
    assert ("UID-1" in text, PEER["domain_uuid_key"] in text) == (seen, seen)


@pytest.mark.parametrize(
    "report", [b"", b"{", {}, {"SPThunderboltDataType": [1]}, thunderbolt_report(receptacle_1_tag=1)]
)
def test_what_is_no_report_is_unparsable(report: Any) -> None:
    with pytest.raises(ParseError):
        reading(report)


REPORT = thunderbolt_report(dock("0x1", _items=[dock("0x2")]), PEER)


@steadily
@given(spoiled_json(REPORT) | spoiled_bytes(replies(thunderbolt=REPORT)[thunderbolt.REPORT].stdout))
def test_whatever_is_answered_gives_samples_or_a_parse_error(answer: bytes) -> None:
    for level in ("standard", "full", "strict"):
        where = context(level)
        try:
            found = thunderbolt.parse(replies(thunderbolt=answer), where)
        except ParseError:
            continue
        text = render(thunderbolt.thunderbolt.metrics(found, where)).decode()
        assert text.count("macos_thunderbolt_device_info{") == len(found.devices)
        assert text.count("macos_thunderbolt_port_connected{") == sum(
            each.connected is not None for each in found.ports
        )


@pytest.mark.parametrize("status", [{}, {"receptacle_status_key": "receptacle_something_new"}])
def test_a_port_whose_status_is_not_told_has_no_sample(status: dict[str, str]) -> None:
    bus = {"_name": "thunderboltusb4_bus_0", "receptacle_1_tag": {"receptacle_id_key": "1", **status}}
    told = shown(thunderbolt.thunderbolt, thunderbolt={"SPThunderboltDataType": [bus]})
    assert not [line for line in told if "port_connected" in line]
