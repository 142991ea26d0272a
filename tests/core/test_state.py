"""A state directory that cannot be used is told and never ends the exporter."""

import os
import sqlite3
from pathlib import Path

import msgspec
import pytest

from exporters.core.state import FILE, Section, Store


class Seen(msgspec.Struct, frozen=True):
    names: list[str]


def test_observations_come_back_under_the_same_fingerprint_only(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    store = Store(folder)
    store.put("usb", "one", Seen(["a"]))
    store.close()
    store = Store(folder)
    assert store.get("usb", "one", Seen) == Seen(["a"])
    assert store.get("usb", "two", Seen) is None
    assert store.get("other", "one", Seen) is None
    store.close()


def test_directory_and_file_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o755)
    store = Store(folder)
    store.put("usb", "one", Seen([]))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / FILE).stat().st_mode & 0o777 == 0o600
    store.close()


def corrupt(folder: Path) -> None:
    (folder / FILE).write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 20)


def foreign(folder: Path) -> None:
    with sqlite3.connect(folder / FILE) as database:
        database.execute("PRAGMA user_version = 77")
    database.close()


def other_table(folder: Path) -> None:
    with sqlite3.connect(folder / FILE) as database:
        database.execute("CREATE TABLE observations (something INTEGER)")
    database.close()


def linked(folder: Path) -> None:
    (folder / FILE).symlink_to("/etc/hostname")


def is_folder(folder: Path) -> None:
    (folder / FILE).mkdir()


@pytest.mark.parametrize("harm", [corrupt, foreign, other_table, linked, is_folder])
def test_unusable_file_is_told_and_left_alone(harm, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:  # noqa: ANN001
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    harm(folder)
    store = Store(folder)
    assert not store.usable
    store.put("usb", "one", Seen(["a"]))
    assert store.get("usb", "one", Seen) is None
    assert len(caplog.records) == 1
    assert "mend" in caplog.text
    store.close()


def test_link_or_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").write_text("")
    assert not Store(tmp_path / "link").usable
    assert not Store(tmp_path / "file").usable
    assert not Store(tmp_path / "file" / "below").usable


def test_second_process_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    first = Store(tmp_path)
    second = Store(tmp_path)
    assert first.usable
    assert not second.usable
    first.close()
    second.close()
    third = Store(tmp_path)
    assert third.usable
    third.close()


def test_directory_of_someone_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    assert not Store(tmp_path).usable


def test_writing_that_starts_to_fail_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("DROP TABLE observations")
    database.close()
    store.put("usb", "one", Seen(["a"]))
    store.put("usb", "one", Seen(["b"]))
    assert not store.usable
    assert len(caplog.records) == 1
    store.close()


def test_a_row_that_cannot_be_read_is_told_and_costs_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path)
    store.put("power", "one", Seen(["p"]))
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("INSERT INTO observations (collector, fingerprint, seen) VALUES ('usb', 'one', '{')")
    database.close()
    assert store.get("usb", "one", Seen) is None
    assert "usb" in caplog.text
    assert store.usable
    assert store.get("power", "one", Seen) == Seen(["p"])
    store.close()


def test_each_target_has_a_section_of_its_own(tmp_path: Path) -> None:
    store = Store(tmp_path)
    attic, cellar = Section(store, "attic"), Section(store, "cellar")
    attic.put("nlbwmon", "one", Seen(["a"]))
    cellar.put("nlbwmon", "one", Seen(["c"]))
    store.put("nlbwmon", "one", Seen(["of no target"]))
    store.close()
    store = Store(tmp_path)
    assert Section(store, "attic").get("nlbwmon", "one", Seen) == Seen(["a"])
    assert Section(store, "cellar").get("nlbwmon", "one", Seen) == Seen(["c"])
    assert Section(store, "roof").get("nlbwmon", "one", Seen) is None
    assert Section(store, "attic").get("nlbwmon", "two", Seen) is None
    assert Section(store, "attic").get("other", "one", Seen) is None
    assert store.get("nlbwmon", "one", Seen) == Seen(["of no target"])
    store.close()


def test_a_section_of_an_unusable_store_remembers_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    section = Section(Store(tmp_path / "file"), "attic")
    section.put("nlbwmon", "one", Seen(["a"]))
    assert section.get("nlbwmon", "one", Seen) is None
