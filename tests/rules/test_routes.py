"""Whom the shipped configuration of Alertmanager tells of what, asked of both generations of amtool."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

import scaled
from conftest import ROOT
from exporters.stack.engines import Engines
from generations import generation
from tools import ended, tool

CONFIG = ROOT / "alert_rules" / "alertmanager.yml"
NEWER = ROOT / "alert_rules" / "alertmanager-newer.yml"
SHIPPED = yaml.safe_load(CONFIG.read_text())
PERSONS = ("laptop", "desktop", "workstation")
UNATTENDED = ("server", "kiosk")
OTHERS = ("router", "monitoring", "")
NARROW, SERVICE, WIDE = ("device", ""), ("service",), ("site", "fleet")
TOLD = """
severity   one machine   one server or kiosk   service of one person   of others   site, fleet
critical   helpdesk      pager                 helpdesk                pager       pager
warning    chat          chat                  chat                    chat        chat
info       digest        digest                digest                  digest      digest
none       chat          chat                  chat                    chat        chat
disaster   chat          chat                  chat                    chat        chat
-          chat          chat                  chat                    chat        chat
"""
CASES: Sequence[tuple[tuple[str, ...], tuple[str, ...]]] = (
    (NARROW, PERSONS + OTHERS),
    (NARROW, UNATTENDED),
    (SERVICE, PERSONS),
    (SERVICE, UNATTENDED + OTHERS),
    (WIDE, PERSONS + UNATTENDED + OTHERS),
)
"""Scopes and roles of the columns."""
UNUSED = re.compile(r"^    #(?=[a-z]|  )", re.MULTILINE)
"""A channel that stands beside another; comments for people have one space."""
SECRETS = re.compile(r"(key|token|password|credentials|webhook_url|slack_api_url)$")
"""Keys that would hold one."""


def rows() -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in TOLD.strip().splitlines()[1:]:
        severity, *told = line.split()
        yield severity.replace("-", ""), tuple(told)


def routed(engines: Engines, receivers: str, **labels: str) -> None:
    given = [f"{name}={value}" for name, value in labels.items() if value]
    tool(
        engines.amtool, "config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receivers}", *given
    )


@pytest.mark.parametrize(("severity", "told"), [pytest.param(*row, id=row[0] or "without") for row in rows()])
def test_every_alert_is_told_to_whom_the_table_says(engines: Engines, severity: str, told: tuple[str, ...]) -> None:
    for receiver, (scopes, roles) in zip(told, CASES, strict=True):
        for scope, role in product(scopes, roles):
            routed(engines, receiver, alertname="Some", severity=severity, scope=scope, role=role)


def test_the_table_is_not_true_of_everything(engines: Engines) -> None:
    with pytest.raises(AssertionError, match="Expected receivers did not match"):
        routed(engines, "pager", alertname="Some", severity="critical", scope="device", role="laptop")


@pytest.mark.parametrize("name", ["ComponentDown", "ComponentQueueStuck", "ComponentHeartbeatOld"])
def test_a_component_of_one_persons_mac_pages_nobody(engines: Engines, name: str) -> None:
    for role, receiver in (("laptop", "helpdesk"), ("server", "pager"), ("", "pager")):
        routed(engines, receiver, alertname=name, severity="critical", scope="service", role=role, team="operations")


@pytest.mark.parametrize(("severity", "told"), [("critical", "helpdesk"), ("warning", "chat"), ("info", "digest")])
def test_security_hears_of_its_own_besides_but_not_of_infos(engines: Engines, severity: str, told: str) -> None:
    receivers = told if severity == "info" else f"security,{told}"
    routed(engines, receivers, alertname="Some", severity=severity, scope="device", role="laptop", team="security")


@pytest.mark.parametrize(
    ("name", "severity", "receiver"),
    [("Watchdog", "none", "watchdog"), ("Watchdog", "critical", "watchdog"), ("WarningIgnored", "warning", "tickets")],
)
def test_what_watches_the_watchers_has_its_own_way(engines: Engines, name: str, severity: str, receiver: str) -> None:
    routed(engines, receiver, alertname=name, severity=severity, scope="fleet", team="operations")


def flat(route: Mapping[str, Any], above: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each route with what it inherits."""
    whole = {**above, **{name: value for name, value in route.items() if name != "routes"}}
    yield whole
    for each in route.get("routes", ()):
        yield from flat(each, {name: value for name, value in whole.items() if name not in {"matchers", "continue"}})


ROUTES = list(flat(SHIPPED["route"], {}))


def test_many_machines_are_one_page() -> None:
    pages = [route for route in ROUTES if route["receiver"] == "pager"]
    assert pages
    assert all({"alertname", "site"} <= set(route["group_by"]) for route in pages)
    assert not [route for route in pages if "instance" in route["group_by"]]


def test_the_fast_lane_waits_for_a_second() -> None:
    waits = {str(route.get("matchers")): route["group_wait"] for route in ROUTES}
    assert waits["['alertname =~ \"ComponentDown|EndpointDown\"']"] == "1s"
    assert waits["['alertname = ComponentDown']"] == "1s"


def test_the_watchdog_repeats_sooner_than_its_interval_because_it_would_miss_every_second_beat_otherwise() -> None:
    (beat,) = (route for route in ROUTES if route["receiver"] == "watchdog")
    assert milliseconds(beat["repeat_interval"]) < milliseconds(beat["group_interval"]) <= 60_000


def test_a_digest_is_due_again_before_its_hour_comes_again_and_has_one_chance_in_it() -> None:
    (digest,) = (route for route in ROUTES if route["receiver"] == "digest")
    assert milliseconds(digest["repeat_interval"]) < 23 * 3_600_000
    (hours,) = (each["time_intervals"] for each in SHIPPED["time_intervals"] if each["name"] == "digest")
    assert hours[0]["times"] == [{"start_time": "08:00", "end_time": "09:00"}]
    assert digest["group_interval"] == "1h"


def milliseconds(duration: str) -> int:
    return int(scaled.duration(duration, 1).removesuffix("ms"))


def test_nothing_but_warnings_is_muted_and_nothing_but_infos_waits_for_an_hour() -> None:
    muted = [route["matchers"] for route in ROUTES if route.get("mute_time_intervals")]
    waiting = [route["matchers"] for route in ROUTES if route.get("active_time_intervals")]
    assert (muted, waiting) == ([["severity = warning"]], [["severity = info"]])


def test_every_hour_has_a_time_zone() -> None:
    hours = [each for interval in SHIPPED["time_intervals"] for each in interval["time_intervals"]]
    assert {each["location"] for each in hours} == {"Europe/Berlin"}


def test_alertmanager_accepts_its_configuration(engines: Engines) -> None:
    told = tool(engines.amtool, "check-config", CONFIG)
    assert "7 receivers" in told
    assert "1 templates" in told


def test_the_channels_that_are_not_used_are_right_as_well(engines: Engines, tmp_path: Path) -> None:
    text, count = UNUSED.subn("    ", CONFIG.read_text())
    used = tmp_path / CONFIG.name
    used.write_text(text.replace("templates/*.tmpl", str(CONFIG.parent / "templates" / "*.tmpl")))
    assert count > 30
    assert "SUCCESS" in tool(engines.amtool, "check-config", used)
    kinds = {kind for receiver in yaml.safe_load(text)["receivers"] for kind in receiver} - {"name"}
    channels = ("pagerduty", "slack", "email", "webhook", "sns")
    assert kinds == {f"{each}_configs" for each in channels}


def test_the_newer_variant_is_accepted_by_the_newer_generation_alone() -> None:
    assert "SUCCESS" in tool(generation("3").amtool, "check-config", NEWER)
    refused = ended(generation("2").amtool, "check-config", NEWER)
    assert refused.returncode == 1
    assert "field msteamsv2_configs not found" in refused.stdout


@pytest.mark.parametrize("receiver", yaml.safe_load(NEWER.read_text())["receivers"], ids=lambda each: each["name"])
def test_each_newer_receiver_takes_the_place_of_one(receiver: dict[str, Any], tmp_path: Path) -> None:
    others = [each for each in SHIPPED["receivers"] if each["name"] != receiver["name"]]
    assert len(others) == len(SHIPPED["receivers"]) - 1
    document = {**SHIPPED, "receivers": [*others, receiver], "templates": [f"{CONFIG.parent}/templates/*.tmpl"]}
    merged = tmp_path / CONFIG.name
    merged.write_text(yaml.safe_dump(document))
    assert "SUCCESS" in tool(generation("3").amtool, "check-config", merged)
    assert ended(generation("2").amtool, "check-config", merged).returncode == 1


def keys(document: Any) -> Iterator[tuple[str, Any]]:
    match document:
        case dict():
            for name, value in document.items():
                yield name, value
                yield from keys(value)
        case list():
            for each in document:
                yield from keys(each)


@pytest.mark.parametrize("path", [CONFIG, NEWER], ids=lambda path: path.name)
def test_secrets_stand_in_files(path: Path) -> None:
    document = yaml.safe_load(UNUSED.sub("    ", path.read_text()))
    assert not [name for name, _ in keys(document) if SECRETS.search(name)]
    slack = [channel for receiver in document["receivers"] for channel in receiver.get("slack_configs", ())]
    assert not [channel for channel in slack if "api_url" in channel]
    files = [value for name, value in keys(document) if name.endswith("_file")]
    assert files
    assert all(value.startswith("/etc/alertmanager/secrets/") for value in files)


def test_a_channel_says_whether_it_hears_of_the_end() -> None:
    for receiver in SHIPPED["receivers"]:
        (channels,) = (value for name, value in receiver.items() if name != "name")
        assert all(isinstance(channel["send_resolved"], bool) for channel in channels)


def test_tiers_of_one_thing_inhibit_each_other() -> None:
    worst, worse = SHIPPED["inhibit_rules"][:2]
    assert worst["equal"] == worse["equal"]
    assert {"alertname", "instance", "site", "mac", "mountpoint", "probe", "component", "device"} <= set(worst["equal"])
    assert not {"severity", "scope", "topic", "team", "job", "role"} & set(worst["equal"])
