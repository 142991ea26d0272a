"""Captures of real Macs: what software update keeps, and its list, give the facts their manifest states."""

import plistlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exporters.macos.updates import CLOCKS, LIST, PLIST, Observations, State, UpdatesConfig, updates
from exporters.macos.updates_found import Found
from exporters.sources.replay import Captured
from macos.looking import Seen, see

LISTING = UpdatesConfig(list=True)
NOW = b'{"now": 1790000000.0}'
FILES = {"catalina-three-updates.txt", "osx-10.9.plist", "sonoma-14.5-excerpt.txt"}
LISTS = {"macos26.6.txt": (3, 1), "none.txt": (0, 0)}
PAIR = re.compile(r'"?([\w ]+?)"? (?:=>|=) "?([^";]*)"?;?')
DATE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) \+0000")


@pytest.fixture
def macos(corpus: Path) -> Path:
    return corpus / "macos"


def value(text: str) -> Any:
    if found := DATE.fullmatch(text):
        return datetime.fromisoformat(found[1])
    return int(text) if text.isdigit() else text


def keys(lines: list[str]) -> dict[str, Any]:
    """The scalars of a text of `defaults read` or `plutil -p`."""
    found = (PAIR.fullmatch(line.strip()) for line in lines)
    return {match[1]: value(match[2]) for match in found if match}


def file(path: Path) -> bytes:
    """As it lies on the disk: the two texts are what tools print of it."""
    if path.suffix == ".plist":
        return path.read_bytes()
    head, _, rest = path.read_text().partition("RecommendedUpdates =")
    tree = keys(head.splitlines())
    if rest:
        tree["RecommendedUpdates"] = [keys(each.splitlines()) for each in rest.split("}")[:-2]]
    return plistlib.dumps(tree)


def pending(seen: Seen) -> dict[str, float]:
    rows = {name.split('"')[1]: value for name, value in seen.values.items() if name.startswith("macos_updates_pend")}
    return {kind: count for kind, count in rows.items() if count}


def test_every_capture_that_counts_is_read_here(macos: Path) -> None:
    assert {path.name for path in (macos / "softwareupdate-plist").iterdir()} == FILES
    assert {path.name for path in (macos / "softwareupdate").iterdir()} == set(LISTS)


@pytest.mark.parametrize(
    ("name", "kinds", "checked", "major"),
    [
        ("catalina-three-updates.txt", {"macos": 2, "safari": 1}, datetime(2021, 4, 8, 15, 46, 36, tzinfo=UTC), 1),
        ("osx-10.9.plist", {"other": 1}, None, None),
        ("sonoma-14.5-excerpt.txt", {}, datetime(2024, 7, 2, 16, 27, 14, tzinfo=UTC), None),
    ],
)
def test_file(name: str, kinds: dict[str, float], checked: datetime | None, major: float | None, macos: Path) -> None:
    seen = see(updates, {PLIST: file(macos / "softwareupdate-plist" / name)})
    assert seen.problems == {}
    assert pending(seen) == kinds
    when = seen.values["macos_updates_last_check_timestamp_seconds"]
    assert checked is None or when == checked.timestamp()
    assert seen.values.get("macos_updates_major_upgrade_offered") == major


@pytest.mark.parametrize("name", LISTS)
def test_list(name: str, macos: Path) -> None:
    answer = Captured((macos / "softwareupdate" / name).read_bytes())
    seen = see(updates, {CLOCKS: NOW, LIST: answer}, LISTING, State(Observations(), Found()))
    assert seen.problems == {}
    told = seen.values["macos_updates_listed"], seen.values["macos_updates_restart_required"]
    assert told == LISTS[name]
