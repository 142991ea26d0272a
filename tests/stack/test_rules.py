"""The shipped rules and configurations, checked by both generations of the tools that will read them."""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import COLLECTORS, ROOT
from exporters.stack.engines import Engines

RULES = sorted((ROOT / "alert_rules").glob("*.rules.yml"))
TESTS = sorted((ROOT / "alert_rules" / "tests").glob("*.test.yml"))
OURS = re.compile(r"\b(?:macos|openwrt|pomona)_[a-z0-9_]+")


def tool(*argv: str | Path | None) -> str:
    """What it printed; a failure shows it."""
    ended = subprocess.run([str(each) for each in argv], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def alerts(path: Path) -> Sequence[dict[str, Any]]:
    groups = yaml.safe_load(path.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_prometheus_accepts_its_configuration(engines: Engines) -> None:
    assert f"{len(RULES)} rule files found" in tool(engines.promtool, "check", "config", ROOT / "prometheus.yml")


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_the_rules_are_without_lint(engines: Engines, path: Path) -> None:
    assert "SUCCESS" in tool(engines.promtool, "check", "rules", "--lint=all", "--lint-fatal", path)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_the_rules_fire_and_stay_silent_as_their_tests_say(engines: Engines, path: Path) -> None:
    assert "SUCCESS" in tool(engines.promtool, "test", "rules", path)


def test_alertmanager_accepts_its_configuration(engines: Engines) -> None:
    assert "SUCCESS" in tool(engines.amtool, "check-config", ROOT / "alert_rules" / "alertmanager.yml")


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_every_alert_is_seen_firing_and_silent(path: Path) -> None:
    tests = yaml.safe_load((path.parent / "tests" / path.name.replace(".rules.", ".test.")).read_text())["tests"]
    checks = [check for test in tests for check in test["alert_rule_test"]]
    for alert in alerts(path):
        own = [check["exp_alerts"] for check in checks if check["alertname"] == alert["alert"]]
        fired = {each["exp_labels"]["severity"] for expected in own for each in expected}
        assert alert["labels"]["severity"] in fired
        assert [] in own


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_name_only_metrics_that_collectors_publish(path: Path) -> None:
    published = {family.name for declared in COLLECTORS.values() for family in declared.families}
    used = {name for alert in alerts(path) for name in OURS.findall(alert["expr"])}
    assert used
    assert used <= published


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_every_alert_says_how_bad_it_is_and_what_to_do(path: Path) -> None:
    for alert in alerts(path):
        assert alert["labels"]["severity"] in {"info", "warning", "critical"}
        assert alert["for"]
        assert alert["annotations"]["summary"]
        assert alert["annotations"]["description"]


@pytest.mark.parametrize("labels", [("alertname=MacBatteryLow", "severity=critical"), ("alertname=Unheard",)])
def test_every_alert_is_routed_to_the_webhook(engines: Engines, labels: tuple[str, ...]) -> None:
    config = f"--config.file={ROOT / 'alert_rules' / 'alertmanager.yml'}"
    told = tool(engines.amtool, "config", "routes", "test", config, "--verify.receivers=webhook", *labels)
    assert told.splitlines()[0] == "webhook"
