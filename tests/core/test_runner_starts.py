"""How background collectors start: few beside each other, the longest due first, none twice, none forgotten."""

import threading

import pytest

from core.machines import Held, Machine, captures, slow
from exporters.core.collector import Collector
from exporters.core.context import Context
from exporters.core.runner import ABREAST, LONG, Runner, Ticker
from exporters.sources.base import Command
from exporters.sources.replay import Captured, Captures, Replay


def many(count: int) -> tuple[list[Held], Machine]:
    """Background collectors, each with a tool of its own whose answer is held."""
    held = [Held(Captured(b'["a"]')) for _ in range(count)]
    tools = [Command((f"tool{number}",)) for number in range(count)]
    answers = Captures(commands={tool.argv: each for tool, each in zip(tools, held, strict=True)})
    collectors = [
        Collector(
            name=f"slow{number}",
            about="",
            required=(tool,),
            cadence=60.0,
            families=(),
            parse=lambda replies, _, tool=tool: replies[tool],
            metrics=lambda *_: (),
        )
        for number, tool in enumerate(tools)
    ]
    return held, Machine(answers, *collectors)


def test_a_start_is_no_burst_and_each_that_ends_starts_the_next() -> None:
    held, machine = many(ABREAST + 2)
    machine.runner.tick()
    assert all(each.asked.wait(10) for each in held[:ABREAST])
    machine.runner.tick()
    assert not held[ABREAST].asked_soon()
    held[0].go.set()
    assert held[ABREAST].asked.wait(10)
    assert not held[ABREAST + 1].asked_soon()
    release(held)


def test_those_that_take_long_keep_nobody_waiting() -> None:
    held, machine = many(ABREAST + 1)
    machine.runner.tick()
    assert all(each.asked.wait(10) for each in held[:ABREAST])
    machine.clock.move(LONG)
    machine.runner.tick()
    assert held[ABREAST].asked.wait(10)
    release(held)


def test_a_runner_that_was_replaced_starts_nothing_more() -> None:
    held, machine = many(ABREAST + 1)
    machine.runner.tick()
    assert all(each.asked.wait(10) for each in held[:ABREAST])
    Runner((), Replay(Captures()), {}, clock=machine.clock, pool=machine.pool, previous=machine.runner)
    held[0].go.set()
    machine.runner._background[0]._flight.result(10)
    assert not held[ABREAST].asked_soon()
    release(held)


def release(held: list[Held]) -> None:
    for each in held:
        each.go.set()


def test_a_cell_that_was_replaced_in_flight_is_waited_for() -> None:
    """A reload must not add a flight to one that hangs."""
    held, machine = many(1)
    machine.runner.tick()
    assert held[0].asked.wait(10)
    (first,) = machine.runner._background
    declared = first.declared
    for level in ("full", "strict", "full"):
        held[0].asked.clear()
        contexts = {declared.name: Context(level=level, key=b"test")}
        source = Replay(machine.answers)
        runner = Runner((declared,), source, contexts, clock=machine.clock, pool=machine.pool, previous=machine.runner)
        machine.runner = runner
        runner.tick()
        assert not held[0].asked_soon()
    release(held)
    assert first._flight is not None
    first._flight.result(10)
    machine.tick()
    assert machine.runner.ready()


def test_the_longest_due_start_first() -> None:
    held, machine = many(ABREAST + 1)
    release(held)
    machine.tick()
    last = machine.runner._background[-1]
    last.due -= 30
    machine.clock.move(60)
    for each in held:
        each.asked.clear()
        each.go.clear()
    machine.runner.tick()
    assert held[-1].asked.wait(10)
    release(held)


def test_a_system_without_threads_left_stops_nothing_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(captures(), slow())

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError):
            machine.runner.tick()
    machine.clock.move(60)
    machine.tick()
    assert machine.scrape()["pomona_test_items"] == 1


def test_a_tick_that_fails_is_told_and_the_next_one_comes(caplog: pytest.LogCaptureFixture) -> None:
    ticked, failing = threading.Event(), [RuntimeError("no")]

    def tick() -> None:
        if failing:
            raise failing.pop()
        ticked.set()

    ticker = Ticker(tick, period=0.01)
    ticker.start()
    assert ticked.wait(10)
    ticker.stop()
    assert "tried again" in caplog.text
