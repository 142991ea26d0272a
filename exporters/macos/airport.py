"""The Wi-Fi link in the report of `system_profiler -json SPAirPortDataType`."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from exporters.core.read import Value, array, attempt, json, maybe, record, text
from exporters.macos.radio import Channel, Link, channel_of, dbm, index, phy, rate, security, told
from exporters.sources.base import Output, ParseError

Entry = Mapping[str, Any]
INTERFACES = "spairport_airport_interfaces"
CURRENT = "spairport_current_network_information"
CHANNEL = re.compile(r"(\d{1,3})(?: \(([256])GHz, (\d{2,3})MHz(?:, \w+)*\))?")
VIRTUAL = re.compile(r"(awdl|llw|p2p|ap)\d+")
"""Apple's own links between devices, which can carry an almost empty network."""
STATUSES = {
    "spairport_status_connected": "connected",
    "spairport_status_off": "off",
    "spairport_status_inactive": "not_associated",
    "spairport_status_disassociated": "not_associated",
    "spairport_status_disconnected": "not_associated",
    "spairport_status_not_associated": "not_associated",
}


def parse(output: Output, faults: list[str]) -> Link:
    """The connected interface, else the first; a Mac without the hardware has a report without interfaces.

    What cannot be read of a connection goes into `faults`.
    """
    reports = [record(each) for each in array(record(json(output.stdout)).get("SPAirPortDataType"))]
    if not any(INTERFACES in each for each in reports):
        if not any("spairport_software_information" in each for each in reports):
            raise ParseError("the report holds neither interfaces nor versions")
        return Link("no_hardware")
    links = [_link(each, faults) for each in _interfaces(reports)]
    return next((each for each in links if each.state == "connected"), links[0] if links else Link("unknown"))


def _interfaces(reports: list[Entry]) -> Iterator[Entry]:
    listed = (record(each) for report in reports for each in array(report.get(INTERFACES, ())))
    return (each for each in listed if not VIRTUAL.fullmatch(text(each.get("_name", ""))))


def _link(interface: Entry, faults: list[str]) -> Link:
    name, current = text(interface.get("_name", "")), record(interface.get(CURRENT, {}))
    state = _state(maybe(text, interface.get("spairport_status_information")), current)
    return _connected(name, current, faults) if state == "connected" else Link(state, name)


def _state(status: str | None, current: Entry) -> str:
    """Without a status, a network with a channel is a connection, and anything else unknown."""
    if status is not None:
        return STATUSES.get(status, "unknown")
    return "connected" if "spairport_network_channel" in current else "unknown"


def _connected(name: str, current: Entry, faults: list[str]) -> Link:
    def told_as(key: str, read: Callable[[Any], Value]) -> Value | None:
        return attempt(read, current.get(f"spairport_{key}"), faults, key)

    return Link(
        "connected",
        name,
        rssi=told_as("signal_noise", _signal),
        noise=told_as("signal_noise", _noise),
        rate=told_as("network_rate", rate),
        channel=told_as("network_channel", _channel),
        mcs=told_as("network_mcs", index),
        phy=phy(told_as("network_phymode", text) or ""),
        security=security(told_as("security_mode", text) or ""),
        ssid=told(text(current.get("_name", ""))),
        bssid=told(text(current.get("spairport_network_bssid", ""))).lower(),
    )


def _signal(figures: Any) -> float | None:
    """`-51 dBm / -90 dBm`: signal and noise."""
    return dbm(text(figures).partition("/")[0])


def _noise(figures: Any) -> float | None:
    _, slash, noise = text(figures).partition("/")
    return dbm(noise) if slash else None


def _channel(value: Any) -> Channel:
    """`40 (5GHz, 160MHz)`; older systems tell the number alone."""
    found = CHANNEL.fullmatch(str(value) if isinstance(value, int) else text(value))
    if not found:
        raise ParseError("a channel was expected")
    return channel_of(found[1], found[2], found[3])
