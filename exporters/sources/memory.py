"""The short memory of a source: two collectors that ask the same command get one answer from one run."""

import math
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, cast

from exporters.sources.base import (
    Answer_co,
    Command,
    Outcome,
    Output,
    Question,
    Source,
    SourceError,
    TimedOut,
    ask_each,
)

LIFETIME = 5.0
PATIENCE = 2.0


@dataclass(slots=True, eq=False)
class _Flight:
    """One run of a command; `landed` is when its outcome came, by the source's clock."""

    outcome: "Future[Output | SourceError]" = field(default_factory=Future)
    landed: float = math.inf


class Remembering:
    """Asks each command once within `lifetime` seconds after its answer; everything else is asked each time.

    `clock` must run on while the machine sleeps, or an answer from before the sleep would pass as fresh. The lifetime
    must be below every cadence, or a collector would get its own last answer again.
    """

    def __init__(self, source: Source, clock: Callable[[], float], lifetime: float = LIFETIME) -> None:
        self._source = source
        self._clock = clock
        self._lifetime = lifetime
        self._lock = threading.Lock()
        self._flights: dict[Command, _Flight] = {}

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        """The answer, or a `SourceError`; both are the first asker's while they are remembered."""
        if not isinstance(question, Command):
            return self._source.ask(question)
        outcome = self._outcome(question)
        if isinstance(outcome, SourceError):
            # One exception raised by several threads would collect all their tracebacks.
            raise type(outcome)(*outcome.args)
        return cast("Answer_co", outcome)

    def ask_many(self, questions: Iterable[Question[Any]]) -> Outcome:
        """Each question with its answer or its error; what is asked each time is asked together."""
        asked = tuple(questions)
        answers: dict[Question[Any], Any] = dict.fromkeys(asked)
        answers |= ask_each(self, (each for each in asked if isinstance(each, Command)))
        answers.update(self._source.ask_many([each for each in asked if not isinstance(each, Command)]))
        return answers

    def close(self) -> None:
        """Ends what is under way."""
        self._source.close()

    def _outcome(self, command: Command) -> Output | SourceError:
        with self._lock:
            self._forget_old()
            flight = self._flights.get(command)
            if flight is None:
                mine = self._flights[command] = _Flight()
        if flight is None:
            return self._fly(command, mine)
        try:
            return flight.outcome.result(command.timeout + PATIENCE)
        except TimeoutError as error:
            raise TimedOut("the same command, asked before, does not end") from error

    def _forget_old(self) -> None:
        now = self._clock()
        for command in [each for each, flight in self._flights.items() if now - flight.landed >= self._lifetime]:
            del self._flights[command]

    def _fly(self, command: Command, flight: _Flight) -> Output | SourceError:
        try:
            outcome: Output | SourceError = self._source.ask(command)
        except SourceError as error:
            outcome = error.with_traceback(None)
        except BaseException as bug:
            with self._lock:
                del self._flights[command]
            flight.outcome.set_exception(bug)
            raise
        flight.landed = self._clock()
        flight.outcome.set_result(outcome)
        return outcome
