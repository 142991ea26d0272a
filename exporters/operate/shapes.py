"""What a text gives away by its shape alone: addresses, paths, serial numbers, or nothing at all."""

import ipaddress
import re
from collections.abc import Iterable

UUID = r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Fa-f])"
MAC = r"(?<![0-9A-Fa-f:-])[0-9A-Fa-f]{1,2}([:-])(?:[0-9A-Fa-f]{1,2}\1){4}[0-9A-Fa-f]{1,2}(?![0-9A-Fa-f:-])"
INTERFACE = r"(?<=enx|wlx|wwx)[0-9a-f]{12}(?![0-9a-f])"
"""Linux names interfaces by their hardware address."""
EMAIL = r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
HOME = r"(?<=/Users/)(?!Shared\b)[^/\s\"]+|(?<=/home/)[^/\s\"]+"
VOLUME = r"(?<=/Volumes/)[^/\n\"]+|(?<=/media/)[^\n\"]+"
SERIAL = r"(?<=serial[ _]number: )\S+|(?<=serial: )\S+|(?<=serial=)\S+"
MANAGED = r"(?<=MDM server: )\S+|(?<=for user ')[^'\n]+"
WIRELESS = r"(?<=  SSID : )(?!<redacted>)\S.*|(?<= SSID                 : )(?!<redacted>|None\b)\S.*"
NAMED = r'(?<= ")[^"\n]+(?="\s+\[)|(?<=_name \(string\): )\S.*'
"""A VPN service in scutil's list, what a lease tells of hosts and domains."""
DOMAIN = r"(?<=search domain\[\d\] : )\S+|(?<=  domain   : )(?!local\b)\S+"
PROXY = r"(?<=SProxy : )\S+|(?<=TPProxy : )\S+|(?<=URLString : )\S+|(?<=\n    \d : )\S+"
NETWORK = (WIRELESS, NAMED, DOMAIN, PROXY)
PRIVATE = tuple(
    re.compile(each, re.IGNORECASE) for each in (UUID, MAC, INTERFACE, EMAIL, HOME, VOLUME, SERIAL, MANAGED, *NETWORK)
)
ADDRESS = re.compile(r"(?<![\w:.])(?=[0-9a-f]*[:.][0-9a-f]*[:.])[0-9a-f:.]{3,45}(?<!\.)(?![\w:])", re.IGNORECASE)
ROUTE = re.compile(
    r"(?m)(^\S+\t|(?<=\t))([0-9A-F]{8})(?=\t(?:[0-9A-F]{8}\t)?[0-9A-F]{4}\t\d+\t\d+\t\d+\t[0-9A-F]{8}\t)"
)
"""Destination and gateway in the kernel's table of Linux: the bytes of an IPv4 address, the last one first."""
POSSESSIVE = re.compile(r"[^\W_]+(?=['\u2019\u02bc\u2018\uff07`\u00b4])")
IDENTITY = re.compile(
    r"serial|wwn|eui64|[ug]u?id|udid|ecid|imei|address|ssid|(host|computer|user|full)_?name|owner|email|phone|password",
    re.IGNORECASE,
)
NOTHING = frozenset({"", "none", "unknown", "not provided", "not available", "n/a", "<redacted>"})
COMMON = frozenset(
    {"root", "admin", "administrator", "user", "guest", "localhost", "mac", "macbook", "imac", "macmini"}
)
SHORTEST_NAME = 3
_YES_NO = frozenset({"yes", "no", "true", "false", "on", "off", "enabled", "disabled"})
_ROLES = frozenset({"system", "data", "preboot", "recovery", "vm", "update", "backup"})
"""Those of APFS volumes."""
_INTERFACE = re.compile(r"(en|awdl|llw)\d{1,2}\Z")
"""Of a Mac's Wi-Fi, in its report."""
_APPLE_TOKEN = re.compile(
    r"((attrib|receptacle|apple|hub|usb|thunderbolt[a-z0-9]*|sp[a-z]+)_[a-z0-9_]+|xprotectplistconfigdata)\Z",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[-+]?(\d{1,7}(\.\d{1,9})*|0x[0-9a-f]{1,8}|\d{4}-\d\d-\d\d(T\d\d)?|\d\dZ)\Z", re.IGNORECASE)
_UNIT = re.compile(r"([kmgtµ]?(i?b|b/s|ib/s|w|wh|a|ah|v|hz|s|j)|bytes?|dbm|rpm|up|to|x\d)?\Z", re.IGNORECASE)


def is_harmless(text: str) -> bool:
    """What tells no machine apart: yes or no, a volume's role, a token of Apple's tools, short numbers with units."""
    folded = text.strip().casefold()
    if folded in _YES_NO | _ROLES or _APPLE_TOKEN.match(folded) or _INTERFACE.match(folded):
        return True
    words = re.split(r"[\s()%,:]+|(?<!b)/", folded)
    return all(_NUMBER.match(word) or _UNIT.match(word) for word in words)


def is_address(text: str) -> bool:
    """An Internet address that leads to a machine: not loopback, a mask or a time of day."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or text.startswith("255."))


def any_of(names: Iterable[str]) -> re.Pattern[str] | None:
    """Finds these names as whole words, also as a possessive; common words and short names are left out."""
    wanted = {name.strip().casefold() for name in names}
    kept = sorted((name for name in wanted - COMMON if len(name) >= SHORTEST_NAME), key=len, reverse=True)
    if not kept:
        return None
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, kept))})(?=s?(?![^\W_]))", re.IGNORECASE)
