"""What holds for every collector, present and future: names, sources, declared questions, totality, privacy, docs."""

import json
import plistlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import COLLECTORS, ROOT, context_for, fixtures_of
from docs.__main__ import OWN, pages
from exporters.core.collector import Collector
from exporters.core.context import Context, Level
from exporters.core.flight import Look, look
from exporters.core.metrics import faults, render
from exporters.sources.base import Answer_co, Command, Outcome, Question, SourceError, ask_each
from exporters.sources.replay import Captured, Captures, Replay, load_captures

NAMES = sorted(COLLECTORS)
PRINTABLE = st.text(st.characters(codec="utf-8"), max_size=30)
CANARY = "Canary-Zq7"


class Listening:
    """A replay that notes what is asked."""

    def __init__(self, source: Replay) -> None:
        self.source = source
        self.asked: list[Question[Any]] = []

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        self.asked.append(question)
        return self.source.ask(question)

    def ask_many(self, questions: Iterable[Question[Any]]) -> Outcome:
        return ask_each(self, questions)


def told(declared: Collector, seen: Look, context: Context) -> str:
    """The text of a first look; problems are part of it, as they reach the log."""
    if seen.failed is not None or not seen.supported:
        return str(dict(seen.problems))
    reading = declared.advance(None, seen.reading, 1e9, context) if declared.advance else seen.reading
    return render(declared.metrics(reading, context)).decode() + str(dict(seen.problems))


@pytest.mark.parametrize("name", NAMES)
def test_names_follow_the_rules(name: str) -> None:
    assert not [(family.name, fault) for family in COLLECTORS[name].families for fault in faults(family)]


@pytest.mark.parametrize("name", NAMES)
def test_only_declared_families_are_published_and_each_is_seen_in_a_fixture(name: str) -> None:
    declared = COLLECTORS[name]
    published: set[str] = set()
    for folder in fixtures_of(name):
        published |= set(re.findall(r"^# HELP (\S+)", replayed(declared, folder, load_captures(folder)), re.MULTILINE))
    own = {family.name for family in declared.families}
    assert declared.foreign or published <= own
    assert own <= published, f"no fixture shows {sorted(own - published)}"


def replayed(declared: Collector, folder: Path, captures: Captures, level: Level = "standard") -> str:
    context = context_for(declared, level, folder)
    return told(declared, look(declared, Replay(captures), context), context)


@pytest.mark.parametrize("name", NAMES)
def test_only_declared_questions_are_asked(name: str) -> None:
    declared = COLLECTORS[name]
    for folder in fixtures_of(name):
        context = context_for(declared, folder=folder)
        allowed = {*declared.required_for(context), *declared.optional_for(context), *declared.then_asks}
        source = Listening(Replay(load_captures(folder)))
        look(declared, source, context)
        assert {each for each in source.asked if isinstance(each, Command)} <= allowed


@pytest.mark.parametrize("name", NAMES)
def test_background_collectors_alone_start_processes(name: str) -> None:
    declared = COLLECTORS[name]
    assert declared.cadence is not None or not list(declared.commands(context_for(declared)))


@pytest.mark.parametrize("name", NAMES)
def test_two_looks_at_the_same_thing_are_equal(name: str) -> None:
    declared = COLLECTORS[name]
    for folder in fixtures_of(name):
        captures = load_captures(folder)
        assert replayed(declared, folder, captures) == replayed(declared, folder, captures)


def changed(captures: Captures, change: Any) -> Captures:
    """The same captures with every answer's bytes changed."""

    def each(table: dict[Any, Any]) -> dict[Any, Any]:
        return {key: Captured(change(value.stdout), value.stderr, value.exit) for key, value in table.items()}

    return Captures(
        captures.machine,
        captures.key,
        each(captures.commands),
        each(captures.matches),
        each(captures.files),
        captures.listings,
        each(captures.systems),
    )


DAMAGES = {
    "empty": lambda _: b"",
    "half": lambda data: data[: len(data) // 2],
    "no UTF-8": lambda data: data.replace(b"a", b"\xff"),
    "decimal commas": lambda data: re.sub(rb"(\d)\.(\d)", rb"\1,\2", data),
    "no-break spaces": lambda data: data.replace(b" ", "\u00a0".encode()),
    "another shape": lambda _: b"[[]]",
    "null": lambda _: b"null",
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", NAMES)
def test_damaged_answers_give_a_problem_or_fewer_samples_and_nothing_invented(name: str, damage: str) -> None:
    declared = COLLECTORS[name]
    for folder in fixtures_of(name):
        context = context_for(declared, folder=folder)
        seen = look(declared, Replay(changed(load_captures(folder), DAMAGES[damage])), context)
        assert seen.failed in {None, "unparsable", "failed", "not_found", "denied"}
        told(declared, seen, context)


@pytest.mark.parametrize("name", NAMES)
@settings(derandomize=True, deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_value_in_an_answer_makes_anything_but_a_problem(name: str, data: st.DataObject) -> None:
    declared = COLLECTORS[name]
    folder = data.draw(st.sampled_from(fixtures_of(name)))
    replayed(declared, folder, changed(load_captures(folder), lambda content: mutated(content, data)))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | PRINTABLE | st.just([]) | st.just({})


def mutated(content: bytes, data: st.DataObject) -> bytes:
    """One value somewhere in a plist or JSON document exchanged; other bytes cut and joined anew."""
    tree, write = decoded(content)
    if write is None:
        cut = data.draw(st.integers(0, len(content)))
        return content[:cut] + data.draw(st.binary(max_size=8)) + content[cut + data.draw(st.integers(0, 8)) :]
    places = list(walk(tree))
    if places:
        holder, key = data.draw(st.sampled_from(places))
        holder[key] = data.draw(SCALARS)
    try:
        return write(tree)
    except (TypeError, OverflowError, ValueError):
        return content


def decoded(content: bytes) -> tuple[Any, Any]:
    try:
        return json.loads(content), lambda tree: json.dumps(tree, allow_nan=False).encode()
    except ValueError:
        try:
            return plistlib.loads(content), plistlib.dumps
        except Exception:  # noqa: BLE001 - whatever plistlib finds, it is no property list
            return None, None


def walk(tree: Any) -> Iterable[tuple[Any, Any]]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in list(items):
        yield tree, key
        yield from walk(value)


@pytest.mark.parametrize("level", ["standard", "strict"])
@pytest.mark.parametrize("name", NAMES)
def test_strings_that_are_not_declared_never_leave(name: str, level: Level) -> None:
    declared = COLLECTORS[name]
    for folder in fixtures_of(name):
        captures = changed(load_captures(folder), lambda content: poisoned(content, declared.publishes))
        assert CANARY.lower() not in replayed(declared, folder, captures, level).lower()


def poisoned(content: bytes, publishes: tuple[str, ...]) -> bytes:
    """Every string whose key is not declared becomes, or is joined by, a secret."""
    tree, write = decoded(content)
    if write is None:
        return content
    for holder, key in list(walk(tree)):
        if isinstance(holder[key], str) and key not in publishes and not isinstance(holder, list):
            holder[key] = f"{CANARY}-{len(holder[key])}"
    return write(tree)


@pytest.mark.parametrize("name", NAMES)
def test_an_error_of_the_source_reaches_the_log_without_secrets(name: str) -> None:
    declared = COLLECTORS[name]
    context = context_for(declared)
    for question in declared.required_for(context):
        captures = Captures(
            commands={getattr(question, "argv", ()): Captured(error=SourceError)},
            systems={getattr(question, "name", ""): Captured(error=SourceError)},
        )
        assert look(declared, Replay(captures), context).failed in {"failed", "not_found"}


def test_generated_documentation_is_up_to_date() -> None:
    stale = [path.name for path, text in pages() if not path.exists() or path.read_text() != text]
    assert not stale, "run `make docs`"


@pytest.mark.parametrize("name", NAMES)
def test_every_page_has_queries_and_names_only_metrics_that_exist(name: str) -> None:
    text = (ROOT / "docs" / "collectors" / f"{name}.md").read_text()
    known = {family.name for each in COLLECTORS.values() for family in each.families} | {each.name for each in OWN}
    assert "## Useful queries" in text
    queries = " ".join(re.findall(r"```promql\n(.*?)```", text, re.DOTALL))
    used = set(re.findall(r"\b(?:macos|pomona|openwrt)_[a-z0-9_]+", queries))
    assert used
    assert used <= known, sorted(used - known)
