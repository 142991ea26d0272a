"""Services that you name: their processes, ports, health pages, heartbeats and work queues (psutil, files, probes).

Nothing is asked until something is configured. A component is up while each of its checks is good: a process runs, the
port takes a connection, the health page says what it should. A heartbeat and a queue are told as they are: whether one
is missing, too old or too long is for a rule to say.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

import msgspec

from exporters.core.collector import Memory, Partial, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, counter, gauge
from exporters.host.component_config import STATES, Component, Components, folders, mistakes, questions
from exporters.host.component_health import Health, connected, health
from exporters.host.component_processes import Life, Process, Start, lived, processes, total
from exporters.host.recent import NEVER, Recent, slept
from exporters.host.work_queues import OUTCOMES, Items, Tally, items, tallied
from exporters.sources.base import ParseError, Replies

Value = TypeVar("Value")
CHECKS = ("process", "tcp", "http")
"""Those that say whether a component is up."""
HEARTBEAT_CHECK = "heartbeat"
NAMED = 5
"""Faults that one log line names."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One look at a component: whether each of its checks is good, None where nobody could tell; what else was learnt.

    `beats` is whether the heartbeat file is there, `heartbeat` its last change (Unix time).

    `keys` stand for what is watched, in the memory: something else under the same name begins anew.
    `slept` is for how many seconds the machine has slept since its boot.
    """

    name: str
    keys: Mapping[str, str]
    checks: Mapping[str, bool | None]
    processes: tuple[Process, ...] | None = None
    health: Health | None = None
    beats: bool | None = None
    heartbeat: float | None = None
    queue: Mapping[str, Items] = field(default_factory=dict)
    slept: float | None = None

    @property
    def up(self) -> bool | None:
        """One check that fails decides; else one that nobody could tell leaves it open, as the lack of any does."""
        if False in self.checks.values():
            return False
        return None if None in self.checks.values() or not self.checks else True

    @property
    def key(self) -> str:
        """Stands for all that decides about `up`."""
        return " ".join(self.keys[check] for check in self.checks)


class Observations(msgspec.Struct, frozen=True):
    """What outlives the process: the oldest process of each component, the names in folders of processed items."""

    starts: dict[str, Start]
    names: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class State:
    """The last look, and by key what was counted since the exporter began."""

    watched: tuple[Watched, ...] = ()
    lives: Mapping[str, Life] = field(default_factory=dict)
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    recents: Mapping[str, Recent] = field(default_factory=dict)


def parse(replies: Replies, context: Context) -> tuple[Watched, ...] | Partial:
    """Each component; what could not be learnt is told, the rest is published."""
    faults: list[str] = []
    found = tuple(_watched(each, replies, context, faults) for each in context.config.components)
    if faults and len(faults) == sum(len(each.asks()) for each in context.config.components):
        raise ParseError("; ".join(faults[:NAMED]))
    return Partial(found, "; ".join(faults[:NAMED])) if faults else found


def _watched(component: Component, replies: Replies, context: Context, faults: list[str]) -> Watched:
    asked = component.asks()

    def learn(part: str, read: Callable[[Any], Value]) -> Value | None:
        """None where it is not configured, where there is no answer, and where that cannot be read."""
        try:
            return read(replies[asked[part]]) if part in asked else None
        except ParseError as error:
            faults.append(f"{component.name}: {part}: {error}")
            return None

    pattern = component.queue.pattern if component.queue else ""
    running = learn("process", processes)
    page = learn("http", lambda reply: health(reply, wanted)) if (wanted := component.http) else None
    checks = {
        "process": None if running is None else bool(running),
        "tcp": learn("tcp", connected),
        "http": None if page is None else page.good,
    }
    beat = learn(HEARTBEAT_CHECK, tuple)
    queue = {state: learn(state, lambda reply: items(reply, pattern, context)) for state in STATES}
    return Watched(
        component.name,
        {part: context.hash(f"{component.name} {question}") for part, question in asked.items()},
        {check: good for check, good in checks.items() if check in asked},
        running,
        page,
        None if beat is None else bool(beat),
        max((each.modified for each in beat or ()), default=None),
        {state: each for state, each in queue.items() if each is not None},
        slept(replies),
    )


def advance(state: State | None, reading: tuple[Watched, ...], now: float, _: Context) -> State:
    """What was not learnt this time stays as it was known."""
    before = state or State()
    kept = {key for each in reading for key in each.keys.values()}
    lives = {key: life for key, life in before.lives.items() if key in kept}
    tallies = {key: tally for key, tally in before.tallies.items() if key in kept}
    for each in reading:
        if each.processes is not None:
            key = each.keys["process"]
            lives[key] = lived(lives.get(key, Life()), each.processes, now)
        for outcome in OUTCOMES:
            if outcome in each.queue:
                key = each.keys[outcome]
                tallies[key] = tallied(tallies.get(key), each.queue[outcome].names)
    return State(reading, lives, tallies, dict(_recents(before, reading)))


def _recents(before: State, reading: tuple[Watched, ...]) -> Iterator[tuple[str, Recent]]:
    for each in reading:
        recent = before.recents.get(each.key, NEVER)
        yield each.key, recent if each.up is None else recent.then(not each.up, each.slept)


def observe(state: State) -> Observations:
    """No counter among them."""
    starts = {key: life.oldest for key, life in state.lives.items() if life.oldest is not None}
    return Observations(starts, {key: tally.names for key, tally in state.tallies.items()})


def restore(past: Observations) -> State:
    """What was known, nothing counted."""
    lives = {key: Life(oldest=start) for key, start in past.starts.items()}
    return State(lives=lives, tallies={key: Tally(names) for key, names in past.names.items()})


UP = gauge(
    "pomona_component_up",
    "Whether all checks of the component are good: process, tcp, http, as far as configured (psutil, probes).",
    "component",
)
RECENT = gauge(
    "pomona_component_recent_failures",
    "Looks at which it was not up, of the last three since the exporter began and the machine woke (psutil, probes).",
    "component",
)
CHECK = gauge(
    "pomona_component_check_success",
    "Whether a process runs, the port connects, the page is healthy, the heartbeat file is there (psutil, probes).",
    *("component", "check"),
)
PROCESSES = gauge("pomona_component_processes", "Processes that run, zombies left out (psutil).", "component")
CPU = counter(
    "pomona_component_cpu_seconds_total",
    "CPU time of its processes, user and system, since the exporter began (psutil cpu_times).",
    "component",
)
RESIDENT = gauge(
    "pomona_component_resident_memory_bytes",
    "Resident memory of its processes, shared pages once for each (psutil memory_info).",
    "component",
)
FILES = gauge("pomona_component_open_files", "Open descriptors of its processes (psutil num_fds).", "component")
START = gauge(
    "pomona_component_start_timestamp_seconds", "When its oldest process began (psutil create_time).", "component"
)
RESTARTS = counter(
    "pomona_component_restarts_total",
    "How often its oldest process ended and another one began (psutil create_time).",
    "component",
)
SECONDS = gauge(
    "pomona_component_http_duration_seconds",
    "Time until its health page was read; no time of a failure (probe).",
    "component",
)
CODE = gauge("pomona_component_http_status_code", "HTTP status of its health page (probe).", "component")
VALUE = gauge("pomona_component_http_value", "The field of its health page, if it is a number (probe).", "component")
HEARTBEAT = gauge(
    "pomona_component_heartbeat_timestamp_seconds", "Last change of its heartbeat file (file system).", "component"
)
ITEMS = gauge("pomona_component_queue_items", "Files in a folder of its queue (file system).", *("component", "state"))
OLDEST = gauge(
    "pomona_component_queue_oldest_timestamp_seconds",
    "Last change of the oldest file in a folder of its queue; absent where it is empty (file system).",
    *("component", "state"),
)
PROCESSED = counter(
    "pomona_component_queue_processed_total",
    "New names in the folder done or failed, also of the time while the exporter was down (file system).",
    *("component", "outcome"),
)


def _of_checks(each: Watched, state: State) -> Iterator[Sample]:
    yield from UP(each.up, component=each.name)
    if each.up is not None:
        yield from RECENT(state.recents[each.key].failures, component=each.name)
    for check in CHECKS:
        yield from CHECK(each.checks.get(check), component=each.name, check=check)
    if each.health is not None:
        yield from SECONDS(each.health.seconds, component=each.name)
        yield from CODE(each.health.status, component=each.name)
        yield from VALUE(each.health.value, component=each.name)


def _of_processes(each: Watched, state: State) -> Iterator[Sample]:
    """Of no process there is no memory, and of one that hides its CPU time there is no sum."""
    seen = each.processes
    if seen is None:
        return
    life, cpu = state.lives[each.keys["process"]], total(seen, lambda process: process.cpu)
    yield from PROCESSES(len(seen), component=each.name)
    yield from CPU(life.cpu if cpu is not None or not seen else None, component=each.name)
    yield from RESIDENT(total(seen, lambda process: process.resident), component=each.name)
    yield from FILES(total(seen, lambda process: process.files), component=each.name)
    yield from START(seen[0].created if seen else None, component=each.name)
    yield from RESTARTS(life.restarts, component=each.name)


def _of_files(each: Watched, state: State) -> Iterator[Sample]:
    yield from CHECK(each.beats, component=each.name, check=HEARTBEAT_CHECK)
    yield from HEARTBEAT(each.heartbeat, component=each.name)
    for folder, found in each.queue.items():
        yield from ITEMS(found.count, component=each.name, state=folder)
        yield from OLDEST(found.oldest, component=each.name, state=folder)
        if folder in OUTCOMES:
            yield from PROCESSED(state.tallies[each.keys[folder]].count, component=each.name, outcome=folder)


@collector(
    "components",
    *(UP, RECENT, CHECK, PROCESSES, CPU, RESIDENT, FILES, START, RESTARTS),
    *(SECONDS, CODE, VALUE, HEARTBEAT, ITEMS, OLDEST, PROCESSED),
    optional=questions,
    parse=parse,
    advance=advance,
    memory=Memory(Observations, observe, restore),
    cadence=30,
    config=Components,
    folders=folders,
    mistakes=mistakes,
)
def components(state: State, _: Context) -> Iterable[Sample]:
    """One after the other, as they stand in the configuration."""
    return chain.from_iterable(
        chain(_of_checks(each, state), _of_processes(each, state), _of_files(each, state)) for each in state.watched
    )
