"""Time Machine: judged by what is printed, unknown progress is none, dates only where they may be read, no names."""

import plistlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.core.context import Context, Level
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.macos.time_machine import DESTINATIONS, SETTINGS, STATUS, Config, optional, time_machine
from exporters.sources.base import Denied, NotFound, TimedOut
from exporters.sources.replay import Captured, Replay
from macos.looking import Seen, captures, see, spoiled_bytes, spoiled_plist, steadily

IDLE = b'Backup session status:\n{\n    ClientID = "com.apple.backupd";\n    Percent = "-1";\n    Running = 0;\n}\n'
FAILED = plistlib.dumps({"Error": "The operation could not be completed."})
LOCAL = {"ID": "B", "Kind": "Local", "Name": "Robins Disk"}
NETWORK = {"ID": "A", "Kind": "Network", "URL": "smb://robin@orchard._smb._tcp.local./Backups"}
BACKUPS: dict[str, Any] = {
    "AutoBackup": True,
    "Destinations": [
        {
            "DestinationID": "A",
            "BytesAvailable": 100,
            "BytesUsed": 200,
            "SnapshotDates": [datetime(2026, 9, 2), datetime(2026, 9, 1)],  # noqa: DTZ001 - as plistlib gives them
            "AttemptDates": [datetime(2026, 9, 3)],  # noqa: DTZ001
        }
    ],
}


def destinations(*told: dict[str, Any]) -> bytes:
    return plistlib.dumps({"Destinations": list(told)} if told else {})


def running(*more: str) -> bytes:
    lines = "".join(f"    {line}\n" for line in more)
    return f"Backup session status:\n{{\n{lines}    Running = 1;\n}}\n".encode()


def seen(told: bytes | Captured | None = None, status: bytes | Captured = IDLE) -> Seen:
    return see(time_machine, {DESTINATIONS: destinations() if told is None else told, STATUS: status})


def with_dates(content: bytes | Captured, level: Level = "standard") -> Seen:
    context = Context(config=Config(last_backup=True), level=level, key=b"fixture")
    given_ = captures({DESTINATIONS: destinations(LOCAL), STATUS: IDLE})
    answer = Captured(content) if isinstance(content, bytes) else content
    found = look(time_machine, Replay(replace(given_, files={SETTINGS.path: answer})), context)
    text = render(time_machine.metrics(found.reading, context)).decode()
    rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return Seen({series: float(value) for series, value in rows}, dict(found.problems))


def progress(found: Seen) -> float | None:
    return found.values.get("macos_time_machine_progress_ratio")


def test_an_empty_dictionary_is_no_destination() -> None:
    found = seen()
    assert found.problems == {}
    assert found.values["macos_time_machine_configured"] == 0
    assert found.values['macos_time_machine_destinations{kind="local"}'] == 0


def test_destinations_are_counted_by_kind() -> None:
    found = seen(destinations(LOCAL, NETWORK, NETWORK, {"Kind": "Cloud"}))
    assert found.values["macos_time_machine_configured"] == 1
    counted = [
        found.values[f'macos_time_machine_destinations{{kind="{kind}"}}'] for kind in ("local", "network", "other")
    ]
    assert counted == [1, 2, 1]


@pytest.mark.parametrize(
    "told", [b"", b"tmutil: No destinations configured.\n", plistlib.dumps([]), b"<plist>", FAILED]
)
def test_what_is_no_list_of_destinations_is_told_and_is_not_none(told: bytes) -> None:
    found = seen(told)
    assert found.problems.keys() == {"unparsable"}
    assert "macos_time_machine_configured" not in found.values
    assert found.values["macos_time_machine_running"] == 0


def test_idle() -> None:
    found = seen()
    assert found.values["macos_time_machine_running"] == 0
    assert found.only("macos_time_machine_phase") == "idle"
    assert progress(found) is None


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ("FindingBackupVol", "mounting"),
        ("MountingDiskImage", "mounting"),
        ("PreparingSourceVolumes", "finding_changes"),
        ("FindingChanges", "finding_changes"),
        ("Copying", "copying"),
        ("ThinningPostBackup", "thinning"),
        ("Stopping", "finishing"),
        ("HealthCheckFsck", "other"),
        ('"Robins phase"', "other"),
    ],
)
def test_phases_are_a_closed_set(phase: str, expected: str) -> None:
    found = seen(status=running(f"BackupPhase = {phase};"))
    assert found.values["macos_time_machine_running"] == 1
    assert found.only("macos_time_machine_phase") == expected


def test_running_without_a_phase_is_something_else() -> None:
    assert seen(status=running()).only("macos_time_machine_phase") == "other"


@pytest.mark.parametrize(
    ("percent", "ratio"),
    [
        ('"0.25"', 0.25),
        ('"3.812646833972822e-05"', 3.812646833972822e-05),
        ("1", 1.0),
        ('"-1"', None),
        ('"1.5"', None),
        ('"0,25"', None),
        ('"nan"', None),
        ('"25"', None),
    ],
)
def test_progress_at_either_place(percent: str, ratio: float | None) -> None:
    top = running("BackupPhase = Copying;", f"Percent = {percent};")
    inside = running(
        "Progress =     {", f"    Percent = {percent};", "    bytes = 250;", "};", "BackupPhase = Copying;"
    )
    assert progress(seen(status=top)) == ratio
    assert progress(seen(status=inside)) == ratio


def test_the_share_of_a_phase_is_no_progress_of_the_copy() -> None:
    assert progress(seen(status=running('FractionDone = "0.5";'))) is None


def test_what_stands_in_a_list_is_not_of_the_session() -> None:
    inner = ("Sessions =     (", "{", "Running = 0;", "Paths = (", ");", "Percent = 0.1;", "},", ");")
    for status in (running("Percent = 0.5;", *inner), running(*inner, "Percent = 0.5;")):
        found = seen(status=status)
        assert found.problems == {}
        assert found.values["macos_time_machine_running"] == 1
        assert progress(found) == 0.5
    after = running().replace(
        b"1;\n", b"1;\n    Sessions =     (\n        {\n            Running = 0;\n        }\n    );\n"
    )
    assert seen(status=after).values["macos_time_machine_running"] == 1


@pytest.mark.parametrize(
    "status",
    [
        b"",
        b"Backup session status:\n",
        IDLE[:-1],
        IDLE[:-3],
        IDLE.replace(b"Running = 0;", b"Running = 2;"),
        IDLE.replace(b"    Running = 0;\n", b""),
        IDLE.replace(b"Backup session", b"Sicherung"),
        IDLE + b"more\n",
        running("Progress =     {", 'Percent = "0.5";'),
        running("Sessions =     ("),
        running("{", "Running = 0;", "}"),
    ],
)
def test_a_status_that_is_not_whole_is_told(status: bytes) -> None:
    found = seen(status=status)
    assert found.problems.keys() == {"unparsable"}
    assert "macos_time_machine_running" not in found.values
    assert found.values["macos_time_machine_configured"] == 0


def test_dates_are_not_asked_for_unless_they_are_configured() -> None:
    assert SETTINGS not in optional(Context(config=Config()))
    assert SETTINGS in optional(Context(config=Config(last_backup=True)))


def test_nothing_that_mounts_a_destination_is_asked() -> None:
    asked = [str(question) for question in optional(Context(config=Config(last_backup=True)))]
    assert asked == ["tmutil destinationinfo -X", "tmutil status", "/Library/Preferences/com.apple.TimeMachine.plist"]


def test_the_newest_dates_and_the_space_of_a_destination() -> None:
    found = with_dates(plistlib.dumps(BACKUPS))
    label = f'{{destination="{Context(key=b"fixture").identity("A")}"}}'
    newest = datetime(2026, 9, 2, tzinfo=UTC).timestamp()
    assert found.problems == {}
    assert found.values[f"macos_time_machine_last_backup_timestamp_seconds{label}"] == newest
    assert found.values[f"macos_time_machine_last_attempt_timestamp_seconds{label}"] == newest + 86400
    assert found.values[f"macos_time_machine_destination_available_bytes{label}"] == 100
    assert found.values[f"macos_time_machine_destination_used_bytes{label}"] == 200
    assert found.values["macos_time_machine_auto_backup"] == 1


@pytest.mark.parametrize("level", ["standard", "strict", "full"])
def test_destinations_are_told_apart_at_every_level(level: Level) -> None:
    two = {"Destinations": [{"DestinationID": each, "BytesUsed": 1} for each in ("A", "B")] + [{"BytesUsed": 2}]}
    found = with_dates(plistlib.dumps(two), level)
    assert len([series for series in found.values if "used_bytes" in series]) == 3


def test_a_destination_without_a_backup_has_no_date() -> None:
    found = with_dates(plistlib.dumps({"Destinations": [{"DestinationID": "A", "SnapshotDates": []}]}))
    assert not any("timestamp" in series for series in found.values)


@pytest.mark.parametrize(("error", "told"), [(Denied, {"denied"}), (NotFound, set()), (TimedOut, {"timeout"})])
def test_without_the_file_the_rest_is_told(error: type[Denied | NotFound | TimedOut], told: set[str]) -> None:
    found = with_dates(Captured(error=error))
    assert found.problems.keys() == told
    assert found.values["macos_time_machine_configured"] == 1
    assert not any("timestamp" in series for series in found.values)


def test_a_date_of_another_kind_is_told() -> None:
    found = with_dates(plistlib.dumps({"Destinations": [{"SnapshotDates": ["2026-09-02"]}]}))
    assert found.problems.keys() == {"unparsable"}


def test_without_tmutil_it_is_unsupported() -> None:
    found = look(time_machine, Replay(captures({})), Context(config=Config()))
    assert not found.supported


@steadily
@given(
    spoiled_plist({"Destinations": [LOCAL, NETWORK]}),
    spoiled_bytes(running("BackupPhase = Copying;", "Percent = 0.5;")),
)
def test_any_answer_is_read_or_unparsable(told: bytes, status: bytes) -> None:
    found = seen(told, status)
    assert found.problems.keys() <= {"unparsable"}
    assert 0 <= (progress(found) or 0) <= 1


@steadily
@given(spoiled_plist(BACKUPS) | st.binary(max_size=64))
def test_any_settings_are_read_or_unparsable(content: bytes) -> None:
    assert with_dates(content).problems.keys() <= {"unparsable"}
