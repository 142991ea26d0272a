"""What a scrape gets and for how long: cadence, lifetime, sleep, deadlines, isolation, restarts."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from core.machines import (
    EXTRA,
    TOLD,
    TOOL,
    Held,
    Machine,
    captures,
    quick,
    samples,
    slow,
)
from exporters.core.metrics import Distribution, Family, histogram
from exporters.sources.base import (
    Denied,
    NotFound,
    SourceError,
    TimedOut,
)
from exporters.sources.replay import Captured, Captures


def test_quick_facts_are_asked_at_each_scrape() -> None:
    answers = captures()
    machine = Machine(answers, quick())
    assert machine.scrape()["pomona_test_value"] == 1
    answers.systems["value"] = Captured(b"2")
    seen = machine.scrape()
    assert seen["pomona_test_value"] == 2
    assert seen['pomona_collector_success{collector="quick"}'] == 1


def test_background_facts_run_at_their_cadence_and_not_at_the_scrape() -> None:
    answers = captures()
    machine = Machine(answers, slow())
    assert "pomona_test_items" not in machine.scrape()
    machine.tick()
    answers.commands[TOOL.argv] = Captured(b'["a", "b"]')
    machine.clock.move(59)
    machine.tick()
    assert machine.scrape()["pomona_test_items"] == 1
    machine.clock.move(2)
    machine.tick()
    assert machine.scrape()["pomona_test_items"] == 2


def test_scrape_never_waits_for_a_background_flight() -> None:
    held = Held(Captured(b'["a"]'))
    machine = Machine(Captures(commands={TOOL.argv: held}), slow())
    machine.runner.tick()
    assert held.asked.wait(10)
    assert "pomona_test_items" not in machine.scrape(timeout=30)
    held.go.set()


def test_probe_waits_for_what_is_due_and_serves_the_rest() -> None:
    answers = captures()
    machine = Machine(answers, quick(), slow(), on_demand=True)
    assert machine.scrape()["pomona_test_items"] == 1
    answers.commands[TOOL.argv] = Captured(b"[]")
    seen = machine.scrape()
    assert seen["pomona_test_items"] == 1
    assert seen['pomona_collector_last_success_timestamp_seconds{collector="slow"}'] == 1_800_000_000


def test_empty_good_answer_replaces() -> None:
    answers = captures()
    machine = Machine(answers, slow())
    machine.tick()
    answers.commands[TOOL.argv] = Captured(b"[]")
    machine.clock.move(61)
    machine.tick()
    assert machine.scrape()["pomona_test_items"] == 0


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Captured(error=NotFound), "not_found"),
        (Captured(error=Denied), "denied"),
        (Captured(error=SourceError), "failed"),
        (Captured(b"half a lis"), "unparsable"),
        (Captured(b"[]", exit=3), "failed"),
    ],
)
def test_failed_required_question_drops_the_readings_at_once(answer: Captured, problem: str) -> None:
    answers = captures()
    machine = Machine(answers, quick(), slow())
    machine.tick()
    answers.commands[TOOL.argv] = answer
    machine.clock.move(61)
    machine.tick()
    seen = machine.scrape()
    assert "pomona_test_items" not in seen
    assert seen['pomona_collector_success{collector="slow"}'] == 0
    assert seen[f'pomona_collector_problem{{collector="slow",problem="{problem}"}}'] == 1
    assert seen["pomona_test_value"] == 1
    answers.commands[TOOL.argv] = Captured(b'["b"]')
    machine.clock.move(61)
    machine.tick()
    seen = machine.scrape()
    assert seen['pomona_collector_success{collector="slow"}'] == 1
    assert not [name for name in seen if "problem" in name]


def test_timeout_keeps_the_last_reading_for_one_more_cadence_at_most() -> None:
    answers = captures()
    machine = Machine(answers, slow())
    machine.tick()
    answers.commands[TOOL.argv] = Captured(error=TimedOut)
    machine.clock.move(61)
    machine.tick()
    seen = machine.scrape()
    assert seen["pomona_test_items"] == 1
    assert seen['pomona_collector_success{collector="slow"}'] == 0
    machine.clock.move(60)
    assert "pomona_test_items" not in machine.scrape()


def test_unsupported_collector_is_empty_and_has_no_success() -> None:
    machine = Machine(Captures(), slow(required=(), optional=(TOOL,)))
    machine.tick()
    seen = machine.scrape()
    assert not [name for name in seen if "success" in name or "items" in name]


@pytest.mark.parametrize(("error", "success"), [(NotFound, 1), (Denied, 1), (SourceError, 0), (TimedOut, 0)])
def test_failed_optional_question_leaves_the_rest(error: type[SourceError], success: int) -> None:
    answers = captures()
    answers.commands[EXTRA.argv] = Captured(error=error)
    machine = Machine(answers, slow(optional=(EXTRA,)))
    machine.tick()
    seen = machine.scrape()
    assert seen["pomona_test_items"] == 1
    assert seen['pomona_collector_success{collector="slow"}'] == success
    told = [name for name in seen if "problem" in name]
    assert bool(told) == (error is not NotFound)


def test_crash_of_one_collector_is_told_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("SECRET")

    machine = Machine(captures(), quick(), slow(parse=crash))
    machine.tick()
    text = machine.runner.scrape("text").decode()
    assert samples(text.encode())["pomona_test_value"] == 1
    assert 'pomona_collector_success{collector="slow"} 0.0' in text
    told = str([record.__dict__ for record in caplog.records])
    assert "RuntimeError" in told
    assert "SECRET" not in told + text


def test_the_same_series_twice_loses_that_collector_only() -> None:
    machine = Machine(captures(), quick(), slow(metrics=lambda *_: (*TOLD(1), *TOLD(2))))
    machine.tick()
    seen = machine.scrape()
    assert seen["pomona_test_value"] == 1
    assert seen['pomona_collector_success{collector="slow"}'] == 0


def test_hanging_quick_collector_costs_its_own_samples_only() -> None:
    held = Held(Captured(b"1"))
    answers = captures()
    answers.systems["value"] = held
    machine = Machine(answers, quick(), slow())
    machine.tick()
    seen = machine.scrape(timeout=0.05)
    assert "pomona_test_value" not in seen
    assert seen["pomona_test_items"] == 1
    assert seen['pomona_collector_problem{collector="quick",problem="timeout"}'] == 1
    held.go.set()
    assert machine.scrape()["pomona_test_value"] == 1


def test_parallel_scrapes_share_one_collection_and_are_equal() -> None:
    asked: list[int] = []

    def answer() -> Captured:
        asked.append(1)
        held.go.wait(10)
        return Captured(b"5")

    held = Held(Captured(b""))
    answers = captures()
    answers.systems["value"] = answer
    machine = Machine(answers, quick())
    with ThreadPoolExecutor(8) as threads:
        scrapes = [threads.submit(machine.scrape) for _ in range(8)]
        while not asked:
            held.asked.wait(0.01)
        held.go.set()
        texts = [each.result(10) for each in scrapes]
    assert all(text["pomona_test_value"] == 5 for text in texts)
    assert len(asked) < 8


def test_flight_that_hangs_is_a_timeout_and_starts_no_second_one() -> None:
    held = Held(Captured(b'["a"]'))
    machine = Machine(Captures(commands={TOOL.argv: held}), slow())
    machine.runner.tick()
    assert held.asked.wait(10)
    flight = machine.runner._background[0]._flight
    machine.clock.move(61)
    machine.runner.tick()
    assert machine.runner._background[0]._flight is flight
    assert machine.scrape()['pomona_collector_problem{collector="slow",problem="timeout"}'] == 1
    held.go.set()


def test_sleep_makes_readings_old_and_the_next_tick_collects_anew() -> None:
    machine = Machine(captures(), slow())
    machine.tick()
    machine.clock.sleep(8 * 3600)
    assert "pomona_test_items" not in machine.scrape()
    machine.tick()
    assert machine.scrape()["pomona_test_items"] == 1


def test_chosen_collectors_alone_are_asked_and_told() -> None:
    machine = Machine(captures(), quick(), slow())
    machine.tick()
    seen = machine.scrape(chosen=frozenset({"slow"}))
    assert {name.split("{")[0] for name in seen if name.startswith("pomona_test")} == {
        "pomona_test_items",
        "pomona_test_changes_total",
    }
    assert not [name for name in seen if "quick" in name]


def test_after_a_reload_a_foreign_collector_knows_what_is_taken_now() -> None:
    twin = Family("pomona_test_value", "gauge", "x")
    foreign = quick(foreign=True, families=(), metrics=lambda *_: twin(4))
    foreign = replace(foreign, name="texts")
    machine = Machine(captures(), foreign)
    assert machine.scrape()["pomona_test_value"] == 4
    reloaded = Machine(machine.answers, foreign, quick(), clock=machine.clock, previous=machine.runner)
    assert reloaded.scrape()["pomona_test_value"] == 1


def test_a_question_that_hangs_is_waited_for_by_one_scrape_only() -> None:
    held = Held(Captured(b"1"))
    answers = captures()
    answers.systems["value"] = held
    machine = Machine(answers, quick())
    machine.scrape(timeout=0.05)
    machine.clock.move(2)
    begun = time.monotonic()
    assert "pomona_test_value" not in machine.scrape(timeout=20)
    assert time.monotonic() - begun < 10
    held.go.set()


def test_foreign_families_that_equal_a_declared_one_are_dropped_and_counted() -> None:
    foreign = Family("other_value", "gauge", "")
    twin = Family("pomona_test_value", "gauge", "x")
    own = [Family(name, "gauge", "x") for name in ("pomona_collector_success", "process_cpu_seconds_total")]
    machine = Machine(
        captures(),
        quick(),
        slow(
            foreign=True,
            advance=None,
            memory=None,
            events=None,
            metrics=lambda *_: (*foreign(3), *twin(4), *own[0](1), *own[1](1)),
        ),
    )
    machine.tick()
    seen = machine.scrape()
    assert seen["other_value"] == 3
    assert seen["pomona_test_value"] == 1
    assert seen['pomona_collector_foreign_samples_dropped{collector="slow"}'] == 3


def test_foreign_families_that_equal_a_part_of_a_histogram_are_dropped_and_counted() -> None:
    took = histogram("pomona_test_seconds", "x (test).")
    own = quick(families=(TOLD, took), metrics=lambda *_: Distribution((1.0,)).observe(0.5).samples(took))
    twin = Family("pomona_test_seconds_count", "gauge", "x")
    machine = Machine(
        captures(), own, replace(quick(foreign=True, families=(), metrics=lambda *_: twin(4)), name="texts")
    )
    seen = machine.scrape()
    assert seen["pomona_test_seconds_count"] == 1
    assert seen['pomona_collector_foreign_samples_dropped{collector="texts"}'] == 1


def test_openmetrics_and_text_tell_the_same() -> None:
    machine = Machine(captures(), quick(), slow())
    machine.tick()
    plain, open_ = machine.runner.scrape("text").decode(), machine.runner.scrape("openmetrics").decode()
    pick = re.compile(r"^pomona_test\S+ \S+$", re.MULTILINE)
    assert pick.findall(plain) == pick.findall(open_)
