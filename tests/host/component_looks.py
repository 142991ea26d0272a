"""One component looked at again and again, at answers that a test gives."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from conftest import COLLECTORS
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.sources.base import Listing, Probe, Processes, Question
from exporters.sources.replay import Captured, Captures, Replay
from host.answering import context_of

DECLARED = COLLECTORS["components"]
Answers = Mapping[Question[Any], Any]


class Looks:
    """A component called `it`. Its series come without `component="it"`; `problems` are those of the last look."""

    def __init__(self, **component: Any) -> None:
        self.context = context_of("components", components=[{"name": "it", **component}])
        self.state: Any = None
        self.now = 1_800_000_000.0
        self.slept = 0.0
        self.problems: Mapping[str, str] = {}

    def at(self, answers: Answers) -> dict[str, float]:
        """The samples 30 s after the look before; an answer is JSON or the error that comes instead."""
        self.now += 30
        seen = look(DECLARED, Replay(_captures(answers, self.slept)), self.context, self.state)
        self.problems = dict(seen.problems)
        if seen.failed is not None or not seen.supported:
            return {}
        self.state = DECLARED.advance(self.state, seen.reading, self.now, self.context)
        return _series(render(DECLARED.metrics(self.state, self.context)).decode())

    def restart(self) -> None:
        """Another process begins with what was stored."""
        memory = DECLARED.memory
        stored = msgspec.json.encode(memory.observe(self.state))
        self.state = memory.restore(msgspec.json.decode(stored, type=memory.kind))


def _captures(answers: Answers, slept: float) -> Captures:
    given = {
        question: Captured(error=each) if isinstance(each, type) else Captured(json.dumps(each).encode())
        for question, each in answers.items()
    }
    return Captures(
        systems={"clocks": Captured(json.dumps({"elapsed": 1e6 + slept, "awake": 1e6}).encode())},
        listings={question.path: each for question, each in given.items() if isinstance(question, Listing)},
        probes={question.key: each for question, each in given.items() if isinstance(question, Probe)},
        processes={str(question): each for question, each in given.items() if isinstance(question, Processes)},
    )


def _series(text: str) -> dict[str, float]:
    rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    short = ((name.removeprefix("pomona_component_"), value) for name, value in rows)
    return {_without_component(name): float(value) for name, value in short}


def _without_component(series: str) -> str:
    return series.replace('component="it",', "").replace(',component="it"', "").replace('{component="it"}', "")
