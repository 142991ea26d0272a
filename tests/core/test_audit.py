"""The event log: one line an event, one file a day, only its owner reads it, it stays small and safe."""

import errno
import json
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.machines import HandClock
from exporters.core.audit import AuditLog

DAY = 86_400
EVENT = {"bus": "usb", "event": "connected", "device": "0123456789ab"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "events"


def today(folder: Path) -> Path:
    return folder / "events-2027-01-15.jsonl"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_an_event_is_one_line_of_json_with_its_time(folder: Path) -> None:
    log = AuditLog(folder, HandClock())
    log.write([EVENT])
    log.write([{**EVENT, "event": "disconnected"}])
    first, second = map(json.loads, today(folder).read_text().splitlines())
    assert list(first) == ["time", "bus", "event", "device"]
    assert first == {"time": "2027-01-15T08:00:00.000Z", **EVENT}
    assert second["event"] == "disconnected"


def test_only_the_owner_reads_it_even_where_it_was_open_before(folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o755)
    today(folder).touch(mode=0o644)
    AuditLog(folder, HandClock()).write([EVENT])
    assert (mode(folder), mode(today(folder))) == (0o700, 0o600)


def test_no_event_makes_no_file(folder: Path) -> None:
    AuditLog(folder, HandClock()).write([])
    assert not folder.exists()


def test_no_text_can_end_a_line_or_steer_a_terminal(folder: Path) -> None:
    hostile = "a\nb\r\x1b[2J\u2028\u0085 Zo\u00eb \U0001f600 \udcff"
    AuditLog(folder, HandClock()).write([{**EVENT, "product": hostile}])
    text = today(folder).read_text(encoding="ascii")
    assert text.count("\n") == 1
    assert text.rstrip("\n").isprintable()
    assert json.loads(text)["product"] == hostile


def test_each_day_has_its_file_and_old_ones_go(folder: Path) -> None:
    clock = HandClock()
    log = AuditLog(folder, clock, keep_days=30)
    kept = folder / "notes.txt"
    for _ in range(35):
        log.write([EVENT])
        clock.move(DAY)
    kept.touch()
    log.write([EVENT])
    names = sorted(path.name for path in folder.glob("events-*"))
    assert (len(names), names[0], names[-1]) == (31, "events-2027-01-20.jsonl", "events-2027-02-19.jsonl")
    assert kept.exists()


def test_a_restart_goes_on_in_the_same_file(folder: Path) -> None:
    for _ in range(2):
        AuditLog(folder, HandClock()).write([EVENT])
    assert len(today(folder).read_text().splitlines()) == 2


def test_no_file_outgrows_its_limit(tmp_path: Path) -> None:
    for limit in range(400, 520, 7):
        log = AuditLog(tmp_path / str(limit), HandClock(), limit=limit)
        for _ in range(9):
            log.write([EVENT])
        content = today(tmp_path / str(limit)).read_bytes()
        assert len(content) <= limit
        assert content.endswith(b'"event":"log_full"}\n')


def test_a_full_day_ends_with_one_line_that_says_so(folder: Path) -> None:
    clock = HandClock()
    log = AuditLog(folder, clock, limit=1000)
    for _ in range(20):
        log.write([EVENT, EVENT])
    AuditLog(folder, clock, limit=1000).write([EVENT])
    events = [json.loads(line)["event"] for line in today(folder).read_text().splitlines()]
    assert today(folder).stat().st_size <= 1000
    assert events[-1] == "log_full"
    assert set(events[:-1]) == {"connected"}
    assert events.count("log_full") == 1
    clock.move(DAY)
    log.write([EVENT])
    assert (folder / "events-2027-01-16.jsonl").exists()


def test_half_a_line_left_by_a_power_cut_spoils_no_other(folder: Path) -> None:
    folder.mkdir(parents=True)
    today(folder).write_bytes(b'{"time":"2027-01-15T07:5')
    AuditLog(folder, HandClock()).write([EVENT])
    assert json.loads(today(folder).read_text().splitlines()[1])["event"] == "connected"


def test_links_are_refused_and_their_targets_left_alone(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("kept")
    folder.mkdir(parents=True)
    today(folder).symlink_to(target)
    with pytest.raises(OSError, match="symbolic") as caught:
        AuditLog(folder, HandClock()).write([EVENT])
    assert caught.value.errno == errno.ELOOP
    assert target.read_text() == "kept"


def test_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "events").symlink_to(real)
    with pytest.raises(OSError, match="events"):
        AuditLog(tmp_path / "events", HandClock()).write([EVENT])
    assert list(real.iterdir()) == []


def test_a_pipe_in_place_of_the_file_is_refused_and_never_waited_for(folder: Path) -> None:
    folder.mkdir(parents=True)
    os.mkfifo(today(folder))
    with pytest.raises(OSError, match="no regular file"):
        AuditLog(folder, HandClock()).write([EVENT])


def test_a_folder_that_cannot_be_made_is_an_oserror_for_the_caller(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        AuditLog(tmp_path / "file" / "events", HandClock()).write([EVENT])


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """What a full disk does to a write: it ends half way."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_write_that_fails_half_way_leaves_no_part_of_it(folder: Path) -> None:
    log = AuditLog(folder, HandClock())
    log.write([EVENT])
    before = today(folder).read_bytes()
    with no_file_beyond(1500), pytest.raises(OSError, match="too large"):
        log.write([EVENT] * 30)
    assert today(folder).read_bytes() == before


def test_a_write_after_a_failed_one_succeeds(folder: Path) -> None:
    folder.mkdir(parents=True)
    os.mkfifo(today(folder))
    log = AuditLog(folder, HandClock())
    with pytest.raises(OSError, match="no regular file"):
        log.write([EVENT])
    today(folder).unlink()
    log.write([EVENT])
    assert today(folder).read_text().count("\n") == 1


def test_old_files_go_at_the_first_call_of_a_day_even_without_an_event(folder: Path) -> None:
    clock = HandClock()
    AuditLog(folder, clock, keep_days=30).write([EVENT])
    clock.move(90 * DAY)
    AuditLog(folder, clock, keep_days=30).write([])
    assert list(folder.iterdir()) == []
