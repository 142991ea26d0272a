"""`pomona agent check`: the outcome, the reason and the mend of each collector, and the exit status."""

import io
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from rich.console import Console

from conftest import COLLECTORS, context_for
from exporters.core.collector import Collector, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import number
from exporters.operate import check
from exporters.sources.base import Command, Denied, File, Replies, TimedOut
from exporters.sources.replay import Captured, Captures, Replay

TOOL = Command(("sometool", "-x", "two words"))
EXTRA = File("/extra")
VALUE = gauge("pomona_value", "A value (sometool).")


def parse(replies: Replies, _: Context) -> float:
    return number(replies[TOOL].stdout.decode())


@collector("some", VALUE, required=(TOOL,), optional=(EXTRA,), parse=parse, privilege="root, for the tool")
def some(reading: float, _: Context) -> Iterable[Sample]:
    yield from VALUE(reading)


def checked(captures: Captures, declared: Collector = some, where: Mapping[str, str] | None = None) -> tuple[int, str]:
    """The exit status, and the table with its blanks squeezed."""
    told = io.StringIO()
    paths = {"sometool": "/usr/bin/sometool"} if where is None else where
    console = Console(file=told, width=300)
    status = check.run((declared,), Replay(captures), {"some": Context()}, console=console, where=paths.get)
    return status, re.sub(r"[ \t]+", " ", told.getvalue())


def answering(answer: Captured, extra: Captured | None = None) -> Captures:
    return Captures(commands={TOOL.argv: answer}, files={"/extra": extra or Captured(b"")})


def test_what_works_shows_its_questions_with_absolute_paths() -> None:
    status, told = checked(answering(Captured(b"7")))
    assert status == 0
    assert re.search(r"some works 1 \d+ ms root, for the tool /usr/bin/sometool -x 'two words'", told)
    assert "/extra" in told
    assert told.endswith("1 collectors: works 1\n")


@pytest.mark.parametrize(
    ("answer", "word", "mend"),
    [
        (Captured(error=Denied), "denied", "switch it off: --no-collector.some"),
        (Captured(error=TimedOut), "timed out", "try again"),
        (Captured(exit=3), "failed", "by hand"),
        (Captured(b"seven"), "unreadable", "send a capture"),
    ],
)
def test_what_is_wrong_is_told_with_reason_and_mend(answer: Captured, word: str, mend: str) -> None:
    status, told = checked(answering(answer))
    assert status == 1
    assert f"some {word} 0 " in told
    assert f"{word}: " in told
    assert re.search(f"-> .*{mend}", told)


@pytest.mark.parametrize(
    ("privilege", "user", "mend"),
    [
        ("group admin or _analyticsusers", 501, "it needs: group admin or _analyticsusers; or switch it off"),
        ("none; Full Disk Access for last_backup", 501, "it needs: Full Disk Access for last_backup; or switch"),
        ("none; Full Disk Access for last_backup", 0, "it needs: Full Disk Access for last_backup; or switch"),
        ("none", 501, "run as root (sudo pomona agent check); or switch it off"),
        ("none", 0, "give the program that runs pomona Full Disk Access; or switch it off"),
        ("group admin or _analyticsusers", 0, "give the program that runs pomona Full Disk Access; or switch it off"),
    ],
)
def test_who_is_refused_is_told_what_the_collector_declares_to_need(
    privilege: str, user: int, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    declared = collector("some", VALUE, required=(TOOL,), parse=parse, privilege=privilege)(some.metrics)
    assert f"-> {mend}" in checked(answering(Captured(error=Denied)), declared)[1].replace("-> on macOS, ", "-> ")


def test_a_missing_program_is_to_be_installed() -> None:
    status, told = checked(Captures(), where={})
    assert status == 1
    assert "some missing 0 " in told
    assert "-> install sometool, or switch it off: --no-collector.some" in told


def test_an_optional_question_that_is_refused_is_told_but_not_wrong() -> None:
    status, told = checked(answering(Captured(b"7"), Captured(error=Denied)))
    assert status == 0
    assert "some works in part 1 " in told
    assert "denied: /extra: as captured" in told


def test_an_optional_question_that_times_out_is_wrong() -> None:
    assert checked(answering(Captured(b"7"), Captured(error=TimedOut)))[0] == 1


def test_what_asks_nothing_until_it_is_configured_does_not_claim_to_work() -> None:
    told = io.StringIO()
    names = ("components", "endpoints")
    contexts = {name: context_for(COLLECTORS[name]) for name in names}
    console = Console(file=told, width=200)
    assert check.run([COLLECTORS[name] for name in names], Replay(Captures()), contexts, console=console) == 0
    for name in names:
        assert re.search(rf"{name} +nothing configured +0", told.getvalue())
    assert "2 collectors: nothing configured 2" in told.getvalue()


def test_unsupported_is_not_wrong() -> None:
    optional = collector("some", VALUE, optional=(EXTRA,), parse=parse)(some.metrics)
    status, told = checked(Captures(), optional)
    assert status == 0
    assert "some unsupported 0 " in told


def test_a_bug_of_one_collector_is_told_and_does_not_hide_the_others() -> None:
    def crash(_replies: Replies, _context: Context) -> Any:
        raise ZeroDivisionError

    broken = collector("broken", parse=crash, required=(TOOL,))(some.metrics)
    told = io.StringIO()
    contexts = {"some": Context(), "broken": Context()}
    console = Console(file=told, width=300)
    assert check.run((broken, some), Replay(answering(Captured(b"7"))), contexts, console=console) == 1
    assert "ZeroDivisionError: a bug" in told.getvalue()
    assert re.search(r"some +works", told.getvalue())


def test_what_two_collectors_ask_is_asked_once() -> None:
    runs = []

    def answer() -> Captured:
        runs.append(1)
        return Captured(b"7")

    twin = collector("twin", VALUE, required=(TOOL,), parse=parse)(some.metrics)
    contexts = {"some": Context(), "twin": Context()}
    check.run(
        (some, twin), Replay(Captures(commands={TOOL.argv: answer})), contexts, console=Console(file=io.StringIO())
    )
    assert len(runs) == 1


def test_in_a_pipe_there_are_no_colours_and_on_a_terminal_there_are() -> None:
    for terminal in (False, True):
        told = io.StringIO()
        console = Console(file=told, width=200, force_terminal=terminal)
        check.run((some,), Replay(answering(Captured(b"7"))), {"some": Context()}, console=console)
        assert ("\x1b[" in told.getvalue()) is terminal


def test_text_from_the_machine_cannot_command_the_terminal() -> None:
    odd = collector("some", VALUE, required=(File("/[red]\x1b[2Jx"),), parse=parse)(some.metrics)
    told = checked(Captures(), odd)[1]
    assert "\x1b" not in told
    assert "[red]" in told


def test_every_collector_is_told_where_nothing_answers() -> None:
    told = io.StringIO()
    contexts = {name: context_for(declared) for name, declared in COLLECTORS.items()}
    check.run(COLLECTORS.values(), Replay(Captures()), contexts, console=Console(file=told, width=200), where={}.get)
    assert set(COLLECTORS) <= set(told.getvalue().split())
    assert "crashed" not in told.getvalue()
