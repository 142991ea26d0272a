"""Captures of real Macs and quoted texts: each file about protections gives the facts its manifest states."""

from pathlib import Path

import pytest

from exporters.macos import posture as asked
from exporters.macos.posture import PostureConfig, posture
from exporters.sources.base import Command
from exporters.sources.replay import Captured
from macos.looking import Seen, see

READ: dict[str, tuple[Command, str, str]] = {
    "csrutil/enabled.txt": (asked.SIP, "sip", "on"),
    "fdesetup/off.txt": (asked.FILEVAULT, "filevault", "off"),
    "fdesetup/on.txt": (asked.FILEVAULT, "filevault", "on"),
    "spctl/enabled.txt": (asked.GATEKEEPER, "gatekeeper", "on"),
    "socketfilterfw/disabled-0.txt": (asked.FIREWALL, "firewall", "off"),
    "socketfilterfw/enabled-1.txt": (asked.FIREWALL, "firewall", "on"),
    "socketfilterfw/stealth-off-new.txt": (asked.STEALTH, "firewall_stealth", "off"),
    "profiles/status-mdm-server-macos11.txt": (asked.ENROLLMENT, "mdm", "on"),
    "profiles/status-not-enrolled.txt": (asked.ENROLLMENT, "mdm", "off"),
}
LOCKS = {"screenlock-300.stderr.txt": 300, "screenlock-immediate.stderr.txt": 0}
ANOTHER_QUESTION = {
    "socketfilterfw/blockall-enabled.txt",
    "profiles/profiles-show-all.plist",
    "profiles/show-enrollment-not-dep.stderr.txt",
}


@pytest.fixture
def macos(corpus: Path) -> Path:
    return corpus / "macos"


def known(seen: Seen) -> dict[str, str]:
    """The controls that are on or off."""
    rows = [series.split('"') for series, value in seen.values.items() if "control_state" in series and value]
    return {row[1]: row[3] for row in rows if row[3] != "unknown"}


def test_every_capture_that_counts_is_read_here(macos: Path) -> None:
    folders = {name.split("/")[0] for name in READ}
    there = {f"{folder}/{path.name}" for folder in folders for path in (macos / folder).iterdir()}
    assert there == set(READ) | ANOTHER_QUESTION
    assert {path.name for path in (macos / "sysadminctl").iterdir()} == set(LOCKS)


@pytest.mark.parametrize("name", READ)
def test_control(name: str, macos: Path) -> None:
    question, control, expected = READ[name]
    seen = see(posture, {question: (macos / name).read_bytes()})
    assert known(seen) == {control: expected}
    assert seen.problems == {}
    assert "://" not in "".join(seen.values)


@pytest.mark.parametrize(
    ("name", "expected"), [("status-mdm-server-macos11.txt", "dep"), ("status-not-enrolled.txt", "none")]
)
def test_enrollment(name: str, expected: str, macos: Path) -> None:
    seen = see(posture, {asked.ENROLLMENT: (macos / "profiles" / name).read_bytes()})
    assert seen.only("macos_mdm_enrollment") == expected


@pytest.mark.parametrize("name", LOCKS)
def test_screen_lock(name: str, macos: Path) -> None:
    answer = Captured(b"", (macos / "sysadminctl" / name).read_bytes())
    seen = see(posture, {asked.SCREEN_LOCK: answer}, PostureConfig(also=("screen_lock",)))
    assert known(seen) == {"screen_lock": "on"}
    assert seen.values["macos_screen_lock_delay_seconds"] == LOCKS[name]


def test_a_job_that_launchd_does_not_know(macos: Path) -> None:
    told = (macos / "launchctl" / "print-not-found-macos26.6.stderr.txt").read_bytes()
    answer = Captured(b"", told, exit=113)
    seen = see(posture, {asked.REMOTE_LOGIN: answer}, PostureConfig(also=("remote_login",)))
    assert seen.values['macos_sharing_state{sharing="remote_login",state="off"}'] == 1


def test_a_job_of_the_system_that_launchd_knows(macos: Path) -> None:
    told = (macos / "launchctl" / "print-spawn-scheduled-2026.txt").read_bytes()
    seen = see(posture, {asked.REMOTE_LOGIN: told}, PostureConfig(also=("remote_login",)))
    assert seen.values['macos_sharing_state{sharing="remote_login",state="on"}'] == 1
