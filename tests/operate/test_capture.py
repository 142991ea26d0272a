"""The capture folder: complete, private, and refused where it would overwrite."""

import io
import json
import pwd
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from exporters.core.collector import Collector, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import json as read_json
from exporters.macos.crash_history import REPORTS, CrashesConfig
from exporters.macos.crashes import crashes
from exporters.operate import capture
from exporters.operate.capture import CaptureRefused, own_names
from exporters.sources.base import Command, Denied, Entry, File, Listing, NotFound, Replies, System, TimedOut
from exporters.sources.replay import Captured, Captures, Replay, load_captures

REPORT = Command(("report", "-json"))
STATUS = Command(("status",), ok_exits=(0, 4))
HIDDEN, SLOW, GONE = File("/hidden"), Command(("slow",)), Command(("gone",))
FOLDER, FACT = Listing("/folder", "*.txt"), System("fact")
DEVICES = gauge("pomona_devices", "Devices (report).", "model")


def parse(replies: Replies, _: Context) -> Any:
    return read_json(replies[REPORT].stdout)


def then(replies: Replies, _context: Context, _state: object) -> tuple[File, ...]:
    return tuple(File(f"/folder/{entry.name}") for entry in replies[FOLDER])


@collector("devices", DEVICES, required=(REPORT, STATUS, FOLDER, FACT), optional=(HIDDEN, SLOW, GONE), parse=parse,
           then=then, publishes=("model",))  # fmt: skip
def devices(reading: Any, _: Context) -> Iterable[Sample]:
    for each in reading:
        yield from DEVICES(1, model=each["model"])


CONTEXTS = {"devices": Context()}
ENTRIES = [{"name": name, "size": 4, "modified": 5.5} for name in ("a.txt", "b.txt")]
ANSWERS = Captures(
    commands={
        REPORT.argv: Captured(b'[{"model": "Hub 3", "serial": "C02XK1ABCDEF"}]'),
        STATUS.argv: Captured(b"good, of bertha\n", b"warning\n", exit=4),
        SLOW.argv: Captured(error=TimedOut),
    },
    files={
        "/hidden": Captured(error=Denied),
        "/folder/a.txt": Captured(b"one\xff"),
        "/folder/b.txt": Captured(b'{"half'),
    },
    listings={"/folder": Captured(json.dumps(ENTRIES).encode())},
    systems={"fact": Captured(b'{"user": "bertha", "load": 1.5}')},
)


def captured(target: Path, answers: Captures = ANSWERS, declared: Collector = devices) -> str:
    told = io.StringIO()
    console = Console(file=told, width=400)
    assert capture.run((declared,), Replay(answers), CONTEXTS, target, console=console, names=("bertha",)) == 0
    return told.getvalue()


def test_every_question_of_both_rounds_is_answered_as_it_was(tmp_path: Path) -> None:
    captured(tmp_path / "new")
    source = Replay(load_captures(tmp_path / "new"))
    status = source.ask(STATUS)
    assert (status.exit, status.stderr) == (4, b"warning\n")
    assert source.ask(FOLDER) == (Entry("a.txt", 4, 5.5), Entry("b.txt", 4, 5.5))
    assert source.ask(File("/folder/a.txt")) == b"one\xff"
    assert source.ask(FACT)["load"] == 1.5
    answers = source.ask_many((HIDDEN, SLOW, GONE))
    assert [type(answers[each]) for each in (HIDDEN, SLOW, GONE)] == [Denied, TimedOut, NotFound]
    assert json.loads(source.ask(REPORT).stdout)[0]["model"] == "Hub 3"


def test_no_secret_is_in_any_file_or_name(tmp_path: Path) -> None:
    captured(tmp_path / "new")
    for path in (tmp_path / "new").iterdir():
        content = path.read_bytes() + path.name.encode()
        assert b"C02XK1ABCDEF" not in content
        assert b"bertha" not in content


def test_what_cannot_be_read_is_left_out_and_told(tmp_path: Path) -> None:
    told = captured(tmp_path / "new")
    assert "could not be read and so not be redacted: /folder/b.txt" in told
    assert b"half" not in Replay(load_captures(tmp_path / "new")).ask(File("/folder/b.txt"))


def test_it_says_how_to_replay_and_what_to_read_before_sharing(tmp_path: Path) -> None:
    told = captured(tmp_path / "new")
    assert f"--replay {tmp_path / 'new'}" in told
    assert "status.txt" in told.split("Before you share")[1]


def test_files_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    captured(tmp_path / "new")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()} == {0o600}


def test_the_privacy_key_of_the_machine_is_not_written(tmp_path: Path) -> None:
    captured(tmp_path / "new")
    assert load_captures(tmp_path / "new").key == b"capture"


def test_an_empty_folder_is_taken_and_a_full_one_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    captured(tmp_path / "empty")
    before = sorted((path.name, path.read_bytes()) for path in (tmp_path / "empty").iterdir())
    with pytest.raises(CaptureRefused, match="not empty"):
        captured(tmp_path / "empty")
    assert sorted((path.name, path.read_bytes()) for path in (tmp_path / "empty").iterdir()) == before


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(CaptureRefused, match="give a folder") as caught:
            captured(target)
        assert "\n" not in str(caught.value)


def test_two_questions_with_one_key_are_one_answer_rather_than_an_error(tmp_path: Path) -> None:
    strict, lenient = Command(("status",)), Command(("status",), ok_exits=(0, 4))
    some, others = Listing("/folder", "a*"), Listing("/folder", "b*")
    both = collector(
        "devices", optional=(strict, lenient, some, others), parse=lambda _replies, _context: [], publishes=()
    )(devices.metrics)
    captured(tmp_path / "new", declared=both)
    source = Replay(load_captures(tmp_path / "new"))
    assert source.ask(lenient).stdout.startswith(b"good")
    assert [entry.name for entry in source.ask(Listing("/folder"))] == ["a.txt", "b.txt"]
    assert [entry.name for entry in source.ask(others)] == ["b.txt"]


def test_a_crashing_collector_is_told_and_its_answers_captured(tmp_path: Path) -> None:
    def crash(_replies: Replies, _context: Context) -> Any:
        raise ZeroDivisionError

    told = captured(tmp_path / "new", declared=collector("devices", required=(REPORT,), parse=crash)(devices.metrics))
    assert "devices crashed (ZeroDivisionError)" in told
    assert "report-json.json" in {path.name for path in (tmp_path / "new").iterdir()}


def test_the_person_behind_sudo_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", "0")
    assert pwd.getpwuid(0).pw_name in own_names()
    for unknown in ("", "4294967290", "99999999999999999999"):
        monkeypatch.setenv("SUDO_UID", unknown)
        assert own_names()


def test_own_names_hold_the_machine_and_its_user() -> None:
    assert all(isinstance(name, str) for name in own_names())
    assert len(own_names()) >= 3


def test_the_name_of_a_report_is_in_no_file_and_no_index(tmp_path: Path) -> None:
    name = "Acme-Planner-2026-08-20-122624.ips"
    head = json.dumps({"app_name": "Acme-Planner", "name": "Acme-Planner", "bug_type": "309"}).encode()
    answers = Captures(
        listings={REPORTS: Captured(json.dumps([{"name": name, "size": 4, "modified": 5.5}]).encode())},
        files={f"{REPORTS}/{name}": Captured(head + b"\n{cut")},
    )
    contexts = {"crashes": Context(CrashesConfig())}
    console = Console(file=io.StringIO())
    assert capture.run((crashes,), Replay(answers), contexts, tmp_path / "new", console=console, names=()) == 0
    written = [path.read_bytes() + path.name.encode() for path in (tmp_path / "new").iterdir()]
    assert not [each for each in written if b"acme" in each.lower()]
    source = Replay(load_captures(tmp_path / "new"))
    (entry,) = source.ask(Listing(REPORTS))
    assert json.loads(source.ask(File(f"{REPORTS}/{entry.name}")).partition(b"\n")[0])["bug_type"] == "309"
