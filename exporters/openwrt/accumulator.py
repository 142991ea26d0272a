"""Counters that only grow, from nlbwmon's numbers, which fall: at a new period, after a power loss, in a full database.

A byte is counted once or not at all. Growth is added; a fall only moves the base, unless a new period is proven: then
what the new one holds is added, and of the old one what `nlbw -t` still tells. A new period is proven by the settings
and the router's clock, where that agreed with ours at both looks and no later period was seen since its boot, and by
numbers that begin anew: a database of which most devices have the very counts that they had goes on.

Not counted is what flowed
- in a counter that fell, since the look before, up to the height of the fall;
- between the look before a reboot and the first look after it, or while the clock tells an earlier period than before;
- in a period that ended unproven, or whose record is gone, since the last look at it.
Connections of what may be a new period begin at its first look, as nlbwmon counts those that stay open again.
Not to be told from traffic: values that fell and come back without a reboot (a database restored by hand); and a period
that nlbwmon had begun before, as its clock ran ahead and back between two looks, or does not begin, as its zone was
changed, if at the very turn the router boots or, while most devices are busy, a full database drops records.
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
    """A device: its counts, when it last grew or else came (Unix time), whether it has series of its own."""

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
    """Accounts one look. One that has no traffic, or is put off, leaves what was seen before as it was."""
    before = replace(state or State(), reading=reading)
    if reading.traffic is None or _put_off(before.seen, reading, now):
        return before
    around = _look(before.seen, reading, now)
    if not before.seen.begun:
        first = {mac: Known(counts, now, own=False) for mac, counts in reading.traffic.devices.items()}
        return replace(before, seen=_with(around, _owned(first, limits, now)))
    verdict = _judge(before.seen, around, reading)
    growth = _growth(verdict, reading.traffic.devices)
    devices = _owned(_remembered(before.seen, reading.traffic.devices, growth, now), limits, now)
    corrections = Counter(before.corrections)
    corrections.update([verdict.cause] if verdict.cause else [])
    return State(_with(around, devices), _added(before.totals, growth, devices), dict(corrections), reading)


def observe(state: State) -> Observations:
    """The last look; no counter is kept."""
    return state.seen


def restore(past: Observations) -> State:
    """The state before the first look of a process: its counters begin at 0, its bases where they were."""
    return State(past)


def wanted(state: State | None, reading: Reading) -> tuple[str, ...]:
    """The closed periods whose rest may be missing, oldest first: what to ask in the same look. `outline` is enough.

    Whether they prove something is for `advance` to say, which knows our clock.
    """
    settings, clock = reading.circumstances.settings, reading.circumstances.clock
    seen = state.seen if state is not None and reading.status == "ok" else Observations()
    sure = seen.agreed and seen.period and seen.period == seen.latest and seen.interval == settings.interval_text
    if not sure or settings.interval is None or clock is None or _at_turn(reading):
        return ()
    return closed_since(settings.interval, seen.period, clock)


def shown(state: State) -> Iterator[tuple[str, Counts]]:
    """Each device that has series of its own, and "other"; nothing before the first contact."""
    if state.seen.begun:
        owners = (mac for mac, known in state.seen.devices.items() if known.own)
        yield from ((name, state.totals.get(name, NOTHING)) for name in (*owners, OTHER))


def _agrees(clock: Clock, now: float) -> bool:
    return abs(clock.seconds - now) <= AGREEMENT


def _put_off(before: Observations, reading: Reading, now: float) -> bool:
    """Whether the next look can tell more: around a turn, or where the time since the boot is missing for once."""
    unknown = before.uptime is not None and reading.circumstances.uptime is None
    return unknown or bool(before.period and _turning(reading, now))


def _turning(reading: Reading, now: float) -> bool:
    clock = reading.circumstances.clock
    return clock is not None and _agrees(clock, now) and _at_turn(reading)


def _at_turn(reading: Reading) -> bool:
    """Nobody can say which period these numbers are of: nlbwmon turns at its next refresh only."""
    settings, clock = reading.circumstances.settings, reading.circumstances.clock
    if settings.interval is None or clock is None:
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
    """Whether it was, or may have been. A look may take some seconds until it hears the uptime."""
    if uptime is None:
        return False
    return before.uptime is None or uptime < before.uptime or uptime <= now - before.at + AHEAD


def _judge(before: Observations, around: Observations, reading: Reading) -> Verdict:
    """What this look means for the numbers of the one before."""
    devices = reading.traffic.devices if reading.traffic else {}
    bases = {mac: known.raw for mac, known in before.devices.items()}
    fell = sum(devices.get(mac, NOTHING).fell(base) for mac, base in bases.items())
    rebooted = _rebooted(before, around.uptime, around.at)
    same = before.period == around.period
    turned = bool(before.period and around.period) and not same
    doubt = _doubt(before, around, turned=turned)
    empty = turned and (around.uptime or 0) >= SETTLED and around.period > before.highest
    if doubt is None and rebooted and not empty:
        doubt = "rollback" if fell else "reboot"
    if doubt is not None:
        return Verdict(doubt, None)
    if not fell:
        return Verdict(None, bases, connections=same)
    goes_on = not rebooted and _unchanged(devices, bases) > fell
    if turned and not goes_on:
        return _turned(before, around, reading, rebooted=rebooted)
    sure = bool(around.period) and before.agreed and around.agreed and goes_on
    return Verdict(_why_lower(devices, bases), bases, connections=same and sure)


def _unchanged(devices: Devices, bases: Devices) -> int:
    """How many devices have the bytes that they had: in a new period, which begins at 0, as good as none."""
    return sum(devices.get(mac) == base for mac, base in bases.items() if base.rx_bytes or base.tx_bytes)


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
        if counts != base and (more := counts.above(base)) != NOTHING:
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
            if counts != NOTHING:
                growth[mac] = growth.get(mac, NOTHING).plus(counts)
    return growth


def _remembered(before: Observations, devices: Devices, growth: Devices, now: float) -> dict[str, Known]:
    """All bases: in the order in which devices came, as the first ones have series of their own."""
    found: dict[str, Known] = {}
    for mac, known in before.devices.items():
        found[mac] = Known(devices.get(mac, NOTHING), now if mac in growth else known.grown, known.own)
    for mac in (*devices, *growth):
        if mac not in found:
            found[mac] = Known(devices.get(mac, NOTHING), now, own=False)
    return found


def _owned(devices: dict[str, Known], limits: Limits, now: float) -> dict[str, Known]:
    """Who has series of its own: who had them and was active, then who came or grew while there is room."""
    oldest = now - limits.hide_after_days * DAY
    owners = {mac for mac, known in devices.items() if known.own and known.grown >= oldest}
    found: dict[str, Known] = {}
    for mac, known in devices.items():
        own = mac in owners
        if not own and len(owners) < limits.max_devices and mac != ZERO and known.grown == now:
            owners.add(mac)
            own = True
        if own or any(known.raw):
            found[mac] = known if own == known.own else msgspec.structs.replace(known, own=own)
    return found


def _added(totals: Mapping[str, Counts], growth: Devices, devices: Mapping[str, Known]) -> Mapping[str, Counts]:
    found, rest = dict(totals), [totals.get(OTHER, NOTHING)]
    for mac, counts in growth.items():
        known = devices.get(mac)
        if known is not None and known.own:
            found[mac] = found.get(mac, NOTHING).plus(counts)
        else:
            rest.append(counts)
    if len(rest) > 1:
        found[OTHER] = Counts(*map(sum, zip(*rest, strict=True)))
    return found
