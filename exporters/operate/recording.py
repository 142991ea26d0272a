"""A source that keeps what it was asked and what it was answered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exporters.sources.base import Answer_co, Outcome, Question, Source, SourceError


@dataclass(slots=True)
class Heard:
    """An answer or error, and the keys whose strings the collectors that asked may publish."""

    answer: Any
    publishes: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Recording:
    """Asks each question once, for all collectors that share `heard`."""

    source: Source
    heard: dict[Question[Any], Heard]
    publishes: frozenset[str] = frozenset()

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        """The answer, or a `SourceError`."""
        answer: Answer_co | SourceError = self.ask_many((question,))[question]
        if isinstance(answer, SourceError):
            raise answer
        return answer

    def ask_many(self, questions: Iterable[Question[Any]]) -> Outcome:
        """Each question with its answer or its error."""
        asked = tuple(questions)
        new: Mapping[Question[Any], Any] = self.source.ask_many([each for each in asked if each not in self.heard])
        self.heard.update({question: Heard(answer) for question, answer in new.items()})
        for question in asked:
            self.heard[question].publishes.update(self.publishes)
        return {question: self.heard[question].answer for question in asked}

    def close(self) -> None:
        """Ends what is under way."""
        self.source.close()
