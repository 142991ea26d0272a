"""Devices that come and go on USB, Bluetooth and Thunderbolt, with the policy's verdict (system_profiler).

Hubs and built-in devices count like any other, so a policy allows them by a rule of its own; a Bluetooth device
counts while it is connected, not while it is paired. A bus whose report is missing or not complete counts for nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Literal, get_args

import msgspec

from exporters.core.collector import Memory, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, counter, gauge
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
    """A device as it is remembered: a hash of its identity, what may be told of it, looks in a row without it."""

    key: str
    facts: dict[str, str]
    missed: int = 0


class Observations(msgspec.Struct, frozen=True):
    """What outlives the process: the devices of each bus."""

    buses: dict[str, tuple[Known, ...]]


@dataclass(frozen=True, slots=True)
class Attached:
    """One bus: the devices by key now, those of the first look, how many looks there were."""

    known: Mapping[str, Known]
    first: Mapping[str, Known]
    looks: int


@dataclass(frozen=True, slots=True)
class Event:
    """A device came or went; `while_down` if that was before this process looked."""

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
    """The buses, the events counted since the start, the verdicts of the last look, and what it brought."""

    buses: Mapping[str, Attached] = field(default_factory=dict)
    counts: Mapping[Tally, int] = field(default_factory=dict)
    present: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    events: tuple[Event, ...] = ()


def parse(replies: Replies, context: Context) -> Looks:
    """Each bus by its own parser; an unreadable report is told by the bus's own collector, too."""
    seen: dict[Bus, tuple[Device, ...]] = {}
    faults: list[str] = []
    for bus in BUSES:
        found = _look(bus, replies, context)
        if isinstance(found, ParseError):
            faults.append(f"{bus}: {found}")
        elif found is not None:
            seen[bus] = found
    if faults and not seen:
        raise ParseError("; ".join(faults))
    return Looks(seen)


def _look(bus: Bus, replies: Replies, context: Context) -> tuple[Device, ...] | ParseError | None:
    question, read = BUSES[bus]
    if replies.get(question) is None:
        return None
    try:
        attached: tuple[Device, ...] | None = read(replies, context).attached()
    except ParseError as error:
        return error
    return attached


def advance(state: State | None, reading: Looks, _: float, context: Context) -> State:
    """The first look at a bus is a silent baseline; later ones are compared with what was known."""
    before = state or State()
    buses = dict(before.buses)
    events: list[Event] = []
    present: dict[str, Mapping[str, int]] = {}
    for bus, devices in reading.seen.items():
        seen = _known(devices, context)
        buses[bus], came_and_gone = _compare(bus, before.buses.get(bus), seen)
        events += came_and_gone
        present[bus] = Counter(each.facts["authorized"] for each in seen.values())
    return State(buses, _counted(before.counts, events), present, tuple(events))


def _known(devices: Sequence[Device], context: Context) -> dict[str, Known]:
    told = zip(keys(devices, context), facts(devices, context), strict=True)
    return {key: Known(key, each) for key, each in told}


def _compare(bus: str, before: Attached | None, seen: Mapping[str, Known]) -> tuple[Attached, list[Event]]:
    if before is None:
        return Attached(seen, seen, 1), []
    came = [seen[key] for key in seen if key not in before.known]
    missing = [Known(old.key, old.facts, old.missed + 1) for key, old in before.known.items() if key not in seen]
    gone = [each for each in missing if each.missed >= LOOKS]
    known = {**seen, **{each.key: each for each in missing if each.missed < LOOKS}}
    return Attached(known, before.first, before.looks + 1), _events(bus, came, gone)


def _events(bus: str, came: Iterable[Known], gone: Iterable[Known], *, while_down: bool = False) -> list[Event]:
    return [
        *(Event(bus, "connected", each.facts, while_down) for each in came),
        *(Event(bus, "disconnected", each.facts, while_down) for each in gone),
    ]


def _counted(counts: Mapping[Tally, int], events: Iterable[Event]) -> dict[Tally, int]:
    return dict(Counter(counts) + Counter(event.tally() for event in events))


def resume(state: State, past: Observations, _: float, __: Context) -> State:
    """Compares the first look of this process with the last one of the process before.

    What came or went since the first look was counted by `advance`, so only the first look matters here.
    """
    buses = dict(state.buses)
    events: list[Event] = []
    for bus, remembered in past.buses.items():
        old = {each.key: Known(each.key, each.facts) for each in remembered}
        buses[bus], came_and_gone = _resumed(bus, state.buses.get(bus), old)
        events += came_and_gone
    return replace(state, buses=buses, counts=_counted(state.counts, events), events=tuple(events))


def _resumed(bus: str, now: Attached | None, old: Mapping[str, Known]) -> tuple[Attached, list[Event]]:
    """A bus not seen yet takes what was remembered as its first look; else a device is gone after enough looks.

    One that came back after the first look is gone, too: `advance` has counted that it came.
    """
    if now is None:
        return Attached(old, old, 0), []
    came = [now.first[key] for key in now.first if key not in old]
    missing = [old[key] for key in old if key not in now.first]
    gone = missing if now.looks >= LOOKS else []
    waiting = {} if gone else {each.key: Known(each.key, each.facts, now.looks) for each in missing}
    return replace(now, known={**now.known, **waiting}), _events(bus, came, gone, while_down=True)


def observe(state: State) -> Observations:
    """The devices of each bus; one that is missed but not yet gone is still among them."""
    return Observations({bus: tuple(each.known.values()) for bus, each in state.buses.items()})


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
    memory=Memory(Observations, observe, resume),
    events=events,
    cadence=60,
    config=Peripherals,
    publishes=(*usb.usb.publishes, *bluetooth.bluetooth.publishes, *thunderbolt.thunderbolt.publishes),
)
def peripherals(state: State, _: Context) -> Iterable[Sample]:
    """The gauge of a bus only after a good look at it, the counters from the start."""
    return _samples(state)
