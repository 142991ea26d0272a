"""The shipped rules: accepted and tested by both generations of promtool, without the faults that it does not see."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from exporters.stack.engines import Engines
from rules.linting import faults, world_of
from rules.registry import FOREIGN, alerts, declared
from rules.rulefiles import FILES, FOLDER, TESTS, seen, shipped

HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
RUNBOOKS = {path.stem: path.read_text() for path in sorted((FOLDER / "runbooks").glob("*.md"))}


def tool(*argv: str | Path | None) -> str:
    """What it printed; a failure shows it."""
    ended = subprocess.run([str(each) for each in argv], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def trimmed(path: Path, folder: Path) -> Path:
    """The same test with those thresholds alone that its rules and it name: all of them take most of the time."""
    text = path.read_text()
    files = re.findall(r"\.\./(\w+\.rules\.yml)", text)
    needed = set(re.findall(r'threshold="(\w+)"', text + "".join(_unless_threshold(name) for name in files)))
    for name in files:
        document = yaml.safe_load((FOLDER / name).read_text())
        for group in document["groups"]:
            group["rules"] = [rule for rule in group["rules"] if _concerns(rule, needed)]
        (folder / name).write_text(yaml.safe_dump(document, sort_keys=False))
    written = folder / "trimmed.test.yml"
    written.write_text(text.replace("../", ""))
    return written


def _unless_threshold(name: str) -> str:
    return "" if name.startswith(("thresholds.", "resolve_")) else (FOLDER / name).read_text()


def _concerns(rule: dict[str, Any], needed: set[str]) -> bool:
    about = (rule.get("labels") or {}).get("threshold")
    return about is None or about in needed


def equal() -> frozenset[str]:
    """The labels that have to agree when a worse tier hides a lesser one."""
    rules = yaml.safe_load((FOLDER / "alertmanager.yml").read_text())["inhibit_rules"]
    tiers = [set(rule["equal"]) for rule in rules if "alertname" in rule["equal"]]
    assert tiers
    return frozenset.intersection(*map(frozenset, tiers))


def test_prometheus_accepts_its_configuration(engines: Engines) -> None:
    assert f"{len(FILES)} rule files found" in tool(engines.promtool, "check", "config", ROOT / "prometheus.yml")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_rules_are_without_lint(engines: Engines, path: Path) -> None:
    assert "SUCCESS" in tool(engines.promtool, "check", "rules", "--lint=all", "--lint-fatal", path)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_the_rules_fire_and_stay_silent_as_their_tests_say(engines: Engines, path: Path, tmp_path: Path) -> None:
    assert "SUCCESS" in tool(engines.promtool, "test", "rules", trimmed(path, tmp_path))


def test_the_rules_have_no_fault_that_promtool_does_not_see() -> None:
    rules, tested = shipped(), seen()
    told = alerts(label for each in tested.values() for label in each.labels)
    world = world_of(rules, {**declared(), **FOREIGN, **told}, seen=tested, equal=equal(), runbooks=RUNBOOKS)
    assert faults(rules, world) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_expression_is_an_alias(path: Path) -> None:
    """Prometheus 2.42 takes the alias for the name of a metric, and says nothing."""
    assert not re.search(r"^\s*expr: [*&]", path.read_text(), re.MULTILINE)


def test_the_readme_counts_the_alerts() -> None:
    named = {rule.name for rule in shipped() if rule.is_alert}
    assert f"\n{len(named)} alerts in plain rule files" in (ROOT / "README.md").read_text()


def test_no_runbook_is_left_of_an_alert_that_is_gone() -> None:
    assert RUNBOOKS.keys() == {rule.name for rule in shipped() if rule.is_alert}


@pytest.mark.parametrize("name", RUNBOOKS)
def test_every_runbook_says_what_it_means_and_what_to_do(name: str) -> None:
    text = RUNBOOKS[name]
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    assert re.search(r"^1\. ", text.partition("## Mitigation")[2], re.MULTILINE)
    assert "|" not in text or "```" in text


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_every_test_names_the_order_of_its_groups(path: Path) -> None:
    """Without it promtool evaluates groups in any order, and a test would pass by chance."""
    test = yaml.safe_load(path.read_text())
    files = [(path.parent / name).resolve() for name in test["rule_files"]]
    groups = {group["name"] for file in files for group in yaml.safe_load(file.read_text())["groups"]}
    assert set(test.get("group_eval_order", groups if len(groups) == 1 else ())) == groups
