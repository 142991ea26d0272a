"""Where engines are found, and how they would be installed."""

from pathlib import Path

import pytest

from exporters.stack.engines import find, folders, installation


def program(folder: Path, name: str) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_the_own_variable_wins_over_the_path(tmp_path: Path) -> None:
    own, path = tmp_path / "own", tmp_path / "path"
    program(path, "prometheus")
    first = program(own, "prometheus")
    tool = program(path, "promtool")
    found = find({"POMONA_ENGINES": f"{own}:{tmp_path / 'none'}", "PATH": str(path)})
    assert (found.prometheus, found.promtool) == (first, tool)


def test_alertmanager_is_found_under_debians_name_and_an_earlier_folder_wins(tmp_path: Path) -> None:
    early = program(tmp_path / "early", "prometheus-alertmanager")
    program(tmp_path / "late", "alertmanager")
    assert find({"PATH": f"{tmp_path / 'early'}:{tmp_path / 'late'}"}).alertmanager == early


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    program(tmp_path / "bin", "promtool")
    absent = find({"PATH": str(tmp_path / "bin")}).missing()
    assert "promtool" not in absent
    assert set(absent) <= {"prometheus", "alertmanager", "amtool"}


def test_homebrews_folders_are_looked_into_last() -> None:
    assert list(folders({"PATH": "/bin"})) == ["/bin", "/opt/homebrew/bin", "/usr/local/bin"]


def test_a_file_that_may_not_run_is_no_engine(tmp_path: Path) -> None:
    path = Path(program(tmp_path / "bin", "prometheus"))
    path.chmod(0o644)
    assert find({"PATH": str(tmp_path / "bin")}).prometheus != str(path)


@pytest.mark.parametrize(
    ("programs", "root", "platform", "starts"),
    [
        (("apt-get",), True, "linux", ["env", "env"]),
        (("apt-get", "sudo"), False, "linux", ["sudo", "sudo"]),
        (("apt-get",), False, "linux", []),
        ((), True, "linux", []),
        (("brew",), False, "darwin", ["brew"]),
        ((), False, "darwin", []),
    ],
)
def test_installation_uses_what_the_system_has(
    tmp_path: Path, programs: tuple[str, ...], root: bool, platform: str, starts: list[str]
) -> None:
    for name in programs:
        program(tmp_path, name)
    commands = installation({"PATH": str(tmp_path)}, root=root, platform=platform)
    assert [command[0] for command in commands] == starts
    assert all("-n" in command for command in commands if command[0] == "sudo")
