"""Captures with other answers: damaged as machines damage them, or poisoned with a secret that must not come out."""

import json
import plistlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from itertools import accumulate
from typing import Any

from exporters.sources.base import Command, File, Listing, Probe, Processes, Question, System
from exporters.sources.replay import Captured, Captures, Supply

Spot = tuple[str, Any]
"""A table of the captures, and a key in it."""
TABLES = ("commands", "matches", "files", "listings", "systems", "probes", "processes")
UNLEARNT = re.compile(r'(state|reason)="unknown"\} 1\.0\Z')
CANARY = "Canary-Zq7"
UPS_LINE = f" -{CANARY} (id=1)\t50%; discharging; 1:00 remaining present: true"
RESPELLING = {"no UTF-8", "decimal commas", "no-break spaces"}
"""Damages that leave a document whole, with other letters."""
DAMAGES: Mapping[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "half": lambda data: data[: len(data) // 2],
    "no UTF-8": lambda data: data.replace(b"a", b"\xff"),
    "decimal commas": lambda data: re.sub(rb"(\d)\.(\d)", rb"\1,\2", data),
    "no-break spaces": lambda data: data.replace(b" ", "\u00a0".encode()),
    "another shape": lambda _: b"[[]]",
    "null": lambda _: b"null",
}


def spots(captures: Captures) -> list[Spot]:
    """Where every answer lies."""
    return [(table, key) for table in TABLES for key in getattr(captures, table)]


def spot_of(question: Question[Any]) -> Spot:
    """Where an answer to exactly this question lies, which wins over a match."""
    match question:
        case Command(argv=argv):
            return "commands", argv
        case File(path=path):
            return "files", path
        case Listing(path=path):
            return "listings", path
        case System(name=name):
            return "systems", name
        case Probe():
            return "probes", question.key
        case Processes():
            return "processes", str(question)
    raise TypeError(question)


def answer_at(captures: Captures, spot: Spot) -> Captured:
    """One answer."""
    table, key = spot
    answer: Captured = getattr(captures, table)[key]
    return answer


def changed(captures: Captures, change: Callable[[Captured], Supply], only: Collection[Spot] | None = None) -> Captures:
    """The same captures with every answer changed, or only some; the original stays as it is."""

    def each(table: str, key: Any, value: Captured) -> Supply:
        return change(value) if only is None or (table, key) in only else value

    return replace(
        captures,
        **{
            table: {key: each(table, key, value) for key, value in getattr(captures, table).items()} for table in TABLES
        },
    )


def printing(change: Callable[[bytes], bytes]) -> Callable[[Captured], Captured]:
    """A change of what is printed; errors and statuses stay."""
    return lambda answer: replace(answer, stdout=change(answer.stdout))


def unlearnt(lines: Iterable[str]) -> tuple[str, ...]:
    """How the samples of every enum begin whose state or reason is unknown: they say that nothing was learnt."""
    return tuple(line[: found.start()] for line in lines if (found := UNLEARNT.search(line)))


def decoded(content: bytes) -> tuple[Any, Callable[[Any], bytes] | None]:
    """The tree of a JSON document or property list with what writes it, or nothing."""
    try:
        return json.loads(content), lambda tree: json.dumps(tree, allow_nan=False).encode()
    except ValueError:
        try:
            return plistlib.loads(content), plistlib.dumps
        except Exception:  # noqa: BLE001 - whatever plistlib finds, it is no property list
            return None, None


def walk(tree: Any, above: str = "") -> Iterator[tuple[Any, Any, str]]:
    """Every place of a tree: its holder, its key there, the nearest name above or at it."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(items):
        name = key if isinstance(key, str) else above
        yield tree, key, name
        yield from walk(value, name)


def exchanged(content: bytes, swap: Callable[[str, Any], Any]) -> Iterator[bytes]:
    """The document once for each name in it, with the values of that name exchanged by `swap(name, value)`."""
    tree, write = decoded(content)
    if write is None:
        return
    for wanted in dict.fromkeys(name for _, _, name in walk(tree)):
        copy = deepcopy(tree)
        for holder, key, name in walk(copy):
            if name == wanted:
                holder[key] = swap(name, holder[key])
        if copy != tree:
            yield write(copy)


def renamed(content: bytes, to: str | None) -> Iterator[tuple[str, bytes]]:
    """Each key of a document, and the document with another key in its place, or with nothing."""
    tree, write = decoded(content)
    if write is None:
        return
    for wanted in dict.fromkeys(key for _, key, _ in walk(tree) if isinstance(key, str)):
        yield wanted, write(_renamed(tree, wanted, to))


def _renamed(tree: Any, wanted: str, to: str | None) -> Any:
    if isinstance(tree, dict):
        names = {key: to if key == wanted else key for key in tree}
        return {names[key]: _renamed(value, wanted, to) for key, value in tree.items() if names[key] is not None}
    return [_renamed(each, wanted, to) for each in tree] if isinstance(tree, list) else tree


def poisons(content: bytes, publishes: tuple[str, ...], names: Iterable[str] = ()) -> Iterator[bytes]:
    """The answer with a secret in every place, one after the other, where none may be published.

    These are strings, also in lists, under a name that `publishes` does not list, keys that are not in `names`, and
    of a text each word outside of the columns that `publishes` names by their titles, an extra line, the line of a UPS.
    """
    if decoded(content)[1] is None:
        yield from _poisoned_text(content.decode(errors="replace"), publishes)
        return
    for swap in (lambda _: CANARY, lambda text: f"{text} {CANARY}"):
        yield from exchanged(content, lambda name, value, swap=swap: _told(name, value, publishes, swap))
    yield from (poisoned for key, poisoned in renamed(content, CANARY) if key not in names)


def _told(name: str, value: Any, publishes: tuple[str, ...], swap: Callable[[str], str]) -> Any:
    if isinstance(value, bytes):
        return CANARY.encode()
    return swap(value) if isinstance(value, str) and name not in publishes else value


def _poisoned_text(text: str, publishes: tuple[str, ...]) -> Iterator[bytes]:
    published = list(_published(text, publishes))
    for word in re.finditer(r"\w+", text):
        if not any(start <= word.start() < end for start, end in published):
            yield f"{text[: word.start()]}{CANARY}{text[word.end() :]}".encode()
    lines = text.splitlines(keepends=True)
    for line in (CANARY, UPS_LINE):
        for position in range(len(lines) + 1):
            yield "".join((*lines[:position], f"{line}\n", *lines[position:])).encode()


def _published(text: str, titles: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Where the cells of published columns stand, in tables whose cells are parted by tabs."""
    columns: set[int] = set()
    for line in re.finditer(r".+", text):
        cells = line[0].split("\t")
        if found := {column for column, cell in enumerate(cells) if cell in titles}:
            columns = found
            continue
        ends = list(accumulate((len(cell) + 1 for cell in cells), initial=line.start()))
        yield from ((ends[column], ends[column + 1] - 1) for column in columns if column < len(cells))


def mistyped(content: bytes, publishes: tuple[str, ...]) -> Iterator[bytes]:
    """The document once for each name, with values of that name of another type that hold a secret."""

    def swap(name: str, value: Any) -> Any:
        if isinstance(value, str | list) or name in publishes:
            return {CANARY: [CANARY]}
        return CANARY

    yield from exchanged(content, swap)
