"""When the collectors of one machine run, and what a scrape of it gets."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait

from exporters.core.cell import Cell, Sink, Status
from exporters.core.clock import Clock
from exporters.core.collector import Collector, Questions
from exporters.core.context import Context
from exporters.core.metrics import Format, Sample, gauge, render, series_names
from exporters.core.pool import Pool
from exporters.core.selfmetrics import FAMILIES
from exporters.core.state import Section, Store
from exporters.sources.base import Source
from exporters.sources.batch import Batch

PATIENCE = 0.1
"""Seconds for all cheap questions together, after which each gets a thread of its own."""
HANGS = 1.0
"""Seconds after which a cheap question counts as hanging."""
EARLY = 0.5
"""Seconds before its time at which a scrape may start what is due: no scrape comes at the same instant each time."""
ABREAST = 4
"""Background collectors that start beside each other: a start or a wake must not be a burst of processes."""
LONG = 5.0
"""Seconds after which one that still runs does not keep others waiting."""
log = logging.getLogger("pomona")
SUCCESS = gauge("pomona_collector_success", "1 if nothing is wrong, absent if unsupported here (pomona).", "collector")
DURATION = gauge("pomona_collector_duration_seconds", "Time of the last collection (pomona).", "collector")
LAST = gauge(
    "pomona_collector_last_success_timestamp_seconds",
    "When the readings of a background collector were collected (pomona).",
    "collector",
)
PROBLEM = gauge(
    "pomona_collector_problem",
    "1 while it lasts: denied, failed, not_found, timeout, unparsable or unreachable (pomona).",
    "collector",
    "problem",
)
DROPPED = gauge(
    "pomona_collector_foreign_samples_dropped",
    "Samples of other programs left out because they carry one of our names (pomona).",
    "collector",
)
OWN = (SUCCESS, DURATION, LAST, PROBLEM, DROPPED)


class Runner:
    """The collectors of one machine or target. All Runners of a process share one bounded pool.

    `on_demand`: background collectors run when a scrape finds them due, and it waits for them (a probe);
    otherwise `tick` starts them and a scrape never waits for a fork. `together`: what is due is asked in one batch, in
    the order of the collectors, where each round to the machine costs. `previous` is the Runner that a reload replaces:
    what did not change goes on, counters included. `target` is for the log.
    """

    def __init__(
        self,
        collectors: Iterable[Collector],
        source: Source,
        contexts: Mapping[str, Context],
        *,
        clock: Clock,
        pool: Pool,
        store: Store | Section | None = None,
        sink: Sink | None = None,
        on_demand: bool = False,
        together: bool = False,
        previous: "Runner | None" = None,
        target: str = "",
    ) -> None:
        declared = tuple(collectors)
        families = (*OWN, *FAMILIES, *(family for each in declared for family in each.families))
        taken = frozenset(name for family in families for name in series_names(family))
        self._clock, self._pool, self._on_demand = clock, pool, on_demand
        self._source, self._together = source, together
        self._cells = {
            each.name: Cell(
                each, source, contexts[each.name], clock, store=store, sink=sink, foreign_names=taken, target=target
            )
            for each in declared
        }
        for name, cell in previous._cells.items() if previous else ():  # noqa: SLF001 - same class
            if name in self._cells:
                self._cells[name] = self._cells[name].after(cell)
        self._background = tuple(cell for cell in self._cells.values() if cell.declared.cadence is not None)
        self._starting, self._over = threading.Lock(), False
        if previous is not None:
            previous.stop()

    @property
    def names(self) -> frozenset[str]:
        """The collectors that can be chosen by `collect[]`."""
        return frozenset(self._cells)

    def take(self, chosen: frozenset[str] | None = None) -> None:
        """A text that was scraped as not taken has been kept after all."""
        for name, cell in self._cells.items():
            if chosen is None or name in chosen:
                cell.take()

    def retire(self) -> None:
        """Nothing is accounted from now on: another Runner goes on from what was stored."""
        for cell in self._cells.values():
            cell.retire()

    def tick(self) -> None:
        """Starts what is due, as many as may run beside each other; each that ends lets the next one start."""
        with self._starting:
            flying = sum(cell.flying() and cell.flown() < LONG for cell in self._background)
            now = self._clock.elapsed()
            due = [cell for cell in self._background if cell.due <= now and not cell.flying() and not self._over]
            for cell in sorted(due, key=lambda cell: cell.due)[: max(ABREAST - flying, 0)]:
                cell.launch(self._submit)

    def stop(self) -> None:
        """Starts nothing any more."""
        self._over = True

    def _submit(self, work: Callable[[], None]) -> None:
        def fly() -> None:
            work()
            self.tick()

        self._pool.submit(fly)

    def ready(self) -> bool:
        """Whether every background collector has been tried once."""
        return all(cell.tried() for cell in self._background)

    def scrape(
        self, form: Format, chosen: frozenset[str] | None = None, timeout: float = 10.0, *, taken: bool = True
    ) -> bytes:
        """The text of all or the chosen collectors, within `timeout` seconds; late ones are left out and told.

        `taken` is false where the text is not kept by whoever asked, as for HEAD.
        """
        cells = [cell for name, cell in self._cells.items() if chosen is None or name in chosen]
        hanging = {cell.declared.name for cell in cells if self._hangs(cell)}
        flights = self._launch([cell for cell in cells if cell.declared.name not in hanging], timeout)
        late = wait(flights.values(), timeout).not_done
        lagging = hanging | {name for name, flight in flights.items() if flight in late}
        parts = [cell.text(form, taken=taken) for cell in cells if _may_be_told(cell, lagging)]
        return b"".join((*parts, render(self._own(cells, lagging), form)))

    @staticmethod
    def _hangs(cell: Cell) -> bool:
        """A cheap question that has not been answered for long: no scrape waits for it again."""
        return cell.declared.cadence is None and cell.flying() and cell.flown() > HANGS

    def _launch(self, cells: Sequence[Cell], timeout: float) -> "dict[str, Future[None]]":
        """What this scrape asks: the cheap ones one after the other on one thread, what forks beside each other."""
        now = self._clock.elapsed()
        due = [
            cell for cell in cells if cell.declared.cadence is not None and (cell.due <= now + EARLY or cell.flying())
        ]
        if self._on_demand and self._together:
            flights = self._in_one_batch(due)
        else:
            flights = {cell.declared.name: cell.launch(self._pool.submit) for cell in due if self._on_demand}
        quick = [cell for cell in cells if cell.declared.cadence is None]
        wait([self._pool.submit(lambda: _walk(quick, flights))], min(PATIENCE, timeout))
        for cell in quick:
            if cell.declared.name not in flights:
                flights[cell.declared.name] = cell.launch(self._pool.submit)
        return flights

    def _in_one_batch(self, cells: Sequence[Cell]) -> "dict[str, Future[None]]":
        """One round for all that do not fly yet; then each looks at its own answers, on the same thread."""
        batch, looks = Batch(self._source), list[Callable[[], None]]()
        asked = tuple(question for cell in cells if not cell.flying() for question in cell.questions())
        flights = {cell.declared.name: cell.launch(looks.append, batch) for cell in cells}
        if looks:
            self._pool.submit(lambda: _ask_and_look(batch, asked, looks))
        return flights

    @staticmethod
    def _own(cells: Sequence[Cell], lagging: set[str]) -> Iterator[Sample]:
        for cell in cells:
            name, status = cell.declared.name, cell.status()
            if name in lagging:
                status = Status(False, status.duration, status.last_success, {"timeout": "later than the scrape"})
            yield from SUCCESS(status.success, collector=name)
            yield from DURATION(status.duration, collector=name)
            if cell.declared.cadence is not None:
                yield from LAST(status.last_success, collector=name)
            for problem in status.problems:
                yield from PROBLEM(1, collector=name, problem=problem)
            shown = cell.shown()
            if cell.declared.foreign and shown is not None:
                yield from DROPPED(shown.foreign_dropped, collector=name)


def _may_be_told(cell: Cell, lagging: set[str]) -> bool:
    """What is asked at each scrape is told by the scrape that asked, or not at all."""
    return cell.declared.cadence is not None or cell.declared.name not in lagging


def _walk(cells: Sequence[Cell], flights: "dict[str, Future[None]]") -> None:
    """Asks in turn on this thread. One that hangs is left behind: the scrape then starts the others itself."""
    for cell in cells:
        if cell.declared.name not in flights:
            flights[cell.declared.name] = cell.launch(_here)


def _ask_and_look(batch: Batch, asked: Questions, looks: Sequence[Callable[[], None]]) -> None:
    try:
        batch.gather(asked)
    finally:
        for each in looks:
            each()


def _here(work: Callable[[], None]) -> None:
    work()


class Ticker:
    """Calls a Runner's `tick` every second, in one daemon thread."""

    def __init__(self, tick: Callable[[], None], period: float = 1.0) -> None:
        self._tick, self._period = tick, period
        self._stopped = threading.Event()

    def start(self) -> None:
        """The first tick comes at once."""
        threading.Thread(target=self._run, name="pomona-ticker", daemon=True).start()

    def stop(self) -> None:
        """No tick starts after this."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._tick()
            except Exception:
                log.exception("what is due could not be started; it is tried again")
            self._stopped.wait(self._period)
