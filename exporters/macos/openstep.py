"""The old text form of property lists, as far as `tmutil` prints it: an entry a line, dictionaries in dictionaries."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from exporters.core.read import MAX_DEPTH
from exporters.sources.base import ParseError

_NAME = r'\s*("[^"]*"|[\w.+-]+)\s*=\s*'
_SCALAR = re.compile(_NAME + r'("[^"]*"|[\w.+-]+);\s*')
_OPENS = re.compile(_NAME + r"\{\s*")
_CLOSES = re.compile(r"\s*\};\s*")
_LIST_OPENS = re.compile(rf"({_NAME})?\(\s*")
_LIST_CLOSES = re.compile(r"\s*\)[;,]?\s*")


def dictionary(lines: Iterable[str]) -> Mapping[str, Any]:
    """What stands between `{` and `}`, each on a line of its own; numbers stay texts."""
    rest = iter(lines)
    if next(rest, "").strip() != "{":
        raise ParseError("a dictionary was expected")
    found = _entries(rest, re.compile(r"\}\s*"), 0)
    if any(line.strip() for line in rest):
        raise ParseError("more behind the end of the dictionary")
    return found


def _entries(rest: Iterator[str], end: re.Pattern[str], depth: int) -> Mapping[str, Any]:
    """Up to the closing line, without which the text was cut. Lists, and what is no entry, are passed."""
    if depth > MAX_DEPTH:
        raise ParseError(f"nested more than {MAX_DEPTH} deep")
    found: dict[str, Any] = {}
    for line in rest:
        if end.fullmatch(line):
            return found
        if _LIST_OPENS.fullmatch(line):
            _pass_list(rest)
        elif line.strip() == "{":
            raise ParseError("a dictionary without its name")
        elif opened := _OPENS.fullmatch(line):
            found[_bare(opened[1])] = _entries(rest, _CLOSES, depth + 1)
        elif scalar := _SCALAR.fullmatch(line):
            found[_bare(scalar[1])] = _bare(scalar[2])
    raise ParseError("a dictionary without its end")


def _pass_list(rest: Iterator[str]) -> None:
    """Up to the end of a list, with the lists and dictionaries in it."""
    depth = 1
    while depth:
        line = next(rest, None)
        if line is None:
            raise ParseError("a list without its end")
        depth += bool(_LIST_OPENS.fullmatch(line)) - bool(_LIST_CLOSES.fullmatch(line))


def _bare(word: str) -> str:
    return word.strip('"')
