"""The way out of the Mac: default route, name servers, VPN, proxies (`route -n get default`, `scutil`).

No address is told. Whether the Internet answers is known only where the configuration names a page to ask for.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from exporters.core.collector import Partial, Questions, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, enum, gauge
from exporters.core.read import array, flag, maybe, number, record, text
from exporters.macos import route, scutil
from exporters.sources.base import Command, Output, ParseError, Probe, Replies, System
from exporters.sources.patterns import compiled

ADDRESSES = System("addresses")
SUMMARY = Command(("ipconfig", "getsummary", "NAME"))
ONLINE = "Success"
"""What Apple's page says; no other pattern needs to be looked at."""
STATES = ("online", "captive", "unreachable", "routed", "offline", "unknown")
TUNNEL = re.compile(r"(utun|ppp|ipsec)\d{1,3}")
ETHERNET = re.compile(r"en\d{1,3}")
TYPE = re.compile(rb"^  InterfaceType : (\w+)\n", re.MULTILINE)
TYPES = {b"WiFi": "wifi", b"Ethernet": "ethernet"}
PORTAL = 511
"""Network Authentication Required; any other status from 500 on is a fault of the server that was asked."""
FAULTS = range(500, 600)
URL = re.compile(r"https?://[!-~]+")
Value = TypeVar("Value")


class NetworkPathConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`captive_url`: a page to ask for at each look, none if empty. `captive_pattern`: what it holds when online."""

    captive_url: str = ""
    captive_pattern: str = ONLINE

    def __post_init__(self) -> None:
        """Both are checked before anything is asked."""
        if self.captive_url and not URL.fullmatch(self.captive_url):
            raise ValueError("captive_url begins with http:// or https://")
        try:
            if self.captive_url or self.captive_pattern != ONLINE:
                compiled(self.captive_pattern)
        except ValueError as error:
            raise ValueError(f"captive_pattern: {error}") from error


@dataclass(frozen=True, slots=True)
class Path:
    """One of `STATES`; interface and kind of the default route, empty if not told; counts, None if not told."""

    state: str
    interface: str = ""
    kind: str = ""
    tunnels: Mapping[str, int] = field(default_factory=dict)
    servers: Mapping[str, int] | None = None
    services: Mapping[str, int] | None = None
    proxies: Mapping[str, bool] | None = None


@dataclass(frozen=True, slots=True)
class History:
    """The last look, and the kind of each interface that was asked for it."""

    path: Path
    kinds: Mapping[str, str] = field(default_factory=dict)


def optional(context: Context) -> Questions:
    """What scutil knows, and the page where one is configured."""
    return (scutil.DNS, scutil.SERVICES, scutil.PROXY, *_probe(context))


def _probe(context: Context) -> tuple[Probe, ...]:
    url = context.config.captive_url
    return (Probe("http", url, pattern=context.config.captive_pattern),) if url else ()


def summary_of(interface: str) -> Command:
    """What kind of interface it is."""
    return Command(("ipconfig", "getsummary", interface))


def second_round(replies: Replies, _: Context, state: History | None) -> Questions:
    """The kind of the default route's interface, once: names alone do not tell Wi-Fi from a cable."""
    way = route.parse(replies[route.DEFAULT])
    if way is None or not ETHERNET.fullmatch(way.interface) or (state and way.interface in state.kinds):
        return ()
    return (summary_of(way.interface),)


def parse(replies: Replies, context: Context) -> Path | Partial:
    """The route and the addresses, and of the rest what can be read."""
    way, known = route.parse(replies[route.DEFAULT]), _addresses(replies[ADDRESSES])
    faults: list[str] = []
    answer = next((_attempt(_answered, replies.get(each), faults) for each in _probe(context)), "routed")
    path = Path(
        _state(way, known, answer),
        interface=way.interface if way else "",
        kind=_kind(way.interface, replies, faults) if way else "",
        tunnels=_tunnels(known),
        servers=_attempt(scutil.dns, replies.get(scutil.DNS), faults),
        services=_attempt(scutil.services, replies.get(scutil.SERVICES), faults),
        proxies=_attempt(scutil.proxies, replies.get(scutil.PROXY), faults),
    )
    return Partial(path, "; ".join(faults)) if faults else path


def _attempt(read: Callable[[Any], Value], answer: Any, faults: list[str]) -> Value | None:
    try:
        return maybe(read, answer)
    except ParseError as error:
        faults.append(str(error))
        return None


def _addresses(fact: Any) -> Mapping[str, tuple[str, ...]]:
    """Those of each interface that lead beyond the link: no loopback, no address that the Mac gave itself."""
    known = {name: record(found) for name, found in record(fact).items()}
    return {name: tuple(filter(_leads_out, _both(found))) for name, found in known.items()}


def _both(found: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("ipv4", "ipv6"):
        yield from (text(each) for each in array(found.get(kind)))


def _leads_out(address: str) -> bool:
    """Of IPv6 global ones: macOS gives its own tunnels to phones and watches local ones."""
    return address[:1] in {"2", "3"} if ":" in address else not address.startswith(("127.", "169.254.", "0."))


def _state(way: route.Route | None, known: Mapping[str, tuple[str, ...]], answer: str | None) -> str:
    """Without a route for IPv4 there may still be one for IPv6, which was not asked for."""
    if not any(known.values()):
        return "offline"
    if way is None:
        return "unknown" if any(":" in each for found in known.values() for each in found) else "offline"
    return answer or "unknown"


def _answered(result: Any) -> str:
    """What came of the request: the page, a whole answer of another kind as portals give, or none."""
    found = record(result)
    if flag(found.get("success")):
        return "online"
    reason, status = text(found.get("reason")), maybe(number, found.get("status"))
    if reason == "denied":
        return "unknown"
    if reason not in {"status", "body"} or (status in FAULTS and status != PORTAL):
        return "unreachable"
    return "captive"


def _tunnels(known: Mapping[str, tuple[str, ...]]) -> Mapping[str, int]:
    """Every Mac has tunnels of its own, which have no address that leads out."""
    kinds = [found[1] for name, addresses in known.items() if addresses and (found := TUNNEL.fullmatch(name))]
    return {kind: kinds.count(kind) for kind in ("utun", "ppp", "ipsec")}


def _kind(interface: str, replies: Replies, faults: list[str]) -> str:
    if not ETHERNET.fullmatch(interface):
        return "tunnel" if TUNNEL.fullmatch(interface) else "other"
    return _attempt(_type, replies.get(summary_of(interface)), faults) or ""


def _type(output: Output) -> str:
    found = TYPE.search(output.stdout)
    if not found:
        raise ParseError("ipconfig does not say what kind of interface it is")
    return TYPES.get(found[1], "other")


def advance(state: History | None, reading: Path, _now: float, _: Context) -> History:
    """Keeps the kinds, so that each interface is asked for once."""
    kinds = dict(state.kinds) if state else {}
    if reading.kind and ETHERNET.fullmatch(reading.interface):
        kinds[reading.interface] = reading.kind
    return History(reading, kinds)


STATE = enum(
    "macos_network_state",
    "The way out: routed is a default route of which no more is known (route -n get default, and captive_url).",
    "state",
    STATES,
)
ROUTE = gauge(
    "macos_network_default_route",
    "1 for the interface of the default route; kind is wifi, ethernet, tunnel or other (route -n get default).",
    *("interface", "kind"),
)
SERVERS = gauge(
    "macos_network_dns_servers",
    "Name servers, of the system (default) and for some domains, as a VPN adds them (scutil --dns).",
    "scope",
)
TUNNELS = gauge(
    "macos_vpn_tunnels", "Tunnels with an address that leads beyond the Mac, as a VPN has (addresses).", "kind"
)
SERVICES = gauge("macos_vpn_services", "VPN services that the system manages, by state (scutil --nc list).", "state")
PROXY = gauge("macos_network_proxy", "1 if that kind of proxy is switched on (scutil --proxy).", "kind")


@collector(
    "network_path",
    *(STATE, ROUTE, SERVERS, TUNNELS, SERVICES, PROXY),
    required=(route.DEFAULT, ADDRESSES),
    optional=optional,
    then=second_round,
    then_asks=(SUMMARY,),
    parse=parse,
    advance=advance,
    cadence=120,
    config=NetworkPathConfig,
    unverified=(
        "`InterfaceType : Ethernet` is reported, not captured; `scutil --nc list` is a test author's list in the real"
        " format, and `route` without a default route is from Apple's source."
    ),
)
def network_path(state: History, _: Context) -> Iterable[Sample]:
    """No address and no name of a service."""
    path = state.path
    yield from STATE.one_of(path.state)
    if kind := path.kind or state.kinds.get(path.interface):
        yield from ROUTE(1, interface=path.interface, kind=kind)
    for kind, count in path.tunnels.items():
        yield from TUNNELS(count, kind=kind)
    for scope, count in (path.servers or {}).items():
        yield from SERVERS(count, scope=scope)
    for name, count in (path.services or {}).items():
        yield from SERVICES(count, state=name)
    for kind, on in (path.proxies or {}).items():
        yield from PROXY(float(on), kind=kind)
