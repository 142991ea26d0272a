"""The Wi-Fi connection: signal, noise, rate, channel (`system_profiler SPAirPortDataType`, for root `wdutil info`)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from exporters.core.collector import Partial, Questions, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, counter, enum, gauge
from exporters.core.read import record, text
from exporters.macos import airport, wdutil
from exporters.macos.radio import NAME, STATES, Link
from exporters.sources.base import Command, Replies, System

REPORT = Command(("system_profiler", "-json", "-detailLevel", "basic", "SPAirPortDataType"), timeout=30)
WDUTIL = Command(("wdutil", "info"), timeout=20, root=True)
ADDRESSES = System("addresses")
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
HIDDEN = frozenset({"02:00:00:00:00:00", "00:00:00:00:00:00"})
"""What a system tells that does not want to tell: equal everywhere, so nothing to join by."""


class WifiConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`wdutil`: ask `wdutil info`, which needs root, in place of the slower report, which does not."""

    wdutil: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """The last look, and how often the access point or channel changed between two looks since the start."""

    link: Link
    roams: int = 0


def questions(context: Context) -> Questions:
    """The one tool that is configured, and the addresses that are in use."""
    return (WDUTIL if context.config.wdutil else REPORT, ADDRESSES)


def parse(replies: Replies, context: Context) -> Link | Partial:
    """What the tool tells; an interface has a name only where it is the kernel's own."""
    by_wdutil, faults = context.config.wdutil, list[str]()
    link = wdutil.parse(replies[WDUTIL], faults) if by_wdutil else airport.parse(replies[REPORT], faults)
    known = record(replies[ADDRESSES])
    link = replace(
        link,
        interface=link.interface if NAME.fullmatch(link.interface) else "",
        mac=_mac(record(known.get(link.interface, {}))),
    )
    return Partial(link, "; ".join(dict.fromkeys(faults))) if faults else link


def _mac(interface: Mapping[str, Any]) -> str:
    """The address that is in use now: with a private Wi-Fi address not the hardware's."""
    mac = text(interface.get("mac", "")).lower()
    return mac if MAC.fullmatch(mac) and mac not in HIDDEN else ""


def advance(state: History | None, reading: Link, _now: float, _: Context) -> History:
    """Counts a change where two looks in a row found a connection."""
    if state is None:
        return History(reading)
    return History(reading, state.roams + _roamed(state.link, reading))


def _roamed(before: Link, after: Link) -> bool:
    """By access point where both looks know it, else by channel; another network is no roaming."""
    if (before.state, after.state, before.interface) != ("connected", "connected", after.interface):
        return False
    if before.ssid and after.ssid and before.ssid != after.ssid:
        return False
    if before.bssid and after.bssid:
        return before.bssid != after.bssid
    one, other = before.channel, after.channel
    return one is not None and other is not None and (one.number, one.band) != (other.number, other.band)


STATE = enum(
    "macos_wifi_state", "Whether Wi-Fi is connected (system_profiler SPAirPortDataType, wdutil info).", "state", STATES
)
RSSI = gauge("macos_wifi_rssi_dbm", "Strength of the signal (system_profiler spairport_signal_noise, wdutil info).")
NOISE = gauge("macos_wifi_noise_dbm", "Strength of the noise (system_profiler spairport_signal_noise, wdutil info).")
RATE = gauge(
    "macos_wifi_transmit_rate_bytes_per_second",
    "Link rate of the last frames sent (spairport_network_rate, wdutil info).",
)
CHANNEL = gauge("macos_wifi_channel", "Number of the channel (system_profiler spairport_network_channel, wdutil info).")
WIDTH = gauge(
    "macos_wifi_channel_width_hertz", "Width of the channel (system_profiler spairport_network_channel, wdutil info)."
)
MCS = gauge(
    "macos_wifi_mcs_index", "Index of modulation and coding (system_profiler spairport_network_mcs, wdutil info)."
)
STREAMS = gauge("macos_wifi_spatial_streams", "Spatial streams in use (wdutil info NSS).")
CCA = gauge("macos_wifi_cca_ratio", "Share of time in which the channel is found busy, 0 to 1 (wdutil info CCA).")
GUARD = gauge("macos_wifi_guard_interval_seconds", "Guard interval between symbols (wdutil info Guard Interval).")
INFO = gauge(
    "macos_wifi_info",
    "The connection; the access point's station with the same join_id is its other end (system_profiler or wdutil,"
    " addresses).",
    *("interface", "band", "phy_mode", "security", "join_id", "ssid"),
)
ROAMS = counter(
    "macos_wifi_roams_total",
    "Changes of the access point, or channel where that is hidden, between two looks (system_profiler, wdutil info).",
)
MEASURES = (
    (RSSI, "rssi"),
    (NOISE, "noise"),
    (RATE, "rate"),
    (MCS, "mcs"),
    (STREAMS, "streams"),
    (CCA, "cca"),
    (GUARD, "guard"),
)


@collector(
    "wifi",
    *(STATE, RSSI, NOISE, RATE, CHANNEL, WIDTH, MCS, STREAMS, CCA, GUARD, INFO, ROAMS),
    required=questions,
    parse=parse,
    advance=advance,
    cadence=300,
    privilege="none; root for wdutil, where it is configured",
    config=WifiConfig,
    publishes=("spairport_network_channel", "spairport_network_phymode", "spairport_security_mode"),
    unverified=(
        "The captures of the report were made without `-detailLevel basic`, which is reported to leave out the search"
        " for other networks. Connected and no hardware were seen, off and not associated were not."
    ),
)
def wifi(state: History, context: Context) -> Iterable[Sample]:
    """The state always, the rest of a connection."""
    yield from STATE.one_of(state.link.state)
    if state.link.state != "no_hardware":
        yield from ROAMS(state.roams)
    yield from _measures(state.link)
    channel = state.link.channel
    if channel is not None:
        yield from CHANNEL(channel.number)
        yield from WIDTH(channel.width)
        yield from _info(state.link, channel.band, context)


def _measures(link: Link) -> Iterator[Sample]:
    for family, name in MEASURES:
        yield from family(getattr(link, name))


def _info(link: Link, band: str, context: Context) -> Iterator[Sample]:
    join_id = "" if context.level == "strict" or not link.mac else context.hash(link.mac)
    yield from INFO(
        1,
        interface=link.interface,
        band=band,
        phy_mode=link.phy,
        security=link.security,
        join_id=join_id,
        ssid=context.personal(link.ssid),
    )
