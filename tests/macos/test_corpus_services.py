"""Captures of real Macs: each file of `launchctl print` gives the facts its manifest states."""

import json
from pathlib import Path

import pytest

from conftest import context_for
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.macos.launchctl import Job, question, read
from exporters.macos.services import services
from exporters.sources.base import Output
from exporters.sources.replay import Captured, Captures, Replay

READ = {
    "print-not-running-macos26.6.txt": Job("not_running", 0, 3),
    "print-running-macos26.6.txt": Job("running", None, 1),
    "print-spawn-scheduled-2026.txt": Job("spawn_scheduled", 1, 199773),
}
NOT_FOUND = "print-not-found-macos26.6.stderr.txt"
OTHER_COMMANDS = {"list.txt", "print-disabled-macos26.6.txt"}


@pytest.fixture
def folder(corpus: Path) -> Path:
    return corpus / "macos" / "launchctl"


def test_every_capture_is_read(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {*READ, NOT_FOUND, *OTHER_COMMANDS}


@pytest.mark.parametrize("name", READ)
def test_job(name: str, folder: Path) -> None:
    printed = (folder / name).read_bytes()
    assert read(Output(printed), printed.decode().split(" ")[0]) == READ[name]


def test_a_job_that_is_not_loaded(folder: Path) -> None:
    assert read(Output(b"", (folder / NOT_FOUND).read_bytes(), 113), "gui/501/com.lablup.all-smi") == Job("not_loaded")


def test_a_real_crash_loop_is_told_by_its_name(folder: Path) -> None:
    printed = (folder / "print-spawn-scheduled-2026.txt").read_bytes()
    target = printed.decode().split(" ")[0]
    entry = {"name": f"{target.removeprefix('system/')}.plist", "size": 1, "modified": 1}
    captures = Captures(
        commands={question(target).argv: Captured(printed)},
        listings={"/Library/LaunchDaemons": Captured(json.dumps([entry]).encode())},
    )
    context = context_for(services)
    text = render(services.metrics(look(services, Replay(captures), context).reading, context)).decode()
    assert 'launchd_job="WCKWMMKJ35.ai.canyonroad.agentsh.SysExt",problem="restart_delay"} 1.0' in text
    assert 'launchd_job="WCKWMMKJ35.ai.canyonroad.agentsh.SysExt"} 199773.0' in text
