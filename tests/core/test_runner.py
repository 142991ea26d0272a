"""What a scrape gets and for how long: cadence, lifetime, sleep, deadlines, isolation, restarts."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.machines import EXTRA, TOLD, TOOL, VALUE, HandClock, Held, captures, quick, slow
from exporters.core.collector import Collector
from exporters.core.context import Context
from exporters.core.metrics import Family, gauge
from exporters.core.pool import Pool
from exporters.core.runner import Runner
from exporters.core.state import Store
from exporters.sources.base import (
    Answer_co,
    Command,
    Denied,
    NotFound,
    Outcome,
    Question,
    SourceError,
    TimedOut,
)
from exporters.sources.replay import Captured, Captures, Replay


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

    def scrape(self, **options: Any) -> dict[str, float]:
        return samples(self.runner.scrape("text", **options))


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


def test_sleep_makes_readings_old_and_due_ones_start_staggered() -> None:
    answers = captures()
    second = Collector(
        name="second",
        about="",
        required=(TOOL,),
        cadence=60.0,
        families=(),
        parse=slow().parse,
        metrics=lambda *_: (),
    )
    machine = Machine(answers, slow(), second)
    machine.tick()
    machine.clock.sleep(8 * 3600)
    assert "pomona_test_items" not in machine.scrape()
    machine.tick()
    started = [cell for cell in machine.runner._background if cell._started == machine.clock.elapsed()]
    assert len(started) == 1
    machine.clock.move(1)
    machine.tick()
    assert machine.scrape()["pomona_test_items"] == 1
    assert all(cell._started > machine.clock.elapsed() - 2 for cell in machine.runner._background)


def test_chosen_collectors_alone_are_asked_and_told() -> None:
    machine = Machine(captures(), quick(), slow())
    machine.tick()
    seen = machine.scrape(chosen=frozenset({"slow"}))
    assert {name.split("{")[0] for name in seen if name.startswith("pomona_test")} == {
        "pomona_test_items",
        "pomona_test_changes_total",
    }
    assert not [name for name in seen if "quick" in name]


CHANGES = "pomona_test_changes_total"
Keep = Callable[[Path], Store]


@pytest.fixture
def keep() -> Iterator[Keep]:
    """Opens the state in a folder; all are closed in the end."""
    with ExitStack() as stack:
        yield lambda folder: stack.enter_context(closing(Store(folder / "state")))


def restarted(keep: Keep, folder: Path, before: bytes, now: bytes, told: list[Any]) -> Machine:
    """A machine whose process saw `before`, ended, and sees `now`."""
    answers = captures(items=before)
    store = keep(folder)
    Machine(answers, slow(), store=store).tick()
    store.close()
    answers.commands[TOOL.argv] = Captured(now)
    machine = Machine(answers, slow(), store=keep(folder), sink=told.extend)
    machine.tick()
    return machine


def test_what_changed_during_a_restart_is_told_at_once_and_counted_after_the_zeros_went_out(
    keep: Keep, tmp_path: Path
) -> None:
    told: list[dict[str, str]] = []
    machine = restarted(keep, tmp_path, b'["a", "b"]', b'["b", "c"]', told)
    assert sorted(each["item"] for each in told) == ["a", "c"]
    machine.clock.move(61)
    machine.tick()
    machine.runner.scrape("text", taken=False)
    assert machine.scrape()[CHANGES] == 0
    assert machine.scrape()[CHANGES] == 2
    machine.clock.move(61)
    machine.tick()
    assert machine.scrape()[CHANGES] == 2
    assert len(told) == 2


def test_a_chosen_collector_is_exposed_by_its_own_scrape(keep: Keep, tmp_path: Path) -> None:
    machine = restarted(keep, tmp_path, b'["a"]', b"[]", [])
    chosen = frozenset({"slow"})
    assert [machine.scrape(chosen=chosen)[CHANGES] for _ in range(2)] == [0, 1]


def test_a_restart_before_the_first_scrape_tells_nothing_twice(keep: Keep, tmp_path: Path) -> None:
    told: list[dict[str, str]] = []
    first = restarted(keep, tmp_path, b'["a"]', b'["a", "b"]', told)
    first.runner._background[0]._store.close()
    machine = Machine(first.answers, slow(), store=keep(tmp_path), sink=told.extend)
    machine.tick()
    assert [each["item"] for each in told] == ["b"]
    assert machine.scrape()[CHANGES] == 0


def test_a_first_look_without_memory_shows_its_counters_at_once() -> None:
    machine = Machine(captures(items=b'["a"]'), slow())
    machine.tick()
    machine.answers.commands[TOOL.argv] = Captured(b'["b"]')
    machine.clock.move(61)
    machine.tick()
    assert machine.scrape()[CHANGES] == 2


def test_reload_keeps_counters_of_what_did_not_change() -> None:
    answers = captures(items=b'["a"]')
    machine = Machine(answers, slow())
    machine.tick()
    answers.commands[TOOL.argv] = Captured(b'["b"]')
    machine.clock.move(61)
    machine.tick()
    reloaded = Machine(answers, slow(cadence=30.0), quick(), clock=machine.clock, previous=machine.runner)
    reloaded.tick()
    seen = reloaded.scrape()
    assert seen["pomona_test_changes_total"] == 2
    assert seen["pomona_test_value"] == 1


def test_a_reload_during_a_look_tells_its_event_once() -> None:
    told: list[dict[str, str]] = []
    machine = Machine(captures(items=b'["a"]'), slow(), sink=told.extend)
    machine.tick()
    held = Held(Captured(b'["a", "b"]'))
    machine.answers.commands[TOOL.argv] = held
    machine.clock.move(61)
    machine.runner.tick()
    assert held.asked.wait(10)
    new = Machine(machine.answers, slow(cadence=30.0), clock=machine.clock, previous=machine.runner, sink=told.extend)
    held.go.set()
    machine.runner._background[0]._flight.result(10)
    new.tick()
    assert [each["item"] for each in told] == ["b"]
    assert new.scrape()[CHANGES] == 1


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


def test_openmetrics_and_text_tell_the_same() -> None:
    machine = Machine(captures(), quick(), slow())
    machine.tick()
    plain, open_ = machine.runner.scrape("text").decode(), machine.runner.scrape("openmetrics").decode()
    pick = re.compile(r"^pomona_test\S+ \S+$", re.MULTILINE)
    assert pick.findall(plain) == pick.findall(open_)


FAMILY = gauge("pomona_test_extra", "Another tool (test).")
LATER = Command(("later",))


class Rounds:
    """A source that remembers each round of questions, and raises in the first of them where it shall."""

    def __init__(self, answers: Captures, broken: int = 0) -> None:
        self._replay, self._broken = Replay(answers), broken
        self.seen: list[tuple[Question[Any], ...]] = []

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        self.seen.append((question,))
        return self._replay.ask(question)

    def ask_many(self, questions: Iterable[Question[Any]]) -> Outcome:
        asked = tuple(questions)
        if asked:
            self.seen.append(asked)
        if len(self.seen) <= self._broken:
            raise RuntimeError("a bug of the source")
        return self._replay.ask_many(asked)

    def close(self) -> None:
        self._replay.close()


def extra(**fields: Any) -> Collector:
    """Asks what `slow` asks, and something more."""
    given = {
        "required": (TOOL, EXTRA),
        "parse": lambda replies, _: float(replies[EXTRA].stdout),
        "metrics": lambda value, _: FAMILY(value),
        "families": (FAMILY,),
        "cadence": 30.0,
        **fields,
    }
    return Collector(name="extra", about="", **given)


def probed(*collectors: Collector, broken: int = 0, **more: Captured) -> tuple[Machine, Rounds]:
    answers = captures()
    answers.commands.update(
        {EXTRA.argv: Captured(b"5"), LATER.argv: Captured(b"7"), **{(k,): v for k, v in more.items()}}
    )
    source = Rounds(answers, broken)
    return Machine(answers, *collectors, source=source, on_demand=True, together=True), source


def test_together_all_that_is_due_is_asked_in_one_round_in_the_order_of_the_collectors() -> None:
    machine, source = probed(extra(), slow())
    seen = machine.scrape()
    assert source.seen == [(TOOL, EXTRA)]
    assert (seen["pomona_test_items"], seen["pomona_test_extra"]) == (1, 5)
    machine, source = probed(slow(), extra())
    machine.scrape()
    assert source.seen == [(TOOL, EXTRA)]


def test_together_a_later_scrape_asks_what_is_due_then() -> None:
    machine, source = probed(
        slow(required=(EXTRA,), parse=lambda *_: frozenset()), extra(required=(TOOL,), parse=lambda *_: 1)
    )
    machine.scrape()
    machine.clock.move(20)
    machine.scrape()
    assert source.seen == [(EXTRA, TOOL)]
    machine.clock.move(11)
    machine.scrape()
    assert source.seen == [(EXTRA, TOOL), (TOOL,)]
    machine.clock.move(30)
    machine.scrape()
    assert source.seen == [(EXTRA, TOOL), (TOOL,), (EXTRA, TOOL)]


def test_together_quick_facts_stay_outside_of_the_round() -> None:
    machine, source = probed(quick(), slow())
    assert machine.scrape()["pomona_test_value"] == 1
    assert (TOOL,) in source.seen
    assert (VALUE,) in source.seen


def test_together_a_second_round_goes_on_to_the_source() -> None:
    asks = {"then": lambda *_: (LATER,), "then_asks": (LATER,)}
    machine, source = probed(slow(), extra(**asks, parse=lambda replies, _: float(replies[LATER].stdout)))
    assert machine.scrape()["pomona_test_extra"] == 7
    assert source.seen == [(TOOL, EXTRA), (LATER,)]


def test_together_what_is_not_chosen_is_not_asked() -> None:
    machine, source = probed(slow(), extra())
    machine.scrape(chosen=frozenset({"slow"}))
    assert source.seen == [(TOOL,)]


def test_together_parallel_scrapes_share_one_round_and_are_equal() -> None:
    held = Held(Captured(b"5"))
    machine, source = probed(slow(), extra(), extra=held)
    with ThreadPoolExecutor(4) as pool:
        scrapes = [pool.submit(machine.runner.scrape, "text", None, 30) for _ in range(4)]
        assert held.asked.wait(10)
        held.go.set()
        texts = {each.result(30) for each in scrapes}
    assert len(texts) == 1
    assert samples(texts.pop())["pomona_test_extra"] == 5
    assert source.seen == [(TOOL, EXTRA)]


def test_together_one_collector_that_fails_leaves_the_other() -> None:
    machine, _ = probed(slow(parse=lambda *_: 1 / 0), extra())
    seen = machine.scrape()
    assert seen["pomona_test_extra"] == 5
    assert seen['pomona_collector_success{collector="slow"}'] == 0
    assert seen['pomona_collector_success{collector="extra"}'] == 1


def test_together_a_round_that_raises_leaves_no_scrape_hanging() -> None:
    machine, source = probed(slow(), extra(), broken=3)
    begun = time.monotonic()
    seen = machine.scrape(timeout=30)
    assert time.monotonic() - begun < 10
    assert source.seen == [(TOOL, EXTRA), (TOOL,), (TOOL, EXTRA)]
    assert seen['pomona_collector_success{collector="slow"}'] == 0
    assert seen['pomona_collector_success{collector="extra"}'] == 0
    machine.clock.move(61)
    assert machine.scrape()["pomona_test_extra"] == 5


def test_together_a_round_that_hangs_ends_with_the_scrape_and_is_not_asked_twice() -> None:
    held = Held(Captured(b"5"))
    machine, source = probed(slow(), extra(), extra=held)
    for _ in range(2):
        seen = machine.scrape(timeout=0.2)
        assert seen['pomona_collector_problem{collector="extra",problem="timeout"}'] == 1
        assert "pomona_test_extra" not in seen
    assert source.seen == [(TOOL, EXTRA)]
    held.go.set()
    assert machine.scrape(timeout=30)["pomona_test_extra"] == 5


def test_together_what_still_flies_is_not_asked_again_beside_what_is_due() -> None:
    held = Held(Captured(b'["a"]'))
    only = extra(required=(EXTRA,))
    machine, source = probed(slow(), only)
    machine.answers.commands[TOOL.argv] = held
    machine.scrape(timeout=0.1, chosen=frozenset({"slow"}))
    assert machine.scrape(timeout=5, chosen=frozenset({"extra"}))["pomona_test_extra"] == 5
    machine.clock.move(31)
    assert machine.scrape(timeout=1)["pomona_test_extra"] == 5
    assert source.seen == [(TOOL,), (EXTRA,), (EXTRA,)]
    held.go.set()
