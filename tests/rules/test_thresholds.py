"""The constants of alerts: each resolved once, used somewhere, missed by its name, its tiers in order."""

import re
import subprocess
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT
from exporters.stack.engines import Engines

FOLDER = ROOT / "alert_rules"
RULES = sorted(FOLDER.glob("*.rules.yml"))
TIERS = ("info", "warning", "critical")
USED = re.compile(r"(?:instance:threshold|site:threshold|threshold:default)\{threshold=\"(\w+)\", tier=\"(\w+)\"\}")
MISSED = re.compile(r"absent\(threshold:default\{threshold=\"(\w+)\", tier=\"(\w+)\"\}\)")
FLEET = {"fleet_affected_machines", "fleet_affected_ratio"}
"""The fleet has no site and no machine whose line could beat the default."""
OF_MACHINES = """\
threshold:instance{{threshold="{0}"}} or on (instance, tier) max by (instance, tier) (
  instance_site_tier:known * on (site, tier) group_left () threshold:site{{threshold="{0}"}})
or on (instance, tier) instance_tier:known * on (tier) group_left () threshold:default{{threshold="{0}"}}
"""
OF_SITES = """\
site_tier:known * on (site, tier) group_left () threshold:site{{threshold="{0}"}}
or on (site, tier) site_tier:known * on (tier) group_left () threshold:default{{threshold="{0}"}}
"""


def rules(path: Path) -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def shipped() -> dict[tuple[str, str], float]:
    """The value of each constant and tier that holds where nothing else is said."""
    named = [(each["labels"], float(each["expr"])) for each in rules(FOLDER / "thresholds.rules.yml")]
    return {(labels["threshold"], labels["tier"]): value for labels, value in named}


def resolvers() -> list[tuple[str, str]]:
    """Each name with the expression that resolves it."""
    found = [each for path in sorted(FOLDER.glob("resolve_*.rules.yml")) for each in rules(path)]
    return [(each["labels"]["threshold"], each["expr"]) for each in found if "labels" in each]


def used() -> dict[tuple[str, str], list[str]]:
    """The alerts and records that compare with each constant and tier."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in RULES:
        for rule in rules(path):
            if rule.get("alert") != "ThresholdsMissing":
                for each in USED.findall(str(rule["expr"])):
                    found.setdefault(each, []).append(rule.get("alert") or rule["record"])
    return found


def missed() -> list[tuple[str, str]]:
    (rule,) = rules(FOLDER / "thresholds_missing.rules.yml")
    return MISSED.findall(rule["expr"])


def in_order(values: Mapping[str, float]) -> bool:
    """Whether each worse tier is farther away, in one direction."""
    told = [values[tier] for tier in TIERS if tier in values]
    pairs = list(pairwise(told))
    return all(one < other for one, other in pairs) or all(one > other for one, other in pairs)


def test_each_constant_has_one_line_for_each_tier() -> None:
    lines = rules(FOLDER / "thresholds.rules.yml")
    assert all(each["record"] == "pomona:threshold" and set(each["labels"]) == {"threshold", "tier"} for each in lines)
    assert len(shipped()) == len(lines)
    assert {tier for _, tier in shipped()} <= set(TIERS)


def test_each_constant_is_resolved_once_in_the_regular_form() -> None:
    names = [name for name, _ in resolvers()]
    assert sorted(names) == sorted({name for name, _ in shipped()} - FLEET)
    for name, expression in resolvers():
        assert expression in {OF_MACHINES.format(name), OF_SITES.format(name)}


def test_each_threshold_that_a_rule_uses_is_there() -> None:
    unknown = {each: by for each, by in used().items() if each not in shipped()}
    assert not unknown


def test_each_constant_is_used() -> None:
    unused = shipped().keys() - used().keys()
    assert not unused


def test_no_rule_compares_with_a_threshold_in_another_form() -> None:
    for path in RULES:
        if not path.name.startswith(("resolve_", "thresholds")):
            for rule in rules(path):
                assert len(re.findall(r"threshold\w*=", rule["expr"])) == len(USED.findall(rule["expr"]))


def test_each_constant_would_be_missed() -> None:
    assert sorted(missed()) == sorted(shipped())


@pytest.mark.parametrize("name", sorted({name for name, _ in shipped()}))
def test_the_tiers_of_a_constant_are_in_order(name: str) -> None:
    assert in_order({tier: value for (each, tier), value in shipped().items() if each == name})


@pytest.mark.parametrize(
    ("told", "good"),
    [((1, 2, 3), True), ((3, 2, 1), True), ((1, 3, 2), False), ((1, 1, 2), False), ((3, 1, 2), False)],
)
def test_tiers_out_of_order_are_noticed(told: tuple[float, ...], good: bool) -> None:
    assert in_order(dict(zip(TIERS, told, strict=True))) is good


@pytest.mark.parametrize("line", sorted(shipped())[::20], ids="-".join)
def test_the_one_line_that_is_gone_is_named(engines: Engines, tmp_path: Path, line: tuple[str, str]) -> None:
    threshold, tier = line
    whole = (FOLDER / "thresholds.rules.yml").read_text().splitlines(keepends=True)
    left = [each for each in whole if f"{{ threshold: {threshold}, tier: {tier} }}" not in each]
    assert len(left) == len(whole) - 1
    (tmp_path / "thresholds.rules.yml").write_text("".join(left))
    (tmp_path / "missing.test.yml").write_text(yaml.safe_dump(expecting(threshold, tier)))
    checked = [str(engines.promtool), "test", "rules", str(tmp_path / "missing.test.yml")]
    ended = subprocess.run(checked, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def expecting(threshold: str, tier: str) -> dict[str, Any]:
    """A test of promtool: this line is missed after five minutes, and no other."""
    (rule,) = rules(FOLDER / "thresholds_missing.rules.yml")
    summary = f"Threshold {threshold} has no line for tier {tier}"
    alert = {
        "exp_labels": {**rule["labels"], "threshold": threshold, "tier": tier},
        "exp_annotations": {**rule["annotations"], "summary": summary},
    }
    name = {"alertname": "ThresholdsMissing"}
    checks = [{"eval_time": "4m", "exp_alerts": [], **name}, {"eval_time": "6m", "exp_alerts": [alert], **name}]
    files = [FOLDER / "resolve_machines.rules.yml", FOLDER / "thresholds_missing.rules.yml"]
    return {
        "rule_files": ["thresholds.rules.yml", *(str(each) for each in files)],
        "group_eval_order": ["thresholds", "resolve_machines", "thresholds_missing"],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": [], "alert_rule_test": checks}],
    }
