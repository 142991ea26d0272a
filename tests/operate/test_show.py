"""`pomona agent show`: samples as a person reads them, once in a pipe and again and again on a terminal."""

import io
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from rich.console import Console

from conftest import COLLECTORS, context_for, fixtures_of
from exporters.core.collector import Collector, collector
from exporters.core.context import Context
from exporters.core.metrics import Distribution, Sample, counter, enum, gauge, histogram
from exporters.core.read import number
from exporters.operate import show
from exporters.operate.show import Watch
from exporters.sources.base import Replies, System, TimedOut
from exporters.sources.replay import Captured, Captures, Replay, load_captures

FACT = System("fact")
CHARGE = gauge("macos_topic_charge_ratio", "Charge (fact).", "part")
STATE = enum("macos_topic_state", "State (fact).", "state", ("charging", "not_charging"))
INFO = gauge("macos_topic_device_info", "Device (fact).", "name", "vendor")
SEEN = counter("macos_topic_seen_total", "Looks (fact).")
TOOK = histogram("macos_topic_duration_seconds", "How long looks took (fact).")


def parse(replies: Replies, _: Context) -> float:
    return number(replies[FACT])


def advance(state: Any, reading: float, _now: float, _: Context) -> tuple[float, int]:
    return reading, (state[1] if state else 0) + 1


@collector("topic", CHARGE, STATE, INFO, SEEN, required=(FACT,), parse=parse, advance=advance, cadence=60)
def topic(state: tuple[float, int], _: Context) -> Iterable[Sample]:
    yield from CHARGE(state[0], part="left")
    yield from STATE.one_of("not_charging")
    yield from INFO(1, name="[bold]Mouse\x1b[2J", vendor="")
    yield from SEEN(state[1])


@dataclass
class Hand:
    """A clock whose hand the test moves."""

    time: float = 1000.0

    def now(self) -> float:
        return self.time

    def elapsed(self) -> float:
        return self.time

    awake = elapsed


def shown(captures: Captures, declared: Collector = topic) -> str:
    """What is printed in a pipe, with its blanks squeezed."""
    told = io.StringIO()
    contexts = {declared.name: Context()}
    assert show.run((declared,), Replay(captures), contexts, console=Console(file=told, width=200)) == 0
    return re.sub(r"[ \t]+", " ", told.getvalue())


ANSWER = Captures(systems={"fact": Captured(b"0.875")})


def test_in_a_pipe_it_is_printed_once_with_units_states_and_labels() -> None:
    told = shown(ANSWER)
    assert told.startswith("topic")
    assert "charge left 87.5 %" in told
    assert "state not charging" in told
    assert "seen 1" in told
    assert "device [bold]Mouse\N{REPLACEMENT CHARACTER}[2J" in told
    assert "\x1b" not in told


def test_a_problem_stands_in_its_section() -> None:
    assert "problem system:fact: as captured" in shown(Captures(systems={"fact": Captured(error=TimedOut)}))


def test_what_is_unsupported_is_not_shown() -> None:
    optional = collector("topic", optional=(FACT,), parse=parse)(topic.metrics)
    assert "topic" not in shown(Captures(), optional)


def test_on_a_terminal_it_is_refreshed_until_told_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(show, "PERIOD", 0.01)
    stop, asked, hand = threading.Event(), [], Hand()

    def answer() -> Captured:
        asked.append(1)
        hand.time += 60
        if len(asked) == 3:
            stop.set()
        return Captured(b"0.5")

    told = io.StringIO()
    console = Console(file=told, width=100, height=40, force_terminal=True)
    source = Replay(Captures(systems={"fact": answer}))
    assert show.run((topic,), source, {"topic": Context()}, console=console, clock=hand, stop=stop) == 0
    assert len(asked) == 3
    assert told.getvalue().count("Ctrl-C ends") >= 3
    assert "50 %" in told.getvalue()


def test_ctrl_c_ends_it_well() -> None:
    def interrupt() -> Captured:
        raise KeyboardInterrupt

    source = Replay(Captures(systems={"fact": interrupt}))
    console = Console(file=io.StringIO(), force_terminal=True)
    assert show.run((topic,), source, {"topic": Context()}, console=console) == 0


def test_a_collector_is_asked_at_its_cadence_and_keeps_its_state() -> None:
    hand = Hand()
    watch = Watch((topic,), Replay(ANSWER), {"topic": Context()}, hand)
    assert watch.round(watch.due())[0].state == (0.875, 1)
    hand.time += 59
    assert watch.due() == []
    assert watch.round(watch.due())[0].state == (0.875, 1)
    hand.time += 1
    assert watch.round(watch.due())[0].state == (0.875, 2)


def test_a_terminal_shows_the_first_series_of_a_long_family() -> None:
    @collector("topic", CHARGE, required=(FACT,), parse=parse)
    def many(reading: float, _: Context) -> Iterable[Sample]:
        for number_ in range(20):
            yield from CHARGE(reading, part=str(number_))

    hand, told = Hand(), io.StringIO()
    watch = Watch((many,), Replay(ANSWER), {"topic": Context()}, hand)
    console = Console(file=told, width=100)
    console.print(show._screen(watch.round(watch.due()), 100))
    assert told.getvalue().count("87.5 %") == 8
    assert "and 12 more" in told.getvalue()
    assert shown(ANSWER, many).count("87.5 %") == 20


def test_a_screen_leaves_out_counters_at_zero_and_names_what_is_yes_or_no() -> None:
    errors = counter("macos_topic_errors_total", "Errors (fact).")

    @collector("topic", errors, INFO, required=(FACT,), parse=parse)
    def quiet(_reading: float, _: Context) -> Iterable[Sample]:
        yield from errors(0)
        yield from INFO(1, name="true", vendor="Example")

    told = io.StringIO()
    watch = Watch((quiet,), Replay(ANSWER), {"topic": Context()}, Hand())
    Console(file=told, width=100).print(show._screen(watch.round(watch.due()), 100))
    assert "errors" not in told.getvalue()
    assert "name true  Example" in told.getvalue()
    assert "errors 0" in shown(ANSWER, quiet)


def test_a_wide_screen_has_its_sections_side_by_side() -> None:
    twin = collector("twin", CHARGE, STATE, INFO, SEEN, required=(FACT,), parse=parse, advance=advance)(topic.metrics)
    watch = Watch((topic, twin), Replay(ANSWER), {"topic": Context(), "twin": Context()}, Hand())
    findings = watch.round(watch.due())
    for width, together in ((200, True), (80, False)):
        told = io.StringIO()
        Console(file=told, width=width).print(show._screen(findings, width))
        assert bool(re.search("^topic +twin", told.getvalue(), re.MULTILINE)) is together


@pytest.mark.parametrize("name", sorted(COLLECTORS))
def test_every_fixture_can_be_shown(name: str) -> None:
    declared = COLLECTORS[name]
    for folder in fixtures_of(name):
        told = io.StringIO()
        source, context = Replay(load_captures(folder)), context_for(declared, folder=folder)
        assert show.run((declared,), source, {name: context}, console=Console(file=told, width=200)) == 0
        expected = (folder / "expected.prom").read_text()
        assert bool(told.getvalue().strip()) == bool(re.search("^([^#]|# problem)", expected, re.MULTILINE))


def test_of_a_histogram_sum_and_count_are_shown() -> None:
    @collector("topic", TOOK, required=(FACT,), parse=parse)
    def timed(reading: float, _: Context) -> Iterable[Sample]:
        yield from Distribution((0.1, 1.0)).observe(reading).observe(reading).samples(TOOK)

    told = io.StringIO()
    answers = Replay(Captures(systems={"fact": Captured(b"0.5")}))
    assert show.run((timed,), answers, {"topic": Context()}, console=Console(file=told, width=100)) == 0
    rows = [line.split() for line in told.getvalue().splitlines()]
    assert ["duration", "sum", "1", "s"] in rows
    assert ["duration", "count", "2"] in rows
    assert not [row for row in rows if "bucket" in row]
