"""What holds for every collector in a Runner: how long its samples live, what it costs others, that nothing leaks."""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import COLLECTORS, context_for, fixtures_of
from core.machines import HandClock, Held, quick
from exporters.core.collector import Collector
from exporters.core.context import Context
from exporters.core.metrics import Format
from exporters.core.pool import Pool
from exporters.core.runner import Runner
from exporters.sources.base import Denied, NotFound, Question, SourceError, TimedOut
from exporters.sources.replay import Captured, Captures, Replay, Supply, load_captures
from spoiling import CANARY, Spot, answer_at, changed, decoded, mistyped, poisons, spot_of, spots, unlearnt

NAMES = sorted(COLLECTORS)
QUICK_LIVES = 15.0
"""Seconds that may serve what was asked at a scrape, which has no cadence."""
ENOUGH = 0.4
"""Seconds that a scrape gets while an answer hangs."""
SOON = 10.0
"""Seconds that are far from the 30 of a scrape that waits."""
GARBAGE = (
    CANARY.encode(),
    f'{{"{CANARY}": "{CANARY}'.encode(),
    f'["{CANARY}", {{"{CANARY}": "{CANARY}"}}]'.encode(),
    f'<?xml version="1.0"?><plist version="1.0"><dict><key>{CANARY}</key><{CANARY}>'.encode(),
    f"bplist00{CANARY}".encode(),
    b"\xff\xfe" + CANARY.encode(),
)


@pytest.fixture(scope="module")
def pool() -> Pool:
    return Pool(16)


GROWING = ("macos_soc_energy_joules_total", "macos_soc_measured_seconds_total")
"""What each look adds to, even one at the same answers."""
LASTING = (
    *GROWING,
    "macos_peripheral_events_total",
    "macos_updates_list",
    "macos_updates_restart_required",
    "openwrt_nlbwmon_status",
    "openwrt_corrections_total",
    "openwrt_device_events_total",
    "openwrt_device_info",
    "openwrt_device_known",
    "openwrt_device_quota_bytes",
)
"""What is told without any one answer: counts of the process, what a person listed, that the answer failed.

And what is asked for once a day, which is told with its own time.
"""


LAST_LOOKS = ("pomona_endpoint_recent_failures", "pomona_component_recent_failures")
"""What has another value after each look, even one at the same answers, and goes with them."""
COUNT_LOOKS = ("pomona_endpoint_checks_total", "pomona_endpoint_failures_total", "pomona_endpoint_duration_seconds")
"""What grows with each look and stays when there is none: counts of the process, not of anything that it was told."""


class Machine:
    """A Runner with a collector over captures, and with a neighbour that must never notice what becomes of it."""

    def __init__(self, name: str, captures: Captures, context: Context, pool: Pool, *, on_demand: bool = True) -> None:
        self.declared, self.context, self.clock = COLLECTORS[name], context, HandClock()
        self.answers = changed(captures, lambda answer: answer)
        self.answers.systems["value"] = Captured(b"1")
        contexts = {name: context, "quick": Context(key=b"fixture")}
        self.runner = Runner(
            (self.declared, quick()), Replay(self.answers), contexts, clock=self.clock, pool=pool, on_demand=on_demand
        )

    @property
    def cadence(self) -> float:
        return self.declared.cadence or QUICK_LIVES

    def answer(self, spot: Spot, supply: Supply) -> None:
        getattr(self.answers, spot[0])[spot[1]] = supply

    def text(self, form: Format = "text", timeout: float = 30.0) -> str:
        return self.runner.scrape(form, timeout=timeout).decode()

    def told(self, timeout: float = 30.0) -> set[str]:
        """All samples; the neighbour is always among them."""
        told = {line for line in self.text(timeout=timeout).split("\n") if line and not line.startswith("#")}
        assert {"pomona_test_value 1.0", 'pomona_collector_success{collector="quick"} 1.0'} <= told
        return told

    def own(self) -> set[str]:
        """The samples of the collector."""
        return own(self.told())

    def left(self) -> set[str]:
        """The samples that may never outlive a failure: all but the counters of a collector that needs no answer.

        Nor do those outlive it that say that nothing is known.
        """
        told = self.own()
        lasting = () if self.declared.required_for(self.context) else LASTING
        return {line for line in told if not line.startswith((*lasting, *unlearnt(told)))}

    def needed(self) -> list[tuple[Question[object], ...]]:
        """What it cannot be without: each required question; where there is none, all the optional ones together."""
        required = self.declared.required_for(self.context)
        return [(each,) for each in required] or [self.declared.optional_for(self.context)]


def own(told: set[str]) -> set[str]:
    """Without the neighbour, the Runner's own samples and counts of looks, and without the values of what grows."""
    lines = (line for line in told if not line.startswith(("pomona_collector_", "pomona_test_", *COUNT_LOOKS)))
    return {line.partition(" ")[0] if line.startswith((*GROWING, *LAST_LOOKS)) else line for line in lines}


def lively(name: str, pool: Pool, *, on_demand: bool = True) -> Machine:
    """The collector over the fixture that shows the most of it."""

    def machine(folder: object, *, on_demand: bool) -> Machine:
        context = context_for(COLLECTORS[name], folder=folder)
        return Machine(name, load_captures(folder), context, pool, on_demand=on_demand)

    best = max(fixtures_of(name), key=lambda folder: len(machine(folder, on_demand=True).own()))
    return machine(best, on_demand=on_demand)


FAILURES = {
    "not found": Captured(error=NotFound),
    "denied": Captured(error=Denied),
    "failed": Captured(error=SourceError),
    "exit status": Captured(b"", b"", exit=99),
    "unparsable": Captured(b"\xff{"),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("name", NAMES)
def test_samples_are_gone_once_a_required_question_fails_and_come_back(name: str, failure: str, pool: Pool) -> None:
    machine = lively(name, pool)
    whole = machine.own()
    assert whole
    for questions in machine.needed():
        places = [spot_of(each) for each in questions]
        before = {place: getattr(machine.answers, place[0]).get(place[1]) for place in places}
        for place in places:
            machine.answer(place, FAILURES[failure])
        machine.clock.move(machine.cadence + 1)
        assert not machine.left()
        for (table, key), answer in before.items():
            getattr(machine.answers, table).pop(key) if answer is None else machine.answer((table, key), answer)
        machine.clock.move(machine.cadence + 1)
        assert machine.own() == whole


@pytest.mark.parametrize("name", NAMES)
def test_samples_outlive_a_timeout_by_one_cadence_at_most(name: str, pool: Pool) -> None:
    machine = lively(name, pool)
    whole = machine.own()
    for questions in machine.needed():
        for each in questions:
            machine.answer(spot_of(each), Captured(error=TimedOut))
    machine.clock.move(machine.cadence - 1 if machine.declared.cadence is None else machine.cadence)
    assert machine.own() <= whole
    machine.clock.move(machine.cadence + 1)
    assert not machine.left()
    assert f'pomona_collector_problem{{collector="{name}",problem="timeout"}} 1.0' in machine.told()


@pytest.mark.parametrize("name", NAMES)
def test_an_answer_that_hangs_costs_its_own_samples_only_and_not_the_scrape(name: str, pool: Pool) -> None:
    machine, go = lively(name, pool), threading.Event()
    whole = machine.own()
    machine = hanging(machine, pool, go, on_demand=True)
    try:
        begun = time.monotonic()
        told = machine.told(timeout=ENOUGH)
        assert not own(told)
        assert f'pomona_collector_problem{{collector="{name}",problem="timeout"}} 1.0' in told
        assert time.monotonic() - begun < SOON
    finally:
        go.set()
    assert machine.own() == whole


@pytest.mark.parametrize("name", [name for name in NAMES if COLLECTORS[name].cadence])
def test_a_scrape_never_waits_for_a_background_answer_that_hangs(name: str, pool: Pool) -> None:
    go = threading.Event()
    machine = hanging(lively(name, pool), pool, go, on_demand=False)
    try:
        machine.runner.tick()
        begun = time.monotonic()
        assert not machine.own()
        assert time.monotonic() - begun < SOON
    finally:
        go.set()


def hanging(machine: Machine, pool: Pool, go: threading.Event, *, on_demand: bool) -> Machine:
    """The same machine anew, whose collector gets no answer before `go`."""
    held = changed(machine.answers, lambda answer: Held(answer, go=go))
    return Machine(machine.declared.name, held, machine.context, pool, on_demand=on_demand)


@pytest.mark.parametrize("name", NAMES)
def test_two_scrapes_at_once_are_equal(name: str, pool: Pool) -> None:
    machine, both = lively(name, pool), threading.Barrier(2, timeout=10)

    def scrape() -> str:
        both.wait()
        return machine.text()

    with ThreadPoolExecutor(2) as threads:
        for _ in range(3):
            one, other = (each.result(30) for each in [threads.submit(scrape), threads.submit(scrape)])
            assert one == other
            assert machine.own()
            machine.clock.move(machine.cadence + 1)


def failures(declared: Collector, answer: Captured) -> Iterator[Captured]:
    """The answer failing in every way, with a secret in whatever it prints."""
    yield Captured(CANARY.encode(), CANARY.encode(), exit=99)
    yield Captured(answer.stdout, CANARY.encode(), exit=99)
    is_text = decoded(answer.stdout)[1] is None and not declared.foreign
    wrong = poisons(answer.stdout, declared.publishes) if is_text else mistyped(answer.stdout, declared.publishes)
    for printed in (*GARBAGE, *wrong):
        yield Captured(printed, CANARY.encode(), answer.exit)


@pytest.mark.parametrize("name", NAMES)
def test_no_failure_takes_a_secret_into_the_log_or_the_metrics(
    name: str, pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for folder in fixtures_of(name):
        captures = load_captures(folder)
        machine = Machine(name, captures, context_for(COLLECTORS[name], folder=folder), pool)
        for spot in spots(captures):
            for answer in failures(COLLECTORS[name], answer_at(captures, spot)):
                machine.answer(spot, answer)
                machine.clock.move(machine.cadence + 1)
                assert CANARY not in machine.text() + machine.text("openmetrics")
                # a problem is logged when it begins: each failure must be a new one
                machine.answer(spot, answer_at(captures, spot))
                machine.clock.move(machine.cadence + 1)
                machine.text()
    records = [record for record in caplog.records if record.name == f"pomona.{name}"]
    assert records
    assert CANARY not in caplog.text + "".join(str(vars(record)) for record in caplog.records)
