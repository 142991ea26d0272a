"""Stations of the router's radios: signal, noise and link rates (`iwinfo INTERFACE assoclist`).

Radios are found by their names in /proc/net/dev, unless the configuration names them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import msgspec

from exporters.core.collector import Partial, Questions, collector, told
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import attempt, number
from exporters.openwrt.answers import whole_lines
from exporters.openwrt.identity import identify, join_id, named
from exporters.openwrt.interfaces import NETDEV, parse_counters
from exporters.sources.base import Command, Output, ParseError, Replies

MOST = 8
"""Radios that are asked, by name; where there are more, the configuration says which."""
RADIO = re.compile(r"phy\d{1,2}(\.\d)?-ap\d{1,2}|wlan\d{1,2}(-\d{1,2})?|(ath|ra|rai|rax)\d{1,2}")
_INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")
_STATION = re.compile(
    r"([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})\s+(unknown|-?\d+\s+dBm)\s+/\s+(unknown|-?\d+\s+dBm)\s+\(SNR\s.*"
)
_RATE = re.compile(r"\s+([RT]X):\s+(?:unknown|(\d+\.\d+)\s+MBit/s\b).*\sPkts\.\s*")
_NOBODY, _NOTHING = ["No station connected"], ["No information available"]
_BYTES_PER_MEGABIT = 125_000


class WirelessConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`interfaces`: the radios' names, such as `phy0-ap0`; empty for those that /proc/net/dev shows."""

    interfaces: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """They become words of a command."""
        for name in self.interfaces:
            if not _INTERFACE.fullmatch(name):
                raise ValueError(f"{name!r} is no name of an interface")


@dataclass(frozen=True, slots=True)
class Station:
    """One station: dBm, and bytes per second towards it (`receive`) and from it (`transmit`)."""

    mac: str
    signal: float | None = None
    noise: float | None = None
    receive: float | None = None
    transmit: float | None = None


Radios = Mapping[str, tuple[Station, ...]]


def stations_of(interface: str) -> Command:
    """Who is connected to one radio."""
    return Command(("iwinfo", interface, "assoclist"))


def questions(context: Context) -> Questions:
    """The radios that are named, else the list in which to find them."""
    return tuple(stations_of(name) for name in context.config.interfaces) or (NETDEV,)


def radios(replies: Replies, context: Context, _state: object) -> Questions:
    """Those that were found."""
    return () if context.config.interfaces else tuple(stations_of(name) for name in _found(replies)[:MOST])


def _found(replies: Replies) -> list[str]:
    listed = replies.get(NETDEV)
    return sorted(filter(RADIO.fullmatch, parse_counters(listed))) if listed is not None else []


def parse(replies: Replies, context: Context) -> Radios | Partial:
    """Each radio from its own answer; one that is off or gone is left out."""
    names = list(dict.fromkeys(context.config.interfaces)) or _found(replies)
    faults = [f"{len(names)} radios: name those to ask"] if len(names) > MOST and not context.config.interfaces else []
    found = {name: attempt(parse_stations, replies.get(stations_of(name)), faults) for name in names}
    return told({name: stations for name, stations in found.items() if stations is not None}, faults)


def parse_stations(output: Output) -> tuple[Station, ...] | None:
    """A line for each station, more about it in indented ones; of a radio that tells nothing, nothing."""
    printed = [line.rstrip() for line in whole_lines(output.stdout) if line.strip()]
    if printed in (_NOBODY, _NOTHING):
        return () if printed == _NOBODY else None
    stations: dict[str, Station] = {}
    mac = ""
    for line in printed:
        if line[0].isspace() and mac:
            stations[mac] = _detailed(stations[mac], line)
            continue
        station = _station(line)
        mac, stations[station.mac] = station.mac, station
    if not stations:
        raise ParseError("iwinfo printed neither a station nor that there is none")
    return tuple(stations.values())


def _station(line: str) -> Station:
    """`02:00:00:00:00:0A  -51 dBm / -95 dBm (SNR 44)  120 ms ago`; a figure may be `unknown`."""
    found = _STATION.fullmatch(line)
    if not found:
        raise ParseError("iwinfo printed a line that names no station")
    return Station(found[1].lower(), _dbm(found[2]), _dbm(found[3]))


def _dbm(figure: str) -> float | None:
    return None if figure == "unknown" else number(figure.split(maxsplit=1)[0])


def _detailed(station: Station, line: str) -> Station:
    """`RX: 390.0 MBit/s, ...` is what the radio received, so what the station transmitted."""
    if not line.lstrip().startswith(("RX:", "TX:")):
        return station
    found = _RATE.fullmatch(line)
    if not found:
        raise ParseError("iwinfo printed a rate that cannot be read")
    rate = number(found[2]) * _BYTES_PER_MEGABIT if found[2] else None
    return replace(station, transmit=rate) if found[1] == "RX" else replace(station, receive=rate)


STATIONS = gauge("openwrt_wireless_stations", "Stations that are connected (iwinfo assoclist).", "interface")
NOISE = gauge("openwrt_wireless_noise_dbm", "Noise where the radio is (iwinfo assoclist).", "interface")
SIGNAL = gauge(
    "openwrt_wireless_station_signal_dbm", "Signal of the station at the radio (iwinfo assoclist).", "interface", "mac"
)
RECEIVE = gauge(
    "openwrt_wireless_station_receive_rate_bytes_per_second",
    "Link rate towards the station (iwinfo assoclist TX).",
    "interface",
    "mac",
)
TRANSMIT = gauge(
    "openwrt_wireless_station_transmit_rate_bytes_per_second",
    "Link rate from the station (iwinfo assoclist RX).",
    "interface",
    "mac",
)
INFO = gauge(
    "openwrt_wireless_station_info",
    "A station that is connected; its Mac publishes the same join_id (iwinfo assoclist).",
    "interface",
    "mac",
    "join_id",
)


@collector(
    "wireless",
    STATIONS,
    NOISE,
    SIGNAL,
    RECEIVE,
    TRANSMIT,
    INFO,
    optional=questions,
    then=radios,
    then_asks=(stations_of("NAME"),),
    parse=parse,
    cadence=30,
    config=WirelessConfig,
)
def wireless(reading: Radios, context: Context) -> Iterable[Sample]:
    """Each radio that may be named, then each of its stations."""
    for name, stations in reading.items():
        if not (interface := named(name, context)):
            continue
        yield from STATIONS(len(stations), interface=interface)
        yield from NOISE(next((each.noise for each in stations if each.noise is not None), None), interface=interface)
        for each in stations:
            yield from _samples(each, interface, context)


def _samples(each: Station, interface: str, context: Context) -> Iterator[Sample]:
    mac = identify(each.mac, context)
    yield from SIGNAL(each.signal, interface=interface, mac=mac)
    yield from RECEIVE(each.receive, interface=interface, mac=mac)
    yield from TRANSMIT(each.transmit, interface=interface, mac=mac)
    yield from INFO(1, interface=interface, mac=mac, join_id=join_id(each.mac, context))
