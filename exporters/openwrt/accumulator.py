"""Counters that only grow, from nlbwmon's numbers, which fall: at a new period, after a power loss, in a full database.

A byte is counted once or not at all. Growth is added; a fall only moves the base, unless a new period is proven: then
what the new one holds is added, and of the old one what `nlbw -t` still tells. A new period is proven by the settings
and the router's clock, where that agreed with ours at both looks and no later period was seen since its boot.

Not counted is what flowed
- in a counter that fell, since the look before, up to the height of the fall;
- between the look before a reboot and the first look after it, or while the clock tells an earlier period than before;
- in a period that ended unproven, or whose record is gone, since the last look at it.
Connections of what may be a new period begin at its first look, as nlbwmon counts those that stay open again.
Not to be told from traffic: values that fell and come back without a reboot (a database restored by hand), and a full
database that drops records at the very turn of a period into which an unseen clock had run ahead before. In the same
corner, with a clock that steps back minutes at the turn, a connection (not its bytes) can be counted twice.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import msgspec

from exporters.openwrt.nlbw import NOTHING, ZERO, Counts, Devices, Reading
from exporters.openwrt.period import Clock, Interval, closed_since

Cause = Literal["rollover", "rollback", "eviction", "reboot", "clock", "settings"]
CAUSES: tuple[Cause, ...] = get_args(Cause)
OTHER = "other"
AGREEMENT = 300.0
"""Seconds by which the router's clock may differ from ours and still prove something."""
REFRESH = 30.0
AHEAD = 10.0
SETTLED = 600.0
"""Seconds after a boot in which the clock may still be set, and nlbwmon hold the period of a wrong one."""
DAY = 86_400.0


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Devices with series of their own, at most; days without growth after which one is hidden."""

    max_devices: int = 500
    hide_after_days: float = 35


class Known(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A device: the counts of the last look, when it last grew (Unix time), whether its series are its own."""

    raw: Counts
    grown: float
    own: bool


class Observations(msgspec.Struct, frozen=True):
    """What outlives the process: what the last look saw, the latest period since its boot and ever."""

    begun: bool = False
    at: float = 0.0
    uptime: float | None = None
    interval: str = ""
    period: str = ""
    latest: str = ""
    highest: str = ""
    agreed: bool = False
    devices: dict[str, Known] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    """The last look, what each device and "other" grew by since the start of the process, corrections by cause."""

    seen: Observations = field(default_factory=Observations)
    totals: Mapping[str, Counts] = field(default_factory=dict)
    corrections: Mapping[Cause, int] = field(default_factory=dict)
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What counts: growth above `bases` (None: nothing at all), or `more` in full; the cause of a correction.

    `connections` unless this may be a new period, in which those that stayed open are counted anew.
    """

    cause: Cause | None
    bases: Devices | None
    more: tuple[Devices, ...] = ()
    connections: bool = True


def advance(state: State | None, reading: Reading, now: float, limits: Limits) -> State:
    """Accounts one look. Without traffic, or while a period turns, what was seen before stays as it was."""
    before = replace(state or State(), reading=reading)
    if reading.traffic is None or (before.seen.period and _turning(reading, now)):
        return before
    around = _look(before.seen, reading, now)
    if not before.seen.begun:
        first = {mac: Known(counts, now, own=False) for mac, counts in reading.traffic.devices.items()}
        return replace(before, seen=_with(around, _owned(first, set(first), limits, now)))
    verdict = _judge(before.seen, around, reading)
    growth = _growth(verdict, reading.traffic.devices)
    devices = _owned(_remembered(before.seen, reading.traffic.devices, growth, now), set(growth), limits, now)
    corrections = Counter(before.corrections)
    corrections.update([verdict.cause] if verdict.cause else [])
    return State(_with(around, devices), _added(before.totals, growth, devices), dict(corrections), reading)


def observe(state: State) -> Observations:
    """The last look; no counter is kept."""
    return state.seen


def restore(past: Observations) -> State:
    """The state before the first look of a process: its counters begin at 0, its bases where they were."""
    return State(past)


def wanted(state: State, reading: Reading, now: float) -> tuple[str, ...]:
    """The closed periods whose rest may be missing, oldest first: nlbw is asked for them in the same look."""
    every, clock = reading.circumstances.settings.interval, reading.circumstances.clock
    if every is None or clock is None or not state.seen.period or not _agrees(clock, now):
        return ()
    return closed_since(every, state.seen.period, clock)


def shown(state: State) -> Iterator[tuple[str, Counts]]:
    """Each device that has series of its own, and "other"; nothing before the first contact."""
    if state.seen.begun:
        owners = (mac for mac, known in state.seen.devices.items() if known.own)
        yield from ((name, state.totals.get(name, NOTHING)) for name in (*owners, OTHER))


def _agrees(clock: Clock, now: float) -> bool:
    return abs(clock.seconds - now) <= AGREEMENT


def _turning(reading: Reading, now: float) -> bool:
    """Around a turn nobody can say which period the numbers are of: nlbwmon turns at its next refresh only."""
    settings, clock = reading.circumstances.settings, reading.circumstances.clock
    if settings.interval is None or clock is None or not _agrees(clock, now):
        return False
    grace = 2 * (settings.refresh or REFRESH) + AHEAD
    return settings.interval.label(clock.later(-grace)) != settings.interval.label(clock.later(AHEAD))


def _look(before: Observations, reading: Reading, now: float) -> Observations:
    around = reading.circumstances
    every: Interval | None = around.settings.interval
    period = every.label(around.clock) if every and around.clock else ""
    agreed = around.clock is not None and _agrees(around.clock, now)
    told = around.settings.interval_text if every else before.interval
    latest = max(before.latest, period)
    if period and (told != before.interval or _rebooted(before, around.uptime, now)):
        latest = period
    highest = max(before.highest, period)
    if not before.begun and (not agreed or _turning(reading, now)):
        period = latest = ""
    return Observations(True, now, around.uptime, told, period, latest, highest, agreed)


def _with(around: Observations, devices: dict[str, Known]) -> Observations:
    return msgspec.structs.replace(around, devices=devices)


def _rebooted(before: Observations, uptime: float | None, now: float) -> bool:
    if uptime is None or before.uptime is None:
        return False
    return uptime < before.uptime or uptime <= now - before.at


def _judge(before: Observations, around: Observations, reading: Reading) -> Verdict:
    """What this look means for the numbers of the one before."""
    devices = reading.traffic.devices if reading.traffic else {}
    bases = {mac: known.raw for mac, known in before.devices.items()}
    fell = any(devices.get(mac, NOTHING).fell(base) for mac, base in bases.items())
    rebooted = _rebooted(before, around.uptime, around.at)
    turned = bool(before.period and around.period and around.period != before.period)
    doubt = _doubt(before, around, turned=turned)
    empty = turned and (around.uptime or 0) >= SETTLED and around.period > before.highest
    if doubt is None and rebooted and not empty:
        doubt = "rollback" if fell else "reboot"
    if doubt is not None:
        return Verdict(doubt, None)
    if turned and fell:
        return _turned(before, around, reading, rebooted=rebooted)
    sure = bool(around.period) and before.agreed and around.agreed
    same = before.period == around.period and (sure or not fell)
    return Verdict(_why_lower(devices, bases) if fell else None, bases, connections=same)


def _doubt(before: Observations, around: Observations, *, turned: bool) -> Cause | None:
    """Why these numbers may be of another database than the last ones."""
    if before.interval and around.interval != before.interval:
        return "settings"
    if around.period and around.period < before.latest:
        return "clock"
    proven = before.agreed and around.agreed and before.period == before.latest
    return "clock" if turned and not proven else None


def _turned(before: Observations, around: Observations, reading: Reading, *, rebooted: bool) -> Verdict:
    """A proven new period: all that it and those skipped hold, and the rest of the old one.

    One that a wrong clock had shown before may hold what was counted then.

    After a reboot the old one may have gone on from another commit than was last seen: its rest is not known.
    """
    closed = reading.closed
    bases = {mac: known.raw for mac, known in before.devices.items()}
    rest = {} if rebooted else closed.get(before.period, {})
    skipped = [
        devices for label, devices in closed.items() if max(before.period, before.highest) < label < around.period
    ]
    live = reading.traffic.devices if reading.traffic else {}
    new = tuple(_without_connections(devices) for devices in (*skipped, live))
    return Verdict("rollover", {}, (_above(rest, bases), *new))


def _why_lower(devices: Devices, bases: Devices) -> Cause:
    """A full database drops a record to take another, so that some device has more connections than before."""
    grew = any(counts.connections > bases.get(mac, NOTHING).connections for mac, counts in devices.items())
    return "eviction" if grew else "rollback"


def _without_connections(devices: Devices) -> Devices:
    return {mac: Counts(0, *counts[1:]) for mac, counts in devices.items()}


def _above(devices: Devices, bases: Devices) -> dict[str, Counts]:
    grown: dict[str, Counts] = {}
    for mac, counts in devices.items():
        base = bases.get(mac, NOTHING)
        if counts != base and any(more := counts.above(base)):
            grown[mac] = more
    return grown


def _growth(verdict: Verdict, devices: Devices) -> Devices:
    if verdict.bases is None:
        return {}
    if verdict.cause != "rollover":
        grown = _above(devices, verdict.bases)
        return grown if verdict.connections else _without_connections(grown)
    growth: dict[str, Counts] = {}
    for part in verdict.more:
        for mac, counts in part.items():
            if any(counts):
                growth[mac] = growth.get(mac, NOTHING).plus(counts)
    return growth


def _remembered(before: Observations, devices: Devices, growth: Devices, now: float) -> dict[str, Known]:
    """All bases: in the order in which devices came, as the first ones have series of their own."""
    found: dict[str, Known] = {}
    for mac, known in before.devices.items():
        grown = now if mac in growth else known.grown
        found[mac] = Known(devices.get(mac, NOTHING), grown, known.own)
    for mac in (*devices, *growth):
        if mac not in found:
            found[mac] = Known(devices.get(mac, NOTHING), now, own=False)
    return found


def _owned(devices: dict[str, Known], grew: set[str], limits: Limits, now: float) -> dict[str, Known]:
    """Who has series of its own: who had them and was active, then who came or grew while there is room."""
    oldest = now - limits.hide_after_days * DAY
    owners = {mac for mac, known in devices.items() if known.own and known.grown >= oldest}
    found: dict[str, Known] = {}
    for mac, known in devices.items():
        own = mac in owners
        if not own and len(owners) < limits.max_devices and mac != ZERO and (mac in grew or known.grown == now):
            owners.add(mac)
            own = True
        if own or any(known.raw):
            found[mac] = known if own == known.own else Known(known.raw, known.grown, own)
    return found


def _added(totals: Mapping[str, Counts], growth: Devices, devices: Mapping[str, Known]) -> Mapping[str, Counts]:
    found = dict(totals)
    for mac, counts in growth.items():
        key = mac if mac in devices and devices[mac].own else OTHER
        found[key] = found.get(key, NOTHING).plus(counts)
    return found
