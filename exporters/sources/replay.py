"""Answers from captures: a folder that `pomona agent capture` wrote, or answers that a simulator supplies live."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

import msgspec

from exporters.sources.base import (
    Answer_co,
    Command,
    Denied,
    Entry,
    Failed,
    File,
    Listing,
    NotFound,
    Outcome,
    Output,
    Probe,
    Processes,
    Question,
    SourceError,
    System,
    TimedOut,
    TooLarge,
    Unreachable,
    ask_each,
)
from exporters.sources.strictyaml import YamlError, load_yaml

INDEX = "index.yml"
ERRORS: Mapping[str, type[SourceError]] = {
    "not_found": NotFound,
    "denied": Denied,
    "timeout": TimedOut,
    "failed": Failed,
    "too_large": TooLarge,
    "unreachable": Unreachable,
}


class CaptureError(Exception):
    """A capture folder that cannot be used: says which file and why."""


class Recorded(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the index: one question, the first seven fields tell of which kind, and its answer."""

    command: tuple[str, ...] = ()
    match: tuple[str, ...] = ()
    file: str = ""
    listing: str = ""
    system: str = ""
    probe: str = ""
    processes: str = ""
    stdout: str = ""
    stderr: str = ""
    exit: int = 0
    delay: float = 0
    error: str = ""

    def key(self) -> str:
        """The question, as an error message names it."""
        named = " ".join(self.command or self.match) or self.file or self.listing or self.probe or self.processes
        return named or f"system:{self.system}"


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`index.yml`: what was captured, the privacy key while replaying, and the answers."""

    machine: str
    key: str
    answers: tuple[Recorded, ...]


@dataclass(frozen=True, slots=True)
class Captured:
    """An answer: bytes, or the error that came instead; `delay` in seconds, which only a timeout is compared with."""

    stdout: bytes = b""
    stderr: bytes = b""
    exit: int = 0
    delay: float = 0
    error: type[SourceError] | None = None


Supply = Captured | Callable[[], Captured]


@dataclass(slots=True)
class Captures:
    """Answers by question. An exact command wins over a match, the longest match over shorter ones."""

    machine: str = ""
    key: bytes = b"replay"
    commands: dict[tuple[str, ...], Supply] = field(default_factory=dict)
    matches: dict[tuple[str, ...], Supply] = field(default_factory=dict)
    files: dict[str, Supply] = field(default_factory=dict)
    listings: dict[str, Supply] = field(default_factory=dict)
    systems: dict[str, Supply] = field(default_factory=dict)
    probes: dict[str, Supply] = field(default_factory=dict)
    processes: dict[str, Supply] = field(default_factory=dict)

    def find(self, question: Question[Any]) -> Captured:
        """The captured answer; NotFound where there is none, CaptureError where two matches tie."""
        supply = self._supply(question)
        if supply is None:
            raise NotFound("no answer was captured")
        return supply() if callable(supply) else supply

    def _supply(self, question: Question[Any]) -> Supply | None:
        if isinstance(question, Command):
            return self.commands.get(question.argv) or self._longest(question.argv)
        match question:
            case File(path=path):
                return self.files.get(path)
            case Listing(path=path):
                return self.listings.get(path)
            case System(name=name):
                return self.systems.get(name)
            case Probe() | Processes():
                return (
                    self.probes.get(question.key) if isinstance(question, Probe) else self.processes.get(str(question))
                )
        return None

    def _longest(self, argv: tuple[str, ...]) -> Supply | None:
        fitting = sorted((tokens for tokens in self.matches if _in_order(tokens, argv)), key=len)
        if not fitting:
            return None
        if len(fitting) > 1 and len(fitting[-1]) == len(fitting[-2]):
            raise CaptureError(f"{' '.join(argv)}: {list(fitting[-1])} and {list(fitting[-2])} match equally well")
        return self.matches[fitting[-1]]


def _in_order(tokens: tuple[str, ...], argv: tuple[str, ...]) -> bool:
    rest = iter(argv)
    return all(token in rest for token in tokens)


@dataclass(frozen=True, slots=True)
class Replay:
    """The source that answers from captures; it never waits."""

    captures: Captures

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        """The captured answer, judged as a live one would be: exit status, time, type."""
        captured = self.captures.find(question)
        if captured.error is not None:
            raise captured.error("as captured")
        if isinstance(question, Command):
            return cast("Answer_co", _output(question, captured))
        if isinstance(question, File):
            return cast("Answer_co", captured.stdout)
        return cast("Answer_co", _decoded(question, captured.stdout))

    def ask_many(self, questions: Iterable[Question[Any]]) -> Outcome:
        """Each question with its answer or its error."""
        return ask_each(self, questions)

    def close(self) -> None:
        """Nothing is ever under way."""


def _output(question: Command, captured: Captured) -> Output:
    if captured.delay > question.timeout:
        raise TimedOut(f"no answer within {question.timeout:g} s")
    if captured.exit not in question.ok_exits:
        raise Failed(f"exit status {captured.exit}")
    return Output(captured.stdout, captured.stderr, captured.exit)


def _decoded(question: Question[Any], data: bytes) -> Any:
    try:
        if isinstance(question, Listing):
            entries = msgspec.json.decode(data, type=tuple[Entry, ...])
            return tuple(entry for entry in entries if fnmatchcase(entry.name, question.pattern))
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Failed(f"the captured answer is no JSON of the right shape: {error}") from error


def load_captures(folder: Path) -> Captures:
    """Reads a capture folder; CaptureError says what is wrong with it."""
    try:
        index = msgspec.convert(load_yaml((folder / INDEX).read_text()), Index)
    except OSError as error:
        raise CaptureError(f"{folder / INDEX}: {error.strerror}") from error
    except (YamlError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise CaptureError(f"{folder / INDEX}: {error}") from error
    captures = Captures(machine=index.machine, key=index.key.encode())
    for recorded in index.answers:
        _add(captures, recorded, _captured(folder, recorded))
    return captures


def _captured(folder: Path, recorded: Recorded) -> Captured:
    if recorded.error:
        if recorded.error not in ERRORS:
            raise CaptureError(f"{folder / INDEX}: {recorded.key()}: error is one of {', '.join(ERRORS)}")
        return Captured(error=ERRORS[recorded.error])
    return Captured(_content(folder, recorded.stdout), _content(folder, recorded.stderr), recorded.exit, recorded.delay)


def _content(folder: Path, name: str) -> bytes:
    if not name:
        return b""
    if Path(name).name != name:
        raise CaptureError(f"{folder / INDEX}: {name}: files lie beside the index")
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise CaptureError(f"{folder / name}: {error.strerror}") from error


def _add(captures: Captures, recorded: Recorded, captured: Captured) -> None:
    tables: tuple[tuple[dict[Any, Supply], Any], ...] = (
        (captures.commands, recorded.command),
        (captures.matches, recorded.match),
        (captures.files, recorded.file),
        (captures.listings, recorded.listing),
        (captures.systems, recorded.system),
        (captures.probes, recorded.probe),
        (captures.processes, recorded.processes),
    )
    named = [(table, key) for table, key in tables if key]
    if len(named) != 1:
        raise CaptureError(f"{captures.machine}: an answer names one question, not {len(named)}")
    table, key = named[0]
    if key in table:
        raise CaptureError(f"{captures.machine}: {recorded.key()}: answered twice")
    table[key] = captured
