"""One look at one machine by one collector: ask, ask once more where answers name questions, parse."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from exporters.core.collector import Collector, Partial, Questions
from exporters.core.context import Context
from exporters.sources.base import (
    Command,
    File,
    Listing,
    NotFound,
    Outcome,
    ParseError,
    Problem,
    Question,
    Replies,
    Source,
    SourceError,
)


@dataclass(frozen=True, slots=True)
class Look:
    """What came of it. `failed` is the problem that left no reading; `problems` maps each to its one-line reason."""

    reading: Any = None
    failed: Problem | None = None
    supported: bool = True
    problems: Mapping[Problem, str] = field(default_factory=dict)


def look(declared: Collector, source: Source, context: Context, state: Any = None) -> Look:
    """Asks and parses; the only exceptions that leave it are bugs. `state` is what `advance` made of earlier looks."""
    required, optional = declared.required_for(context), declared.optional_for(context)
    answers = dict(source.ask_many((*required, *optional)))
    problems: dict[Problem, str] = {}
    if silent := _silence(answers):
        return silent
    if not required and optional and all(isinstance(answers[each], NotFound) for each in optional):
        return Look(supported=False)
    for question in required:
        error = answers[question]
        if isinstance(error, SourceError):
            return Look(failed=error.problem, problems={error.problem: f"{question}: {error}"})
    replies = _tell(answers, problems)
    try:
        if declared.then is not None:
            more = source.ask_many(declared.then(Replies(replies), context, state))
            replies |= _tell(more, problems, lambda each: _unnamed(each, declared, context))
        reading = declared.parse(Replies(replies), context)
        if isinstance(reading, Partial):
            problems["unparsable"], reading = reading.fault, reading.reading
    except ParseError as error:
        return Look(failed="unparsable", problems={**problems, "unparsable": str(error)})
    return Look(reading=reading, problems=problems)


def _silence(answers: Outcome) -> Look | None:
    """Where nothing at all was answered, because the machine is out of reach or too slow, nothing was read either."""
    errors = [each for each in answers.values() if isinstance(each, SourceError)]
    words = {each.problem for each in errors}
    if not errors or len(errors) < len(answers) or not words <= {"unreachable", "timeout"}:
        return None
    question, error = next(iter(answers.items()))
    return Look(failed=error.problem, problems={error.problem: f"{question}: {error}"})


def _tell(
    answers: Mapping[Question[Any], Any], problems: dict[Problem, str], named: Callable[[Question[Any]], str] = str
) -> dict[Question[Any], Any]:
    """The answers with None for errors; errors other than "not found" go into `problems`, with the question's name."""
    replies: dict[Question[Any], Any] = {}
    for question, answer in answers.items():
        replies[question] = None if isinstance(answer, SourceError) else answer
        if isinstance(answer, SourceError) and not isinstance(answer, NotFound):
            problems.setdefault(answer.problem, f"{named(question)}: {answer}")
    return replies


def _unnamed(question: Question[Any], declared: Collector, context: Context) -> str:
    """A question of the second round without what only answers told: a word of theirs may name a person."""
    if isinstance(question, Command):
        return str(declared.form_of(question, context) or question.argv[0])
    if isinstance(question, File):
        asked = (*declared.required_for(context), *declared.optional_for(context))
        folders = (each for each in asked if isinstance(each, Listing))
        return next((str(each) for each in folders if each.path == question.path.rpartition("/")[0]), "a file")
    return f"a {type(question).__name__.lower()}"


def questions_of(declared: Collector, context: Context) -> Questions:
    """Everything it may ask in either round, as far as that is known before asking."""
    return (*declared.required_for(context), *declared.optional_for(context), *declared.then_asks_for(context))
