"""How full the DHCP pools are: dnsmasq's lease file beside the pools of `/etc/config/dhcp`. Nothing names a device."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile

from exporters.core.collector import Partial, collector, told
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import attempt
from exporters.openwrt.answers import time, whole_lines
from exporters.openwrt.identity import named
from exporters.openwrt.leases import HOSTS, LEASES, Lease, parse_leases, pools
from exporters.openwrt.nlbw import DATE
from exporters.openwrt.uci import configured
from exporters.sources.base import ParseError, Replies


@dataclass(frozen=True, slots=True)
class Dhcp:
    """IPv4 leases that hold now, and addresses to give away by network."""

    active: float | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)


def parse(replies: Replies, _: Context) -> Dhcp | Partial:
    """Whether a lease holds is told by the router's clock, which wrote it: without that their number is unknown."""
    faults: list[str] = []
    now = attempt(time, replies.get(DATE), faults)
    leases = attempt(_leases, replies.get(LEASES), faults)
    reading = Dhcp(
        active=None if now is None or leases is None else sum(_holds(each, now) for each in leases),
        sizes=pools(configured(HOSTS, replies, faults) or ()),
    )
    return told(reading, faults)


def _leases(data: bytes) -> tuple[Lease, ...]:
    """Of each line before the DHCPv6 part: a number that leaves one out would be wrong. An empty file is none yet."""
    found = parse_leases(data)
    listed = takewhile(lambda line: not line.startswith("duid "), whole_lines(data) if data else ())
    if len(found) != sum(1 for _ in listed):
        raise ParseError("a line of the lease file that is no lease")
    return found


def _holds(lease: Lease, now: float) -> bool:
    return lease.expires is None or lease.expires > now


LEASED = gauge("openwrt_dhcp_leases", "IPv4 leases that hold, by the router's clock (/tmp/dhcp.leases).")
SIZE = gauge(
    "openwrt_dhcp_pool_size", "IPv4 addresses that a network gives away at most (/etc/config/dhcp limit).", "network"
)


@collector("dhcp", LEASED, SIZE, optional=(LEASES, HOSTS, DATE), parse=parse, cadence=30)
def dhcp(reading: Dhcp, context: Context) -> Iterable[Sample]:
    """The leases, and each pool that may be named."""
    yield from LEASED(reading.active)
    for network, size in reading.sizes.items():
        public = named(network, context)
        if public:
            yield from SIZE(size, network=public)
