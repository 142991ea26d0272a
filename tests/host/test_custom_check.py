"""The documented script for checks of a user's own: what it writes is published and is what the alert looks for."""

import re
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT
from exporters.sources.local import Local
from host.answering import context_of, lines, seen

PAGE = ROOT / "docs" / "collectors" / "textfile.md"
SCRIPT = re.compile(r"^```sh\n(#!/bin/sh\n# custom-check .*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """As it stands on the page."""
    found = SCRIPT.search(PAGE.read_text())
    assert found
    file = tmp_path / "custom-check"
    file.write_text(found[1])
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "textfile"
    folder.mkdir()
    return folder


def check(script: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = ["/bin/sh", str(script), *arguments]
    return subprocess.run(
        argv,
        env={"TEXTFILE_DIRECTORY": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def statuses(folder: Path) -> list[str]:
    published = lines("textfile", Local(), context_of("textfile", directory=str(folder)))
    return [line for line in published if line.startswith("custom_check_status")]


@pytest.mark.parametrize("status", [0, 1, 2, 3])
def test_the_exit_status_of_a_check_is_published_as_its_status(script: Path, folder: Path, status: int) -> None:
    ended = check(script, folder, "licence", "sh", "-c", f"exit {status}")
    assert ended.returncode == 0, ended.stderr
    assert statuses(folder) == [f'custom_check_status{{check="licence"}} {status}.0']


def test_a_later_run_replaces_the_earlier_and_leaves_nothing_behind(script: Path, folder: Path) -> None:
    check(script, folder, "licence", "false")
    check(script, folder, "licence", "true")
    assert [each.name for each in folder.iterdir()] == ["custom-check-licence.prom"]
    assert statuses(folder) == ['custom_check_status{check="licence"} 0.0']


def test_checks_stand_side_by_side(script: Path, folder: Path) -> None:
    check(script, folder, "licence", "true")
    check(script, folder, "raid", "sh", "-c", "exit 2")
    assert statuses(folder) == ['custom_check_status{check="licence"} 0.0', 'custom_check_status{check="raid"} 2.0']
    assert not seen("textfile", Local(), context_of("textfile", directory=str(folder))).problems


def test_a_program_that_is_not_there_cannot_tell(script: Path, folder: Path) -> None:
    check(script, folder, "licence", "/nowhere/check_licence")
    assert statuses(folder) == ['custom_check_status{check="licence"} 127.0']


def test_a_name_that_would_break_the_file_is_refused(script: Path, folder: Path) -> None:
    ended = check(script, folder, 'a"b', "true")
    assert ended.returncode == 64
    assert "letters, digits" in ended.stderr
    assert not list(folder.iterdir())
