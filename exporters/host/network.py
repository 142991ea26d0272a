"""Traffic and state of the physical network interfaces (psutil `net_io_counters`, `net_if_stats`)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from exporters.core.choice import Choice
from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Family, Sample, counter, gauge
from exporters.core.read import amount, flag, maybe, record
from exporters.sources.base import Replies, System

NETWORK = System("network")
VIRTUAL = (
    r"(lo|awdl|llw|utun|bridge|gif|stf|anpi|ap|p2p|pktap|vmenet|vmnet|XHC)\d*"
    r"|(veth|docker|br-|virbr|vnet|tun|tap|wg|ipsec|ppp|tailscale|zt|cali|flannel|cni|vxlan|dummy|ifb|sit|gre|erspan"
    r"|ip6tnl|ip6gre|ip_vti|ip6_vti|tunl|teql|nlmon|bond|team|lxc|lxdbr|podman|kube-).*"
    r"|br\d+|.+\.\d+"
)
NAMED_BY_ADDRESS = re.compile(r"(en|wl|ww)x[0-9a-f]{12}")
BYTES_PER_MEGABIT = 125_000


class NetworkConfig(Choice, frozen=True, forbid_unknown_fields=True):
    """Interfaces; by default the physical ones."""

    exclude: str = VIRTUAL


def _moved(name: str, what: str, field: str) -> Family:
    return counter(f"pomona_host_network_{name}_total", f"{what} (psutil net_io_counters {field}).", "interface")


COUNTERS: Mapping[str, Family] = {
    "bytes_recv": _moved("receive_bytes", "Received", "bytes_recv"),
    "bytes_sent": _moved("transmit_bytes", "Sent", "bytes_sent"),
    "packets_recv": _moved("receive_packets", "Packets received", "packets_recv"),
    "packets_sent": _moved("transmit_packets", "Packets sent", "packets_sent"),
    "errin": _moved("receive_errors", "Errors while receiving", "errin"),
    "errout": _moved("transmit_errors", "Errors while sending", "errout"),
    "dropin": _moved("receive_drops", "Incoming packets dropped", "dropin"),
    "dropout": _moved("transmit_drops", "Outgoing packets dropped, not known on macOS", "dropout"),
}
UP = gauge("pomona_host_network_up", "1 while the interface is up and running (psutil net_if_stats).", "interface")
SPEED = gauge(
    "pomona_host_network_speed_bytes_per_second", "Speed of the link, where known (psutil net_if_stats).", "interface"
)
MTU = gauge("pomona_host_network_mtu_bytes", "Largest packet (psutil net_if_stats).", "interface")


@dataclass(frozen=True, slots=True)
class Interface:
    """Counters by psutil's names; the speed in bytes per second, the MTU in bytes."""

    name: str
    counters: Mapping[str, float | None]
    up: bool | None
    speed: float | None
    mtu: float | None


def parse(replies: Replies, context: Context) -> tuple[Interface, ...]:
    """Shape: `{interface: {counter: number, up, mtu, speed}}`, the speed in Mbit/s and 0 when unknown."""
    shown = context.config.shows()
    found = sorted(record(replies[NETWORK]).items())
    return tuple(_interface(name, record(fields)) for name, fields in found if shown(name))


def _interface(name: str, fields: Mapping[str, object]) -> Interface:
    megabits = maybe(amount, fields.get("speed"))
    return Interface(
        name,
        {each: maybe(amount, fields.get(each)) for each in COUNTERS},
        up=maybe(flag, fields.get("up")),
        speed=megabits * BYTES_PER_MEGABIT if megabits else None,
        mtu=maybe(amount, fields.get("mtu")),
    )


@collector("network", *COUNTERS.values(), UP, SPEED, MTU, required=(NETWORK,), parse=parse, config=NetworkConfig)
def network(reading: tuple[Interface, ...], context: Context) -> Iterable[Sample]:
    """Each interface that may be named."""
    for each in reading:
        name = _public(each.name, context)
        if name:
            yield from _samples(each, name)


def _public(name: str, context: Context) -> str:
    """Linux names some interfaces by their hardware address: a hash stands in for it, at `strict` nothing does."""
    if not NAMED_BY_ADDRESS.fullmatch(name):
        return name
    hidden = context.identity(name[3:])
    return f"{name[:3]}{hidden}" if hidden else ""


def _samples(each: Interface, name: str) -> Iterator[Sample]:
    for field, value in each.counters.items():
        yield from COUNTERS[field](value, interface=name)
    yield from UP(each.up, interface=name)
    yield from SPEED(each.speed, interface=name)
    yield from MTU(each.mtu, interface=name)
