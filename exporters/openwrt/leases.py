"""Who is called what on a router, and its DHCP pools: dnsmasq's lease file, `/etc/config/dhcp`, LuCI's host hints.

A lease is a line `expiry mac ip name client-id`. Names of leases and hints are chosen by the devices themselves.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from exporters.core.read import json, maybe, record, text
from exporters.openwrt.uci import Section, Sections
from exporters.openwrt.vendor import is_unicast
from exporters.sources.base import Command, File, Output, ParseError

LEASES = File("/tmp/dhcp.leases")  # noqa: S108 - OpenWrt's place, on the router
HOSTS = File("/etc/config/dhcp")
"""Also the pools and the domain."""
HINTS = Command(("ubus", "call", "luci-rpc", "getHostHints"), ok_exits=(0, 3, 4, 127))
"""3, 4: rpcd-mod-luci is not installed, or has no such method."""
POOL_SIZE = 150
LONGEST = 64
_MAC = r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LEASE = re.compile(rf"([0-9]{{1,20}}) ({_MAC}) ({_OCTET}(?:\.{_OCTET}){{3}}) (\S+)(?: .*)?")
_NOT_OURS = re.compile(r"duid .*|[0-9]{1,20} (T?[0-9]+|[0-9a-f]{2}-[0-9a-f:]*) .*")
"""The DHCPv6 part has an IAID in the place of the address; hardware other than Ethernet has its kind before it."""
_YES = frozenset({"1", "on", "true", "yes", "enabled"})
_NO = frozenset({"0", "off", "false", "no", "disabled"})


@dataclass(frozen=True, slots=True)
class Lease:
    """An IPv4 address given to a device: no name where none is known; `expires` in Unix seconds, None for never."""

    mac: str
    ip: str
    name: str | None = None
    expires: float | None = None


def parse_leases(data: bytes) -> tuple[Lease, ...]:
    """The IPv4 leases. dnsmasq writes the file in place, so its last line may be cut: without its end it is none.

    A line that is no lease gives none; only a file of nothing else is an error.
    """
    whole = data[: data.rfind(b"\n") + 1].decode(errors="replace")
    told = [line for line in whole.split("\n") if line]
    found = tuple(_lease(match) for line in told if (match := _LEASE.fullmatch(line)))
    if told and not found and not any(map(_NOT_OURS.fullmatch, told)):
        raise ParseError("no line of the lease file is a lease")
    return found


def _lease(found: re.Match[str]) -> Lease:
    expires, mac, ip, name = found.groups()
    return Lease(mac.lower(), ip, None if name == "*" else name, float(expires) or None)


def hosts(configured: Sections) -> Mapping[str, str]:
    """Static hosts by MAC address. An option can hold several addresses; patterns such as `3c:22:fb:*:*:*` are none."""
    found: dict[str, str] = {}
    for host in _of(configured, "host"):
        name = host.one("name")
        for mac in re.split(r"[\s,]+", " ".join(host.options.get("mac", ())).lower().replace("-", ":")):
            if name and re.fullmatch(_MAC, mac):
                found.setdefault(mac, name)
    return found


def pools(configured: Sections) -> Mapping[str, int]:
    """Addresses that each interface gives away, as set; interfaces that give none are left out."""
    found: dict[str, int] = {}
    for pool in _of(configured, "dhcp"):
        interface, size = pool.one("interface"), pool.one("limit") or str(POOL_SIZE)
        off = pool.one("ignore") in _YES or pool.one("dynamicdhcp") in _NO or pool.one("dhcpv4") == "disabled"
        if interface and not off and re.fullmatch(r"[0-9]{1,9}", size) and int(size):
            found[interface] = found.get(interface, 0) + int(size)
    return found


def domain(configured: Sections) -> str:
    """The name that the router gives its network; "lan" where none is set, as on a new OpenWrt."""
    return next(filter(None, (each.one("domain") for each in _of(configured, "dnsmasq"))), "lan")


def _of(configured: Sections, kind: str) -> Iterator[Section]:
    return (each for each in configured if each.type == kind)


def parse_hints(output: Output, domain: str = "lan") -> Mapping[str, str]:
    """Names by MAC address, of old and new LuCI. Under proxy ARP a device can have the router's own name."""
    if output.exit != 0:
        return {}
    told = record(json(output.stdout.decode(errors="replace").encode()))
    hints = {mac.lower(): maybe(text, record(hint).get("name")) for mac, hint in told.items()}
    return {mac: _short(name, domain) for mac, name in hints.items() if name and re.fullmatch(_MAC, mac)}


def _short(name: str, domain: str) -> str:
    return name.partition(".")[0] if name.lower().endswith(f".{domain.lower()}") else name


def names(leases: Iterable[Lease], hosts: Mapping[str, str], hints: Mapping[str, str]) -> Mapping[str, str]:
    """The name of each device by MAC address: that of the static host, else of the lease, else of the hint."""
    leased = ((lease.mac, lease.name or "") for lease in leases)
    found: dict[str, str] = {}
    for mac, given in chain(hosts.items(), leased, hints.items()):
        name = _clean(given)
        if name and is_unicast(mac):
            found.setdefault(mac, name)
    return found


def _clean(name: str) -> str:
    """One line of at most 64 characters that can be seen; "" where nothing is left, or `*`."""
    seen = "".join(filter(str.isprintable, " ".join(name.split()))).strip()[:LONGEST].rstrip()
    return "" if seen == "*" else seen
