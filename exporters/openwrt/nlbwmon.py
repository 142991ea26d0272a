"""What each device behind an OpenWrt router uses: nlbwmon's counts, made to only grow, names and quotas (`nlbw`)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from exporters.core.collector import Memory, Partial, Questions, collector, told
from exporters.core.context import Context
from exporters.core.metrics import Sample
from exporters.core.read import attempt
from exporters.openwrt import accumulator, daemon_metrics, device_metrics, ledger, nlbw, protocols
from exporters.openwrt.devices import Device, listed
from exporters.openwrt.leases import (
    HINTS,
    HOSTS,
    LEASES,
    Lease,
    domain,
    hosts,
    names,
    parse_hints,
    parse_leases,
)
from exporters.openwrt.nlbw import CIRCUMSTANCES, CLOSED, PROTOCOLS, TRAFFIC, closed_period
from exporters.openwrt.uci import configured
from exporters.sources.base import Output, ParseError, Replies

AROUND: Questions = (*CIRCUMSTANCES, LEASES, HOSTS)


class NlbwmonConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`protocols` are told apart by the names that nlbw prints; the calendar is that of `time_zone`, else the router's.

    `devices` is the content of devices.yml.
    """

    protocols: tuple[str, ...] = ()
    max_devices: Annotated[int, Meta(ge=1, le=10_000)] = 500
    hide_after_days: Annotated[float, Meta(gt=0)] = 35
    time_zone: str = ""
    devices: dict[str, Device] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """A zone that is not known and a list with faults are errors of the configuration."""
        try:
            self.zone()
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{self.time_zone!r} is no time zone that this machine knows") from error
        msgspec.structs.force_setattr(self, "devices", dict(listed(self.devices)))

    def zone(self) -> ZoneInfo | None:
        """The zone of the calendar; None is the router's."""
        return ZoneInfo(self.time_zone) if self.time_zone else None

    def limits(self) -> accumulator.Limits:
        """What the accounts need to know."""
        return accumulator.Limits(self.max_devices, self.hide_after_days)


@dataclass(frozen=True, slots=True)
class Look:
    """One look: nlbwmon's answer, counts by MAC and protocol where asked for, leases, and names by MAC."""

    nlbw: nlbw.Reading
    pairs: protocols.Pairs | None = None
    leases: tuple[Lease, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)


class Observations(msgspec.Struct, frozen=True):
    """What outlives the process."""

    devices: accumulator.Observations
    pairs: protocols.Observations
    book: ledger.Ledger


@dataclass(frozen=True, slots=True)
class State:
    """The accounts, the calendar, and the last look; changes are counted since the start of the process.

    `news` is what the last look noticed, for the log.
    """

    devices: accumulator.State = field(default_factory=accumulator.State)
    pairs: protocols.State = field(default_factory=protocols.State)
    book: ledger.Ledger = field(default_factory=ledger.Ledger)
    changes: Mapping[ledger.Tally, int] = field(default_factory=dict)
    look: Look | None = None
    news: tuple[Mapping[str, str], ...] = ()


def questions(context: Context) -> Questions:
    """All are optional; nlbw comes last, as it can hang for ever. LuCI is asked for names where they may be shown."""
    hints = (HINTS,) if context.level == "full" else ()
    return (*AROUND, *hints, TRAFFIC, *((PROTOCOLS,) if context.config.protocols else ()))


def second_round(replies: Replies, _: Context, state: State | None) -> Questions:
    """The closed periods whose rest may be missing, where the router's clock tells a new one."""
    labels = accumulator.wanted(state.devices if state else None, nlbw.outline(replies))
    return tuple(closed_period(label) for label in labels)


def parse(replies: Replies, context: Context) -> Look | Partial:
    """Each answer alone: what cannot be read is missing and told, the rest counts."""
    if all(replies.get(each) is None for each in replies):
        raise ParseError("the router answered nothing")
    faults: list[str] = []
    reading = nlbw.parse(replies)
    leases = attempt(parse_leases, replies.get(LEASES), faults) or ()
    pairs = attempt(lambda reply: _pairs(reply, context.config.protocols), replies.get(PROTOCOLS), faults)
    look = Look(reading, pairs, leases, _names(replies, leases, faults))
    return told(look, [each for each in (reading.fault, *faults) if each])


def _pairs(reply: Output, wanted: tuple[str, ...]) -> protocols.Pairs | None:
    return nlbw.parse_protocols(reply.stdout, wanted) if nlbw.status_of(reply) == "ok" else None


def _names(replies: Replies, leases: Iterable[Lease], faults: list[str]) -> Mapping[str, str]:
    known = configured(HOSTS, replies, faults) or ()
    hints = attempt(lambda reply: parse_hints(reply, domain(known)), replies.get(HINTS), faults) or {}
    return names(leases, hosts(known), hints)


def advance(state: State | None, look: Look, now: float, context: Context) -> State:
    """Accounts one look. While nlbw fails nothing is forgotten, and the next good look goes on where it was."""
    before, config = state or State(), context.config
    devices = accumulator.advance(before.devices, look.nlbw, now, config.limits())
    pairs = protocols.advance(before.pairs, config.protocols, look.nlbw, look.pairs, now=now, limits=config.limits())
    clock = look.nlbw.circumstances.clock
    page = ledger.on(before.book, now, config.zone(), clock.offset if clock else None)
    book = ledger.enter(page, ledger.names(devices), ledger.growth(before.devices, devices), now)
    came = ledger.changes(before.devices, devices, config.devices)
    news = tuple(_news(before.devices, devices, came))
    return State(devices, pairs, book, Counter(before.changes) + came, look, news)


def _news(before: accumulator.State, after: accumulator.State, came: Counter[ledger.Tally]) -> Iterator[dict[str, str]]:
    """Why counts were corrected, and devices that came or went: without their names."""
    for cause, number in after.corrections.items():
        if number > before.corrections.get(cause, 0):
            yield {"event": "correction", "cause": cause}
    for (event, known), number in came.items():
        yield {"event": event, "known": str(known).lower(), "devices": str(number)}


def events(state: State) -> tuple[Mapping[str, str], ...]:
    """What the last look noticed."""
    return state.news


def observe(state: State) -> Observations:
    """The last look and the calendar; no counter is kept."""
    return Observations(accumulator.observe(state.devices), protocols.observe(state.pairs), state.book)


def restore(past: Observations) -> State:
    """The state before the first look of a process: what was known, nothing counted."""
    return State(accumulator.restore(past.devices), protocols.restore(past.pairs), past.book)


def _samples(state: State, look: Look, context: Context) -> Iterator[Sample]:
    yield from daemon_metrics.samples(look.nlbw, state.devices.corrections, state.changes)
    yield from device_metrics.identities(state.devices, look.nlbw, look.leases, look.names, context)
    if look.nlbw.traffic is not None:
        yield from daemon_metrics.traffic(look.nlbw)
        yield from device_metrics.traffic(state.devices, look.nlbw.traffic, state.book, context)
    if look.pairs is not None:
        yield from device_metrics.pairs(protocols.shown(state.pairs), context)


@collector(
    "nlbwmon",
    *daemon_metrics.FAMILIES,
    *device_metrics.FAMILIES,
    optional=questions,
    then=second_round,
    then_asks=(CLOSED,),
    parse=parse,
    advance=advance,
    memory=Memory(Observations, observe, restore),
    events=events,
    cadence=30,
    config=NlbwmonConfig,
    publishes=("mac", "layer7"),
)
def nlbwmon(state: State, context: Context) -> Iterable[Sample]:
    """While nlbw fails its series are absent; names, quotas and the reason stay."""
    return _samples(state, state.look, context) if state.look else ()
