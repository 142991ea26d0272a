"""One look by a collector at answers that a test gives, and strategies that spoil answers."""

import json
import plistlib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from conftest import context_for
from exporters.core.collector import Collector
from exporters.core.context import Context
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.sources.base import Command, File, Question, System
from exporters.sources.replay import Captured, Captures, Replay

Answers = Mapping[Question[Any], bytes | Captured]
NOW = 1_800_000_000.0
steadily = settings(derandomize=True, deadline=None, max_examples=200)


@dataclass(frozen=True)
class Seen:
    """What was published, by series, and the problems that were told."""

    values: Mapping[str, float]
    problems: Mapping[str, str]

    def only(self, name: str) -> str | None:
        """The one state of an enum that is 1; None where the enum was not published."""
        states = {key: value for key, value in self.values.items() if key.startswith(f"{name}{{")}
        assert not states or sorted(states.values()) == [0.0] * (len(states) - 1) + [1.0]
        return next((key.split('"')[1] for key, value in states.items() if value), None)


def see(declared: Collector, answers: Answers, config: Any = None, state: Any = None) -> Seen:
    """Through the whole way: ask, second round, parse, advance, metrics, text. Only a ParseError becomes a problem."""
    context = context_for(declared) if config is None else Context(config=config, key=b"fixture")
    seen = look(declared, Replay(captures(answers)), context, state)
    if seen.failed is not None or not seen.supported:
        return Seen({}, dict(seen.problems))
    reading = declared.advance(state, seen.reading, NOW, context) if declared.advance else seen.reading
    text = render(declared.metrics(reading, context)).decode()
    rows = (line.rsplit(" ", 1) for line in text.split("\n") if line and not line.startswith("#"))
    return Seen({series: float(value) for series, value in rows}, dict(seen.problems))


def captures(answers: Answers) -> Captures:
    given = {question: Captured(each) if isinstance(each, bytes) else each for question, each in answers.items()}
    return Captures(
        commands={question.argv: each for question, each in given.items() if isinstance(question, Command)},
        files={question.path: each for question, each in given.items() if isinstance(question, File)},
        systems={question.name: each for question, each in given.items() if isinstance(question, System)},
    )


def ioreg(*nodes: Mapping[str, Any]) -> bytes:
    """Nodes as `ioreg -a` prints them."""
    return plistlib.dumps(list(nodes))


def facts(**known: Any) -> bytes:
    """The sysctl fact; names in Python's spelling with a double underscore for the point."""
    return json.dumps({name.replace("__", "."): value for name, value in known.items()}).encode()


SCALARS = (
    st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.sampled_from((0, 1, 2, 4, 100, 65535, -1))
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=8)
)
SHAPES = st.recursive(
    SCALARS | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)
PLIST_SHAPES = st.recursive(
    SCALARS | st.binary(max_size=4) | st.just(datetime(2026, 9, 1, tzinfo=UTC).replace(tzinfo=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def spoiled(draw: st.DrawFn, document: Any, shapes: st.SearchStrategy[Any]) -> Any:
    """The document with one to three of its values, at any depth, replaced by any other or taken away."""
    document = [deepcopy(document)]
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(list(_places(document))))
        if isinstance(holder, dict) and draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = draw(shapes)
    return document[0]


def _places(holder: Any) -> Any:
    keys = holder.keys() if isinstance(holder, dict) else range(len(holder))
    for key in keys:
        yield holder, key
        if isinstance(holder[key], dict | list):
            yield from _places(holder[key])


def spoiled_plist(document: Any) -> st.SearchStrategy[bytes]:
    """As binary property lists, which can hold every text."""
    return spoiled(document, PLIST_SHAPES).map(lambda value: plistlib.dumps(value, fmt=plistlib.FMT_BINARY))


def spoiled_json(document: Any) -> st.SearchStrategy[bytes]:
    return spoiled(document, SHAPES).map(lambda value: json.dumps(value).encode())


def spoiled_bytes(whole: bytes) -> st.SearchStrategy[bytes]:
    """Any bytes, a cut document, or one with some bytes in its middle replaced."""
    cut = st.integers(0, len(whole)).map(lambda end: whole[:end])
    start = st.integers(0, len(whole) - 1)
    return st.binary(max_size=64) | cut | st.builds(_patched, st.just(whole), start, st.binary(max_size=6))


def _patched(whole: bytes, start: int, patch: bytes) -> bytes:
    return whole[:start] + patch + whole[start + len(patch) :]
