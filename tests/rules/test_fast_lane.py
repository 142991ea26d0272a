"""The fast lane of docs/fast-lane.md: its examples, put together, are accepted, and show every collector once."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import COLLECTORS, ROOT
from exporters.stack.engines import Engines

PAGE = (ROOT / "docs" / "fast-lane.md").read_text()
RULES = ROOT / "alert_rules"


def example(title: str) -> str:
    """The one block of the page that begins with this comment."""
    (text,) = re.findall(rf"```yaml\n(# {re.escape(title)}\n.*?)```", PAGE, re.DOTALL)
    return str(text)


def jobs() -> dict[str, Any]:
    return {each["job_name"]: each for each in yaml.safe_load(example("prometheus.yml"))["scrape_configs"]}


def accepted(*argv: str | Path | None) -> str:
    ended = subprocess.run([str(each) for each in argv], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a user has who did as the page says."""
    shutil.copytree(RULES, tmp_path / "alert_rules")
    rules = tmp_path / "alert_rules" / "fast.rules.yml"
    rules.write_text(rules.read_text().replace("# interval: 2s #", "interval: 2s #"))
    (tmp_path / "prometheus.yml").write_text(example("prometheus.yml"))
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "north.yml").write_text(
        '- {targets: ["mac-17.example.org:10220"], labels: {site: north}}\n'
    )
    return tmp_path


def test_prometheus_accepts_the_two_jobs_with_the_fast_group(engines: Engines, folder: Path) -> None:
    said = accepted(engines.promtool, "check", "config", folder / "prometheus.yml")
    assert f"{len(list(RULES.glob('*.rules.yml')))} rule files found" in said


def test_the_route_of_the_page_is_the_shipped_one() -> None:
    (shown,) = yaml.safe_load(example("alertmanager.yml, in part"))
    route = yaml.safe_load((RULES / "alertmanager.yml").read_text())["route"]
    assert shown in [each for pager in route["routes"] for each in pager.get("routes", [])]


def test_both_jobs_drop_every_name_that_the_shipped_job_drops() -> None:
    (shipped, *_) = yaml.safe_load((ROOT / "prometheus.yml").read_text())["scrape_configs"]
    (wanted,) = shipped["metric_relabel_configs"]
    for name, job in jobs().items():
        (rule,) = job["metric_relabel_configs"]
        assert {**rule, "regex": ""} == {**wanted, "regex": ""}, name
        assert set(wanted["regex"].split("|")) <= set(rule["regex"].split("|")), name


def test_the_line_to_uncomment_gives_the_group_of_the_page(folder: Path) -> None:
    (shown,) = yaml.safe_load(example("fast.rules.yml, in part"))["groups"]
    (group,) = yaml.safe_load((folder / "alert_rules" / "fast.rules.yml").read_text())["groups"]
    assert (group["name"], group["interval"]) == (shown["name"], shown["interval"])
    (shipped,) = yaml.safe_load((RULES / "fast.rules.yml").read_text())["groups"]
    assert "interval" not in shipped


def test_the_group_holds_what_the_lane_is_for_and_no_alert_of_it_waits() -> None:
    (group,) = yaml.safe_load((RULES / "fast.rules.yml").read_text())["groups"]
    alerts = [rule for rule in group["rules"] if "alert" in rule]
    assert {each["alert"] for each in alerts} == {"EndpointDown", "ComponentDown"}
    assert not [each for each in alerts if "for" in each]


def test_each_collector_is_shown_by_one_of_the_two_jobs() -> None:
    normal, fast = jobs()["pomona"]["params"], jobs()["pomona-fast"]["params"]
    assert set(normal) == {"exclude[]"}
    assert set(fast) == {"collect[]"}
    assert set(normal["exclude[]"]) == set(fast["collect[]"]) <= set(COLLECTORS)


def test_both_jobs_read_the_same_machines_under_the_same_names() -> None:
    normal, fast = jobs()["pomona"], jobs()["pomona-fast"]
    for key in ("file_sd_configs", "relabel_configs"):
        assert normal[key] == fast[key]
