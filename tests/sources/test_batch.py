"""One round for several askers: what was gathered is not asked again, what was not foreseen is."""

from collections.abc import Iterable
from typing import Any

import pytest

from exporters.sources.base import Answer_co, Command, Denied, File, NotFound, Outcome, Output, Question
from exporters.sources.batch import Batch
from exporters.sources.replay import Captured, Captures, Replay

ONE, TWO, GONE, FORBIDDEN = Command(("one",)), Command(("two",)), Command(("gone",)), File("/forbidden")


class Counting:
    """A source that remembers each round of questions that comes to it."""

    def __init__(self) -> None:
        commands = {("one",): Captured(b"1"), ("two",): Captured(b"2")}
        self._replay = Replay(Captures(commands=commands, files={"/forbidden": Captured(error=Denied)}))
        self.rounds: list[tuple[Question[Any], ...]] = []

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        self.rounds.append((question,))
        return self._replay.ask(question)

    def ask_many(self, questions: Iterable[Question[Any]]) -> Outcome:
        asked = tuple(questions)
        self.rounds.append(asked)
        return self._replay.ask_many(asked)

    def close(self) -> None:
        raise AssertionError("a batch does not own its source")


@pytest.fixture
def source() -> Counting:
    return Counting()


def test_all_is_asked_in_one_round_each_once_and_in_order(source: Counting) -> None:
    batch = Batch(source)
    batch.gather((TWO, ONE, TWO, FORBIDDEN, ONE))
    assert source.rounds == [(TWO, ONE, FORBIDDEN)]
    assert batch.ask_many((ONE, TWO)) == {ONE: Output(b"1"), TWO: Output(b"2")}
    assert batch.ask(ONE) == Output(b"1")
    assert source.rounds == [(TWO, ONE, FORBIDDEN)]


def test_what_was_not_foreseen_goes_on_to_the_source_and_what_was_does_not(source: Counting) -> None:
    batch = Batch(source)
    batch.gather((ONE,))
    assert batch.ask_many((ONE, TWO, GONE))[TWO] == Output(b"2")
    assert source.rounds == [(ONE,), (TWO, GONE)]


def test_answers_come_in_the_order_of_the_questions(source: Counting) -> None:
    batch = Batch(source)
    batch.gather((ONE,))
    assert list(batch.ask_many((GONE, ONE, TWO))) == [GONE, ONE, TWO]


def test_nothing_is_asked_of_the_source_for_nothing(source: Counting) -> None:
    assert Batch(source).ask_many(()) == {}
    assert source.rounds == []


def test_a_batch_that_gathered_nothing_asks_on_its_own(source: Counting) -> None:
    assert Batch(source).ask(ONE) == Output(b"1")
    assert source.rounds == [(ONE,)]


def test_an_error_of_the_round_is_that_of_every_asker_each_with_its_own(source: Counting) -> None:
    batch = Batch(source)
    batch.gather((FORBIDDEN, GONE))
    raised = []
    for question, kind in ((FORBIDDEN, Denied), (FORBIDDEN, Denied), (GONE, NotFound)):
        with pytest.raises(kind) as caught:
            batch.ask(question)
        raised.append(caught.value)
    assert str(raised[0]) == str(raised[1])
    assert raised[0] is not raised[1]
    assert isinstance(batch.ask_many((FORBIDDEN,))[FORBIDDEN], Denied)
    assert len(source.rounds) == 1


def test_its_end_leaves_the_source_open(source: Counting) -> None:
    Batch(source).close()
    assert source.ask(ONE) == Output(b"1")
