"""How good the line is: throughput both ways and responsiveness (`networkQuality -c`), few runs a day, or by a file.

A run takes 15 to 30 s and moves hundreds of megabytes, so it is paid for from a budget that outlives the process. The
file is what a person or another program left: `networkQuality -c > FILE`. The newer of both is shown, with its time.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from ipaddress import ip_network
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from exporters.core.collector import Memory, Partial, Questions, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, counter, enum, gauge
from exporters.core.read import amount, attempt, json, maybe, number, record
from exporters.macos import quality_plan, route
from exporters.macos.power import SUPPLIES
from exporters.macos.quality_plan import STATES, Plan
from exporters.sources.base import Command, Entry, File, Listing, Output, ParseError, Replies, System

CADENCE = 300.0
RUN = Command(("networkQuality", "-c"), timeout=60)
CLOCKS = System("clocks")
LARGEST = 1 << 20
"""Bytes of a result's file; a real one has some ten thousand."""
OUTCOMES = ("succeeded", "failed")
BITS = 8
MILLISECONDS = 1000
HOTSPOTS = ("172.20.10.0/28", "192.168.43.0/24", "192.168.42.0/24")
"""Personal hotspots of iPhones, of Androids up to 10 by Wi-Fi and by cable."""


class NetworkQualityConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The budget and the links that are never measured; `measure: false` only reads `result_file`.

    `metered_gateways` are networks of gateways; off mains nothing runs up to the charge `battery_above`, 0 to 1.
    """

    measure: bool = True
    runs_per_day: Annotated[int, Meta(ge=1, le=24, description="a number of runs from 1 to 24")] = 4
    metered_gateways: tuple[str, ...] = HOTSPOTS
    battery_above: Annotated[float, Meta(ge=0, le=1, description="a ratio from 0 to 1")] = 0.5
    result_file: str = "/Library/Application Support/Pomona/networkquality.json"

    def __post_init__(self) -> None:
        """A network that is none would forbid nothing."""
        for each in self.metered_gateways:
            try:
                ip_network(each)
            except ValueError as error:
                raise ValueError(f"metered_gateways: {error}") from error
        if self.result_file and not self.result_file.startswith("/"):
            raise ValueError("result_file is an absolute path")


class Result(msgspec.Struct, frozen=True):
    """What a good run measured, when: Unix time, bytes per second, round trips per minute, seconds."""

    time: float
    download: float | None = None
    upload: float | None = None
    responsiveness: float | None = None
    base: float | None = None


class Observations(msgspec.Struct, frozen=True):
    """What outlives the process: when a run was made at the latest, and the last good result."""

    spent: float
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """The time; whether a run was made and what it brought; what the file holds; the state of the plan."""

    now: float
    outcome: str = ""
    results: tuple[Result, ...] = ()
    state: str = "waiting"


@dataclass(frozen=True, slots=True)
class History:
    """The plan, the newest good result, the runs of this process by outcome, what the last look found."""

    plan: Plan
    result: Result | None = None
    runs: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    state: str = "waiting"


def optional(context: Context) -> Questions:
    """Where this Mac is connected, what feeds it, and the file that others may have left."""
    asked: Questions = (route.DEFAULT, SUPPLIES) if context.config.measure else ()
    return (*asked, *_listing(context))


def _listing(context: Context) -> tuple[Listing, ...]:
    folder, _, name = context.config.result_file.rpartition("/")
    return (Listing(folder or "/", name),) if name else ()


def second_round(replies: Replies, context: Context, state: History | None) -> Questions:
    """The file, if it is there; and a run, if one is paid for and nothing is in the way."""
    asked: Questions = tuple(File(context.config.result_file) for _ in _entries(replies, context))
    plan = state.plan if state else None
    if not context.config.measure or not quality_plan.may_start(plan, _now(replies)):
        return asked
    return asked if _obstacle(replies, context) else (*asked, RUN)


def _now(replies: Replies) -> float:
    return amount(record(replies[CLOCKS]).get("now"))


def _entries(replies: Replies, context: Context) -> Iterator[Entry]:
    for listing in _listing(context):
        yield from (each for each in replies.get(listing) or () if each.size <= LARGEST)


def _obstacle(replies: Replies, context: Context) -> str:
    """What cannot be read is in the way as well."""
    told = replies.get(route.DEFAULT)
    if told is None:
        return "unknown"
    try:
        way, config = route.parse(told), context.config
        return quality_plan.obstacle(way, replies.get(SUPPLIES), config.metered_gateways, config.battery_above)
    except ParseError:
        return "unknown"


def parse(replies: Replies, context: Context) -> Look | Partial:
    """A run that was begun counts, whatever became of it."""
    now, faults = _now(replies), list[str]()
    left = _left(replies, context, now, faults)
    state = _obstacle(replies, context) or "waiting" if context.config.measure else "switched_off"
    look = Look(now, results=(left,) if left else (), state=state)
    if RUN in replies:
        made = _made(replies.get(RUN), now, faults)
        look = replace(look, outcome="succeeded" if made else "failed", results=(*look.results, *filter(None, (made,))))
    return Partial(look, "; ".join(faults)) if faults else look


def _made(output: Output | None, now: float, faults: list[str]) -> Result | None:
    printed = None if output is None else output.stdout
    return attempt(partial(_result, time=now), printed, faults, "networkQuality")


def _left(replies: Replies, context: Context, now: float, faults: list[str]) -> Result | None:
    """The result in the file, of the time at which the file was written."""
    for entry in _entries(replies, context):
        content = replies.get(File(context.config.result_file))
        if content is not None and entry.modified <= now + CADENCE:
            return attempt(partial(_result, time=entry.modified), content, faults, "the file")
        faults += ["the file was written in the future"] if content is not None else []
    return None


def _result(printed: bytes, time: float) -> Result | None:
    """None where the run says that it failed, or measured nothing: its zeros are no figures."""
    told = record(json(printed))
    if told.get("error_code") or told.get("error_domain"):
        return None
    download, upload = (_above_zero(told.get(key), 1 / BITS) for key in ("dl_throughput", "ul_throughput"))
    if download is None and upload is None:
        return None
    responsiveness = _above_zero(told.get("responsiveness"), 1)
    return Result(time, download, upload, responsiveness, _above_zero(told.get("base_rtt"), 1 / MILLISECONDS))


def _above_zero(value: Any, factor: float) -> float | None:
    measured = maybe(number, value)
    if measured is None or measured <= 0 or not math.isfinite(measured * factor):
        return None
    return measured * factor


def advance(state: History | None, reading: Look, _now: float, context: Context) -> History:
    """Counts a run and plans the next: whoever dies between its payment and its end has paid all the same."""
    before = state or History(Plan(reading.now))
    runs = {each: count + (each == reading.outcome) for each, count in before.runs.items()}
    free = reading.state == "waiting"
    plan = quality_plan.planned(
        before.plan, reading.now, context.config.runs_per_day, made=bool(reading.outcome), free=free
    )
    newest = _newest(before.result, reading)
    return History(plan, newest, runs, "planned" if free and plan.until is not None else reading.state)


def _newest(known: Result | None, reading: Look) -> Result | None:
    """By time; but what a clock that ran ahead measured gives way to the first result after it."""
    new = max((each for each in reading.results if each is not None), key=lambda each: each.time, default=None)
    if known is None or new is None:
        return new or known
    return new if known.time <= new.time or known.time > reading.now + CADENCE else known


def observe(state: History) -> Observations:
    """When the last run was made at the latest."""
    return Observations(state.plan.spent(), state.result)


def restore(past: Observations) -> History:
    """A run that was paid for and not seen to end is lost: it may have been made, at any time that was left for it."""
    return History(Plan(past.spent), past.result)


THROUGHPUT = gauge(
    "macos_network_quality_throughput_bytes_per_second",
    "Throughput of the last good run (networkQuality -c).",
    "direction",
)
RESPONSIVENESS = gauge(
    "macos_network_quality_responsiveness_round_trips_per_minute",
    "Round trips a minute under load, of the last good run; RPM, more is better (networkQuality -c).",
)
BASE = gauge(
    "macos_network_quality_base_round_trip_seconds",
    "Round trip without load, of the last good run (networkQuality -c).",
)
TIME = gauge(
    "macos_network_quality_last_run_timestamp_seconds",
    "When the last good run was begun, or its file written (networkQuality -c).",
)
RUNS = counter(
    "macos_network_quality_runs_total", "Runs that this exporter made, by outcome (networkQuality -c).", "outcome"
)
SCHEDULE = enum(
    "macos_network_quality_schedule",
    "What the budget waits for: time, the next look, or a better link (route, pmset -g batt).",
    "state",
    STATES,
)


@collector(
    "network_quality",
    *(THROUGHPUT, RESPONSIVENESS, BASE, TIME, RUNS, SCHEDULE),
    required=(CLOCKS,),
    optional=optional,
    then=second_round,
    then_asks=(RUN,),
    parse=parse,
    advance=advance,
    memory=Memory(Observations, observe, restore),
    cadence=CADENCE,
    enabled=False,
    config=NetworkQualityConfig,
    unverified=(
        "One good run (macOS 27.0.1) is captured; the form of one that failed is reported, and a run as root from a"
        " launchd daemon was not tried."
    ),
)
def network_quality(state: History, _: Context) -> Iterable[Sample]:
    """The last good result stays, with its time, until there is another."""
    yield from SCHEDULE.one_of(state.state)
    for outcome, count in state.runs.items():
        yield from RUNS(count, outcome=outcome)
    if state.result is not None:
        yield from THROUGHPUT(state.result.download, direction="download")
        yield from THROUGHPUT(state.result.upload, direction="upload")
        yield from RESPONSIVENESS(state.result.responsiveness)
        yield from BASE(state.result.base)
        yield from TIME(state.result.time)
