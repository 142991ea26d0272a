"""Small collectors, a clock that is moved by hand and a source that can be held: for the tests of the engine."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from exporters.core.collector import Collector, Memory
from exporters.core.context import Context
from exporters.core.metrics import Sample, counter, gauge
from exporters.core.pool import Pool
from exporters.core.read import array, json, number, text
from exporters.core.runner import Runner
from exporters.sources.base import Command, Replies, System
from exporters.sources.replay import Captured, Captures, Replay

VALUE = System("value")
TOOL = Command(("tool", "--list"))
EXTRA = Command(("extra",))
TOLD = gauge("pomona_test_value", "A value (test).")
SLOW = gauge("pomona_test_items", "Items of a slow tool (test).")
GONE = counter("pomona_test_changes_total", "Changes of the items (test).")


@dataclass(slots=True)
class HandClock:
    """Moves only when told; `sleep` moves what runs on in sleep alone."""

    wall: float = 1_800_000_000.0
    slept: float = 0.0
    ran: float = 1000.0

    def now(self) -> float:
        return self.wall

    def elapsed(self) -> float:
        return self.ran + self.slept

    def awake(self) -> float:
        return self.ran

    def move(self, seconds: float) -> None:
        self.wall += seconds
        self.ran += seconds

    def sleep(self, seconds: float) -> None:
        self.wall += seconds
        self.slept += seconds


@dataclass(slots=True)
class Held:
    """An answer that waits until it is let go, and tells when it was asked."""

    answer: Captured
    asked: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> Captured:
        self.asked.set()
        self.go.wait(30)
        return self.answer

    def asked_soon(self) -> bool:
        """Whether it is asked within a moment in which it would be, were it going to be."""
        return self.asked.wait(0.2)


@dataclass(frozen=True, slots=True)
class Items:
    seen: frozenset[str]
    changes: int = 0
    events: tuple[dict[str, str], ...] = ()


class Stored(msgspec.Struct, frozen=True):
    seen: list[str]


def parse_value(replies: Replies, _: Context) -> float:
    return number(replies[VALUE])


def tell_value(value: float, _: Context) -> Iterable[Sample]:
    yield from TOLD(value)


def parse_items(replies: Replies, _: Context) -> frozenset[str]:
    return frozenset(text(each) for each in array(json(replies[TOOL].stdout)))


def advance(state: Items | None, seen: frozenset[str], _now: float, _: Context) -> Items:
    if state is None:
        return Items(seen)
    return Items(seen, state.changes + len(seen ^ state.seen), tuple({"item": each} for each in seen ^ state.seen))


def observe(state: Items) -> Stored:
    return Stored(sorted(state.seen))


def restore(past: Stored) -> Items:
    return Items(frozenset(past.seen))


def tell_items(state: Items, _: Context) -> Iterable[Sample]:
    yield from SLOW(len(state.seen))
    yield from GONE(state.changes)


def quick(**fields: Any) -> Collector:
    given = {"required": (VALUE,), "parse": parse_value, "metrics": tell_value, "families": (TOLD,), **fields}
    return Collector(name="quick", about="", **given)


def slow(**fields: Any) -> Collector:
    given = {
        "required": (TOOL,),
        "parse": parse_items,
        "metrics": tell_items,
        "families": (SLOW, GONE),
        "advance": advance,
        "memory": Memory(Stored, observe, restore),
        "events": lambda state: state.events,
        "cadence": 60.0,
        **fields,
    }
    return Collector(name="slow", about="", **given)


def captures(value: bytes = b"1", items: bytes = b'["a"]') -> Captures:
    return Captures(systems={"value": Captured(value)}, commands={TOOL.argv: Captured(items)})


def replay(answers: Captures) -> Replay:
    return Replay(answers)


def samples(text: bytes) -> dict[str, float]:
    rows = (line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in rows}


class Machine:
    """A Runner over captures, ticked by hand until what it started has ended."""

    def __init__(self, answers: Captures, *collectors: Collector, **options: Any) -> None:
        self.answers = answers
        self.clock = options.pop("clock", None) or HandClock()
        self.pool = Pool(8)
        contexts = {each.name: Context(key=b"test") for each in collectors}
        source = options.pop("source", None) or Replay(answers)
        self.runner = Runner(collectors, source, contexts, clock=self.clock, pool=self.pool, **options)

    def tick(self) -> None:
        self.runner.tick()
        for cell in self.runner._background:
            if cell._flight is not None:
                cell._flight.result(10)
        while self.pool._free < self.pool._threads:  # one that ended looks for what is due before it rests
            time.sleep(0.001)

    def scrape(self, **options: Any) -> dict[str, float]:
        return samples(self.runner.scrape("text", **options))
