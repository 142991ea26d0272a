"""The writing of a capture folder: one file an answer, and the index that says which question it answers."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import yaml

from exporters.operate.recording import Heard
from exporters.operate.redact import Redactor, Unreadable
from exporters.sources.base import (
    Command,
    Entry,
    File,
    Listing,
    Output,
    Probe,
    Processes,
    Question,
    SourceError,
    System,
)
from exporters.sources.replay import ERRORS, INDEX

KEY = "capture"
LONGEST_NAME = 60
WORDS = frozenset({"reason", "family", "method"})
"""Keys of a probe's answer whose strings are words of our own."""
_KINDS = {b"bplist": ".plist", b"<?xml": ".plist", b"<plist": ".plist", b"{": ".json", b"[": ".json"}


@dataclass(slots=True)
class Written:
    """How many answers, which files hold free text, and which questions' answers were left out."""

    answers: int = 0
    texts: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


class Folder:
    """Writes each file anew, readable by its owner alone."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self._path = path
        self._redactor = redactor
        self._written = Written()

    def write(self, machine: str, heard: Mapping[Question[Any], Heard]) -> Written:
        """All answers and the index. What two questions share is written once, an answer rather than an error."""
        entries: dict[str, dict[str, Any]] = {}
        for question, each in _by_key(
            {question: self._unnamed(question, each) for question, each in heard.items()}
        ).items():
            name = self._name(question)
            entries[str(name)] = {**name, **self._answer(question, each)}
        self._written.answers = len(entries)
        index = {"machine": machine, "key": KEY, "answers": list(entries.values())}
        self._save(INDEX, yaml.safe_dump(index, sort_keys=False, allow_unicode=True, width=120).encode())
        return self._written

    def _unnamed(self, question: Question[Any], heard: Heard) -> Heard:
        """Stand-ins for the names of files that people gave, as of the items of a queue."""
        if not isinstance(question, Listing) or not question.private or isinstance(heard.answer, SourceError):
            return heard
        answer = (replace(each, name=self._redactor.file_name(each.name, question.pattern)) for each in heard.answer)
        return Heard(tuple(answer), heard.publishes)

    def _name(self, question: Question[Any]) -> dict[str, Any]:
        """The question as the index names it; names of people in paths and arguments are replaced, too."""
        match question:
            case Command(argv=argv):
                return {"command": [self._clean(each) for each in argv]}
            case File():
                return {"file": self._text(question)}
            case Listing(path=path):
                return {"listing": self._clean(path)}
            case Probe():
                return {"probe": self._text(question)}
            case Processes():
                return {"processes": self._clean(str(question))}
        return {"system": question.name if isinstance(question, System) else str(question)}

    def _answer(self, question: Question[Any], heard: Heard) -> dict[str, Any]:
        answer = heard.answer
        if isinstance(answer, SourceError):
            return {"error": _word(answer)}
        if isinstance(answer, Output):
            told = {"stdout": self._file(question, answer.stdout, heard)}
            stderr = {"stderr": self._file(question, answer.stderr, heard, "-stderr")} if answer.stderr else {}
            return told | stderr | ({"exit": answer.exit} if answer.exit else {})
        if isinstance(answer, bytes):
            return {"stdout": self._file(question, answer, heard)}
        if isinstance(question, Probe):
            content = self._redactor.document(msgspec.json.encode(answer), heard.publishes | WORDS)
            return {"stdout": self._save(f"{self._slug(question)}.json", content)}
        return {"stdout": self._save(f"{self._slug(question)}.json", msgspec.json.encode(self._facts(answer)))}

    def _facts(self, answer: Any) -> Any:
        if isinstance(answer, tuple) and all(isinstance(each, Entry) for each in answer):
            return [Entry(self._redactor.file(_valid(each.name)), each.size, each.modified) for each in answer]
        return self._redactor.facts(answer)

    def _file(self, question: Question[Any], data: bytes, heard: Heard, suffix: str = "") -> str:
        """The name of the file with the redacted content; a note in its place where it cannot be read."""
        kind = next((kind for head, kind in _KINDS.items() if data.lstrip().startswith(head)), ".txt")
        try:
            content = self._redactor.document(data, heard.publishes)
        except Unreadable as error:
            self._written.unreadable.append(self._text(question))
            kind, content = ".txt", f"left out: {error}, {len(data)} bytes\n".encode()
        name = self._save(f"{self._slug(question)}{suffix}{kind}", content)
        if kind == ".txt" and content:
            self._written.texts.append(name)
        return name

    def _slug(self, question: Question[Any]) -> str:
        return re.sub(r"[^A-Za-z0-9]+", "-", self._text(question)).strip("-")[:LONGEST_NAME] or "answer"

    def _text(self, question: Question[Any]) -> str:
        """The question in words."""
        if isinstance(question, Probe):
            return f"{question.kind} {self._redactor.destination(question.address)}"
        if isinstance(question, File):
            folder, slash, name = question.path.rpartition("/")
            return f"{self._clean(folder)}{slash}{self._redactor.file(_valid(name))}"
        return self._clean(str(question))

    def _clean(self, text: str) -> str:
        """Without names of people."""
        return self._redactor.text(_valid(text))

    def _save(self, name: str, content: bytes) -> str:
        """Writes a new file, under a name with a number where the name is taken, and gives that name."""
        stem, dot, kind = name.rpartition(".")
        number, free = 1, name
        while (self._path / free).exists():
            number, free = number + 1, f"{stem}-{number + 1}{dot}{kind}"
        descriptor = os.open(self._path / free, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        return free


def _valid(text: str) -> str:
    """Without bytes that no text holds."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _by_key(heard: Mapping[Question[Any], Heard]) -> dict[Question[Any], Heard]:
    """One answer for questions that differ only in what the index does not hold: timeout, exits, pattern."""
    kept: dict[tuple[type, Any], tuple[Question[Any], Heard]] = {}
    for question, each in heard.items():
        key = (type(question), _kept_apart(question))
        before = kept.get(key)
        kept[key] = (question, each) if before is None else (before[0], _merged(before[1], each))
    return dict(kept.values())


def _kept_apart(question: Question[Any]) -> Any:
    match question:
        case Command(argv=argv):
            return argv
        case File(path=path) | Listing(path=path):
            return path
        case Probe(key=key):
            return key
    return str(question)


def _merged(one: Heard, other: Heard) -> Heard:
    publishes = one.publishes | other.publishes
    if isinstance(one.answer, tuple) and isinstance(other.answer, tuple):
        return Heard(tuple(sorted({*one.answer, *other.answer}, key=lambda entry: entry.name)), publishes)
    return Heard(other.answer if isinstance(one.answer, SourceError) else one.answer, publishes)


def _word(error: SourceError) -> str:
    return next((word for word, kind in ERRORS.items() if type(error) is kind), error.problem)
