"""One round to a machine for several askers: each finds its answers, and asks on its own what was not foreseen."""

from collections.abc import Iterable
from typing import Any, cast

from exporters.sources.base import Answer_co, Outcome, Question, Source, SourceError


class Batch:
    """The answers to questions that were gathered; every other one goes on to the source."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._answers: Outcome = {}

    def gather(self, questions: Iterable[Question[Any]]) -> None:
        """Asks them all at once, each once, in their order."""
        self._answers = self._source.ask_many(tuple(dict.fromkeys(questions)))

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        """The answer, or a `SourceError`."""
        answer = self.ask_many((question,))[question]
        if isinstance(answer, SourceError):
            # One exception raised for several askers would collect all their tracebacks.
            raise type(answer)(*answer.args)
        return cast("Answer_co", answer)

    def ask_many(self, questions: Iterable[Question[Any]]) -> Outcome:
        """Each question with its answer or its error."""
        asked = tuple(questions)
        unforeseen = tuple(each for each in asked if each not in self._answers)
        more = self._source.ask_many(unforeseen) if unforeseen else {}
        return {each: self._answers[each] if each in self._answers else more[each] for each in asked}

    def close(self) -> None:
        """Nothing: the source is not its own."""
