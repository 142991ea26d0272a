"""One collector of one machine: its single flight, what it shows and for how long, its state."""

import logging
import threading
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from exporters.core.clock import Clock
from exporters.core.collector import Advance, Collector, Questions
from exporters.core.context import Context
from exporters.core.flight import Look, look
from exporters.core.log import event
from exporters.core.metrics import Block, Format, Sample, blocks
from exporters.core.state import Section, Store
from exporters.sources.base import Problem, Source

Sink = Callable[[Sequence[Mapping[str, str]]], None]
Start = Callable[[Callable[[], None]], object]
FRESH = 15.0
"""Seconds after which what was asked for a scrape is too old to be served."""
UNHURT: frozenset[Problem] = frozenset({"denied", "not_found"})
"""Problems of optional questions that are a matter of set-up, not a fault."""


@dataclass(slots=True)
class Shown:
    """The text of one reading; `zeros` are its counters at 0, by name, `taken` whether a scrape got them.

    `expires` is on the elapsed clock.
    """

    blocks: tuple[Block, ...]
    expires: float
    foreign_dropped: int = 0
    zeros: Mapping[str, Block] = field(default_factory=dict)
    taken: bool = False


def _at_zero(samples: Iterable[Sample], done: Container[str]) -> Mapping[str, Block]:
    """Each counter that is not done: a reset must not hide in a value larger than the old one."""
    counters = (each for each in samples if each.family.kind == "counter" and each.family.name not in done)
    return {block.family.name: block for block in blocks(each._replace(value=0.0) for each in counters)}


def _text(told: Iterable[Block], form: Format) -> bytes:
    return b"".join(each.text(form) for each in told)


@dataclass(frozen=True, slots=True)
class Status:
    """What the self-metrics tell; `success` is None while nothing is known or where it is unsupported."""

    success: bool | None = None
    duration: float | None = None
    last_success: float | None = None
    problems: Mapping[Problem, str] = field(default_factory=dict)


class Cell:
    """Runs one collector on one machine, one flight at a time."""

    def __init__(
        self,
        declared: Collector,
        source: Source,
        context: Context,
        clock: Clock,
        *,
        store: Store | Section | None = None,
        sink: Sink | None = None,
        foreign_names: frozenset[str] = frozenset(),
        target: str = "",
    ) -> None:
        self.declared = declared
        self.due = clock.elapsed()
        self._source, self._context, self._clock = source, context, clock
        self._store, self._sink, self._taken = store, sink, foreign_names
        self._lock = threading.Lock()
        self._flight: Future[None] | None = None
        self._before: Cell | None = None
        self._started = self._started_at = 0.0
        self._shown: Shown | None = None
        self._status = Status()
        self._advancing = threading.Lock()
        self._replaced = False
        self._state: Any = self._restored()
        self._begun = self._state is None
        self._zeroed: set[str] = set()
        self._log = logging.getLogger(f"pomona.{declared.name}")
        self._named = {"target": target} if target else {}

    def launch(self, start: Start, source: Source | None = None) -> "Future[None]":
        """Begins a flight, or joins the one under way; `start` says on which thread it flies, `source` who answers."""
        with self._lock:
            if self._flight is not None and not self._flight.done():
                return self._flight
            flight = self._flight = Future()
            self._started, self._started_at = self._clock.elapsed(), self._clock.now()
            self.due = self._started + (self.declared.cadence or 0.0)
        try:
            start(lambda: self._fly(flight, source or self._source))
        except BaseException:
            if not flight.done():
                flight.set_result(None)
            raise
        return flight

    def questions(self) -> Questions:
        """What a flight asks in its first round."""
        return (*self.declared.required_for(self._context), *self.declared.optional_for(self._context))

    def flying(self) -> bool:
        """Whether a flight is under way, of this cell or of the one whose place it took."""
        return self._flyer() is not None

    def _flyer(self) -> "Cell | None":
        if self._flight is not None and not self._flight.done():
            return self
        return self._before._flyer() if self._before is not None else None  # noqa: SLF001 - same class

    def tried(self) -> bool:
        """Whether a first flight has ended."""
        return self._flight is not None and self._flight.done()

    def shown(self) -> Shown | None:
        """What may be served now: nothing that is older than its lifetime."""
        shown = self._shown
        return shown if shown is not None and self._clock.elapsed() <= shown.expires else None

    def text(self, form: Format, *, taken: bool) -> bytes:
        """What a scrape gets. Restored counts are held back for a reading whose zeros were taken.

        For all of that reading: there may be two servers that scrape.
        """
        shown = self.shown()
        if shown is None:
            return b""
        shown.taken = shown.taken or taken
        return _text((shown.zeros.get(each.family.name, each) for each in shown.blocks), form)

    def take(self) -> None:
        """The text was kept by whoever asked."""
        if (shown := self.shown()) is not None:
            shown.taken = True

    def status(self) -> Status:
        """The last outcome; a flight that hangs counts as a timeout."""
        status = self._status
        if self.flying() and self.flown() > (self.declared.cadence or FRESH):
            return Status(False, status.duration, status.last_success, {"timeout": "no answer yet"})
        return status

    def flown(self) -> float:
        """Seconds since the flight under way began, else the last one."""
        return self._clock.elapsed() - (self._flyer() or self)._started  # noqa: SLF001 - same class

    def after(self, other: "Cell") -> "Cell":
        """What takes the place of `other` after a reload: itself if nothing changed, else with its state."""
        if (other.declared, other._context) == (self.declared, self._context):  # noqa: SLF001 - same class
            other._taken = self._taken  # noqa: SLF001
            return other
        self._before = other._flyer()  # noqa: SLF001
        with other._advancing:  # noqa: SLF001
            other._replaced = True  # noqa: SLF001
            if other._fingerprint() == self._fingerprint():  # noqa: SLF001
                self._state, self._begun, self._zeroed = other._state, other._begun, other._zeroed  # noqa: SLF001
        return self

    def retire(self) -> None:
        """Nothing is accounted from now on."""
        with self._advancing:
            self._replaced = True

    def _fly(self, flight: "Future[None]", source: Source) -> None:
        try:
            self._look(source)
        finally:
            flight.set_result(None)

    def _look(self, source: Source) -> None:
        started, now = self._started, self._started_at
        try:
            seen = look(self.declared, source, self._context, self._state)
            shown = self._show(seen, started, now)
        except Exception as error:  # noqa: BLE001 - a bug in one collector must not touch the others
            seen, shown = Look(failed="failed", problems={"failed": _where(error)}), None
        duration = self._clock.elapsed() - started
        if shown is not None:
            shown.expires += duration
        if shown is not None or seen.failed != "timeout":
            self._shown = shown
        self._conclude(seen, duration, now)

    def _show(self, seen: Look, started: float, now: float) -> Shown | None:
        if seen.failed is not None or not seen.supported:
            return None
        reading = seen.reading
        if self.declared.advance is not None:
            reading = self._advance(self.declared.advance, reading, now)
        samples = tuple(self.declared.metrics(reading, self._context))
        kept = self._own(samples) if self.declared.foreign else samples
        lifetime = 2 * self.declared.cadence if self.declared.cadence else FRESH
        if self._shown is not None and self._shown.taken:
            self._zeroed.update(self._shown.zeros)
        zeros = {} if self._begun else _at_zero(kept, self._zeroed)
        return Shown(blocks(kept), started + lifetime, len(samples) - len(kept), zeros)

    def _own(self, samples: tuple[Sample, ...]) -> tuple[Sample, ...]:
        own = {family.name for family in self.declared.families}
        return tuple(each for each in samples if each.family.name in own or each.family.name not in self._taken)

    def _advance(self, advance: Advance, reading: Any, now: float) -> Any:
        """The state after this look, told and stored; one that a reload replaced leaves both to its successor."""
        memory = self.declared.memory
        with self._advancing:
            if self._replaced and self._state is not None:
                return self._state
            state = advance(self._state, reading, now, self._context)
            if self._replaced:
                return state
            self._state = state
            self._tell(state)
            if memory is not None and self._store is not None:
                self._store.put(self.declared.name, self._fingerprint(), memory.observe(state))
        return state

    def _tell(self, state: Any) -> None:
        events = self.declared.events(state) if self.declared.events is not None else ()
        if events and self._sink is not None:
            self._sink(events)

    def _restored(self) -> Any:
        memory = self.declared.memory
        if memory is None or self._store is None:
            return None
        past = self._store.get(self.declared.name, self._fingerprint(), memory.kind)
        return memory.restore(past) if past is not None else None

    def _fingerprint(self) -> str:
        """Hashed identities are comparable only under one key and one privacy level."""
        return f"{self._context.level}-{self._context.hash('observations')}"

    def _conclude(self, seen: Look, duration: float, now: float) -> None:
        before = self._status
        good = seen.failed is None and not (seen.problems.keys() - UNHURT)
        last_success = now if seen.failed is None and seen.supported else before.last_success
        self._status = Status(good if seen.supported else None, duration, last_success, seen.problems)
        for problem in seen.problems.keys() - before.problems.keys():
            # a machine that cannot be reached is told once, by whoever keeps the connection
            level, fields = "debug" if problem == "unreachable" else "warn", {**self._named, "problem": problem}
            event(self._log, level, "a collector has a problem", **fields, reason=seen.problems[problem])
        if before.problems.keys() - {"unreachable"} and not seen.problems:
            event(self._log, "info", "the collector works again", **self._named)


def _where(error: BaseException) -> str:
    """Kind and place of a bug, without its text: that may hold what must not be told."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else "?"
    return f"{type(error).__name__} in {place}"
