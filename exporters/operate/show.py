"""`pomona agent show`: this machine as a table for people, one section a collector, live on a terminal."""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Column, Table

from exporters.core.clock import Clock, system_clock
from exporters.core.collector import Collector
from exporters.core.context import Context
from exporters.core.metrics import Family, Sample
from exporters.operate.survey import Finding, examine, one_round
from exporters.operate.terminal import one_by_one, plain, terminal
from exporters.operate.units import human, number, short
from exporters.sources.base import Source

PERIOD = 5.0
MOST_SERIES = 8
COLUMN_WIDTH = 64
VERDICTS = frozenset({"true", "false", "unknown"})


class Watch:
    """The last finding of each collector; each is asked again when its cadence has passed."""

    def __init__(
        self, collectors: Iterable[Collector], source: Source, contexts: Mapping[str, Context], clock: Clock
    ) -> None:
        self._collectors = tuple(collectors)
        self._source, self._contexts, self._clock = source, contexts, clock
        self._due = dict.fromkeys((each.name for each in self._collectors), clock.elapsed())
        self._found: dict[str, Finding] = {}

    def due(self) -> Sequence[Collector]:
        """What is to be asked in this round."""
        return [each for each in self._collectors if self._due[each.name] <= self._clock.elapsed()]

    def round(self, collectors: Iterable[Collector]) -> Sequence[Finding]:
        """Asks these, and gives the last finding of all."""
        shared = one_round(self._source)
        for declared in collectors:
            last, name = self._found.get(declared.name), declared.name
            self._due[name] = self._clock.elapsed() + (declared.cadence or 0.0)
            state = last.state if last else None
            self._found[name] = examine(declared, shared, self._contexts[name], self._clock.now(), state)
        return [self._found[each.name] for each in self._collectors if each.name in self._found]


def run(
    collectors: Iterable[Collector],
    source: Source,
    contexts: Mapping[str, Context],
    *,
    console: Console | None = None,
    clock: Clock | None = None,
    stop: threading.Event | None = None,
) -> int:
    """Refreshes every 5 s until Ctrl-C or `stop`; printed once where the output is no terminal."""
    console, stop, clock = console or terminal(), stop or threading.Event(), clock or system_clock()
    watch = Watch(collectors, source, contexts, clock)
    try:
        findings = watch.round(one_by_one(watch.due(), console))
        if console.is_terminal:
            _refresh(watch, findings, console, stop)
        else:
            console.print(*_sections(findings, None), sep="\n\n")
    except KeyboardInterrupt:
        return 0
    return 0


def _refresh(watch: Watch, findings: Sequence[Finding], console: Console, stop: threading.Event) -> None:
    with Live(_screen(findings, console.width), console=console, screen=True, auto_refresh=False) as live:
        while not stop.wait(PERIOD):
            live.update(_screen(watch.round(watch.due()), console.width), refresh=True)


def _screen(findings: Sequence[Finding], width: int) -> RenderableType:
    """The sections in as many columns as fit, filled one after the other to about the same height."""
    sections = _sections(findings, MOST_SERIES)
    columns: list[list[RenderableType]] = [[] for _ in range(max(1, width // COLUMN_WIDTH))]
    height = sum(each.row_count + 2 for each in sections) / len(columns)
    above = 0
    for section in sections:
        columns[min(int(above / height), len(columns) - 1)] += [section, ""]
        above += section.row_count + 2
    grid = Table.grid(*(Column(ratio=1) for _ in columns), expand=True, padding=(0, 2))
    grid.add_row(*(Group(*column) for column in columns))
    return Group(plain(f"{time.strftime('%H:%M:%S')}   every {PERIOD:g} s   Ctrl-C ends", "dim"), grid)


def _sections(findings: Iterable[Finding], most: int | None) -> list[Table]:
    told = (each for each in findings if each.samples or each.crash or each.look.problems)
    return [_section(each, most) for each in told]


def _section(finding: Finding, most: int | None) -> Table:
    """One collector: name and labels, value; of a histogram its sum and count.

    `most` is for a screen: so many series of a family, no counter at 0.
    """
    topic = finding.collector.name
    table = Table(title=plain(topic.replace("_", " "), "bold"), title_justify="left", box=None, show_header=False)
    table.add_column(style="dim")
    table.add_column(justify="right")
    for family, samples in groupby(finding.samples, key=lambda sample: sample.family):
        wanted = (each for each in samples if each.suffix != "_bucket")
        told = (each for each in wanted if most is None or family.kind != "counter" or each.value)
        rows = list(_rows(family, told, topic))
        for name, value in rows[:most]:
            table.add_row(plain(name), plain(value))
        if most is not None and len(rows) > most:
            table.add_row(plain(short(family, topic)), plain(f"and {len(rows) - most} more", "dim"))
    for problem in (finding.crash, *finding.look.problems.values()):
        if problem:
            table.add_row(plain("problem", "red"), plain(problem, "red"))
    return table


def _rows(family: Family, samples: Iterable[Sample], topic: str) -> Iterator[tuple[str, str]]:
    """An enum as its active state, an info as its labels, everything else as a value."""
    short_name = short(family, topic)
    name = "" if short_name == topic and family.labels else short_name
    for sample in samples:
        if family.states:
            *others, state = sample.labels
            if sample.value == 1:
                yield _words(name, sample, others), sample.labels[state].replace("_", " ")
        elif family.name.endswith("_info"):
            yield short_name, _words("", sample, sample.labels, "  ")
        else:
            value = number(sample.value) if sample.suffix == "_count" else human(family, sample.value)
            yield _words(name, sample, sample.labels), value


def _words(name: str, sample: Sample, labels: Iterable[str], between: str = " ") -> str:
    """The name and the values of these labels; a label that is yes or no is named."""
    told = ((label, sample.labels[label]) for label in labels)
    words = (f"{label} {value}" if value in VERDICTS else value for label, value in told)
    return between.join(word for word in (name, *words, sample.suffix.removeprefix("_")) if word)
