"""A capture of any fixture, replayed, tells the same: what changes are hashed identities, and nothing else."""

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from conftest import COLLECTORS, ROOT, context_for
from exporters.core.collector import Collector
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.operate import capture
from exporters.sources.replay import Captures, Replay, load_captures

EVERY = sorted(path.parent for path in (ROOT / "tests" / "fixtures").glob("*/*/index.yml"))
CONFIGURED = {"endpoints"}
"""What they ask is named by addresses of the configuration, which a capture hides."""
FOLDERS = [
    folder
    for folder in EVERY
    if COLLECTORS[folder.parent.name].package != "exporters.openwrt" and folder.parent.name not in CONFIGURED
]
"""A capture is made of the machine that it is made on, and that is no router."""
HASH = re.compile(r'(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])|(?<=",process=")\w+')
"""What a capture hides and a metric tells: identities, and processes of crash reports where they are configured."""


def told(declared: Collector, captures: Captures, folder: Path) -> list[str]:
    """The metrics and problems of one look, with every hash replaced by one sign."""
    context = context_for(declared, folder=folder)
    seen = look(declared, Replay(captures), context)
    lines = [f"problem {problem}" for problem in seen.problems]
    if seen.failed is None and seen.supported:
        shown = declared.advance(None, seen.reading, 1_800_000_000.0, context) if declared.advance else seen.reading
        lines += render(declared.metrics(shown, context)).decode().splitlines()
    return sorted(HASH.sub("HASH", line) for line in lines)


def named_again(found: Captures, original: Captures) -> Captures:
    """With the checks of this machine under their real paths, of which a capture holds stand-ins of the same length."""
    probes = {
        key: answer
        for key in original.probes
        for name, answer in found.probes.items()
        if len(name) == len(key) and name.split("/")[:3] == key.split("/")[:3]
    }
    return replace(found, probes=probes)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_capture_of_a_replay_replays_to_the_same_metrics(folder: Path, tmp_path: Path) -> None:
    declared = COLLECTORS[folder.parent.name]
    original = load_captures(folder)
    target = tmp_path / "capture"
    contexts = {declared.name: context_for(declared, folder=folder)}
    console = Console(file=io.StringIO())
    assert capture.run((declared,), Replay(original), contexts, target, console=console, names=("anna",)) == 0
    found = named_again(load_captures(target), original)
    assert told(declared, found, folder) == told(declared, original, folder)
