"""Devices that come and go on USB, Bluetooth and Thunderbolt, with the policy's verdict (system_profiler).

Hubs and built-in devices count like any other, so a policy allows them by a rule of its own; a Bluetooth device
counts while it is connected, not while it is paired. A bus whose report is missing or not complete counts for nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Literal, get_args

import msgspec

from exporters.core.collector import Memory, Partial, collector, told
from exporters.core.context import Context
from exporters.core.metrics import Sample, counter, gauge
from exporters.core.read import attempt
from exporters.macos import bluetooth, thunderbolt, usb
from exporters.macos.device import Bus, Device, keys
from exporters.macos.policy import VERDICTS, Peripherals, facts
from exporters.sources.base import Command, ParseError, Replies

Change = Literal["connected", "disconnected"]
Tally = tuple[str, str, str]
"""Bus, change, verdict."""
BUSES: Mapping[Bus, tuple[Command, Callable[[Replies, Context], Any]]] = {
    "usb": (usb.REPORT, usb.parse),
    "bluetooth": (bluetooth.REPORT, bluetooth.parse),
    "thunderbolt": (thunderbolt.REPORT, thunderbolt.parse),
}
LOOKS = 2
"""Looks in a row without a device after which it is gone."""


@dataclass(frozen=True, slots=True)
class Looks:
    """The devices of each bus that gave a complete report."""

    seen: Mapping[Bus, tuple[Device, ...]]


class Known(msgspec.Struct, frozen=True):
    """A device as it is remembered: a hash of its identity, what may be told of it, looks in a row without it.

    `unwatched` where the first of these looks was the first of a process: it may have left any time before.
    """

    key: str
    facts: dict[str, str]
    missed: int = 0
    unwatched: bool = False


class Observations(msgspec.Struct, frozen=True):
    """What outlives the process: the devices of each bus."""

    buses: dict[str, tuple[Known, ...]]


@dataclass(frozen=True, slots=True)
class Event:
    """A device came or went; `while_down` if that may have been before this process looked."""

    bus: str
    change: Change
    facts: Mapping[str, str]
    while_down: bool = False

    def tally(self) -> Tally:
        """The counter it belongs to."""
        return self.bus, self.change, self.facts["authorized"]

    def told(self) -> dict[str, str]:
        """For the event log: what is known, nothing empty."""
        told = {"bus": self.bus, "event": self.change, **self.facts, "while_down": "true" if self.while_down else ""}
        return {name: value for name, value in told.items() if value}


@dataclass(frozen=True, slots=True)
class State:
    """What is known of each bus by key, the events counted since the start, the verdicts and events of the last look.

    `restored` are the buses that were remembered and have not been looked at since.
    """

    buses: Mapping[str, Mapping[str, Known]] = field(default_factory=dict)
    counts: Mapping[Tally, int] = field(default_factory=dict)
    present: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    restored: frozenset[str] = frozenset()


def parse(replies: Replies, context: Context) -> Looks | Partial:
    """Each bus by its own parser; one that cannot be read is told, the others count."""
    seen: dict[Bus, tuple[Device, ...]] = {}
    faults: list[str] = []
    for bus in BUSES:
        attached = _attached(bus, replies, context, faults)
        if attached is not None:
            seen[bus] = attached
    if faults and not seen:
        raise ParseError("; ".join(faults))
    return told(Looks(seen), faults)


def _attached(bus: Bus, replies: Replies, context: Context, faults: list[str]) -> tuple[Device, ...] | None:
    question, read = BUSES[bus]
    return attempt(lambda _: read(replies, context).attached(), replies.get(question), faults, bus)


def advance(state: State | None, reading: Looks, _: float, context: Context) -> State:
    """The first look at a bus is a silent baseline, unless it is remembered; later ones are compared with it."""
    before = state or State()
    buses = dict(before.buses)
    events: list[Event] = []
    present: dict[str, Mapping[str, int]] = {}
    for bus, devices in reading.seen.items():
        seen = _known(devices, context)
        buses[bus], brought = _compare(bus, before.buses.get(bus, seen), seen, bus in before.restored)
        events += brought
        present[bus] = Counter(each.facts["authorized"] for each in seen.values())
    counts = dict(Counter(before.counts) + Counter(event.tally() for event in events))
    return State(buses, counts, present, tuple(events), before.restored - set(reading.seen))


def _known(devices: Sequence[Device], context: Context) -> dict[str, Known]:
    told = zip(keys(devices, context), facts(devices, context), strict=True)
    return {key: Known(key, each) for key, each in told}


def _compare(
    bus: str, before: Mapping[str, Known], seen: Mapping[str, Known], unwatched: bool
) -> tuple[dict[str, Known], list[Event]]:
    """What is known now, and the events: a device comes at once and is gone after `LOOKS` looks without it."""
    came = [Event(bus, "connected", seen[key].facts, unwatched) for key in seen if key not in before]
    missing = [
        Known(old.key, old.facts, old.missed + 1, unwatched or old.unwatched)
        for key, old in before.items()
        if key not in seen
    ]
    gone = [Event(bus, "disconnected", each.facts, each.unwatched) for each in missing if each.missed >= LOOKS]
    return {**seen, **{each.key: each for each in missing if each.missed < LOOKS}}, came + gone


def observe(state: State) -> Observations:
    """The devices of each bus; one that is missed but not yet gone is still among them."""
    return Observations({bus: tuple(each.values()) for bus, each in state.buses.items()})


def restore(past: Observations) -> State:
    """The state before the first look of a process: what was known, nothing counted."""
    buses = {bus: {each.key: each for each in known} for bus, known in past.buses.items()}
    return State(buses, restored=frozenset(buses))


def events(state: State) -> list[dict[str, str]]:
    """What the last look brought, for the event log."""
    return [event.told() for event in state.events]


DEVICES = gauge(
    "macos_peripherals",
    "Attached devices of a bus by the policy's verdict (system_profiler USB, Bluetooth and Thunderbolt types).",
    *("bus", "authorized"),
)
EVENTS = counter(
    "macos_peripheral_events_total",
    "Devices that came or went, also while the exporter was down (system_profiler compared with the look before).",
    *("bus", "event", "authorized"),
)


def _samples(state: State) -> Iterator[Sample]:
    for bus, verdicts in state.present.items():
        for authorized in VERDICTS:
            yield from DEVICES(verdicts.get(authorized, 0), bus=bus, authorized=authorized)
    for bus, change, authorized in product(BUSES, get_args(Change), VERDICTS):
        count = state.counts.get((bus, change, authorized), 0)
        yield from EVENTS(count, bus=bus, event=change, authorized=authorized)


@collector(
    "peripherals",
    *(DEVICES, EVENTS),
    optional=tuple(question for question, _ in BUSES.values()),
    parse=parse,
    advance=advance,
    memory=Memory(Observations, observe, restore),
    events=events,
    cadence=60,
    config=Peripherals,
    publishes=(*usb.usb.publishes, *bluetooth.bluetooth.publishes, *thunderbolt.thunderbolt.publishes),
)
def peripherals(state: State, _: Context) -> Iterable[Sample]:
    """The gauge of a bus only after a good look at it, the counters from the start."""
    return _samples(state)
