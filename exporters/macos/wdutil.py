"""The Wi-Fi link as `wdutil info` tells it to root: with the air's use, streams and guard interval."""

import re
from collections.abc import Callable, Iterator, Mapping

from exporters.core.read import Value, amount, attempt, percent
from exporters.macos.radio import Channel, Link, channel_of, dbm, index, phy, rate, security, told
from exporters.sources.base import Output, ParseError

CHANNEL = re.compile(r"(?:([256])g)?(\d{1,3})/(\d{2,3})")
RULE = "\u2014\u2014"
"""A section's title stands between two lines of dashes."""
LONGEST_GUARD = 10_000
NOBODY = frozenset({"", "None"})


def parse(output: Output, faults: list[str]) -> Link:
    """The section WIFI; the state follows from the power and from whether there is a network, be its name hidden.

    What cannot be read of a connection goes into `faults`.
    """
    found = dict(_fields(output.stdout))
    power, _, _ = found.get("Power", "").partition(" ")
    if power == "Off":
        return Link("off", found.get("Interface Name", ""))
    if power != "On":
        raise ParseError("wdutil does not say whether Wi-Fi is on")
    if "SSID" not in found:
        return Link("unknown", found.get("Interface Name", ""))
    if found["SSID"] in NOBODY:
        return Link("not_associated", found.get("Interface Name", ""))
    link = _on(found, faults)
    # a name that is hidden may be none; what hears an access point is connected
    return link if link.rssi is not None or link.ssid else Link("unknown", link.interface)


def _fields(printed: bytes) -> Iterator[tuple[str, str]]:
    """Key and value of each whole line in the section; the first line of a value that has several."""
    whole = printed[: printed.rfind(b"\n") + 1].decode("utf-8", errors="replace").splitlines()
    begin = next((at for at, line in enumerate(whole[1:], 1) if line == "WIFI" and whole[at - 1][:2] == RULE), None)
    if begin is None:
        raise ParseError("wdutil printed no section WIFI")
    for line in whole[begin + 2 :]:
        if line.startswith(RULE):
            return
        key, colon, value = line.partition(":")
        if colon and key.strip():
            yield " ".join(key.split()), " ".join(value.split())


def _on(found: Mapping[str, str], faults: list[str]) -> Link:
    def told_as(key: str, read: Callable[[str], Value]) -> Value | None:
        value = found.get(key)
        return None if value in NOBODY else attempt(read, value, faults, key)

    return Link(
        "connected",
        found.get("Interface Name", ""),
        rssi=told_as("RSSI", dbm),
        noise=told_as("Noise", dbm),
        rate=told_as("Tx Rate", _rate),
        channel=told_as("Channel", _channel),
        mcs=told_as("MCS Index", index),
        streams=told_as("NSS", index) or None,
        cca=told_as("CCA", _ratio),
        guard=told_as("Guard Interval", _guard),
        phy=phy(found.get("PHY Mode", "")),
        security=security(found.get("Security", "")),
        ssid=told(found["SSID"]),
        bssid=told(found.get("BSSID", "")).lower(),
    )


def _rate(figure: str) -> float | None:
    value, _, unit = figure.partition(" ")
    if unit != "Mbps":
        raise ParseError("a rate in Mbps was expected")
    return rate(value)


def _channel(figure: str) -> Channel:
    """`5g44/80`: band, number, width; `44/80` does not tell the band."""
    found = CHANNEL.fullmatch(figure)
    if not found:
        raise ParseError("a channel was expected")
    return channel_of(found[2], found[1], found[3])


def _ratio(figure: str) -> float | None:
    ratio = percent(figure)
    return ratio if 0 <= ratio <= 1 else None


def _guard(figure: str) -> float | None:
    """Seconds from nanoseconds."""
    interval = amount(figure)
    return interval / 1e9 if 0 < interval <= LONGEST_GUARD else None
