"""What nlbwmon and the kernel of a router say about the traffic of its devices (nlbw, /etc/config, /proc).

`nlbw` prints one JSON object `{"columns": [...], "data": [[...], ...]}`; the columns depend on the grouping and are
mapped by name. A device is its MAC address; hosts without a neighbour entry share the zero MAC.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar, get_args

from exporters.core.read import amount, array, attempt, json, lines, record
from exporters.openwrt.answers import clock
from exporters.openwrt.netlink import NETLINK, parse_events_lost, parse_listeners
from exporters.openwrt.period import Clock, Interval, interval
from exporters.openwrt.uci import Section, Sections, configured
from exporters.sources.base import Command, File, Output, ParseError, Question, Replies

Given = TypeVar("Given")
Value = TypeVar("Value")
Key = TypeVar("Key", str, tuple[str, str])
Status = Literal["ok", "not_installed", "daemon_down", "no_data", "error", "hang", "unparsable"]
Problem = Literal[
    "no_records",
    "accounting_off",
    "events_off",
    "events_lost",
    "flow_offloading",
    "hardware_flow_offloading",
    "database_nearly_full",
]
STATUSES: tuple[Status, ...] = get_args(Status)
PROBLEMS: tuple[Problem, ...] = get_args(Problem)
EXITS: Mapping[int, Status] = {0: "ok", 127: "not_installed", 195: "no_data", 247: "daemon_down"}
ANY_EXIT = tuple(range(256))
"""Every status is an answer that has a name, so what is left without an answer is a hang."""
NLBW_TIMEOUT = 4.0
"""Seconds. A daemon that hangs must leave time for the rest of a probe."""


def _nlbw(*words: str) -> Command:
    return Command(("nlbw", "-c", *words), ok_exits=ANY_EXIT, timeout=NLBW_TIMEOUT)


def closed_period(label: str) -> Command:
    """What nlbw knows of a closed period: for its devices alone, as that is all that is compared."""
    return _nlbw("json", "-g", "mac", "-t", label)


TRAFFIC = _nlbw("json", "-g", "family,mac,ip")
PROTOCOLS = _nlbw("json", "-g", "mac,layer7")
PERIODS = _nlbw("list")
CLOSED = closed_period("DATE")
"""Every question that `closed_period` makes, for a declaration."""
SETTINGS = File("/etc/config/nlbwmon")
FIREWALL = File("/etc/config/firewall")
DATE = Command(("date", "+%s %z"))
UPTIME = File("/proc/uptime")
NETFILTER = {name: File(f"/proc/sys/net/netfilter/nf_conntrack_{name}") for name in ("count", "max", "acct", "events")}
CIRCUMSTANCES: tuple[Question[Any], ...] = (DATE, UPTIME, *NETFILTER.values(), NETLINK, SETTINGS, FIREWALL)
ZERO = "00:00:00:00:00:00"
LARGEST = 2**64 - 1
FEW_CONNECTIONS = 10
"""Connections to the router itself, such as the one that asks, are no traffic of a device."""
FULL = 0.9
PORTS = 50
"""Records of one address at most, with a margin: the 46 ports that nlbwmon tells apart, and the rest."""
_COUNTERS = ("conns", "rx_bytes", "rx_pkts", "tx_bytes", "tx_pkts")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z")
_LABEL = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_SPAN = re.compile(r"(\d{1,7})([smhdw]?)\Z")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class Counts(NamedTuple):
    """Connections, bytes and packets; received is what came down to the device."""

    connections: int = 0
    rx_bytes: int = 0
    rx_packets: int = 0
    tx_bytes: int = 0
    tx_packets: int = 0

    def plus(self, other: "Counts") -> "Counts":
        """The sum, counter by counter."""
        c, rb, rp, tb, tp = other
        return Counts(self[0] + c, self[1] + rb, self[2] + rp, self[3] + tb, self[4] + tp)

    def above(self, base: "Counts") -> "Counts":
        """What lies above a base, counter by counter, never below zero."""
        c, rb, rp, tb, tp = (
            self[0] - base[0],
            self[1] - base[1],
            self[2] - base[2],
            self[3] - base[3],
            self[4] - base[4],
        )
        if c < 0 or rb < 0 or rp < 0 or tb < 0 or tp < 0:
            return Counts(max(0, c), max(0, rb), max(0, rp), max(0, tb), max(0, tp))
        return Counts(c, rb, rp, tb, tp)

    def fell(self, base: "Counts") -> bool:
        """Whether any counter is below its base."""
        c, rb, rp, tb, tp = base
        return self[0] < c or self[1] < rb or self[2] < rp or self[3] < tb or self[4] < tp


NOTHING = Counts()
Devices = Mapping[str, Counts]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Counts and addresses of each device by MAC in one period; how many records were printed.

    One that is printed may stand for as many records of the database as there are ports in use at that address.
    """

    devices: Devices
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    records: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """nlbwmon's settings: periods, how many are kept (0: all), records at most (0: no limit), seconds of its timers."""

    interval: Interval | None = None
    interval_text: str = ""
    generations: int | None = None
    limit: int | None = None
    refresh: float | None = None
    commit: float | None = None
    offloading: bool | None = None
    hardware_offloading: bool | None = None
    directory: str = ""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What says how far the counts can be trusted: clock, seconds since boot, conntrack's state and settings."""

    clock: Clock | None = None
    uptime: float | None = None
    entries: float | None = None
    limit: float | None = None
    accounting: bool | None = None
    events: bool | None = None
    events_lost: bool | None = None
    listeners: frozenset[str] | None = None
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True, slots=True)
class Reading:
    """One look: nlbw's status, the traffic where it is "ok", the closed periods asked for (None: no answer)."""

    status: Status
    traffic: Traffic | None = None
    circumstances: Circumstances = field(default_factory=Circumstances)
    closed: Mapping[str, Devices | None] = field(default_factory=dict)
    fault: str = ""


def parse(replies: Replies) -> Reading:
    """The whole look. What cannot be read is missing and named in `fault`; it never hides the rest."""
    faults: list[str] = []
    seen = _outline(replies, faults)
    traffic = attempt(parse_traffic, _printed(replies.get(TRAFFIC)), faults)
    status = "unparsable" if seen.status == "ok" and traffic is None else seen.status
    closed = _closed(replies, faults)
    return Reading(status, traffic, seen.circumstances, closed, "; ".join(dict.fromkeys(faults)))


def outline(replies: Replies) -> Reading:
    """A look without its traffic: what says which closed periods to ask for, read in no time."""
    return _outline(replies, [])


def _outline(replies: Replies, faults: list[str]) -> Reading:
    return Reading(status_of(replies.get(TRAFFIC)), circumstances=_circumstances(replies, faults))


def status_of(reply: Output | None) -> Status:
    """The exit status of nlbw by name; no answer is a daemon that hangs, as nlbw has no time limit of its own."""
    return "hang" if reply is None else EXITS.get(reply.exit, "error")


def parse_traffic(data: bytes) -> Traffic:
    """`nlbw -c json -g ...mac...`: the counts of each device, its addresses where the grouping has them."""
    table = _table(data)
    macs = _macs(table["mac"])
    addresses: dict[str, list[str]] = defaultdict(list)
    for mac, address in zip(macs, table.get("ip", ()), strict=False):
        if isinstance(address, str):
            addresses[mac].append(address)
    return Traffic(_summed(macs, table), {mac: tuple(each) for mac, each in addresses.items()}, len(macs))


def parse_protocols(data: bytes, wanted: Collection[str]) -> Mapping[tuple[str, str], Counts]:
    """`nlbw -c json -g mac,layer7`: counts by MAC and protocol; what is not wanted, or has no name, is "other"."""
    table = _table(data, "layer7")
    names = [name if isinstance(name, str) and name in wanted else "other" for name in table["layer7"]]
    return _summed(list(zip(_macs(table["mac"]), names, strict=True)), table)


def parse_periods(data: bytes) -> tuple[str, ...]:
    """`nlbw -c list`: starts of periods, newest first, each once (it can print one twice); empty before a commit."""
    found = [line.strip() for line in lines(data) if line.strip()]
    if not all(_LABEL.match(each) for each in found):
        raise ParseError("a list of periods that are no dates")
    return tuple(dict.fromkeys(found))


def _table(data: bytes, *more: str) -> Mapping[str, Sequence[Any]]:
    """The columns by name, as a column of 10,000 values is checked in C."""
    answer = record(json(data))
    names = [name if isinstance(name, str) else "" for name in array(answer.get("columns"))]
    for name in ("mac", *_COUNTERS, *more):
        if names.count(name) != 1:
            raise ParseError(f"nlbw printed column {name!r} {names.count(name)} times")
    rows = array(answer.get("data"))
    if set(map(type, rows)) - {list} or set(map(len, rows)) - {len(names)}:
        raise ParseError("nlbw printed a record that does not fit the columns")
    return dict(zip(names, zip(*rows, strict=True) if rows else [()] * len(names), strict=True))


def _macs(given: Sequence[Any]) -> list[str]:
    if set(map(type, given)) - {str}:
        raise ParseError("nlbw printed a record without a MAC address")
    lower = {each: each.lower() for each in set(given)}
    if not all(map(_MAC.match, lower.values())):
        raise ParseError("nlbw printed a record without a MAC address")
    return [lower[each] for each in given]


def _summed(keys: Sequence[Key], table: Mapping[str, Sequence[Any]]) -> dict[Key, Counts]:
    """The counts of all records that have one key."""
    sums = [_sums(keys, table[name]) for name in _COUNTERS]
    return dict(zip(sums[0], map(Counts._make, zip(*(each.values() for each in sums), strict=True)), strict=True))


def _sums(keys: Sequence[Key], values: Sequence[Any]) -> dict[Key, int]:
    """One counter by key. A boolean is an int of another type."""
    if not set(map(type, values)) - {int} and min(values, default=0) >= 0:
        sums = dict.fromkeys(keys, 0)
        for key, value in zip(keys, values, strict=True):
            sums[key] += value
        if max(sums.values(), default=0) <= LARGEST:
            return sums
    raise ParseError("nlbw printed a counter that is no 64-bit number from 0 up")


def _closed(replies: Replies, faults: list[str]) -> dict[str, Devices | None]:
    found: dict[str, Devices | None] = {}
    for question in replies:
        if isinstance(question, Command) and question.argv[:-1] == CLOSED.argv[:-1] and _LABEL.match(question.argv[-1]):
            reply = replies.get(question)
            traffic = attempt(parse_traffic, _printed(reply), faults)
            if status_of(reply) != "no_data":
                found[question.argv[-1]] = traffic.devices if traffic is not None else None
    return found


def _printed(reply: Output | None) -> bytes | None:
    return reply.stdout if reply is not None and status_of(reply) == "ok" else None


def _circumstances(replies: Replies, faults: list[str]) -> Circumstances:
    facts = {name: attempt(_value, replies.get(question), faults) for name, question in NETFILTER.items()}
    return Circumstances(
        clock=attempt(clock, replies.get(DATE), faults),
        uptime=attempt(_value, replies.get(UPTIME), faults),
        entries=facts["count"],
        limit=facts["max"],
        accounting=_switch(facts["acct"]),
        events=_switch(facts["events"]),
        events_lost=attempt(parse_events_lost, replies.get(NETLINK), faults),
        listeners=attempt(parse_listeners, replies.get(NETLINK), faults),
        settings=told_settings(configured(SETTINGS, replies, faults), configured(FIREWALL, replies, faults)),
    )


def _value(data: bytes) -> float:
    return amount(next(iter(data.decode(errors="replace").split()), ""))


def _switch(value: float | None) -> bool | None:
    """nf_conntrack_events has a third value, 2 for automatic: only 0 is off."""
    return None if value is None else value != 0


def told_settings(nlbwmon: Sections | None, firewall: Sections | None) -> Settings:
    """Of the first section of each; what is not set, or set to nonsense, is unknown."""
    given, defaults = _first(nlbwmon, "nlbwmon") or Section("nlbwmon", "", {}), _first(firewall, "defaults")
    text = given.one("database_interval")
    return Settings(
        _interval(text),
        text,
        _whole(given.one("database_generations")),
        _whole(given.one("database_limit")),
        _span(given.one("refresh_interval")),
        _span(given.one("commit_interval")),
        _switched_on(defaults, "flow_offloading"),
        _switched_on(defaults, "flow_offloading_hw"),
        given.one("database_directory"),
    )


def _first(found: Sections | None, kind: str) -> Section | None:
    return next((each for each in found or () if each.type == kind), None)


def _switched_on(section: Section | None, option: str) -> bool | None:
    """What is not set is off, in a section that was told."""
    return None if section is None else section.one(option) == "1"


def _interval(text: str) -> Interval | None:
    try:
        return interval(text)
    except ParseError:
        return None


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else None


def _span(text: str) -> float | None:
    found = _SPAN.match(text)
    return float(found[1]) * _SECONDS[found[2]] if found else None


def problems(reading: Reading) -> frozenset[Problem]:
    """Silent failures, of which nlbw's exit status says nothing."""
    return frozenset(name for name, there in judged(reading).items() if there)


def judged(reading: Reading) -> Mapping[Problem, bool]:
    """Each silent failure of which this look can say whether it is there."""
    around = reading.circumstances
    found: dict[Problem, bool | None] = {
        "no_records": _no_records(reading.traffic, around.entries),
        "accounting_off": _accounting_off(reading.traffic, around.accounting),
        "events_off": None if around.events is None else not around.events,
        "events_lost": around.events_lost,
        "flow_offloading": around.settings.offloading,
        "hardware_flow_offloading": around.settings.hardware_offloading,
        "database_nearly_full": _nearly_full(reading.traffic, around.settings.limit),
    }
    return {name: there for name, there in found.items() if there is not None}


def _no_records(traffic: Traffic | None, entries: float | None) -> bool | None:
    if traffic is None or (entries is None and not traffic.records):
        return None
    return not traffic.records and (entries or 0) > FEW_CONNECTIONS


def _accounting_off(traffic: Traffic | None, accounting: bool | None) -> bool | None:
    """What the kernel says; where it says nothing, connections without a byte are a sign."""
    counts = traffic.devices.values() if traffic is not None else ()
    if accounting is not None or not any(each.connections for each in counts):
        return None if accounting is None else not accounting
    return not any(each.rx_bytes or each.tx_bytes for each in counts)


def _nearly_full(traffic: Traffic | None, limit: int | None) -> bool | None:
    """Records of one address are printed as one: between the least and the most that they can be nothing is known."""
    if traffic is None or limit is None:
        return None
    if not limit or traffic.records * PORTS < FULL * limit:
        return False
    return True if traffic.records >= FULL * limit else None
