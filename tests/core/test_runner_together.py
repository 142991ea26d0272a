"""One round to a machine for all collectors that are due."""

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from core.machines import EXTRA, TOOL, VALUE, Held, Machine, captures, quick, samples, slow
from exporters.core.collector import Collector
from exporters.core.metrics import gauge
from exporters.sources.base import (
    Answer_co,
    Command,
    Outcome,
    Question,
)
from exporters.sources.replay import Captured, Captures, Replay

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
