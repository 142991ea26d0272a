"""The Wi-Fi link of a Mac as both of Apple's tools tell it, with words of one closed set."""

import re
from dataclasses import dataclass

from exporters.core.read import number
from exporters.sources.base import ParseError

STATES = ("connected", "not_associated", "off", "no_hardware", "unknown")
BANDS = {"2": "2.4GHz", "5": "5GHz", "6": "6GHz"}
BYTES_PER_MEGABIT = 125_000
WEAKEST = -127
"""dBm; 0 and above is what drivers tell where nothing was measured."""
REDACTED = "<redacted>"
NAME = re.compile(r"en\d{1,3}")
PHY = re.compile(r"(?:802[.,])?11(a|b|g|n|ac|ax|be|bn)")
_PREFIX = re.compile(r"s?pairport_security_mode_")
"""Apple forgot the first letter of `wpa3_transition`."""
_SECURITIES = {
    "open": ("none", "open"),
    "owe": ("owe", "enhanced_open"),
    "wep": ("wep", "wep40", "wep128", "dynamic_wep"),
    "wpa": ("wpa", "wpa_personal", "wpa_personal_mixed", "wpa2_personal_mixed", "wpa_wpa2_personal"),
    "wpa2_personal": ("wpa2_personal",),
    "wpa3_transition": ("wpa3_transition", "wpa3_personal_transition", "wpa2_wpa3_personal"),
    "wpa3_personal": ("wpa3_personal",),
    "wpa_enterprise": ("wpa_enterprise", "wpa_enterprise_mixed", "wpa2_enterprise_mixed", "wpa_wpa2_enterprise"),
    "wpa2_enterprise": ("wpa2_enterprise",),
    "wpa3_enterprise_transition": ("wpa3_enterprise_transition", "wpa2_wpa3_enterprise"),
    "wpa3_enterprise": ("wpa3_enterprise",),
}
_NORMAL = {word: security for security, words in _SECURITIES.items() for word in words}


@dataclass(frozen=True, slots=True)
class Channel:
    """Its number, the band as it is written (`5GHz`, empty if not told), the width in hertz."""

    number: float
    band: str = ""
    width: float | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """One of `STATES`; dBm, bytes per second, seconds, a ratio. `mac` is the address in use, `bssid` is never told."""

    state: str
    interface: str = ""
    rssi: float | None = None
    noise: float | None = None
    rate: float | None = None
    channel: Channel | None = None
    mcs: float | None = None
    streams: float | None = None
    cca: float | None = None
    guard: float | None = None
    phy: str = ""
    security: str = ""
    ssid: str = ""
    bssid: str = ""
    mac: str = ""


def channel_of(number_: str, band: str | None, megahertz: str | None) -> Channel:
    """From the three parts of a text such as `40 (5GHz, 160MHz)` or `5g44/80`."""
    return Channel(float(number_), BANDS.get(band or "", ""), float(megahertz) * 1e6 if megahertz else None)


def dbm(figure: str) -> float | None:
    """`-51 dBm`; None where nothing was measured."""
    value, _, unit = figure.strip().partition(" ")
    if unit.strip() != "dBm":
        raise ParseError("a strength in dBm was expected")
    measured = number(value)
    return measured if WEAKEST <= measured < 0 else None


def rate(megabits: object) -> float | None:
    """Bytes per second from megabits per second; 0 and below is no rate."""
    measured = number(megabits)
    return measured * BYTES_PER_MEGABIT if measured > 0 else None


def index(figure: object) -> float | None:
    """A number from 0 on; below is none."""
    found = number(figure)
    return found if found >= 0 else None


def phy(text: str) -> str:
    """`802.11ax` also from `11ax`; `other` for what is not known here."""
    found = PHY.fullmatch(text)
    return f"802.11{found[1]}" if found else "other" if text else ""


def security(text: str) -> str:
    """One of a closed set, of a mixed network the weakest; `other` for what is not known here."""
    word = re.sub(r"[^a-z0-9]+", "_", _PREFIX.sub("", text.strip().lower())).strip("_")
    return _NORMAL.get(word, "other") if word else ""


def told(text: str) -> str:
    """A name or address, empty where macOS hides it or there is none."""
    return "" if text in {"", "None", REDACTED} else text
