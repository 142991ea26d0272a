"""The series of each device behind a router: counters, the running period, calendar use and quota, who it is.

A device is named by its MAC address, at privacy level strict by a hash of it. "other" are those beyond the cap, and the
hosts whose MAC address nlbwmon does not know.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from socket import AF_INET, inet_ntop, inet_pton

from exporters.core.context import Context
from exporters.core.metrics import Family, Sample, counter, gauge
from exporters.openwrt import accumulator, ledger
from exporters.openwrt.accumulator import OTHER
from exporters.openwrt.devices import Device
from exporters.openwrt.identity import identify
from exporters.openwrt.leases import Lease
from exporters.openwrt.nlbw import NOTHING, Counts, Reading, Traffic
from exporters.openwrt.vendor import is_randomized, vendor

GROWN = "growth of nlbw -c json"


def _counter(name: str, what: str) -> Family:
    return counter(f"openwrt_device_{name}_total", f"{what}, as far as the router routed it ({GROWN}).", "mac")


def _running(name: str, what: str, column: str) -> Family:
    return gauge(
        f"openwrt_nlbwmon_period_{name}", f"{what} in nlbwmon's running period (nlbw -c json {column}).", "mac"
    )


RECEIVED = _counter("receive_bytes", "Bytes that came down to the device")
SENT = _counter("transmit_bytes", "Bytes that the device sent up")
PACKETS_IN = _counter("receive_packets", "Packets that came down to the device")
PACKETS_OUT = _counter("transmit_packets", "Packets that the device sent up")
CONNECTIONS = _counter("connections", "Connections from and to the device")
PERIOD_IN = _running("receive_bytes", "Bytes received", "rx_bytes")
PERIOD_OUT = _running("transmit_bytes", "Bytes sent", "tx_bytes")
PERIOD_CONNECTIONS = _running("connections", "Connections", "conns")
USE = gauge(
    "openwrt_device_period_bytes",
    f"Bytes in both directions since the first look in the calendar day or month ({GROWN}).",
    *("mac", "period"),
)
QUOTA = gauge("openwrt_device_quota_bytes", "What the device may use a day or month (devices.yml).", "mac", "period")
FIRST = gauge(
    "openwrt_device_first_seen_timestamp_seconds",
    "The first look that had the device, anew after it vanished (nlbw -c json).",
    "mac",
)
ACTIVITY = gauge(
    "openwrt_device_last_activity_timestamp_seconds",
    f"The last look at which the device had grown, until then the first that had it ({GROWN}).",
    "mac",
)
INFO = gauge(
    "openwrt_device_info",
    "Who a device is, by devices.yml, the router's names and leases, and its address (uci, ubus, dhcp.leases).",
    *("mac", "name", "vendor", "category", "group", "ipv4", "randomized"),
)
KNOWN = gauge("openwrt_device_known", "1 if the device is in devices.yml, else 0 (devices.yml).", "mac")
DEVICES = gauge("openwrt_devices", "Devices with series of their own, in devices.yml or not (nlbw -c json).", "known")
PROTOCOL_IN = counter(
    "openwrt_protocol_receive_bytes_total",
    "Bytes that came down to the device by protocol (growth of nlbw -c json -g mac,layer7).",
    *("mac", "protocol"),
)
PROTOCOL_OUT = counter(
    "openwrt_protocol_transmit_bytes_total",
    "Bytes that the device sent up by protocol (growth of nlbw -c json -g mac,layer7).",
    *("mac", "protocol"),
)
COUNTERS = (CONNECTIONS, RECEIVED, PACKETS_IN, SENT, PACKETS_OUT)
"""In the order of `Counts`."""
FAMILIES: tuple[Family, ...] = (
    *(RECEIVED, SENT, PACKETS_IN, PACKETS_OUT, CONNECTIONS, PERIOD_IN, PERIOD_OUT, PERIOD_CONNECTIONS),
    *(USE, QUOTA, FIRST, ACTIVITY, INFO, KNOWN, DEVICES, PROTOCOL_IN, PROTOCOL_OUT),
)


def traffic(state: accumulator.State, seen: Traffic, book: ledger.Ledger, context: Context) -> Iterator[Sample]:
    """What a good look tells of each device, and of "other"."""
    for mac, counts in accumulator.shown(state):
        labels = {"mac": _shown(mac, context)}
        yield from _totals(counts, labels)
        yield from _use(book, mac, labels)
        if mac != OTHER:
            yield Sample(FIRST, labels, book.uses[mac].first)
            yield Sample(ACTIVITY, labels, state.seen.devices[mac].grown)
    for mac, counts in _running_period(state, seen).items():
        yield from _period(counts, {"mac": _shown(mac, context)})
    yield from _numbers(state, context)


def _totals(counts: Counts, labels: Mapping[str, str]) -> Iterator[Sample]:
    """Made as they are: a call of a family checks its labels, and there are 14 samples for each of 1,000 devices."""
    for family, value in zip(COUNTERS, counts, strict=True):
        yield Sample(family, labels, float(value))


def _use(book: ledger.Ledger, mac: str, labels: Mapping[str, str]) -> Iterator[Sample]:
    if book.day:
        use = book.uses[mac]
        yield Sample(USE, {**labels, "period": "day"}, float(use.day))
        yield Sample(USE, {**labels, "period": "month"}, float(use.month))


def _period(counts: Counts, labels: Mapping[str, str]) -> Iterator[Sample]:
    yield Sample(PERIOD_IN, labels, float(counts.rx_bytes))
    yield Sample(PERIOD_OUT, labels, float(counts.tx_bytes))
    yield Sample(PERIOD_CONNECTIONS, labels, float(counts.connections))


def _numbers(state: accumulator.State, context: Context) -> Iterator[Sample]:
    owned = ledger.owners(state)
    listed = sum(mac in context.config.devices for mac in owned)
    yield from DEVICES(listed, known="true")
    yield from DEVICES(len(owned) - listed, known="false")


def _running_period(state: accumulator.State, seen: Traffic) -> Mapping[str, Counts]:
    """What nlbw printed; devices without series of their own are added up, so that the sum stays nlbw's."""
    own, rest = {}, NOTHING
    for mac, counts in seen.devices.items():
        known = state.seen.devices.get(mac)
        if known is not None and known.own:
            own[mac] = counts
        else:
            rest = rest.plus(counts)
    return {**own, OTHER: rest}


def pairs(shown: Iterable[tuple[str, str, Counts]], context: Context) -> Iterator[Sample]:
    """Each device and protocol."""
    for mac, protocol, counts in shown:
        name = _shown(mac, context)
        yield from PROTOCOL_IN(counts.rx_bytes, mac=name, protocol=protocol)
        yield from PROTOCOL_OUT(counts.tx_bytes, mac=name, protocol=protocol)


def identities(
    state: accumulator.State, reading: Reading, leases: Sequence[Lease], names: Mapping[str, str], context: Context
) -> Iterator[Sample]:
    """Who the devices are: those that nlbw counts, and those with a lease or a name here while there is room.

    One devices.yml may serve many routers: a listed device that this one does not know is not told.
    """
    addresses = _addresses(reading.traffic, leases) if context.level == "full" else {}
    own = ledger.owners(state)
    owned = own if reading.traffic is not None else ()
    here = {*own, *names, *(each.mac for each in leases)}
    found = dict.fromkeys((*owned, *(mac for mac in context.config.devices if mac in here)))
    leased = (each.mac for each in leases if each.mac not in found)
    room = max(0, context.config.max_devices - len(found))
    for mac in (*found, *list(dict.fromkeys(leased))[:room]):
        listed = context.config.devices.get(mac)
        yield from _about(mac, listed, context.personal(names.get(mac)), addresses.get(mac, ""), context)
        if listed is not None:
            yield from QUOTA(listed.quota.day, mac=_shown(mac, context), period="day")
            yield from QUOTA(listed.quota.month, mac=_shown(mac, context), period="month")
    if owned:
        # for the joins of queries: it is not one device, but it has traffic
        none = dict.fromkeys(("vendor", "category", "group", "ipv4"), "")
        yield from INFO(1, mac=OTHER, name=OTHER, randomized="false", **none)


def _about(mac: str, listed: Device | None, told: str, ipv4: str, context: Context) -> Iterator[Sample]:
    """The name that a person gave to it in devices.yml wins over what router and device say; `strict` has neither."""
    shown, given = _shown(mac, context), listed or Device()
    name = given.name or told
    if context.level == "strict":
        name, given = "", Device()
    randomized = "true" if is_randomized(mac) else "false"
    labels = {"category": given.category, "group": given.group, "ipv4": ipv4, "randomized": randomized}
    yield from INFO(1, mac=shown, name=name, vendor=vendor(mac), **labels)
    yield from KNOWN(listed is not None, mac=shown)


def _shown(mac: str, context: Context) -> str:
    return mac if mac == OTHER else identify(mac, context)


def _addresses(seen: Traffic | None, leases: Sequence[Lease]) -> Mapping[str, str]:
    """The lowest IPv4 address of each device, by its leases, else by nlbw."""
    told: dict[str, list[str]] = {}
    for each in leases:
        told.setdefault(each.mac, []).append(each.ip)
    counted = seen.addresses if seen is not None else {}
    lowest = {mac: min(_ipv4(addresses), default=None) for mac, addresses in {**counted, **told}.items()}
    return {mac: inet_ntop(AF_INET, address) for mac, address in lowest.items() if address is not None}


def _ipv4(addresses: Iterable[str]) -> Iterator[bytes]:
    """Those that are IPv4, as bytes that compare like numbers."""
    for each in addresses:
        try:
            yield inet_pton(AF_INET, each)
        except (OSError, ValueError):
            continue
