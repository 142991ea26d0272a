"""`pomona alerts export`: the shipped files as a user keeps them; what he has changed is never lost unasked."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from conftest import ROOT
from exporters.cli import main
from exporters.operate.alerts.export import OWN, SUMS
from exporters.stack.engines import Engines

SHIPPED = ROOT / "alert_rules"
PARTS = ("*.yml", "templates/*.tmpl", "runbooks/*.md", "tests/*.test.yml")


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for each in PARTS for path in folder.glob(each)}


def export(folder: Path, *options: str) -> int:
    return main(["alerts", "export", str(folder), *options])


def test_everything_is_written_as_it_is_shipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "alert_rules"
    assert export(folder) == 0
    assert files(folder) == files(SHIPPED)
    assert {path.name for path in folder.iterdir()} >= {
        "battery.rules.yml",
        "alertmanager.yml",
        "runbooks",
        "tests",
        SUMS,
    }
    first, last = capsys.readouterr().out.splitlines()
    assert first == f"{folder}: {len(files(SHIPPED))} files written, 0 were up to date"
    assert last == f"Check them by: pomona alerts check {folder}"
    assert not list(folder.rglob(".*.????????"))
    listed = subprocess.run(["sha256sum", "--check", "--quiet", SUMS], cwd=folder, capture_output=True, check=False)
    assert (listed.returncode, listed.stdout) == (0, b"")
    assert export(folder) == 0
    assert f"0 files written, {len(files(SHIPPED))} were up to date" in capsys.readouterr().out


def test_the_rules_lie_where_the_shipped_prometheus_configuration_looks(tmp_path: Path) -> None:
    assert export(tmp_path / "alert_rules") == 0
    (pattern,) = yaml.safe_load((ROOT / "prometheus.yml").read_text())["rule_files"]
    assert {path.name for path in tmp_path.glob(pattern)} == {path.name for path in SHIPPED.glob("*.rules.yml")}


def test_addresses_are_made_whole_and_the_tests_still_hold(
    engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert engines.promtool
    urls = ("--runbooks", "https://wiki.example.org/books/", "--grafana", "https://grafana.example.org:3000")
    assert export(tmp_path, *urls) == 0
    text, shipped = (folder / "battery.rules.yml" for folder in (tmp_path, SHIPPED))
    for old, new in zip(shipped.read_text().splitlines(), text.read_text().splitlines(), strict=True):
        changed = old.replace("runbook_url: runbooks/", "runbook_url: https://wiki.example.org/books/")
        assert new == changed.replace("'/d/", "'https://grafana.example.org:3000/d/")
    assert text.read_text() != shipped.read_text()
    tests = tmp_path / "tests" / "battery.test.yml"
    assert subprocess.run([engines.promtool, "test", "rules", tests], capture_output=True, check=False).returncode == 0
    for path in (*tmp_path.glob("*.rules.yml"), *tmp_path.glob("tests/*.yml")):
        assert not re.search(r"""[\s'"](/d/pomona|runbooks/)""", path.read_text()), path
    for path in tmp_path.glob("*.rules.yml"):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                assert rule.get("annotations", {}).get("runbook_url", "https:").startswith("https:")
                assert rule.get("annotations", {}).get("dashboard_url", "https:").startswith("https:")
    assert main(["alerts", "check", str(tmp_path)]) == 0
    capsys.readouterr()


def test_thresholds_and_routes_of_the_user_are_kept_and_the_rest_is_renewed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(tmp_path)
    for name in OWN:
        (tmp_path / name).write_text("mine")
    (tmp_path / "runbooks" / "MacBatteryLow.md").unlink()
    capsys.readouterr()
    assert export(tmp_path, "--grafana", "https://grafana.example.org") == 0
    told = capsys.readouterr().out
    for name in ("thresholds.rules.yml", "alertmanager.yml", "templates/pomona.tmpl", "requests_adapter.rules.yml"):
        assert f"kept yours: {name}\n" in told
        assert (tmp_path / name).read_text() == "mine"
    assert (tmp_path / "runbooks" / "MacBatteryLow.md").exists()
    assert "https://grafana.example.org/d/" in (tmp_path / "battery.rules.yml").read_text()


def test_changed_rules_stop_it_before_anything_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(tmp_path)
    (tmp_path / "battery.rules.yml").write_text("groups: []")
    (tmp_path / "alertmanager.yml").write_text("mine")
    before = files(tmp_path)
    capsys.readouterr()
    assert export(tmp_path, "--grafana", "https://grafana.example.org") == 2
    err = capsys.readouterr().err
    assert err.startswith(f"pomona: {tmp_path}: changed by you: battery.rules.yml; nothing was written. ")
    assert files(tmp_path) == before
    assert export(tmp_path, "--force") == 0
    assert files(tmp_path) == {**files(SHIPPED), "alertmanager.yml": "mine"}
    assert export(tmp_path, "--force-own") == 0
    assert files(tmp_path) == files(SHIPPED)


def test_checksums_that_are_no_text_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / SUMS).write_bytes(b"\xff\xfe")
    assert export(tmp_path) == 2
    assert capsys.readouterr().err.startswith(f"pomona: {tmp_path / SUMS}: no UTF-8 text; delete it")


def test_files_that_were_there_before_are_the_users(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "battery.rules.yml").write_text("groups: []")
    assert export(tmp_path) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["battery.rules.yml"]
    capsys.readouterr()


def test_a_copy_that_was_made_by_hand_is_taken_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "battery.rules.yml").write_text((SHIPPED / "battery.rules.yml").read_text())
    assert export(tmp_path) == 0
    assert "1 were up to date" in capsys.readouterr().out


def test_what_is_no_longer_shipped_is_named_and_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(tmp_path)
    (tmp_path / "old.rules.yml").write_text("groups: []")
    with (tmp_path / SUMS).open("a") as sums:
        sums.write(f"{'0' * 64}  old.rules.yml\n")
    capsys.readouterr()
    assert export(tmp_path) == 0
    assert "no longer shipped, delete it: old.rules.yml" in capsys.readouterr().out
    assert (tmp_path / "old.rules.yml").exists()


@pytest.mark.parametrize("url", ["wiki", "https://a b", "https://ada:s3cret@wiki", "https://x'y", "https://x?y=s3cret"])
def test_an_address_that_would_break_the_files_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str
) -> None:
    assert export(tmp_path, "--runbooks", url) == 2
    err = capsys.readouterr().err
    assert err == (
        "pomona: --runbooks: expected an address such as https://example.org/path, without login and query\n"
    )
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert export(tmp_path / "file") == 2
    err = capsys.readouterr().err
    assert err.startswith(f"pomona: {tmp_path / 'file'}")
    assert err.count("\n") == 1
