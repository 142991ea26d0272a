"""Captures of real Macs: each diagnostic report is of the kind that its manifest states."""

from pathlib import Path

import pytest

from exporters.macos.crash_history import CrashesConfig
from exporters.macos.crash_reports import by_head, by_name
from macos.crashing import Mac, counted

KINDS = {
    "ExcUserFault_Safari-2026-08-20-095808.ips": ("user_fault", "user_fault"),
    "JetsamEvent-2026-08-26-060919.ips": ("jetsam", "jetsam"),
    "MarkdownEditor-2026-05-26-161145.ips": (None, "crash"),
    "SFA-ckks.json_2026-08-20-122624.diag": ("other", "other"),
    "backboardd-2026-08-20-161330.ips": (None, "simulator"),
    "panic-full-2026-10-07-120951.panic": ("panic", "panic"),
    "swift-frontend-2026-08-27-135352.ips": (None, "crash"),
}


@pytest.fixture
def folder(corpus: Path) -> Path:
    return corpus / "macos" / "crash-reports"


def test_every_capture_is_read(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == KINDS.keys()


@pytest.mark.parametrize("name", KINDS)
def test_name_and_first_line_agree(name: str, folder: Path) -> None:
    assert (by_name(name), by_head((folder / name).read_bytes())) == KINDS[name]


def test_a_mac_that_gets_all_of_them_counts_each_once(folder: Path) -> None:
    mac = Mac(config=CrashesConfig(by_process=True))
    mac.look()
    for path in folder.iterdir():
        mac.write(path.name, 1e9, path.read_bytes())
    values = mac.look()
    assert counted(values) == {"crash": 2, "user_fault": 1, "jetsam": 1, "panic": 1, "other": 1}
    assert {each.split('"')[3] for each in values if "by_process" in each} == {
        "MarkdownEditor",
        "swift-frontend",
        "Safari",
    }
