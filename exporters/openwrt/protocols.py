"""Traffic by device and protocol, where that is asked for: the accumulator over pairs of the two (nlbw -g mac,layer7).

A pair is written `MAC/PROTOCOL`. What flowed between the last look and the end of a period is missing: closed periods
are asked for by device alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from exporters.openwrt import accumulator
from exporters.openwrt.accumulator import OTHER, Limits
from exporters.openwrt.nlbw import NOTHING, ZERO, Counts, Reading, Traffic

Pairs = Mapping[tuple[str, str], Counts]


class Observations(msgspec.Struct, frozen=True):
    """What outlives the process: the protocols that were told apart, and the last look at the pairs."""

    wanted: tuple[str, ...] = ()
    seen: accumulator.Observations = msgspec.field(default_factory=accumulator.Observations)


@dataclass(frozen=True, slots=True)
class State:
    """The protocols that are told apart, and the account of the pairs."""

    wanted: tuple[str, ...] = ()
    account: accumulator.State = field(default_factory=accumulator.State)


def advance(
    before: State, wanted: tuple[str, ...], reading: Reading, pairs: Pairs | None, *, now: float, limits: Limits
) -> State:
    """Accounts one look. Other protocols begin anew: "other" then holds something else than before."""
    if not wanted:
        return State()
    account = before.account if before.wanted == wanted else accumulator.State()
    traffic = None if pairs is None else Traffic(_keyed(pairs))
    room = msgspec.structs.replace(limits, max_devices=limits.max_devices * (len(wanted) + 1))
    return State(wanted, accumulator.advance(account, replace(reading, traffic=traffic, closed={}), now, room))


def _keyed(pairs: Pairs) -> dict[str, Counts]:
    """Hosts without a neighbour entry are one device without protocols, which never has series of its own."""
    found: dict[str, Counts] = {}
    for (mac, protocol), counts in pairs.items():
        key = mac if mac == ZERO else f"{mac}/{protocol}"
        found[key] = found.get(key, NOTHING).plus(counts)
    return found


def shown(state: State) -> Iterator[tuple[str, str, Counts]]:
    """MAC, protocol and counts of each pair that has series of its own, then of the rest: "other" for both."""
    for key, counts in accumulator.shown(state.account):
        mac, _, protocol = key.partition("/")
        yield mac, protocol or OTHER, counts


def observe(state: State) -> Observations:
    """The last look; no counter is kept."""
    return Observations(state.wanted, accumulator.observe(state.account))


def restore(past: Observations) -> State:
    """The state before the first look of a process: its counters begin at 0."""
    return State(past.wanted, accumulator.restore(past.seen))
