"""Captures of real Macs: each file about Time Machine gives the facts that its manifest states."""

from dataclasses import replace
from pathlib import Path

import pytest

from exporters.core.context import Context
from exporters.core.flight import look
from exporters.macos.time_machine import DESTINATIONS, SETTINGS, STATUS, Config, time_machine
from exporters.sources.replay import Captured, Replay
from macos.looking import Seen, captures, see

# running, state, progress
SESSIONS: dict[str, tuple[int, str, float | None]] = {
    "status-copying-2020.txt": (1, "copying", 3.812646833972822e-05),
    "status-copying-macos26.5.txt": (1, "copying", 0.25),
    "status-findingchanges-2023.txt": (1, "finding_changes", None),
    "status-idle-macos26.5.txt": (0, "idle", None),
    "status-mounting-macos26.5.txt": (1, "mounting", None),
}
# local, network
LISTED = {"destinationinfo-none-macos26.5.plist": (0, 0), "destinationinfo-two-macos26.5.plist": (1, 1)}
TEXTS = ("destinationinfo-text-none.txt", "destinationinfo-text-two.txt")
NEVER_ASKED = {"latestbackup-macos14.6.txt"}


@pytest.fixture
def tmutil(corpus: Path) -> Path:
    return corpus / "macos" / "tmutil"


def test_every_capture_is_read_here(tmutil: Path) -> None:
    assert {path.name for path in tmutil.iterdir()} <= {*SESSIONS, *LISTED, *TEXTS, *NEVER_ASKED}


@pytest.mark.parametrize("name", SESSIONS)
def test_sessions(name: str, tmutil: Path) -> None:
    running, state, progress = SESSIONS[name]
    seen = see(time_machine, {STATUS: (tmutil / name).read_bytes()})
    assert seen.problems == {}
    assert seen.values["macos_time_machine_running"] == running
    assert seen.only("macos_time_machine_phase") == state
    assert seen.values.get("macos_time_machine_progress_ratio") == progress


@pytest.mark.parametrize("name", LISTED)
def test_destinations(name: str, tmutil: Path) -> None:
    seen = see(time_machine, {DESTINATIONS: (tmutil / name).read_bytes()})
    local, network = LISTED[name]
    assert seen == Seen(
        {
            "macos_time_machine_configured": float(local + network > 0),
            'macos_time_machine_destinations{kind="local"}': local,
            'macos_time_machine_destinations{kind="network"}': network,
            'macos_time_machine_destinations{kind="other"}': 0,
        },
        {},
    )


@pytest.mark.parametrize("name", TEXTS)
def test_the_text_form_is_not_asked_for_and_unparsable(name: str, tmutil: Path) -> None:
    assert see(time_machine, {DESTINATIONS: (tmutil / name).read_bytes()}).problems.keys() == {"unparsable"}


def test_the_settings_of_an_older_mac(corpus: Path) -> None:
    content = (corpus / "macos" / "timemachine-plist" / "osx-10.9.plist").read_bytes()
    context = Context(config=Config(last_backup=True), key=b"fixture")
    source = Replay(replace(captures({}), files={SETTINGS.path: Captured(content)}))
    found = look(time_machine, source, context)
    samples = list(time_machine.metrics(found.reading, context))
    assert found.problems == {}
    assert {each.family.name: each.value for each in samples} == {
        "macos_time_machine_auto_backup": 1,
        "macos_time_machine_last_backup_timestamp_seconds": 1388842718,
        "macos_time_machine_destination_available_bytes": 235579908096,
        "macos_time_machine_destination_used_bytes": 763962228736,
    }
    assert not any("5B33C22B" in label for each in samples for label in each.labels.values())
