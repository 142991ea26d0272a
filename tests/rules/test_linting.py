"""The rule linter: each planted fault is found and named, and a good rule has none."""

from collections.abc import Mapping
from typing import Any

import pytest

from rules.linting import World, faults, world_of
from rules.registry import FOREIGN, declared
from rules.rulefiles import Rule, Seen

EQUAL = frozenset({"alertname", "instance", "site"})
GOOD: Mapping[str, Any] = {
    "alert": "MacBatteryLow",
    "expr": "macos_battery_charge_ratio < 0.1 and ignoring (state) macos_battery_state{state='discharging'} == 1",
    "for": "1m",
    "labels": {"severity": "warning", "scope": "device", "topic": "battery", "team": "helpdesk"},
    "annotations": {
        "summary": "Battery of {{ $labels.instance }}",
        "description": "It is low.",
        "recovery": "Connect it.",
        "runbook_url": "runbooks/MacBatteryLow.md",
        "dashboard_url": "/d/pomona-mac?var-instance={{ $labels.instance }}",
    },
}
SEEN = {"MacBatteryLow": Seen({"warning"}, {"instance"}, 1)}


def linted(*rules: Mapping[str, Any], **given: Any) -> list[str]:
    read = [Rule("file/group", each) for each in rules]
    world = world_of(read, {**declared(), **FOREIGN}, seen=SEEN, equal=EQUAL, runbooks={"MacBatteryLow": ""})
    return faults(read, World(**{**vars(world), **given}))


def labelled(**labels: str) -> dict[str, Any]:
    return {"labels": {**GOOD["labels"], **labels}}


def annotated(**annotations: str) -> dict[str, Any]:
    return {"annotations": {**GOOD["annotations"], **annotations}}


def test_a_good_rule_has_no_fault() -> None:
    assert linted(GOOD) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"expr": "macos_battery_charge_ratio"}, "no comparison: it fires always"),
        ({"expr": "macos_battery_charge_ratio > bool 1"}, "no comparison: it fires always"),
        ({"expr": "macos_battery_charge_ratio < 0.1 or macos_battery_charge_ratio"}, "no comparison: it fires always"),
        (
            {"expr": "macos_battery_charge_ratio < 0.1 and on (instnace) macos_battery_present == 1"},
            "neither side of and has the label instnace",
        ),
        (
            {"expr": "macos_battery_charge_ratio < 0.1 unless ignoring (staet) macos_battery_present"},
            "neither side of unless has the label staet",
        ),
        (
            {"expr": "macos_battery_charge_ratio < on (instance) group_left (colour) max by (instance) (up)"},
            "neither side of < has the label colour",
        ),
        ({"expr": "macos_batery_charge_ratio < 0.1"}, "nobody publishes macos_batery_charge_ratio"),
        ({"expr": "macos_battery_state{status='full'} == 1"}, "macos_battery_state has no label status"),
        ({"expr": "macos_battery_state{state='empty'} == 1"}, "macos_battery_state has no state 'empty'"),
        ({"expr": "macos_battery_state{state=~'full|empty'} == 1"}, "macos_battery_state has no state 'empty'"),
        ({"expr": "macos_battery_state{state=~'full'} == 1"}, "state=~'full' has no pattern"),
        ({"expr": "rate(macos_battery_charge_ratio[5m]) > 0"}, "macos_battery_charge_ratio is no counter"),
        ({"expr": "deriv(macos_wifi_roams_total[5m]) > 0"}, "macos_wifi_roams_total is a counter, and deriv"),
        ({"expr": "macos_wifi_roams_total > 5"}, "macos_wifi_roams_total is a counter: use rate or increase"),
        ({"expr": "rate(macos_wifi_roams_total[1m]) > 0"}, "holds less than four scrapes"),
        ({"expr": "topk(3, macos_battery_charge_ratio) < 1"}, "topk in an alert"),
        ({"expr": "absent(macos_battery_charge_ratio)", "for": None}, "absent() without `for`"),
        ({"expr": "sum by (mac) (macos_battery_charge_ratio) < 1"}, "nothing below sum has the label mac"),
        ({"expr": "sum by (site) (macos_battery_charge_ratio) < 1"}, "about a device, but without instance, role"),
        ({"expr": "macos_battery_state == 1"}, "state not in `equal` of the inhibitions"),
        (
            {"expr": "macos_battery_charge_ratio < on (instance) group_left () macos_battery_health_ratio"},
            "a join on instance with what can differ in job, role, site: aggregate it",
        ),
        (
            {"expr": "macos_network_dns_servers > 1"},
            "the rule sets scope, which its result has: two results would become one alert",
        ),
        ({"alert": "battery_low"}, "a name in camel case"),
        ({"alert": "BatteryLow"}, "begins with one of Mac"),
        ({"labels": {"severity": "warning"}}, "labels are scope, severity, team, topic"),
        (labelled(severity="page"), "severity 'page' is none of critical, info, none, warning"),
        (labelled(topic="{{ $labels.job }}"), "topic '{{ $labels.job }}' is none of"),
        (labelled(team="{{ $value }}"), "a value in a label makes each value another alert"),
        ({"annotations": {"summary": "Low"}}, "annotations are dashboard_url, description, recovery"),
        (annotated(runbook_url="runbooks/Other.md"), "runbook_url is not runbooks/MacBatteryLow.md"),
        (annotated(dashboard_url="/d/pomona-macs"), "dashboard_url leads to none of"),
        (annotated(summary="{{ $labels.severity }}"), "an annotation uses severity, which no result has"),
        (annotated(description="{{ $labels.state }}"), "an annotation uses state, which no result has"),
    ],
    ids=lambda given: given if isinstance(given, str) else None,
)  # fmt: skip
def test_a_planted_fault_is_named(change: dict[str, Any], told: str) -> None:
    found = linted({**GOOD, **change})
    assert any(told in each for each in found), found


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"seen": {}}, "no test in which it fires"),
        ({"seen": {"MacBatteryLow": Seen({"critical"}, set(), 1)}}, "no test in which it fires"),
        ({"seen": {"MacBatteryLow": Seen({"warning"}, set(), 0)}}, "no test in which it stays silent"),
        ({"seen": {"MacBatteryLow": Seen({"warning"}, {"mac"}, 1)}}, "a test expects mac"),
        ({"runbooks": {}}, "there is no runbooks/MacBatteryLow.md"),
        ({"equal": frozenset({"alertname", "instance"})}, "site not in `equal`"),
    ],
)
def test_what_is_missing_around_a_rule_is_named(given: dict[str, Any], told: str) -> None:
    assert any(told in each for each in linted(GOOD, **given))


def test_tiers_agree_in_all_but_severity_and_condition() -> None:
    worse = {**GOOD, **labelled(severity="critical"), "for": "5m"}
    seen = {"seen": {"MacBatteryLow": Seen({"warning", "critical"}, set(), 1)}}
    assert linted(GOOD, worse, **seen) == []
    (same,) = linted(GOOD, {**worse, "for": "1m"}, **seen)
    assert "two tiers with the same expression and the same `for`" in same
    (kept,) = linted(GOOD, {**worse, "keep_firing_for": "3m"}, **seen)
    assert "different keep_firing_for" in kept
    (team,) = linted(GOOD, {**worse, **labelled(severity="critical", team="security")}, **seen)
    assert "its tiers differ in team" in team


def test_labels_are_followed_through_recorded_series_also_those_that_read_their_own_past() -> None:
    now, past = "max by (instance, site) (timestamp(macos_machine_info))", "last_over_time(instance:seen:time[1h])"
    record = {"record": "instance:seen:time", "expr": f"{now} or {past}"}
    (lost,) = linted(record, {**GOOD, "expr": "instance:seen:time > 1"})
    assert "about a device, but without role" in lost


def test_recorded_names_have_levels() -> None:
    (named,) = linted({"record": "battery_low", "expr": "macos_battery_charge_ratio < 0.1"}, GOOD)
    assert "a recorded name is level:metric" in named
