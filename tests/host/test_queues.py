"""What is counted of a queue against what was truly moved: nothing lost, nothing counted twice."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.core.flight import look
from exporters.host.work_queues import OUTCOMES, Tally, tallied
from exporters.sources import local
from exporters.sources.base import Denied, Listing, NotFound, TooLarge
from exporters.sources.local import Local
from host.answering import context_of
from host.component_looks import DECLARED, Looks

STATES = ("pending", "processing", "done", "failed")
DONE = Listing("/done")
MOVES = {
    "begin": ("pending", "processing"),
    "succeed": ("processing", "done"),
    "fail": ("processing", "failed"),
    "archive": ("done", "archive"),
    "return": ("archive", "pending"),
}
FINISH, BREAK = ("arrive", "begin", "succeed"), ("arrive", "begin", "fail")
STEPS = st.sampled_from(
    [*((each,) for each in (*MOVES, "arrive", "clear", "look", "restart")), FINISH, BREAK, (*FINISH, "look")]
)


def entries(*names: str, modified: float = 1.0) -> list[dict[str, Any]]:
    return [{"name": name, "size": 1, "modified": modified} for name in names]


class Yard:
    """Real folders, items that move through them, and what an observer with a good memory would count."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.made = folder, 0
        for name in (*STATES, "archive"):
            (folder / name).mkdir()
        queue = {state: str(folder / state) for state in STATES}
        self.context = context_of("components", components=[{"name": "it", "queue": queue}])
        self.state: Any = None
        self.before: dict[str, set[str]] = {}
        self.expected = dict.fromkeys(OUTCOMES, 0)
        self.counted = dict.fromkeys(OUTCOMES, 0)
        self.shown = dict.fromkeys(OUTCOMES, 0)

    def items(self, state: str) -> list[Path]:
        return sorted((self.folder / state).iterdir())

    def step(self, step: str) -> None:
        if step in MOVES:
            self.move(*MOVES[step])
        elif step == "arrive":
            (self.folder / "pending" / f"{self.made}.job").write_text(step)
            self.made += 1
        elif step == "clear":
            for item in self.items("failed"):
                item.unlink()
        else:
            {"look": self.look, "restart": self.restart}[step]()

    def move(self, source: str, target: str) -> None:
        for item in self.items(source)[:1]:
            shutil.move(item, self.folder / target / item.name)

    def look(self) -> None:
        seen = look(DECLARED, Local(), self.context, self.state)
        assert not seen.problems
        self.state = DECLARED.advance(self.state, seen.reading, 1.0, self.context)
        for sample in DECLARED.metrics(self.state, self.context):
            if sample.family.name == "pomona_component_queue_processed_total":
                self.shown[sample.labels["outcome"]] = int(sample.value)
            if sample.family.name == "pomona_component_queue_items":
                assert sample.value == len(self.items(sample.labels["state"]))
        for outcome in OUTCOMES:
            now = {item.name for item in self.items(outcome)}
            self.expected[outcome] += len(now - self.before.get(outcome, now))
            self.before[outcome] = now

    def restart(self) -> None:
        if self.state is None:
            return
        for outcome in OUTCOMES:
            self.counted[outcome] += self.shown[outcome]
            self.shown[outcome] = 0
        memory = DECLARED.memory
        stored = msgspec.json.encode(memory.observe(self.state))
        self.state = memory.restore(msgspec.json.decode(stored, type=memory.kind))


@contextmanager
def yard() -> Iterator[Yard]:
    with tempfile.TemporaryDirectory() as folder:
        yield Yard(Path(folder))


@settings(derandomize=True, deadline=None, max_examples=80)
@given(steps=st.lists(STEPS, max_size=40))
def test_what_is_counted_is_what_was_moved(steps: list[tuple[str, ...]]) -> None:
    with yard() as it:
        for step in chain(*steps, ("look", "restart")):
            it.step(step)
        assert it.counted == it.expected


def test_each_item_counts_once_whatever_becomes_of_it_later() -> None:
    with yard() as it:
        it.step("look")
        for number in range(10):
            for step in ("arrive", "begin", "fail" if number % 3 == 0 else "succeed", "look"):
                it.step(step)
            it.step("restart" if number == 5 else "archive")
        it.step("look")
        it.step("restart")
        assert it.counted == {"done": 6, "failed": 4}


def test_what_lay_there_before_the_first_look_does_not_count() -> None:
    looks = Looks(queue={"done": "/done"})
    assert looks.at({DONE: entries("a", "b")})['queue_processed_total{outcome="done"}'] == 0
    assert looks.at({DONE: entries("a", "b", "c")})['queue_processed_total{outcome="done"}'] == 1


@pytest.mark.parametrize("error", [NotFound, Denied, TooLarge])
def test_a_folder_that_is_not_read_for_a_while_is_neither_empty_nor_new(error: type[Exception]) -> None:
    looks = Looks(queue={"done": "/done", "failed": "/failed"})
    failed = Listing("/failed")
    looks.at({DONE: entries("a"), failed: []})
    assert looks.at({DONE: error, failed: entries("x")}) == {
        'queue_items{state="failed"}': 1,
        'queue_oldest_timestamp_seconds{state="failed"}': 1.0,
        'queue_processed_total{outcome="failed"}': 1,
    }
    assert "it: done: no answer to /done/*" in looks.problems["unparsable"]
    looks.restart()
    seen = looks.at({DONE: entries("a", "b"), failed: entries("x")})
    assert seen['queue_processed_total{outcome="done"}'] == 1
    assert seen['queue_processed_total{outcome="failed"}'] == 0


def test_another_folder_under_the_same_name_begins_anew() -> None:
    looks = Looks(queue={"done": "/done"})
    looks.at({DONE: entries("a")})
    looks.context = context_of("components", components=[{"name": "it", "queue": {"done": "/other"}}])
    assert looks.at({Listing("/other"): entries("x", "y")})['queue_processed_total{outcome="done"}'] == 0
    assert len(looks.state.tallies) == 1


def test_the_pattern_says_what_an_item_is_and_hidden_files_are_none() -> None:
    listed = entries("1.job", ".2.job", "3.tmp", ".DS_Store")
    for pattern, count in (("*", 2), ("*.job", 1), (".*", 2), ("*.csv", 0)):
        looks = Looks(queue={"pending": "/in", "pattern": pattern})
        seen = looks.at({Listing("/in"): listed})
        assert seen['queue_items{state="pending"}'] == count
        assert ('queue_oldest_timestamp_seconds{state="pending"}' in seen) is bool(count)


def test_the_oldest_item_tells_its_time() -> None:
    looks = Looks(queue={"pending": "/in"})
    seen = looks.at({Listing("/in"): entries("new", modified=30.5) + entries("old", modified=10.25)})
    assert seen['queue_oldest_timestamp_seconds{state="pending"}'] == 10.25


def test_more_files_than_a_listing_holds_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "MOST_FILES", 3)
    for name in "abcd":
        (tmp_path / name).touch()
    context = context_of("components", components=[{"name": "it", "queue": {"done": str(tmp_path)}}])
    seen = look(DECLARED, Local(), context)
    assert seen.problems["failed"] == f"{tmp_path}/*: more than 3 files"


def test_the_memory_of_a_full_folder_is_small() -> None:
    looks = Looks(queue={"done": "/done"})
    looks.at({DONE: entries(*(f"a name of an item that is not short {number}" for number in range(10_000)))})
    assert len(msgspec.json.encode(DECLARED.memory.observe(looks.state))) < 100_000
    assert b"short" not in msgspec.json.encode(DECLARED.memory.observe(looks.state))


def test_ten_thousand_new_names_among_as_many_are_counted() -> None:
    def names(*numbers: int) -> bytes:
        return b"".join(number.to_bytes(6) for number in numbers)

    tally = tallied(Tally(names(*range(10_000))), names(*range(5_000, 15_000)))
    assert tally.count == 5_000
    assert tallied(tally, names(*range(5_000, 15_000))).count == 5_000
