"""A folder that must exist: missed at the start, at a check and at a reload, which keeps what runs; not in a replay."""

from pathlib import Path

import pytest

from conftest import ROOT
from exporters.cli import main
from exporters.core.clock import system_clock
from exporters.core.machine import Agent
from exporters.operate.flags import Given
from exporters.sources.local import Local

REPLAY = ROOT / "tests" / "fixtures" / "components" / "macos-26-mac-mini-m4"
TEXT = "collectors:\n  components:\n    components:\n    - name: jobs\n      queue: {done: DIR/done}\n"
PLACE = "collectors.components.components[0].queue.done"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A file that names the folder `done` beside it, which is not there yet."""
    path = tmp_path / "pomona.yml"
    path.write_text(TEXT.replace("DIR", str(tmp_path)))
    return path


@pytest.mark.parametrize("command", [("--config.check",), ("--once",), ("check",), ("show",)])
def test_nothing_begins_without_the_folder(
    config: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    assert main(("agent", "--config.file", str(config), *command)) == 2
    folder = config.parent / "done"
    assert capsys.readouterr().err == (
        f"pomona: {config}:5: {PLACE}: there is no folder '{folder}': make it, or mend the path\n"
    )


def test_a_reload_keeps_what_runs(config: Path) -> None:
    (config.parent / "done").mkdir()
    given = Given(config_file=config)
    agent = Agent(given.settings(make_key=False), lambda: given.settings(make_key=False), Local(), None, system_clock())
    before = agent.settings
    config.write_text(config.read_text().replace("/done}", "/elsewhere}"))
    assert agent.reload().startswith(f"{config}:5: {PLACE}: there is no folder ")
    assert agent.settings is before
    (config.parent / "elsewhere").mkdir()
    assert agent.reload() == ""
    assert agent.settings.contexts["components"].config.components[0].queue.done.endswith("/elsewhere")


def test_a_replay_needs_no_folder(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("agent", "--replay", str(REPLAY), "--config.file", str(config), "--config.check")
    assert main(arguments) == 0
    assert capsys.readouterr().err == ""
