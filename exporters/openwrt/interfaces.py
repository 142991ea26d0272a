"""Traffic of the router's interfaces (/proc/net/dev), its networks such as wan (ubus), its neighbours (`ip neigh`).

Each of the three stands alone. Interfaces are devices of the kernel, networks are what /etc/config/network names.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from exporters.core.choice import Choice
from exporters.core.collector import Partial, collector, told
from exporters.core.context import Context
from exporters.core.metrics import Family, Sample, counter, gauge
from exporters.core.read import amount, array, attempt, flag, json, maybe, record, text
from exporters.openwrt.answers import steady, time, whole_lines
from exporters.openwrt.identity import named
from exporters.openwrt.nlbw import DATE
from exporters.sources.base import Command, File, Output, ParseError, Replies

NETDEV = File("/proc/net/dev")
DUMP = Command(("ubus", "call", "network.interface", "dump"))
NEIGHBOURS = Command(("ip", "neigh"))
STATES = ("reachable", "stale", "delay", "probe", "incomplete", "failed", "permanent", "noarp")
COLUMNS = 16
LOOPBACK = "loopback"
NOISE = r"lo|(veth|ifb|dummy|teql|hwsim|miireg).*|(gre|gretap|erspan|sit|tunl|ip6tnl|ip6gre|ip_vti|ip6_vti)0"
"""The loopback, ends of containers, shapers, and the devices that the kernel makes for each kind of tunnel."""


class InterfacesConfig(Choice, frozen=True, forbid_unknown_fields=True):
    """Interfaces; by default those that carry traffic of their own."""

    exclude: str = NOISE


@dataclass(frozen=True, slots=True)
class Network:
    """One network: whether it is up, since when (Unix time of the router), the interface that carries its packets."""

    up: bool | None = None
    since: float | None = None
    interface: str = ""


@dataclass(frozen=True, slots=True)
class Interfaces:
    """Counters by interface in the kernel's order, networks by name, neighbours by family, interface and state."""

    counters: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    networks: Mapping[str, Network] = field(default_factory=dict)
    neighbours: Mapping[tuple[str, str], Counter[str]] = field(default_factory=dict)


def parse(replies: Replies, context: Context) -> Interfaces | Partial:
    """Each part from its own answer."""
    faults: list[str] = []
    now = attempt(time, replies.get(DATE), faults)
    counters = attempt(parse_counters, replies.get(NETDEV), faults) or {}
    networks = attempt(lambda output: _networks(output, now), replies.get(DUMP), faults) or {}
    found = attempt(_neighbours, replies.get(NEIGHBOURS), faults) or {}
    shown = context.config.shows()
    reading = Interfaces(
        {name: counts for name, counts in counters.items() if shown(name)},
        networks,
        {key: each for key, each in found.items() if shown(key[1])},
    )
    return told(reading, faults)


def parse_counters(data: bytes) -> dict[str, tuple[float, ...]]:
    """Two lines of headings with bars, then `  eth0: 16 numbers`, which may touch the colon; received ones first."""
    rows = (line.partition(":") for line in whole_lines(data) if "|" not in line)
    found = {name.strip(): _numbers(rest) for name, _, rest in rows}
    if not found:
        raise ParseError("no interface, not even the loopback")
    return found


def _numbers(text_: str) -> tuple[float, ...]:
    numbers = tuple(amount(each) for each in text_.split()[:COLUMNS])
    if len(numbers) != COLUMNS:
        raise ParseError(f"an interface with {len(numbers)} of {COLUMNS} counters")
    return numbers


def _networks(output: Output, now: float | None) -> dict[str, Network]:
    """Shape: `{interface: [{interface, up, uptime, l3_device}]}`; what is down has neither time nor device."""
    found = [record(each) for each in array(record(json(output.stdout)).get("interface"))]
    networks = {text(each.get("interface")): _network(each, now) for each in found}
    return {name: each for name, each in networks.items() if name != LOOPBACK}


def _network(fields: Mapping[str, Any], now: float | None) -> Network:
    up = maybe(flag, fields.get("up"))
    uptime = maybe(amount, fields.get("uptime")) if up else None
    since = None if now is None or uptime is None else now - uptime
    return Network(up, since, maybe(text, fields.get("l3_device")) or "")


def _neighbours(output: Output) -> dict[tuple[str, str], Counter[str]]:
    """Lines `192.168.1.2 dev br-lan lladdr 02:00:00:00:00:0a REACHABLE`; nothing at all where there are none."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for line in whole_lines(output.stdout) if output.stdout else ():
        words = line.split()
        state = words[-1].lower() if words else ""
        if words[1:2] != ["dev"] or state not in STATES:
            raise ParseError("a line of neighbours without interface or state")
        family = "ipv6" if ":" in words[0] else "ipv4"
        found.setdefault((family, words[2]), Counter())[state] += 1
    return found


def advance(state: Interfaces | None, reading: Interfaces, _now: float, _: Context) -> Interfaces:
    """The time since when a network is up stays as it was first reckoned until there is another one."""
    before = state.networks if state else {}
    networks = {
        name: replace(each, since=steady(each.since, before[name].since if name in before else None))
        for name, each in reading.networks.items()
    }
    return replace(reading, networks=networks)


def _moved(name: str, what: str, column: str) -> Family:
    return counter(f"openwrt_interface_{name}_total", f"{what} (/proc/net/dev {column}).", "interface")


COUNTERS: Mapping[int, Family] = {
    0: _moved("receive_bytes", "Received by the router", "receive bytes"),
    8: _moved("transmit_bytes", "Sent by the router", "transmit bytes"),
    1: _moved("receive_packets", "Packets received", "receive packets"),
    9: _moved("transmit_packets", "Packets sent", "transmit packets"),
    2: _moved("receive_errors", "Errors while receiving", "receive errs"),
    10: _moved("transmit_errors", "Errors while sending", "transmit errs"),
    3: _moved("receive_drops", "Incoming packets dropped", "receive drop"),
    11: _moved("transmit_drops", "Outgoing packets dropped", "transmit drop"),
}
UP = gauge("openwrt_network_up", "1 while the network is up (ubus network.interface up).", "network")
SINCE = gauge(
    "openwrt_network_up_timestamp_seconds",
    "When it came up, Unix time by the router's clock (date less ubus network.interface uptime).",
    "network",
)
INFO = gauge(
    "openwrt_network_info",
    "The interface that carries the network's packets (ubus network.interface l3_device).",
    "network",
    "interface",
)
NEIGHBOUR = gauge(
    "openwrt_neighbours", "Addresses that the router knows beside it (ip neigh).", "interface", "family", "state"
)


@collector(
    "interfaces",
    *COUNTERS.values(),
    UP,
    SINCE,
    INFO,
    NEIGHBOUR,
    optional=(NETDEV, DUMP, NEIGHBOURS, DATE),
    parse=parse,
    advance=advance,
    cadence=30,
    config=InterfacesConfig,
    publishes=("interface", "l3_device"),
)
def interfaces(state: Interfaces, context: Context) -> Iterable[Sample]:
    """Each interface, network and neighbourhood that may be named."""
    yield from _traffic(state, context)
    for name, network in state.networks.items():
        yield from _network_samples(named(name, context), network, context)
    for (family, name), counts in state.neighbours.items():
        public = named(name, context)
        for each in STATES if public else ():
            yield from NEIGHBOUR(counts[each], interface=public, family=family, state=each)


def _traffic(state: Interfaces, context: Context) -> Iterator[Sample]:
    for name, counts in state.counters.items():
        public = named(name, context)
        for column, family in COUNTERS.items() if public else ():
            yield from family(counts[column], interface=public)


def _network_samples(public: str, network: Network, context: Context) -> Iterator[Sample]:
    if not public:
        return
    yield from UP(network.up, network=public)
    yield from SINCE(network.since, network=public)
    interface = named(network.interface, context) if network.interface else ""
    if interface:
        yield from INFO(1, network=public, interface=interface)
