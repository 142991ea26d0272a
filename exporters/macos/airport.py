"""The Wi-Fi link in the report of `system_profiler -json SPAirPortDataType`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from exporters.core.read import array, json, maybe, record, text
from exporters.macos.radio import Channel, Link, channel_of, dbm, index, phy, rate, security, told
from exporters.sources.base import Output, ParseError

Entry = Mapping[str, Any]
INTERFACES = "spairport_airport_interfaces"
CURRENT = "spairport_current_network_information"
CHANNEL = re.compile(r"(\d{1,3})(?: \(([256])GHz, (\d{2,3})MHz\))?")
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


def parse(output: Output) -> Link:
    """The connected interface, else the first; a Mac without the hardware has a report without interfaces."""
    reports = [record(each) for each in array(record(json(output.stdout)).get("SPAirPortDataType"))]
    if not any(INTERFACES in each for each in reports):
        if not any("spairport_software_information" in each for each in reports):
            raise ParseError("the report holds neither interfaces nor versions")
        return Link("no_hardware")
    links = [_link(each) for each in _interfaces(reports)]
    return next((each for each in links if each.state == "connected"), links[0] if links else Link("unknown"))


def _interfaces(reports: list[Entry]) -> Iterator[Entry]:
    listed = (record(each) for report in reports for each in array(report.get(INTERFACES, ())))
    return (each for each in listed if not VIRTUAL.fullmatch(text(each.get("_name", ""))))


def _link(interface: Entry) -> Link:
    name, current = text(interface.get("_name", "")), record(interface.get(CURRENT, {}))
    state = _state(maybe(text, interface.get("spairport_status_information")), current)
    return _connected(name, current) if state == "connected" else Link(state, name)


def _state(status: str | None, current: Entry) -> str:
    """Without a status, a network with a channel is a connection, and anything else unknown."""
    if status is not None:
        return STATUSES.get(status, "unknown")
    return "connected" if "spairport_network_channel" in current else "unknown"


def _connected(name: str, current: Entry) -> Link:
    rssi, noise = _signal(maybe(text, current.get("spairport_signal_noise")))
    return Link(
        "connected",
        name,
        rssi=rssi,
        noise=noise,
        rate=maybe(rate, current.get("spairport_network_rate")),
        channel=maybe(_channel, current.get("spairport_network_channel")),
        mcs=maybe(index, current.get("spairport_network_mcs")),
        phy=phy(text(current.get("spairport_network_phymode", ""))),
        security=security(text(current.get("spairport_security_mode", ""))),
        ssid=told(text(current.get("_name", ""))),
        bssid=told(text(current.get("spairport_network_bssid", ""))).lower(),
    )


def _signal(figures: str | None) -> tuple[float | None, float | None]:
    """`-51 dBm / -90 dBm`: signal and noise."""
    if figures is None:
        return None, None
    signal, _, noise = figures.partition("/")
    return dbm(signal), dbm(noise)


def _channel(value: Any) -> Channel:
    """`40 (5GHz, 160MHz)`; older systems tell the number alone."""
    found = CHANNEL.fullmatch(str(value) if isinstance(value, int) else text(value))
    if not found:
        raise ParseError("a channel was expected")
    return channel_of(found[1], found[2], found[3])
