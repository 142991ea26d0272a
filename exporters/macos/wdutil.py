"""The Wi-Fi link as `wdutil info` tells it to root: with the air's use, streams and guard interval."""

import re
from collections.abc import Iterator, Mapping

from exporters.core.read import amount, maybe, percent
from exporters.macos.radio import Channel, Link, channel_of, dbm, index, phy, rate, security, told
from exporters.sources.base import Output, ParseError

CHANNEL = re.compile(r"([256])g(\d{1,3})/(\d{2,3})")
RULE = "\u2014\u2014"
"""A section's title stands between two lines of dashes."""
LONGEST_GUARD = 10_000
NOBODY = frozenset({"", "None"})


def parse(output: Output) -> Link:
    """The section WIFI; the state follows from the power and from whether there is a network, be its name hidden."""
    found = dict(_fields(output.stdout))
    power, _, _ = found.get("Power", "").partition(" ")
    if power == "Off":
        return Link("off", found.get("Interface Name", ""))
    if power != "On":
        raise ParseError("wdutil does not say whether Wi-Fi is on")
    if "SSID" not in found:
        return Link("unknown", found.get("Interface Name", ""))
    return _on(found) if found["SSID"] not in NOBODY else Link("not_associated", found.get("Interface Name", ""))


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


def _on(found: Mapping[str, str]) -> Link:
    return Link(
        "connected",
        found.get("Interface Name", ""),
        rssi=maybe(dbm, found.get("RSSI")),
        noise=maybe(dbm, found.get("Noise")),
        rate=maybe(_rate, found.get("Tx Rate")),
        channel=maybe(_channel, found.get("Channel")),
        mcs=maybe(index, found.get("MCS Index")),
        streams=maybe(index, found.get("NSS")) or None,
        cca=maybe(_ratio, found.get("CCA")),
        guard=maybe(_guard, found.get("Guard Interval")),
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
    """`5g44/80`: band, number, width."""
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
