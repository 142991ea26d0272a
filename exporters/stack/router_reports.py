"""What the programs and files of a simulated OpenWrt router print, nlbwmon's aside."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from zlib import crc32

import msgspec

from exporters.stack.dynamics import HOUR
from exporters.stack.router_model import DAY, Device
from exporters.stack.router_traffic import REFRESH, Daemon

RELEASE = b"DISTRIB_ID='OpenWrt'\nDISTRIB_RELEASE='24.10.4'\nDISTRIB_TARGET='ath79/generic'\n"
SIZE, FREE = 249_336, 120_000
PACKET = 1000
DEVICE_COLUMNS = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
"""  # noqa: E501 - the kernel's own lines
NETLINK_COLUMNS = (
    "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"
    "0000000000000000 0   0          00000000 0        0        0     2        0        4\n"
    "0000000000000000 12  0          00000000 0        0        0     2        0        6\n"
)
SUBSCRIBER = "0000000000000000 12  2317       00000005 0        0        0     2        0        8145\n"


def load(now: float) -> bytes:
    """/proc/loadavg."""
    busy = [0.2 + 0.15 * math.sin(math.tau * now / period) for period in (HOUR / 6, HOUR, 3 * HOUR)]
    return f"{busy[0]:.2f} {busy[1]:.2f} {busy[2]:.2f} 1/92 20741\n".encode()


def memory(now: float) -> bytes:
    """/proc/meminfo, in kB."""
    free = FREE + int(9_000 * math.sin(math.tau * now / HOUR))
    facts = {"MemTotal": SIZE, "MemFree": free, "MemAvailable": free + 41_000, "Buffers": 6_012, "Cached": 38_664}
    return "".join(f"{name + ':':<16}{value:>8} kB\n" for name, value in facts.items()).encode()


def interfaces(used: Mapping[str, tuple[float, float]]) -> bytes:
    """/proc/net/dev: bytes received and sent by each interface."""
    lines = [
        f"{name:>6}: {int(received):>8} {int(received) // PACKET:>7}    0    0    0     0          0         0"
        f" {int(sent):>8} {int(sent) // PACKET:>7}    0    0    0     0       0          0\n"
        for name, (received, sent) in used.items()
    ]
    return (DEVICE_COLUMNS + "".join(lines)).encode()


def netlink(*, subscribed: bool) -> bytes:
    """/proc/net/netlink: nlbwmon hears of new and ended connections."""
    return (NETLINK_COLUMNS + (SUBSCRIBER if subscribed else "")).encode()


def leases(devices: Iterable[Device], expires: float) -> bytes:
    """The lease file of dnsmasq; the printer's lease never ends."""
    return "".join(
        f"{0 if each.kind.category == 'printer' else int(expires)} {each.mac} {each.ipv4} {each.name or '*'}"
        f" 01:{each.mac}\n"
        for each in devices
    ).encode()


def neighbours(devices: Iterable[tuple[Device, bool]]) -> bytes:
    """`ip neigh`: each device and whether it is there."""
    addresses = (
        (address, each.mac, "REACHABLE" if there else "STALE")
        for each, there in devices
        for address in (each.ipv4, *each.ipv6)
    )
    return "".join(f"{address} dev br-lan lladdr {mac} {state} \n" for address, mac, state in addresses).encode()


def stations(devices: Sequence[Device], now: float) -> bytes:
    """`iwinfo IF assoclist`."""
    return "".join(_station(each, now) for each in devices).encode() or b"No station connected\n"


def _station(device: Device, now: float) -> str:
    own = crc32(device.mac.encode())
    signal = -45 - own % 30 + round(4 * math.sin(math.tau * now / 900 + own))
    rate = (866.7, 390.0, 144.4, 72.2)[own % 4]
    packets = int(now % DAY * 3)
    return (
        f"{device.mac.upper()}  {signal} dBm / -95 dBm (SNR {signal + 95})  {own % 9 * 10} ms ago\n"
        f"\tRX: {f'{rate} MBit/s, VHT-MCS 7, 80MHz, VHT-NSS 2':<38}  {packets:>8} Pkts.\n"
        f"\tTX: {f'{rate} MBit/s, VHT-MCS 8, 80MHz, VHT-NSS 2' if own % 5 else 'unknown':<38}  {packets:>8} Pkts.\n"
        f"\texpected throughput: unknown\n\n"
    )


def hints(devices: Iterable[Device]) -> bytes:
    """`ubus call luci-rpc getHostHints`."""
    return msgspec.json.encode({each.mac.upper(): _hint(each) for each in devices})


def _hint(device: Device) -> dict[str, Any]:
    hint: dict[str, Any] = {"ipaddrs": [device.ipv4], "ip6addrs": device.ipv6}
    return hint | ({"name": f"{device.name}.lan"} if device.name else {})


def networks(uptime: float) -> bytes:
    """`ubus call network.interface dump`."""
    known = (("lan", "br-lan", "static"), ("loopback", "lo", "static"), ("wan", "wan", "dhcp"), ("wan6", "wan", ""))
    return msgspec.json.encode({"interface": [_network(*each, max(0, int(uptime) - 20)) for each in known]})


def _network(name: str, interface: str, proto: str, seconds: int) -> dict[str, Any]:
    """The provider has no IPv6: wan6 stays down."""
    facts: dict[str, Any] = {"interface": name, "up": bool(proto), "pending": not proto, "available": True}
    if proto:
        facts |= {"uptime": seconds, "l3_device": interface}
    return facts | {"proto": proto or "dhcpv6", "device": interface, "metric": 0, "data": {}}


def nlbwmon_settings(daemon: Daemon) -> bytes:
    """/etc/config/nlbwmon."""
    interval = "1" if daemon.periods.monthly else "2026-01-01/1"
    options = {
        "netlink_buffer_size": "524288",
        "commit_interval": f"{daemon.life.commit:.0f}s",
        "refresh_interval": f"{REFRESH:.0f}s",
        "database_directory": "/etc/nlbwmon",
        "database_generations": str(daemon.generations),
        "database_interval": interval,
        "database_limit": "10000",
        "protocol_database": "/usr/share/nlbwmon/protocols",
    }
    networks = "".join(f"\tlist local_network '{each}'\n" for each in ("192.168.0.0/16", "10.0.0.0/8", "lan"))
    return _section("nlbwmon", options) + networks.encode()


def firewall_settings(*, offloading: bool) -> bytes:
    """/etc/config/firewall."""
    options = {"syn_flood": "1", "input": "REJECT", "output": "ACCEPT", "forward": "REJECT"}
    zone = {"name": "lan", "input": "ACCEPT", "output": "ACCEPT", "forward": "ACCEPT", "network": "lan"}
    defaults = options | ({"flow_offloading": "1"} if offloading else {})
    return _section("defaults", defaults) + _section("zone", zone)


def dhcp_settings(devices: Iterable[Device]) -> bytes:
    """/etc/config/dhcp: one pool, and a static host for what a person gave a place."""
    pool = {"interface": "lan", "start": "20", "limit": "200", "leasetime": "12h"}
    sections = [
        _section("dnsmasq", {"domain": "lan", "leasefile": "/tmp/dhcp.leases"}),  # noqa: S108
        _section("dhcp 'lan'", pool),
        _section("dhcp 'wan'", {"interface": "wan", "ignore": "1"}),
    ]
    return b"".join((*sections, *_hosts(devices)))


def _hosts(devices: Iterable[Device]) -> Iterator[bytes]:
    fixed = (each for each in devices if each.kind.category in {"printer", "storage", "camera"})
    for each in fixed:
        yield _section("host", {"name": each.name, "mac": each.mac.upper(), "ip": each.ipv4})


def _section(head: str, options: Mapping[str, str]) -> bytes:
    """As uci writes it."""
    lines = (f"\toption {name} '{value}'\n" for name, value in options.items())
    return f"\nconfig {head}\n{''.join(lines)}".encode()
