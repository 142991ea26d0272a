"""Every fixture folder replays to the text beside it: tests/fixtures/COLLECTOR/MACHINE/{index.yml,expected.prom}."""

from pathlib import Path

import pytest

from conftest import COLLECTORS, ROOT, context_for, fixtures_of, remembered
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.sources.replay import Replay, load_captures

FOLDERS = sorted(path.parent for path in (ROOT / "tests" / "fixtures").glob("*/*/index.yml"))


def replayed(folder: Path) -> str:
    """What the collector that the topic folder names publishes for these captures, on its first look after a start."""
    declared = COLLECTORS[folder.parent.name]
    captures = load_captures(folder)
    context = context_for(declared, folder=folder)
    state = remembered(declared, folder)
    seen = look(declared, Replay(captures), context, state)
    lines = [f"# problem {problem}\n" for problem in seen.problems]
    if not seen.supported:
        lines.append("# unsupported\n")
    elif seen.failed is None:
        reading = declared.advance(state, seen.reading, 1_800_000_000.0, context) if declared.advance else seen.reading
        lines.append(render(declared.metrics(reading, context)).decode())
    return "".join(lines)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_fixture_replays_to_expected_text(folder: Path, request: pytest.FixtureRequest) -> None:
    expected = folder / "expected.prom"
    if request.config.getoption("--update-expected"):
        expected.write_text(replayed(folder))
    assert replayed(folder) == expected.read_text()


@pytest.mark.parametrize("name", sorted(COLLECTORS))
def test_every_collector_has_a_fixture(name: str) -> None:
    assert fixtures_of(name)
