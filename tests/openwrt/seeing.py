"""One look by a collector at answers that a test gives: what is published, and the problems that are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from exporters.core.collector import Collector
from exporters.core.context import Context, Level
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.openwrt.nlbw import DATE
from exporters.sources.base import Answer_co, Command, File, Outcome, Question, ask_each
from exporters.sources.replay import Captured, Captures, Replay

Answers = Mapping[Question[Any], bytes | Captured]
NOON = 1_795_000_000
NOW = {DATE: b"1795000000 +0100\n"}


@dataclass(frozen=True)
class Seen:
    """The samples by series, the problems, every question that was asked, and the state for a next look."""

    values: Mapping[str, float]
    problems: Mapping[str, str]
    asked: tuple[Question[Any], ...]
    state: Any = None

    def __getitem__(self, series: str) -> float:
        return self.values[series]

    def names(self, family: str) -> set[str]:
        """The series of one family, without its name."""
        return {series.removeprefix(family) for series in self.values if series.partition("{")[0] == family}


class Noting:
    """A replay that notes what it is asked."""

    def __init__(self, answers: Answers) -> None:
        given = {question: Captured(each) if isinstance(each, bytes) else each for question, each in answers.items()}
        commands = {question.argv: each for question, each in given.items() if isinstance(question, Command)}
        files = {question.path: each for question, each in given.items() if isinstance(question, File)}
        self.replay = Replay(Captures(commands=commands, files=files))
        self.asked: list[Question[Any]] = []

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        self.asked.append(question)
        return self.replay.ask(question)

    def ask_many(self, questions: Any) -> Outcome:
        return ask_each(self, questions)

    def close(self) -> None:
        self.replay.close()


def see(declared: Collector, answers: Answers, level: Level = "standard", before: Any = None, **config: Any) -> Seen:
    """Through the whole way: ask, second round, parse, advance, metrics, text."""
    context = Context(msgspec.convert(config, declared.config) if declared.config else None, level, b"key")
    source = Noting(answers)
    seen = look(declared, source, context, before)
    if seen.failed is not None or not seen.supported:
        return Seen({}, dict(seen.problems), tuple(source.asked))
    state = declared.advance(before, seen.reading, 0.0, context) if declared.advance else seen.reading
    text = render(declared.metrics(state, context)).decode()
    rows = (line.rsplit(" ", 1) for line in text.split("\n") if line and not line.startswith("#"))
    return Seen({key: float(value) for key, value in rows}, dict(seen.problems), tuple(source.asked), state)
