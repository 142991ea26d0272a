"""The default gateway of this machine (IPv4): by `route` on macOS, by `/proc/net/route` on Linux.

Neither answer is an error where there is none: a tunnel has no gateway, and a machine without a network no route.
"""

import re
from ipaddress import IPv4Address

from exporters.sources.base import Command, File, Replies

ROUTE = Command(("route", "-n", "get", "default"), ok_exits=(0, 1, 3, 4))
"""The route command of Linux knows no `get` and ends with another status."""
ROUTES = File("/proc/net/route")
QUESTIONS = (ROUTES, ROUTE)
_MACOS = re.compile(rb"^ +gateway: ([0-9]{1,3}(?:\.[0-9]{1,3}){3})\n", re.MULTILINE)
_LINUX = re.compile(
    rb"^\S+\t00000000\t(?P<gateway>[0-9A-F]{8})\t(?P<flags>[0-9A-F]{4})\t\d+\t\d+\t(?P<metric>\d+)\t00000000\t",
    re.MULTILINE,
)
_UP_BY_GATEWAY = 0x3


def gateway(replies: Replies) -> str | None:
    """Its address; None where there is none, or none that we can read."""
    return _by_kernel(replies.get(ROUTES) or b"") or _by_route(getattr(replies.get(ROUTE), "stdout", b""))


def _by_kernel(table: bytes) -> str | None:
    """The default route with the lowest metric; addresses stand there as the machine stores them, last byte first."""
    found = [each for each in _LINUX.finditer(table) if int(each["flags"], 16) & _UP_BY_GATEWAY == _UP_BY_GATEWAY]
    best = min(found, key=lambda each: int(each["metric"]), default=None)
    return str(IPv4Address(bytes.fromhex(best["gateway"].decode())[::-1])) if best else None


def _by_route(printed: bytes) -> str | None:
    found = _MACOS.search(printed)
    try:
        return str(IPv4Address(found[1].decode())) if found else None
    except ValueError:
        return None
