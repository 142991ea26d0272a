"""The one protocol between collectors and the world: questions, replies and typed errors."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, cast

Answer_co = TypeVar("Answer_co", covariant=True)
Problem = Literal["not_found", "denied", "timeout", "failed", "unparsable", "unreachable"]


class Question(Generic[Answer_co]):
    """Something a source can answer; hashable, so that replies can be looked up by it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Output:
    """What a command printed, in bytes, and the status it ended with."""

    stdout: bytes
    stderr: bytes = b""
    exit: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a listing: its size in bytes and its modification time in Unix seconds."""

    name: str
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class Command(Question[Output]):
    """Run a program without a shell; an exit outside `ok_exits` is a failure. `timeout` in seconds.

    `root` is for what only root may ask: the source asks by `sudo -n` where this user is not root.
    """

    argv: tuple[str, ...]
    ok_exits: tuple[int, ...] = (0,)
    timeout: float = 10.0
    root: bool = False

    def __str__(self) -> str:
        return " ".join(self.argv)


@dataclass(frozen=True, slots=True)
class File(Question[bytes]):
    """The content of a regular file; of its start so many bytes as `head` are enough, a source may give more."""

    path: str
    head: int | None = None

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class Listing(Question[tuple[Entry, ...]]):
    """The regular files of one folder whose names match a shell pattern, sorted by name.

    `private` says that people gave the names, so that a capture has stand-ins for them; it asks for nothing else.
    """

    path: str
    pattern: str = "*"
    private: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        return f"{self.path}/{self.pattern}"


@dataclass(frozen=True, slots=True)
class System(Question[Any]):
    """A fact of the running system as JSON; `exporters.sources.system` lists the names and shapes."""

    name: str

    def __str__(self) -> str:
        return f"system:{self.name}"


@dataclass(frozen=True, slots=True)
class Probe(Question[Any]):
    """One active network check; `exporters.sources.probes` tells the JSON result of each kind.

    `address` is a URL, `HOST:PORT` or a name; `timeout` is in seconds, for the whole check. Of an HTTP body `pattern`
    is a regular expression to search for, `field` the dotted name of one JSON value to report.
    """

    kind: Literal["http", "tcp", "tls", "dns", "ping"]
    address: str
    timeout: float = 5.0
    pattern: str = ""
    field: str = ""

    @property
    def key(self) -> str:
        """All of the address: what a capture calls it."""
        return f"{self.kind} {self.address}"

    def __str__(self) -> str:
        """For people and logs: where it goes, without a login, a path and a query, which may hold secrets."""
        scheme, mark, rest = self.address.partition("://")
        place = re.split(r"[/?#]", rest if mark else scheme, maxsplit=1)[0].rpartition("@")[2]
        return f"{self.kind} {scheme}://{place}" if mark else f"{self.kind} {place}"


@dataclass(frozen=True, slots=True)
class Processes(Question[Any]):
    """The processes of one program, or the one that a pidfile names; `exporters.sources.programs` tells the JSON.

    `executable` is a regular expression for the whole path of the program or its whole base name.
    """

    executable: str = ""
    pidfile: str = ""

    def __str__(self) -> str:
        return f"pidfile {self.pidfile}" if self.pidfile else f"program {self.executable}"


class SourceError(Exception):
    """No answer; `problem` is the word that the metrics use for it."""

    problem: ClassVar[Problem] = "failed"


class NotFound(SourceError):
    """The program, file or fact does not exist here."""

    problem = "not_found"


class Denied(SourceError):
    """It exists, but this user may not ask."""

    problem: ClassVar[Problem] = "denied"


class TimedOut(SourceError):
    """No answer within the question's time."""

    problem = "timeout"


class Failed(SourceError):
    """It answered that it failed."""


class TooLarge(SourceError):
    """The answer is larger than a source accepts."""


class Unreachable(SourceError):
    """The machine that would answer cannot be reached."""

    problem = "unreachable"


class ParseError(ValueError):
    """An answer that cannot be read: the only exception that a parser raises."""


Outcome = Mapping[Question[Any], "Any | SourceError"]


class Source(Protocol):
    """Answers questions about one machine."""

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        """The answer, or a `SourceError`."""

    def ask_many(self, questions: Iterable[Question[Any]]) -> Outcome:
        """Each question with its answer or its error; raises nothing."""

    def close(self) -> None:
        """Ends what is under way; nothing is asked afterwards."""


class Replies:
    """What a parser gets: each question with its reply, or nothing where an optional one got none."""

    __slots__ = ("_answers",)

    def __init__(self, answers: Mapping[Question[Any], Any]) -> None:
        self._answers = answers

    def __iter__(self) -> Iterator[Question[Any]]:
        """Every question that was asked."""
        return iter(self._answers)

    def get(self, question: Question[Answer_co]) -> Answer_co | None:
        """The reply, or None."""
        return cast("Answer_co | None", self._answers.get(question))

    def __getitem__(self, question: Question[Answer_co]) -> Answer_co:
        """The reply of a required question."""
        reply = self.get(question)
        if reply is None:
            raise ParseError(f"no answer to {question}")
        return reply


def ask_each(source: Source, questions: Iterable[Question[Any]]) -> dict[Question[Any], Any]:
    """Asks one after the other: the `ask_many` of every source that has no better way."""
    answers: dict[Question[Any], Any] = {}
    for question in questions:
        try:
            answers[question] = source.ask(question)
        except SourceError as error:
            answers[question] = error
    return answers
