"""What nlbwmon and the kernel of a router say about the traffic of its devices (nlbw, uci, /proc).

`nlbw` prints one JSON object `{"columns": [...], "data": [[...], ...]}`; the columns depend on the grouping and are
mapped by name. A device is its MAC address; hosts without a neighbour entry share the zero MAC.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Literal, NamedTuple, TypeVar, get_args

from exporters.core.read import amount, array, json, lines, record
from exporters.openwrt.period import Clock, Interval, interval
from exporters.sources.base import Command, File, Output, ParseError, Question, Replies

Given = TypeVar("Given")
Value = TypeVar("Value")
Status = Literal["ok", "not_installed", "daemon_down", "no_data", "error", "hang", "unparsable"]
Problem = Literal[
    "no_records",
    "accounting_off",
    "events_off",
    "flow_offloading",
    "hardware_flow_offloading",
    "database_nearly_full",
]
STATUSES: tuple[Status, ...] = get_args(Status)
PROBLEMS: tuple[Problem, ...] = get_args(Problem)
EXITS: Mapping[int, Status] = {0: "ok", 127: "not_installed", 195: "no_data", 247: "daemon_down"}
ANY_EXIT = tuple(range(256))
"""Every status is an answer that has a name, so what is left without an answer is a hang."""
TRAFFIC = Command(("nlbw", "-c", "json", "-g", "family,mac,ip"), ok_exits=ANY_EXIT)
PROTOCOLS = Command(("nlbw", "-c", "json", "-g", "mac,layer7"), ok_exits=ANY_EXIT)
PERIODS = Command(("nlbw", "-c", "list"), ok_exits=ANY_EXIT)
SETTINGS = Command(("uci", "-q", "show", "nlbwmon"))
FIREWALL = Command(("uci", "-q", "show", "firewall.@defaults[0]"))
DATE = Command(("date", "+%s %z"))
UPTIME = File("/proc/uptime")
NETFILTER = {name: File(f"/proc/sys/net/netfilter/nf_conntrack_{name}") for name in ("count", "max", "acct", "events")}
CIRCUMSTANCES: tuple[Question[Any], ...] = (DATE, UPTIME, *NETFILTER.values(), SETTINGS, FIREWALL, PERIODS)
ZERO = "00:00:00:00:00:00"
LARGEST = 2**64 - 1
FEW_CONNECTIONS = 10
"""Connections to the router itself, such as the one that asks, are no traffic of a device."""
FULL = 0.9
_COUNTERS = ("conns", "rx_bytes", "rx_pkts", "tx_bytes", "tx_pkts")
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z")
_LABEL = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_OPTION = re.compile(r"[^=]*\.(\w+)='([^']*)'\Z")
_DATE = re.compile(r"(\d{1,11}) ([-+])(\d{2})(\d{2})\Z")
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
    """Counts and addresses of each device by MAC in one period; how many records were printed."""

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


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What says how far the counts can be trusted: clock, seconds since boot, conntrack's state and settings."""

    clock: Clock | None = None
    uptime: float | None = None
    entries: float | None = None
    limit: float | None = None
    accounting: bool | None = None
    events: bool | None = None
    periods: tuple[str, ...] = ()
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True, slots=True)
class Reading:
    """One look: nlbw's status, the traffic where it is "ok", the closed periods that were asked for."""

    status: Status
    traffic: Traffic | None = None
    circumstances: Circumstances = field(default_factory=Circumstances)
    closed: Mapping[str, Devices] = field(default_factory=dict)
    fault: str = ""


def closed_period(label: str) -> Command:
    """What nlbw knows of a closed period: for its devices alone, as that is all that is compared."""
    return Command(("nlbw", "-c", "json", "-g", "mac", "-t", label), ok_exits=ANY_EXIT)


def parse(replies: Replies, closed: Collection[str] = ()) -> Reading:
    """The whole look. What cannot be read is missing and named in `fault`; it never hides the rest."""
    faults: list[str] = []
    circumstances = _circumstances(replies, faults)
    reply = replies.get(TRAFFIC)
    status = status_of(reply)
    traffic = None
    if reply is not None and status == "ok":
        traffic = _attempt(parse_traffic, reply.stdout, faults)
        status = "ok" if traffic is not None else "unparsable"
    return Reading(status, traffic, circumstances, _closed(replies, closed, faults), "; ".join(faults))


def _attempt(read: Callable[[Given], Value], given: Given | None, faults: list[str]) -> Value | None:
    if given is None:
        return None
    try:
        return read(given)
    except ParseError as error:
        faults.append(str(error))
        return None


def status_of(reply: Output | None) -> Status:
    """The exit status of nlbw by name; no answer is a daemon that hangs, as nlbw has no time limit of its own."""
    return "hang" if reply is None else EXITS.get(reply.exit, "error")


def parse_traffic(data: bytes) -> Traffic:
    """`nlbw -c json -g ...mac...`: the counts of each device, its addresses where the grouping has them."""
    columns, rows = _table(data)
    mac_at, ip_at = columns.index("mac"), columns.index("ip") if "ip" in columns else None
    take = itemgetter(*(columns.index(name) for name in _COUNTERS))
    sums: dict[str, tuple[int, ...]] = {}
    addresses: dict[str, list[str]] = {}
    for row in rows:
        mac, counts = _mac(row[mac_at], sums), take(row)
        _check(counts)
        known = sums.get(mac)
        sums[mac] = counts if known is None else tuple(map(sum, zip(known, counts, strict=True)))
        if ip_at is not None and isinstance(row[ip_at], str):
            addresses.setdefault(mac, []).append(row[ip_at])
    for counts in sums.values():
        _check(counts)
    devices = {mac: Counts(*counts) for mac, counts in sums.items()}
    return Traffic(devices, {mac: tuple(each) for mac, each in addresses.items()}, len(rows))


def parse_protocols(data: bytes, wanted: Collection[str]) -> Mapping[tuple[str, str], Counts]:
    """`nlbw -c json -g mac,layer7`: counts by MAC and protocol; what is not wanted, or has no name, is "other"."""
    columns, rows = _table(data, "layer7")
    mac_at, name_at = columns.index("mac"), columns.index("layer7")
    take = itemgetter(*(columns.index(name) for name in _COUNTERS))
    sums: dict[tuple[str, str], Counts] = {}
    for row in rows:
        counts, name = take(row), row[name_at]
        _check(counts)
        key = (_mac(row[mac_at]), name if isinstance(name, str) and name in wanted else "other")
        sums[key] = sums.get(key, NOTHING).plus(Counts(*counts))
    return sums


def parse_periods(data: bytes) -> tuple[str, ...]:
    """`nlbw -c list`: starts of periods, newest first, each once (it can print one twice); empty before a commit."""
    found = [line.strip() for line in lines(data) if line.strip()]
    if not all(_LABEL.match(each) for each in found):
        raise ParseError("a list of periods that are no dates")
    return tuple(dict.fromkeys(found))


def _table(data: bytes, *more: str) -> tuple[list[str], Sequence[Any]]:
    answer = record(json(data))
    columns = [name if isinstance(name, str) else "" for name in array(answer.get("columns"))]
    for name in ("mac", *_COUNTERS, *more):
        if columns.count(name) != 1:
            raise ParseError(f"nlbw printed column {name!r} {columns.count(name)} times")
    rows = array(answer.get("data"))
    width = len(columns)
    if not all(isinstance(row, list) and len(row) == width for row in rows):
        raise ParseError("nlbw printed a record that does not fit the columns")
    return columns, rows


def _mac(value: Any, known: Collection[str] = ()) -> str:
    if isinstance(value, str):
        if value in known:
            return value
        mac = value.lower()
        if _MAC.match(mac):
            return mac
    raise ParseError("nlbw printed a record without a MAC address")


def _check(counts: Collection[Any]) -> None:
    """Once for each record: in C, as there may be 10,000 of them. A boolean is an int of another type."""
    if set(map(type, counts)) != {int} or min(counts) < 0 or max(counts) > LARGEST:
        raise ParseError("nlbw printed a counter that is no 64-bit number from 0 up")


def _closed(replies: Replies, labels: Collection[str], faults: list[str]) -> dict[str, Devices]:
    found: dict[str, Devices] = {}
    for label in labels:
        traffic = _attempt(parse_traffic, _printed(replies.get(closed_period(label))), faults)
        if traffic is not None:
            found[label] = traffic.devices
    return found


def _printed(reply: Output | None) -> bytes | None:
    return reply.stdout if reply is not None and status_of(reply) == "ok" else None


def _circumstances(replies: Replies, faults: list[str]) -> Circumstances:
    facts = {name: _attempt(_value, replies.get(question), faults) for name, question in NETFILTER.items()}
    return Circumstances(
        _attempt(_clock, replies.get(DATE), faults),
        _attempt(_value, replies.get(UPTIME), faults),
        facts["count"],
        facts["max"],
        _switch(facts["acct"]),
        _switch(facts["events"]),
        _attempt(parse_periods, _printed(replies.get(PERIODS)), faults) or (),
        parse_settings(replies.get(SETTINGS), replies.get(FIREWALL)),
    )


def _value(data: bytes) -> float:
    return amount(next(iter(data.decode(errors="replace").split()), ""))


def _switch(value: float | None) -> bool | None:
    """nf_conntrack_events has a third value, 2 for automatic: only 0 is off."""
    return None if value is None else value != 0


def _clock(reply: Output) -> Clock:
    found = _DATE.match(reply.stdout.decode(errors="replace").strip())
    if not found:
        raise ParseError("a date that is not seconds and zone")
    seconds, sign, hours, minutes = found.groups()
    offset = int(hours) * 3_600 + int(minutes) * 60
    return Clock(float(seconds), -offset if sign == "-" else offset)


def parse_settings(nlbwmon: Output | None, firewall: Output | None) -> Settings:
    """`uci show`: lines `config.section.option='value'`; what is not set, or set to nonsense, is unknown."""
    given, defaults = _options(nlbwmon), _options(firewall)
    text = given.get("database_interval", "")
    return Settings(
        _interval(text),
        text,
        _whole(given.get("database_generations")),
        _whole(given.get("database_limit")),
        _span(given.get("refresh_interval")),
        _span(given.get("commit_interval")),
        None if firewall is None else defaults.get("flow_offloading") == "1",
        None if firewall is None else defaults.get("flow_offloading_hw") == "1",
    )


def _options(reply: Output | None) -> dict[str, str]:
    found = (_OPTION.match(line) for line in (lines(reply.stdout) if reply else ()))
    return {match[1]: match[2] for match in found if match}


def _interval(text: str) -> Interval | None:
    try:
        return interval(text)
    except ParseError:
        return None


def _whole(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"[0-9]{1,9}", text) else None


def _span(text: str | None) -> float | None:
    found = _SPAN.match(text or "")
    return float(found[1]) * _SECONDS[found[2]] if found else None


def problems(reading: Reading) -> frozenset[Problem]:
    """Silent failures, of which nlbw's exit status says nothing."""
    around, traffic = reading.circumstances, reading.traffic
    found: dict[Problem, bool | None] = {
        "accounting_off": around.accounting is False,
        "events_off": around.events is False,
        "flow_offloading": around.settings.offloading,
        "hardware_flow_offloading": around.settings.hardware_offloading,
    }
    if traffic is not None:
        total = Counter[str]()
        for each in traffic.devices.values():
            total.update(connections=each.connections, bytes=each.rx_bytes + each.tx_bytes)
        found["no_records"] = not traffic.records and (around.entries or 0) > FEW_CONNECTIONS
        counted_nothing = total["connections"] > 0 and total["bytes"] == 0
        found["accounting_off"] = around.accounting is False or (counted_nothing and around.accounting is None)
        found["database_nearly_full"] = traffic.records >= FULL * (around.settings.limit or float("inf"))
    return frozenset(name for name, there in found.items() if there)
