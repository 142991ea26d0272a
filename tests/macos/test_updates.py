"""Updates: nothing pending is told only where that was said, and Apple is asked once a day at most."""

import json
import plistlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from core.machines import HandClock, samples
from exporters.core.config import load
from exporters.core.context import Context
from exporters.core.machine import once
from exporters.core.pool import Pool
from exporters.core.privacy import Key
from exporters.core.runner import Runner
from exporters.core.state import Store
from exporters.macos.updates import CLOCKS, DAY, LIST, PLIST, Observations, State, UpdatesConfig, updates
from exporters.macos.updates_found import Found
from exporters.sources.base import Denied, Failed, NotFound, SourceError
from exporters.sources.replay import Captured, Captures, Replay
from macos.looking import Seen, see, spoiled_bytes, spoiled_plist, steadily

CHECK = datetime(2026, 11, 18, 6, 2, 17, tzinfo=UTC)
MINOR, MAJOR = "MSU_UPDATE_25B78_patch_26.1_minor", "MSU_UPDATE_26A437_patch_27.0.1_major"
LISTING = UpdatesConfig(list=True)
HEAD = "Software Update Tool\n\nFinding available software\n"
SAFARI = "* Label: Safari26.1TahoeAuto-26.1\n\tTitle: Safari, Version: 26.1, Size: 212331KiB, Recommended: YES, \n"
MACOS = (
    "* Label: macOS Tahoe 26.1-25B78\n"
    "\tTitle: macOS Tahoe 26.1, Version: 26.1, Size: 2811204KiB, Recommended: YES, Action: restart, \n"
)
BEFORE = State(Observations(), Found())
NOTHING = "No new software available.\n"


def naive(moment: datetime) -> datetime:
    """As plistlib gives dates."""
    return moment.replace(tzinfo=None)


def update(identifier: str, name: str = "", **more: Any) -> dict[str, Any]:
    return {"Identifier": identifier, "Product Key": "012-34567", "Display Name": name or identifier, **more}


def file(**keys: Any) -> bytes:
    return plistlib.dumps({"LastSuccessfulDate": naive(CHECK), **keys}, fmt=plistlib.FMT_BINARY)


def told(**keys: Any) -> Seen:
    return see(updates, {PLIST: file(**keys)})


def pending(seen: Seen) -> dict[str, float]:
    """Counts by kind, without zeros."""
    rows = {name.split('"')[1]: value for name, value in seen.values.items() if name.startswith("macos_updates_pend")}
    return {kind: count for kind, count in rows.items() if count}


@pytest.mark.parametrize(
    ("identifier", "name", "kind"),
    [
        (MINOR, "macOS Tahoe 26.1", "macos"),
        (MAJOR, "macOS\u00a027.0.1", "major"),
        ("MSU_UPDATE_21G115_patch_12.6", "macOS Monterey 12.6", "macos"),
        ("macOS Catalina Security Update 2021-001", "", "macos"),
        ("Safari16.0MontereyAuto", "Safari", "safari"),
        ("Command Line Tools for Xcode 26.1", "", "command_line_tools"),
        ("MacBookProFirmwareUpdate1.2", "", "firmware"),
        ("XProtectPlistConfigData_10_15", "", "data"),
        ("RAWCameraUpdate8.20", "Digital Camera RAW Compatibility Update", "other"),
        ("Aktualisierung", "", "other"),
    ],
)
def test_kinds_follow_from_the_names(identifier: str, name: str, kind: str) -> None:
    seen = told(RecommendedUpdates=[update(identifier, name)])
    assert pending(seen) == {kind: 1}
    assert identifier not in "".join(seen.values)


def test_an_update_by_the_way_of_macos_is_one_whatever_its_name() -> None:
    assert pending(told(RecommendedUpdates=[update("X", MobileSoftwareUpdate=1)])) == {"macos": 1}


def test_nothing_pending_is_told_for_every_kind() -> None:
    seen = told(RecommendedUpdates=[], LastRecommendedMajorOSBundleIdentifier="")
    assert pending(seen) == {}
    assert len([name for name in seen.values if name.startswith("macos_updates_pending")]) == 7
    assert seen.values["macos_updates_major_upgrade_offered"] == 0


def test_without_the_list_of_updates_nothing_is_said_to_be_pending() -> None:
    seen = told(LastUpdatesAvailable=0, LastRecommendedUpdatesAvailable=0, LastResultCode=2)
    assert seen.values == {"macos_updates_last_check_timestamp_seconds": CHECK.timestamp()}
    assert seen.problems == {}


def test_a_mac_that_never_looked_tells_nothing() -> None:
    assert see(updates, {}) == Seen({}, {})


@pytest.mark.parametrize(
    ("keys", "offered"),
    [
        ({"RecommendedUpdates": [update(MAJOR)]}, 1),
        ({"RecommendedUpdates": [update(MAJOR)], "LastRecommendedMajorOSBundleIdentifier": ""}, 1),
        ({"RecommendedUpdates": [], "LastRecommendedMajorOSBundleIdentifier": "com.apple.InstallAssistant.x"}, 1),
        ({"RecommendedUpdates": [update(MINOR)], "LastRecommendedMajorOSBundleIdentifier": ""}, 0),
        ({"RecommendedUpdates": [update(MINOR)]}, None),
        ({"LastRecommendedMajorOSBundleIdentifier": ""}, None),
    ],
)
def test_an_upgrade_is_offered_in_two_ways(keys: dict[str, Any], offered: float | None) -> None:
    assert told(**keys).values.get("macos_updates_major_upgrade_offered") == offered


@pytest.mark.parametrize("never", [datetime(2001, 1, 1, tzinfo=UTC), datetime(4001, 1, 1, tzinfo=UTC)])
def test_the_dates_that_mean_never_are_no_times(never: datetime) -> None:
    seen = told(LastSuccessfulDate=naive(never), RecommendedUpdates=[update(MINOR)])
    assert not any("timestamp" in name for name in seen.values)
    assert seen.problems == {}


@pytest.mark.parametrize("broken", [b"", b"bplist00", b"{}", plistlib.dumps([]), plistlib.dumps("text")])
def test_a_file_that_cannot_be_read_is_a_problem(broken: bytes) -> None:
    seen = see(updates, {PLIST: broken})
    assert seen.values == {}
    assert seen.problems.keys() == {"unparsable"}


WHOLE = {
    "LastSuccessfulDate": naive(CHECK),
    "RecommendedUpdates": [update(MINOR, MobileSoftwareUpdate=True)],
    "LastRecommendedMajorOSBundleIdentifier": "",
}


@steadily
@given(printed=spoiled_plist(WHOLE))
def test_any_plist_gives_counts_or_a_problem(printed: bytes) -> None:
    seen = see(updates, {PLIST: printed})
    assert all(value >= 0 for value in seen.values.values())


def clocks(now: float) -> bytes:
    return json.dumps({"now": now, "elapsed": 10.0, "awake": 10.0}).encode()


def listed(printed: str, stderr: str = "") -> Seen:
    answer = Captured(printed.encode(), stderr.encode())
    return see(updates, {PLIST: file(), CLOCKS: clocks(1.79e9), LIST: answer}, LISTING, BEFORE)


@pytest.mark.parametrize(
    ("printed", "stderr", "count", "restart"),
    [
        (HEAD + "Software Update found the following new or updated software:\n" + SAFARI + MACOS, "", 2, 1),
        (HEAD + SAFARI, "", 1, 0),
        (HEAD + NOTHING, "", 0, 0),
        (HEAD, NOTHING, 0, 0),
    ],
)
def test_the_list_of_apple(printed: str, stderr: str, count: int, restart: int) -> None:
    seen = listed(printed, stderr)
    assert seen.values["macos_updates_listed"] == count
    assert seen.values["macos_updates_restart_required"] == restart
    assert seen.values["macos_updates_list_timestamp_seconds"] == 1.79e9


@pytest.mark.parametrize(
    "printed",
    [
        "",
        HEAD,
        HEAD + "   * Safari14.0MojaveAuto-14.0\n\tSafari (14.0), 67309K [recommended]\n",
        HEAD + SAFARI.splitlines()[0],
        HEAD + SAFARI + MACOS.splitlines()[0] + "\n",
        HEAD + SAFARI + MACOS[: MACOS.index(", Action")],
        HEAD + SAFARI[:-1],
        HEAD + NOTHING[:-1],
        "Kein neuer Softwarestand.\n",
    ],
)
def test_a_list_in_another_layout_is_a_problem_and_leaves_the_file(printed: str) -> None:
    seen = listed(printed)
    assert seen.values == {"macos_updates_last_check_timestamp_seconds": CHECK.timestamp()}
    assert seen.problems.keys() == {"unparsable"}


@steadily
@given(printed=spoiled_bytes((HEAD + SAFARI + MACOS).encode()))
def test_no_text_is_read_as_nothing_new(printed: bytes) -> None:
    seen = see(updates, {CLOCKS: clocks(1.79e9), LIST: printed}, LISTING, BEFORE)
    assert seen.values.get("macos_updates_listed") != 0


@dataclass
class Day:
    """A Mac whose list can be exchanged, and how often it was asked for."""

    folder: Path
    answer: Captured = field(default_factory=lambda: Captured((HEAD + SAFARI).encode()))
    clock: HandClock = field(default_factory=HandClock)
    asked: int = 0
    config: UpdatesConfig = LISTING

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """The exporter starts, again."""
        self.store = Store(self.folder)
        self.runner = Runner(
            (updates,),
            Replay(self.answers()),
            {"updates": Context(config=self.config, key=b"test")},
            clock=self.clock,
            pool=Pool(2),
            store=self.store,
            on_demand=True,
        )

    def answers(self) -> Captures:
        return Captures(
            commands={LIST.argv: self._list},
            files={PLIST.path: Captured(file())},
            systems={"clocks": lambda: Captured(clocks(self.clock.now()))},
        )

    def _list(self) -> Captured:
        self.asked += 1
        return self.answer

    def hours(self, count: int) -> dict[str, float]:
        """What the last scrape says, one an hour."""
        seen: dict[str, float] = {}
        for _ in range(count):
            seen = samples(self.runner.scrape("text"))
            self.clock.move(3601)
        return seen


def test_apple_is_asked_once_a_day(tmp_path: Path) -> None:
    day = Day(tmp_path)
    assert day.hours(24)["macos_updates_listed"] == 1
    assert day.asked == 1
    day.hours(24)
    assert day.asked == 2


def test_the_first_look_of_who_remembers_nothing_asks_nobody(tmp_path: Path) -> None:
    day = Day(tmp_path)
    assert "macos_updates_listed" not in day.hours(1)
    assert day.asked == 0
    day.hours(1)
    assert day.asked == 1


def test_single_scrapes_never_ask_apple(tmp_path: Path) -> None:
    config = tmp_path / "pomona.yml"
    config.write_text("collectors:\n  updates:\n    list: true\n")
    settings = load((updates,), config, {}, {}, lambda _: Key(b"test", kept=True))
    day = Day(tmp_path / "state")
    for _ in range(3):
        told = samples(once(settings, Replay(day.answers())))
        assert "macos_updates_last_check_timestamp_seconds" in told
        assert "macos_updates_listed" not in told
    assert day.asked == 0


def test_a_restart_asks_nobody_again_and_forgets_nothing(tmp_path: Path) -> None:
    day = Day(tmp_path)
    before = day.hours(3)["macos_updates_list_timestamp_seconds"]
    day.store.close()
    day.begin()
    assert day.hours(2)["macos_updates_list_timestamp_seconds"] == before
    assert day.asked == 1


@pytest.mark.parametrize("error", [NotFound, Denied, Failed])
def test_a_list_that_failed_waits_for_the_next_day(error: type[SourceError], tmp_path: Path) -> None:
    day = Day(tmp_path, Captured(error=error))
    assert "macos_updates_listed" not in day.hours(21)
    assert day.asked == 1


def test_an_old_list_is_not_told_for_ever(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.hours(2)
    day.answer = Captured(error=Failed)
    assert day.hours(30)["macos_updates_listed"] == 1
    assert "macos_updates_listed" not in day.hours(24)


def test_a_clock_that_was_set_back_asks_anew(tmp_path: Path) -> None:
    day = Day(tmp_path)
    day.hours(2)
    day.clock.wall -= 30 * DAY
    day.hours(1)
    assert day.asked == 2


def test_by_default_apple_is_never_asked(tmp_path: Path) -> None:
    day = Day(tmp_path, config=UpdatesConfig())
    assert "macos_updates_listed" not in day.hours(30)
    assert day.asked == 0
