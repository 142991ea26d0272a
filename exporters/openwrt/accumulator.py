"""Counters that only grow, from nlbwmon's numbers, which fall: at a new period, after a power loss, in a full database.

A byte is counted once or not at all. Growth is added; a fall only moves the base, unless a new period is proven: then
what the new one holds is added, and of the old one what `nlbw -t` still tells. A new period is proven by the settings
and the router's clock, where that agreed with ours at both looks and no later period was seen since its boot, and by
numbers that begin anew: a database of which most devices have the very counts that they had goes on.

Series begin at 0 in the look that finds them, and show their total from the next one on, as Prometheus cannot see from
where a first sample has grown.

Not counted is what flowed
- in a counter that fell, since the look before, up to the height of the fall;
- between the look before a reboot, or a restart of nlbwmon, and the first look after it;
- while the clock tells an earlier period than before, if numbers fall then or nlbwmon's process is not known;
- in a period that ended unproven, whose record is gone, or in which router or nlbwmon was started, since the last look.
Connections of what may be a new period begin at its first look, as nlbwmon counts those that stay open again; after a
doubt they begin ten minutes later, when a clock that was set has surely begun its period.
Not to be told from traffic: values that fell and come back as nlbwmon is started again where /proc/net/netlink does not
tell its process; and a period that nlbwmon had begun before, as its clock ran ahead and back between two looks, or does
not begin, as its zone was changed, if at the very turn the router boots or, while most devices are busy, a full
database drops records, or if all devices are busy and a commit was written since the look before.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from exporters.openwrt.looks import AGREEMENT, Known, Observations, is_at_turn, is_early, lacks_uptime, look
from exporters.openwrt.nlbw import NOTHING, Counts, Reading
from exporters.openwrt.period import closed_since, running
from exporters.openwrt.shares import OTHER, Limits, added, owned, remembered
from exporters.openwrt.verdict import CAUSES, Cause, Verdict, growth, judge

__all__ = [
    "AGREEMENT",
    "CAUSES",
    "OTHER",
    "Cause",
    "Known",
    "Limits",
    "Observations",
    "State",
    "advance",
    "observe",
    "restore",
    "shown",
    "wanted",
]

MOST_WAITS = 5
"""Looks that are put off, one after the other, where a closed period was asked for and there was no answer."""


@dataclass(frozen=True, slots=True)
class State:
    """The last look, what each device and "other" grew by since the start of the process, corrections by cause.

    `told` is what each name showed last; `waits` the looks that were put off in a row for want of an answer.
    """

    seen: Observations = field(default_factory=Observations)
    totals: Mapping[str, Counts] = field(default_factory=dict)
    corrections: Mapping[Cause, int] = field(default_factory=dict)
    reading: Reading | None = None
    told: Mapping[str, Counts] = field(default_factory=dict)
    waits: int = 0


def advance(state: State | None, reading: Reading, now: float, limits: Limits) -> State:
    """Accounts one look. One that has no traffic, or is put off, leaves what was seen before as it was."""
    before = state or State()
    after = _accounted(replace(before, reading=reading), reading, now, limits)
    return after if reading.traffic is None else replace(after, told=_told(before, after))


def _accounted(before: State, reading: Reading, now: float, limits: Limits) -> State:
    if reading.traffic is None or is_early(before.seen, reading, now):
        return before
    if lacks_uptime(before.seen, reading) and before.waits < MOST_WAITS:
        return replace(before, waits=before.waits + 1)
    around, devices = look(before.seen, reading, now), reading.traffic.devices
    if not before.seen.begun:
        first = {mac: Known(counts, now, own=False) for mac, counts in devices.items()}
        return replace(
            before, seen=msgspec.structs.replace(around, sure=True, whole=True, devices=owned(first, limits, now))
        )
    verdict = judge(before.seen, around, reading, patient=before.waits < MOST_WAITS)
    if verdict.wait:
        return _put_off(before, around, verdict)
    grown = growth(verdict, devices)
    known = owned(remembered(before.seen.devices, devices, grown, now), limits, now)
    seen = msgspec.structs.replace(_trusted(before.seen, around, verdict), devices=known)
    totals = added(before.totals, grown, known)
    return State(seen, totals, _corrected(before, verdict), reading, before.told)


def _put_off(before: State, around: Observations, verdict: Verdict) -> State:
    """All stays as it was; that the clock went back is noted, so that it counts once."""
    seen = msgspec.structs.replace(before.seen, back=around.back)
    waits = before.waits if around.back else before.waits + 1
    return replace(before, seen=seen, corrections=_corrected(before, verdict), waits=waits)


def _trusted(before: Observations, around: Observations, verdict: Verdict) -> Observations:
    """A rollover begins anew what any doubt ends, and a period that none began."""
    begun = verdict.cause == "rollover"
    goes_on = verdict.bases is not None and before.latest == around.latest
    whole = before.whole and goes_on and verdict.cause is None
    doubted = around.at if verdict.bases is None else around.doubted
    trust = {"sure": begun or (before.sure and goes_on), "whole": begun or whole}
    return msgspec.structs.replace(around, doubted=doubted, **trust)


def _corrected(before: State, verdict: Verdict) -> Mapping[Cause, int]:
    found = Counter(before.corrections)
    found.update([verdict.cause] if verdict.cause else [])
    return dict(found)


def _told(before: State, after: State) -> Mapping[str, Counts]:
    """What each name shows in a look: its total if it had series before, else what it showed last, at first 0."""
    found, last = dict(before.told), before.seen.devices
    for name in _names(after.seen):
        stays = name in found and (name == OTHER or (name in last and last[name].own))
        found[name] = after.totals.get(name, NOTHING) if stays else found.get(name, NOTHING)
    return found


def _names(seen: Observations) -> Iterator[str]:
    if seen.begun:
        yield from (mac for mac, known in seen.devices.items() if known.own)
        yield OTHER


def shown(state: State) -> Iterator[tuple[str, Counts]]:
    """Each device that has series of its own, and "other"; nothing before the first contact."""
    return ((name, state.told.get(name, NOTHING)) for name in _names(state.seen))


def observe(state: State) -> Observations:
    """The last look; no counter is kept but what no look has shown yet, which the next process has to add."""
    totals, told = state.totals, state.told
    unshown = {name: counts.above(told.get(name, NOTHING)) for name, counts in totals.items()}
    return msgspec.structs.replace(state.seen, unshown={name: more for name, more in unshown.items() if any(more)})


def restore(past: Observations) -> State:
    """The state before the first look of a process: its counters begin at 0, its bases where they were."""
    return State(msgspec.structs.replace(past, unshown={}), past.unshown)


def wanted(state: State | None, reading: Reading) -> tuple[str, ...]:
    """The closed periods whose rest may be missing, oldest first: what to ask in the same look. `outline` is enough.

    Whether they prove something is for `advance` to say, which knows our clock.
    """
    settings, clock = reading.circumstances.settings, reading.circumstances.clock
    seen = state.seen if state is not None and reading.status == "ok" else Observations()
    sure = seen.certain and seen.period and seen.period == seen.latest and seen.interval == settings.interval_text
    if not sure or settings.interval is None or clock is None or is_at_turn(reading):
        return ()
    known = running(settings.interval, clock) is not None
    return closed_since(settings.interval, seen.period, clock) if known else ()
