"""What outlives a restart or a reload of the exporter, and how it is counted."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from core.machines import GONE, TOOL, Held, Items, Machine, captures, quick, samples, slow, tell_items
from exporters.core.context import Context
from exporters.core.metrics import Sample
from exporters.core.state import Store
from exporters.sources.replay import Captured

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
    machine.clock.move(61)
    machine.tick()
    assert [machine.scrape()[CHANGES] for _ in range(2)] == [0, 0], "two servers may scrape the same look"
    machine.clock.move(61)
    machine.tick()
    assert machine.scrape()[CHANGES] == 2
    assert len(told) == 2


def test_zeros_that_were_thrown_away_are_owed_until_they_are_kept(keep: Keep, tmp_path: Path) -> None:
    machine = restarted(keep, tmp_path, b'["a"]', b"[]", [])
    seen = []
    for kept in (False, True, False):
        seen.append(samples(machine.runner.scrape("text", taken=False))[CHANGES])
        if kept:
            machine.runner.take()
        machine.clock.move(61)
        machine.tick()
    assert seen == [0, 0, 1]


def test_a_chosen_collector_is_exposed_by_its_own_scrape(keep: Keep, tmp_path: Path) -> None:
    machine = restarted(keep, tmp_path, b'["a"]', b"[]", [])
    chosen = frozenset({"slow"})
    assert machine.scrape(chosen=chosen)[CHANGES] == 0
    machine.clock.move(61)
    machine.tick()
    assert machine.scrape(chosen=chosen)[CHANGES] == 1


def test_zeros_go_out_when_their_counters_are_shown_first(keep: Keep, tmp_path: Path) -> None:
    """A first look without them leaves them owed: what comes after it must not begin at a value."""

    def tell(state: Items, context: Context) -> Iterable[Sample]:
        return (each for each in tell_items(state, context) if each.family is not GONE or "dark" not in state.seen)

    answers, store = captures(items=b'["a"]'), keep(tmp_path)
    Machine(answers, slow(metrics=tell), store=store).tick()
    store.close()
    answers.commands[TOOL.argv] = Captured(b'["dark"]')
    machine = Machine(answers, slow(metrics=tell), store=keep(tmp_path))
    machine.tick()
    assert CHANGES not in machine.scrape()
    answers.commands[TOOL.argv] = Captured(b'["b"]')
    for expected in (0, 4):
        machine.clock.move(61)
        machine.tick()
        assert machine.scrape()[CHANGES] == expected


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
