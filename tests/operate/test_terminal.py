"""How the output fits where it goes."""

import io
import re

import pytest
from rich.console import Console

from conftest import COLLECTORS
from exporters.operate.terminal import PIPE_WIDTH, one_by_one, plain, terminal


def test_a_pipe_gets_wide_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    console = terminal()
    assert (console.is_terminal, console.width) == (False, PIPE_WIDTH)


def test_a_width_that_was_asked_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "66")
    assert terminal().width == 66


def test_control_characters_are_shown_and_not_obeyed() -> None:
    assert plain("a\x1b[2J\x07\nb").plain == "a\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}\nb"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_progress_is_drawn_on_a_terminal_only(is_terminal: bool) -> None:
    told = io.StringIO()
    console = Console(file=told, width=80, force_terminal=is_terminal)
    assert list(one_by_one(COLLECTORS.values(), console)) == list(COLLECTORS.values())
    assert bool(re.search(rf"{len(COLLECTORS)}/{len(COLLECTORS)}", told.getvalue())) is is_terminal
