"""Where programs are found, what root may run, and how root is asked for."""

import os
from pathlib import Path

import pytest

from exporters.sources.base import Command, Denied, NotFound, Output
from exporters.sources.where import argv, of_root, passed, refused


def program(folder: Path, name: str, mode: int = 0o755) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return str(path)


def test_the_system_comes_before_what_a_package_manager_added(tmp_path: Path) -> None:
    program(tmp_path / "brew", "tool")
    folders = (str(tmp_path / "system"),), (str(tmp_path / "brew"),)
    assert argv(Command(("tool", "-x")), *folders, root=False) == (str(tmp_path / "brew" / "tool"), "-x")
    own = program(tmp_path / "system", "tool")
    assert argv(Command(("tool", "-x")), *folders, root=False) == (own, "-x")


def test_a_program_that_is_nowhere_is_told_with_the_folders(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=f"tool is in none of {tmp_path}, /nowhere"):
        argv(Command(("tool",)), (str(tmp_path),), ("/nowhere",), root=False)


def test_root_is_asked_for_by_sudo_which_never_prompts(tmp_path: Path) -> None:
    tool, sudo = program(tmp_path, "tool"), program(tmp_path, "sudo")
    asked = Command(("tool", "info"), root=True)
    assert argv(asked, (str(tmp_path),), (), root=False) == (sudo, "-n", tool, "info")
    assert argv(asked, (str(tmp_path),), (), root=True) == (tool, "info")


def test_without_sudo_what_needs_root_is_denied(tmp_path: Path) -> None:
    program(tmp_path, "tool")
    with pytest.raises(Denied, match="no sudo"):
        argv(Command(("tool",), root=True), (str(tmp_path),), (), root=False)


@pytest.mark.parametrize(("needs_root", "root"), [(True, False), (False, True), (True, True)])
def test_root_runs_nothing_that_a_user_can_change(tmp_path: Path, needs_root: bool, root: bool) -> None:
    """Homebrew's folders belong to a user: what lies there would be a way to become root."""
    program(tmp_path / "brew", "tool", mode=0o777)
    program(tmp_path / "system", "sudo")
    folders = (str(tmp_path / "system"),), (str(tmp_path / "brew"),)
    with pytest.raises(Denied, match="not run as root"):
        argv(Command(("tool",), root=needs_root), *folders, root=root)


def test_a_folder_that_others_may_write_spoils_the_program_in_it(tmp_path: Path) -> None:
    path = program(tmp_path / "open", "tool")
    (tmp_path / "open").chmod(0o777)
    assert not of_root(path)


def test_what_cannot_be_judged_is_not_trusted(tmp_path: Path) -> None:
    assert not of_root(str(tmp_path / "gone" / "tool"))


def test_every_folder_is_passed_that_a_link_leads_through(tmp_path: Path) -> None:
    """Between two ends that belong to root, a link in a user's folder would lead wherever the user wants."""
    for folder in ("opt", "user", "user/up", "usr"):
        (tmp_path / folder).mkdir()
    program(tmp_path / "usr", "id")
    (tmp_path / "user" / "x").symlink_to(tmp_path / "usr" / "id")
    (tmp_path / "folder").symlink_to("user/up/..")
    (tmp_path / "opt" / "x").symlink_to("../folder/x")
    way = [each.removeprefix(str(tmp_path)) for each in passed(str(tmp_path / "opt" / "x"))]
    steps = ["/opt", "/opt/x", "/folder", "/user", "/user/up", "/user/x"]
    assert [each for each in way if each in {*steps, "/usr", "/usr/id"}] == [*steps, "/usr", "/usr/id"]


def test_a_link_in_a_folder_that_others_may_write_spoils_what_it_leads_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if all above belonged to root: only the folder in the middle of the chain is open."""
    real = os.lstat

    def roots(path: str) -> os.stat_result:
        facts = real(path)
        closed = facts.st_mode if str(path) == str(tmp_path / "user") else facts.st_mode & ~0o022
        return os.stat_result((closed, *facts[1:4], 0, *facts[5:]))

    (tmp_path / "user").mkdir(mode=0o755)
    (tmp_path / "opt").mkdir()
    (tmp_path / "user" / "x").symlink_to("/usr/bin/id")
    (tmp_path / "opt" / "x").symlink_to(tmp_path / "user" / "x")
    monkeypatch.setattr(os, "lstat", roots)
    assert of_root(str(tmp_path / "opt" / "x"))
    (tmp_path / "user").chmod(0o777)
    assert not of_root(str(tmp_path / "opt" / "x"))


def test_links_that_lead_in_a_circle_are_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="too many links"):
        list(passed(str(tmp_path / "a")))
    assert not of_root(str(tmp_path / "a"))


def test_a_program_of_the_system_belongs_to_root() -> None:
    assert of_root("/bin/sh")


def test_what_sudo_says_is_told_from_what_the_program_says() -> None:
    asked = Command(("tool",), root=True)
    assert refused(asked, Output(b"", b"sudo: a password is required\n", 1))
    assert not refused(asked, Output(b"", b"tool: cannot read\n", 1))
    assert not refused(asked, Output(b"", b"sudo: unable to resolve host x\n", 0))
    assert not refused(Command(("tool",)), Output(b"", b"sudo: a password is required\n", 1))
