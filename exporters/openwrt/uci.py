"""Files of `/etc/config` as libuci reads them: `config TYPE [NAME]`, `option KEY VALUE`, `list KEY VALUE`.

A word is quoted as in a shell, also over several lines; a `;` ends a statement as a line does.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from exporters.core.read import attempt
from exporters.sources.base import File, ParseError, Replies

Options = dict[str, list[str]]
_PART = r"""'[^']*'|"(?:[^"\\]|\\.)*"|\\(?:\r\n|.)|[^\s'"\\#;]+"""
_TOKEN = re.compile(rf"[^\S\n]+|((?:{_PART})+)|([\n;])|#[^\n]*|(.)", re.ASCII | re.DOTALL)
_PLAIN = re.compile(r"""'([^']*)'|([^'"\\]*)""")
_PARTS = re.compile(_PART, re.ASCII | re.DOTALL)
_ESCAPED = re.compile(r"\\(\r?\n|.)", re.DOTALL)
_NAME = re.compile(r"[\w-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Section:
    """The values of each option that is set, more than one in a list; a section can be without a name."""

    type: str
    name: str
    options: Mapping[str, tuple[str, ...]]

    def one(self, option: str) -> str:
        """The value, the first of a list; "" where none is set."""
        return next(iter(self.options.get(option, ())), "")


Sections = tuple[Section, ...]


def configured(file: File, replies: Replies, faults: list[str]) -> Sections | None:
    """The sections of a file; None where it was not told, or cannot be read, which is noted with its name."""
    return attempt(sections, replies.get(file), faults, file)


def sections(data: bytes) -> Sections:
    """All of a file, in its order. What is opened again by its name goes on; a cut file is none."""
    if data and not data.endswith(b"\n"):
        raise ParseError("a configuration that ends within a line")
    found: dict[str, tuple[str, Options]] = {}
    options: Options | None = None
    for statement in _statements(data.decode(errors="replace")):
        match statement:
            case ["config" | "c", kind, *name] if kind and len(name) <= 1:
                options = _opened(found, kind, "".join(name))
            case ["option" | "o" | "list" | "l" as word, key, *value] if options is not None and len(value) <= 1:
                _set(options, _named(key), "".join(value), listed=word[0] == "l")
            case ["package" | "p", _]:
                continue
            case _:
                raise ParseError("a statement that is none of uci's, or stands before any section")
    return tuple(_section(kind, key, options) for key, (kind, options) in found.items())


def _statements(text: str) -> Iterator[Sequence[str]]:
    """The words of each; comments are left out."""
    words: list[str] = []
    for token in _TOKEN.finditer(text):
        word, end, alone = token.groups()
        if word is not None:
            words.append(_word(word))
        elif end and words:
            yield words
            words = []
        elif alone:
            raise ParseError(f"a quote that is not closed in line {text.count(chr(10), 0, token.start()) + 1}")
    if words:
        raise ParseError("a configuration that ends within a line")


def _word(written: str) -> str:
    """Most are plain, or stand in one pair of quotes."""
    plain = _PLAIN.fullmatch(written)
    return plain[1] or plain[2] or "" if plain else "".join(map(_meant, _PARTS.findall(written)))


def _meant(part: str) -> str:
    """What stands in single quotes is taken as it is; elsewhere a backslash keeps a character and joins lines."""
    if part.startswith("'"):
        return part[1:-1]
    plain = part[1:-1] if part.startswith('"') else part
    return _ESCAPED.sub(lambda each: "" if each[1].endswith("\n") else each[1], plain)


def _opened(found: dict[str, tuple[str, Options]], kind: str, name: str) -> Options:
    """The options of a section; those without a name are told apart by their number."""
    key = _named(name) if name else f"@{len(found)}"
    before, options = found.setdefault(key, (kind, {}))
    if before != kind:
        raise ParseError("two sections of one name and of different types")
    return options


def _set(options: Options, key: str, value: str, *, listed: bool) -> None:
    """An option that is set to nothing is not set."""
    if listed:
        options.setdefault(key, []).append(value)
    elif value:
        options[key] = [value]
    else:
        options.pop(key, None)


def _named(key: str) -> str:
    if not _NAME.fullmatch(key):
        raise ParseError("a name that is none in uci")
    return key


def _section(kind: str, key: str, options: Options) -> Section:
    name = "" if key.startswith("@") else key
    return Section(kind, name, {option: tuple(values) for option, values in options.items()})
