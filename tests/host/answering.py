"""Looks at invented facts: what the host collectors publish for them."""

import json
from typing import Any

import msgspec

from conftest import COLLECTORS
from exporters.core.context import Context, Level
from exporters.core.flight import Look, look
from exporters.core.metrics import Format, render
from exporters.sources.replay import Captured, Captures, Replay


def answering(**systems: Any) -> Replay:
    """A source that knows these facts; bytes stand for themselves."""
    answers = {
        name: value if isinstance(value, bytes) else json.dumps(value).encode() for name, value in systems.items()
    }
    return Replay(Captures(systems={name: Captured(answer) for name, answer in answers.items()}))


def context_of(name: str, level: Level = "standard", **config: Any) -> Context:
    """The context with this configuration, as a file would give it."""
    kind = COLLECTORS[name].config
    return Context(msgspec.convert(config, kind) if kind else None, level, b"key")


def seen(name: str, source: Replay, context: Context | None = None) -> Look:
    """One look."""
    return look(COLLECTORS[name], source, context or context_of(name))


def lines(name: str, source: Replay, context: Context | None = None, form: Format = "text") -> list[str]:
    """The samples of one look, as text."""
    context = context or context_of(name)
    declared, first = COLLECTORS[name], seen(name, source, context)
    assert first.failed is None, first.problems
    state = declared.advance(None, first.reading, 0.0, context) if declared.advance else first.reading
    return [line for line in render(declared.metrics(state, context), form).decode().splitlines() if line[0] != "#"]
