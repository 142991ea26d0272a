"""Answers from captures are judged as live ones are; a folder that cannot be used says why."""

import json
from pathlib import Path

import pytest

from exporters.sources.base import (
    Command,
    Denied,
    Entry,
    Failed,
    File,
    Listing,
    NotFound,
    SourceError,
    System,
    TimedOut,
    TooLarge,
    Unreachable,
)
from exporters.sources.replay import Captured, CaptureError, Captures, Replay, load_captures

HEAD = "machine: Mac, macOS 26\nkey: fixture\nanswers:\n"


def folder_of(tmp_path: Path, answers: str, **files: bytes) -> Path:
    (tmp_path / "index.yml").write_text(HEAD + answers)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_each_kind_of_question_finds_its_answer(tmp_path: Path) -> None:
    answers = """\
  - command: [tool, -x]
    stdout: out
    stderr: err
    exit: 4
  - file: /etc/thing
    stdout: out
  - listing: /folder
    stdout: entries
  - system: load
    stdout: fact
"""
    entries = json.dumps([{"name": "a.prom", "size": 3, "modified": 1.5}]).encode()
    folder = folder_of(tmp_path, answers, out=b"\xff\x00", err=b"e", entries=entries, fact=b"[1, 2, 3]")
    source = Replay(load_captures(folder))
    output = source.ask(Command(("tool", "-x"), ok_exits=(0, 4)))
    assert (output.stdout, output.stderr, output.exit) == (b"\xff\x00", b"e", 4)
    assert source.ask(File("/etc/thing")) == b"\xff\x00"
    assert source.ask(Listing("/folder")) == (Entry("a.prom", 3, 1.5),)
    assert source.ask(System("load")) == [1, 2, 3]


def test_a_listing_gives_what_matches_the_question() -> None:
    entries = [{"name": name, "size": 1, "modified": 0} for name in ("a.prom", "b.txt")]
    source = Replay(Captures(listings={"/folder": Captured(json.dumps(entries).encode())}))
    assert [entry.name for entry in source.ask(Listing("/folder", "*.prom"))] == ["a.prom"]


def test_an_exact_command_wins_over_a_match_and_the_longest_match_over_others() -> None:
    source = Replay(
        Captures(
            commands={("tool", "a", "b", "c"): Captured(b"exact")},
            matches={("tool",): Captured(b"short"), ("tool", "b"): Captured(b"long")},
        )
    )
    assert source.ask(Command(("tool", "a", "b", "c"))).stdout == b"exact"
    assert source.ask(Command(("tool", "a", "b"))).stdout == b"long"
    assert source.ask(Command(("tool", "z"))).stdout == b"short"


def test_matches_that_fit_equally_well_are_an_error_of_the_capture() -> None:
    source = Replay(Captures(matches={("tool", "a"): Captured(), ("tool", "b"): Captured()}))
    with pytest.raises(CaptureError, match="match equally well"):
        source.ask(Command(("tool", "a", "b")))


@pytest.mark.parametrize("question", [Command(("tool",)), File("/x"), Listing("/x"), System("x")])
def test_what_was_not_captured_is_not_found(question: Command | File | Listing | System) -> None:
    with pytest.raises(NotFound):
        Replay(Captures()).ask(question)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("not_found", NotFound),
        ("denied", Denied),
        ("timeout", TimedOut),
        ("failed", Failed),
        ("too_large", TooLarge),
        ("unreachable", Unreachable),
    ],
)
def test_every_typed_error_can_be_replayed(tmp_path: Path, word: str, kind: type[SourceError]) -> None:
    source = Replay(load_captures(folder_of(tmp_path, f"  - command: [tool]\n    error: {word}\n")))
    with pytest.raises(kind):
        source.ask(Command(("tool",)))


def test_exit_and_time_are_judged_by_the_question() -> None:
    source = Replay(Captures(commands={("bad",): Captured(exit=1), ("slow",): Captured(delay=11)}))
    with pytest.raises(Failed, match="exit status 1"):
        source.ask(Command(("bad",)))
    with pytest.raises(TimedOut):
        source.ask(Command(("slow",)))
    assert source.ask(Command(("slow",), timeout=12)).stdout == b""


def test_a_live_answer_is_made_anew_each_time() -> None:
    answers = iter((b"1", b"2"))
    source = Replay(Captures(commands={("tool",): lambda: Captured(next(answers))}))
    assert [source.ask(Command(("tool",))).stdout for _ in range(2)] == [b"1", b"2"]


@pytest.mark.parametrize("question", [System("fact"), Listing("/x")])
def test_a_fact_that_is_no_json_fails(question: System | Listing) -> None:
    source = Replay(Captures(systems={"fact": Captured(b"{half")}, listings={"/x": Captured(b'[{"name": 1}]')}))
    with pytest.raises(Failed, match="no JSON of the right shape"):
        source.ask(question)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ("  - command: [tool]\n    stdout: missing\n", "missing: No such file"),
        ("  - command: [tool]\n    stdout: ../secret\n", "files lie beside the index"),
        ("  - command: [tool]\n    error: maybe\n", "error is one of not_found, denied"),
        ("  - command: [tool]\n    file: /x\n", "an answer names one question, not 2"),
        ("  - exit: 1\n", "an answer names one question, not 0"),
        ("  - command: [tool]\n  - command: [tool]\n", "answered twice"),
        ("  - command: [tool]\n    stout: x\n", "stout"),
        ("  - command: tool\n", "Expected `array`"),
        ("  - [\n", "line"),
    ],
)
def test_a_folder_that_cannot_be_used_says_why(tmp_path: Path, answers: str, reason: str) -> None:
    with pytest.raises(CaptureError, match=reason):
        load_captures(folder_of(tmp_path, answers))


def test_a_folder_without_an_index_and_one_that_is_no_text_say_so(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"index\.yml: No such file"):
        load_captures(tmp_path)
    (tmp_path / "index.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(CaptureError, match=r"index\.yml"):
        load_captures(tmp_path)
