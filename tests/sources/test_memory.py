"""The short memory: one run for two askers, and nothing old."""

import os
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from exporters.sources.base import (
    Answer_co,
    Command,
    Failed,
    File,
    Listing,
    NotFound,
    Outcome,
    Output,
    Question,
    System,
    TimedOut,
    ask_each,
)
from exporters.sources.local import Local
from exporters.sources.memory import Remembering
from exporters.sources.replay import Captured, Captures, Replay
from exporters.sources.where import DEFAULT_DIRECTORIES

ASK = Command(("tool",))


class Hand:
    """A clock whose hand the test moves."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def hand() -> Hand:
    return Hand()


class Counting:
    """Answers any question with how many were asked before it."""

    def __init__(self) -> None:
        self.asked: list[Question[Any]] = []

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        self.asked.append(question)
        return Output(str(len(self.asked)).encode()) if isinstance(question, Command) else len(self.asked)  # type: ignore[return-value]

    def ask_many(self, questions: Iterable[Question[Any]]) -> Outcome:
        return ask_each(self, questions)


def test_two_collectors_that_ask_at_once_start_one_process(tmp_path: Path, hand: Hand) -> None:
    tool = tmp_path / "tool"
    os.mkfifo(tmp_path / "started")
    os.mkfifo(tmp_path / "go")
    tool.write_text(f"#!/bin/sh\necho start >> {tmp_path}/starts\n: > {tmp_path}/started\ncat {tmp_path}/go\n")
    tool.chmod(0o755)
    source = Remembering(Local(directories=(str(tmp_path), *DEFAULT_DIRECTORIES)), hand)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(source.ask, Command(("tool",), timeout=60))
        (tmp_path / "started").read_bytes()
        others = [pool.submit(source.ask, Command(("tool",), timeout=60)) for _ in range(7)]
        (tmp_path / "go").write_text("answer")
        assert {each.result().stdout for each in (first, *others)} == {b"answer"}
    assert (tmp_path / "starts").read_text() == "start\n"


def test_the_answer_is_remembered_for_its_lifetime_after_it_came(hand: Hand) -> None:
    source = Remembering(Counting(), hand, lifetime=5)
    assert source.ask(ASK).stdout == b"1"
    hand.time += 4.9
    assert source.ask(ASK).stdout == b"1"
    hand.time += 0.1
    assert source.ask(ASK).stdout == b"2"


def test_a_slow_answer_lives_from_its_arrival(hand: Hand) -> None:
    def slow() -> Captured:
        hand.time += 9
        return Captured(str(hand.time).encode())

    source = Remembering(Replay(Captures(commands={("tool",): slow})), hand)
    assert source.ask(ASK).stdout == b"109.0"
    assert source.ask(ASK).stdout == b"109.0"


def test_an_error_is_remembered_and_told_anew_to_each_asker(hand: Hand) -> None:
    calls = []

    def fail() -> Captured:
        calls.append(1)
        return Captured(exit=3)

    source = Remembering(Replay(Captures(commands={("tool",): fail})), hand)
    errors = []
    for _ in range(2):
        with pytest.raises(Failed, match="exit status 3") as caught:
            source.ask(ASK)
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    assert len(calls) == 1


def test_questions_that_differ_in_anything_are_asked_apart(hand: Hand) -> None:
    counting = Counting()
    source = Remembering(counting, hand)
    for command in (ASK, Command(("tool", "x")), Command(("tool",), ok_exits=(0, 1)), Command(("tool",), timeout=3)):
        source.ask(command)
    assert len(counting.asked) == 4


@pytest.mark.parametrize("question", [File("/a"), Listing("/a"), System("load")])
def test_cheap_questions_pass_through(question: Question[Any], hand: Hand) -> None:
    counting = Counting()
    source = Remembering(counting, hand)
    source.ask_many((question,))
    source.ask_many((question,))
    assert counting.asked == [question, question]


def test_old_answers_are_dropped_at_the_next_ask(hand: Hand) -> None:
    source = Remembering(Counting(), hand)
    for number in range(100):
        source.ask(Command(("tool", str(number))))
    hand.time += 60
    source.ask(ASK)
    assert list(source._flights) == [ASK]


def test_a_bug_of_the_source_reaches_the_asker_and_is_not_remembered(hand: Hand) -> None:
    answers = iter([ZeroDivisionError("bug"), Captured(b"good")])

    def supply() -> Captured:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    source = Remembering(Replay(Captures(commands={("tool",): supply})), hand)
    with pytest.raises(ZeroDivisionError):
        source.ask(ASK)
    assert source.ask(ASK).stdout == b"good"


def test_who_waits_for_a_run_that_never_ends_times_out(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporters.sources.memory.PATIENCE", 0.1)
    started, release = threading.Event(), threading.Event()

    def hang() -> Captured:
        started.set()
        release.wait()
        return Captured()

    source = Remembering(Replay(Captures(commands={("tool",): hang})), hand)
    ask = Command(("tool",), timeout=0.1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(source.ask, ask)
        started.wait()
        try:
            with pytest.raises(TimedOut):
                source.ask(ask)
        finally:
            release.set()
        assert first.result() == Output(b"")


def test_not_found_stays_not_found(hand: Hand) -> None:
    source = Remembering(Replay(Captures()), hand)
    assert isinstance(source.ask_many((ASK,))[ASK], NotFound)
