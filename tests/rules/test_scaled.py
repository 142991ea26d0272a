"""Durations are scaled, all by the same factor, and nothing else is."""

from pathlib import Path

import pytest
import yaml

import scaled
from conftest import ROOT
from exporters.stack.engines import Engines
from tools import tool

RULES = sorted((ROOT / "alert_rules").glob("*.rules.yml"))
QUICK = 1 / 30


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1m", "2000ms"), ("15s", "500ms"), ("1h30m", "180000ms"), ("10ms", "1ms"), ("0s", "0ms"), ("1d", "2880000ms")],
)
def test_a_duration_is_scaled_and_never_becomes_none(text: str, expected: str) -> None:
    assert scaled.duration(text, QUICK) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate(a_total[5m]) > 300", "rate(a_total[10000ms]) > 300"),
        ("max_over_time(a[1d:1h])", "max_over_time(a[2880000ms:120000ms])"),
        ("max_over_time(a[1h:])", "max_over_time(a[120000ms:])"),
        ("a offset 1h - a offset -30s", "a offset 120000ms - a offset -1000ms"),
        ("time() - a{b=\"[5m] offset 1h\", c=~'1h'} > 3600", "time() - a{b=\"[5m] offset 1h\", c=~'1h'} > 3600"),
        ("a_5m > 5 and b1h offset\n  2m", "a_5m > 5 and b1h offset\n  4000ms"),
    ],
)
def test_ranges_steps_and_offsets_are_scaled_and_nothing_else(text: str, expected: str) -> None:
    assert scaled.expression(text, QUICK) == expected


def test_a_rule_file_is_scaled_in_groups_and_rules() -> None:
    rule = {"alert": "A", "expr": "a[1m]", "for": "1m", "keep_firing_for": "3m", "labels": {"for": "1m"}}
    constant = {"record": "b:c", "expr": 0.5}
    (group,) = scaled.rules({"groups": [{"name": "g", "interval": "1h", "rules": [rule, constant]}]}, QUICK)["groups"]
    quick = {**rule, "expr": "a[2000ms]", "for": "2000ms", "keep_firing_for": "6000ms"}
    assert group == {"name": "g", "interval": "120000ms", "rules": [quick, constant]}


def test_routes_are_scaled_at_every_depth_and_receivers_are_not() -> None:
    deep = {"receiver": "b", "group_wait": "30s"}
    document = {"route": {"receiver": "a", "repeat_interval": "1h", "routes": [deep]}, "receivers": ["5m"]}
    quick = {"receiver": "a", "repeat_interval": "120000ms", "routes": [{"receiver": "b", "group_wait": "1000ms"}]}
    assert scaled.routes(document, QUICK) == {"route": quick, "receivers": ["5m"]}


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_the_shipped_rules_are_still_rules(engines: Engines, path: Path, tmp_path: Path) -> None:
    quick = tmp_path / path.name
    quick.write_text(yaml.safe_dump(scaled.rules(yaml.safe_load(path.read_text()), QUICK)))
    assert "SUCCESS" in tool(engines.promtool, "check", "rules", quick)


def test_by_one_the_shipped_rules_do_what_their_tests_say(engines: Engines, tmp_path: Path) -> None:
    for path in RULES:
        (tmp_path / path.name).write_text(yaml.safe_dump(scaled.rules(yaml.safe_load(path.read_text()), 1)))
    (tmp_path / "tests").mkdir()
    test = tmp_path / "tests" / "battery.test.yml"
    test.write_text((ROOT / "alert_rules" / "tests" / "battery.test.yml").read_text())
    assert "SUCCESS" in tool(engines.promtool, "test", "rules", test)
