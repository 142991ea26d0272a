"""The texts of all channels, rendered by both generations of amtool."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from exporters.stack.engines import Engines
from tools import ended, tool

TEMPLATES = ROOT / "alert_rules" / "templates"
SHIPPED, NEWER = (ROOT / "alert_rules" / name for name in ("alertmanager.yml", "alertmanager-newer.yml"))
BASE = "http://127.0.0.1:3000"
QUOTED = re.compile(r"'(\{\{[^']*)'")
DEFINED, CALLED = re.compile(r'\{\{-? define "([^"]+)"'), re.compile(r'template "([^"]+)"')
EVIL = '<!channel> & <b onload="x">'


def alert(machine: str, status: str = "firing", severity: str = "critical", **more: str) -> dict[str, Any]:
    """As MacBatteryLow is; `more` are annotations."""
    labels = {"alertname": "MacBatteryLow", "severity": severity, "site": "north", "instance": machine}
    annotations = {
        "summary": f"Battery of {machine} at 4%",
        "description": "It runs on its battery (north) and will sleep when that is empty.",
        "recovery": "Connect a power adapter.",
        "runbook_url": "runbooks/MacBatteryLow.md",
        "dashboard_url": f"/d/pomona-mac?var-instance={machine}&var-x=1",
    }
    return {"status": status, "labels": labels, "annotations": {**annotations, **more}}


def common(dictionaries: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first, *others = dictionaries
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in others)}


def group(*alerts: dict[str, Any]) -> dict[str, Any]:
    """What Alertmanager gives to a template."""
    return {
        "receiver": "pager",
        "status": "firing" if any(each["status"] == "firing" for each in alerts) else "resolved",
        "alerts": list(alerts),
        "groupLabels": {},
        "commonLabels": common([each["labels"] for each in alerts]),
        "commonAnnotations": common([each["annotations"] for each in alerts]),
        "externalURL": "http://127.0.0.1:9093",
    }


class Texts:
    """Renders templates of one folder."""

    def __init__(self, engines: Engines, folder: Path, templates: Path = TEMPLATES) -> None:
        self._program, self._data = engines.amtool, folder / "data.json"
        self._options = ("template", "render", f"--template.glob={templates}/*.tmpl", f"--template.data={self._data}")

    def argv(self, text: str, data: dict[str, Any]) -> tuple[str | None, ...]:
        self._data.write_text(json.dumps(data))
        kind = "html" if "pomona.html" in text else "text"
        return (self._program, *self._options, f"--template.type={kind}", f"--template.text={text}")

    def text(self, name: str, *alerts: dict[str, Any]) -> str:
        return tool(*self.argv(f'{{{{ template "{name}" . }}}}', group(*alerts)))


@pytest.fixture
def texts(engines: Engines, tmp_path: Path) -> Texts:
    return Texts(engines, tmp_path)


MANY = tuple(alert(f"mac-{number:02}") for number in range(1, 18))
ENDED = alert("mac-30", "resolved")
OTHER = alert(
    "attic", severity="warning", summary="Disk of attic full", recovery="Delete.", runbook_url="https://x/y.md"
)
NAMED = {**OTHER, "labels": {"alertname": "HostDiskFull", "severity": "warning", "instance": "attic"}}


@pytest.mark.parametrize(
    ("alerts", "title"),
    [
        ((alert("mac-17"),), "critical: Battery of mac-17 at 4%"),
        ((alert("mac-17", "resolved"),), "resolved: Battery of mac-17 at 4%"),
        (MANY, "critical: 17 MacBatteryLow at north"),
        ((*MANY, ENDED), "critical: 17 MacBatteryLow at north, 1 resolved"),
        ((ENDED, ENDED), "resolved: 2 MacBatteryLow at north"),
        ((alert("a", severity="info"), alert("b", severity="warning")), "warning: 2 MacBatteryLow at north"),
        ((alert("a", severity="disaster"),), "disaster: Battery of a at 4%"),
        ((alert("a", summary=""),), "critical: MacBatteryLow"),
        ((alert("a"), NAMED), "critical: 2 alerts"),
        ((alert("a"), {**NAMED, "status": "resolved"}), "critical: 1 alert, 1 resolved"),
    ],
    ids=["one", "its end", "many", "and an end", "ends", "the worst", "unknown severity", "no summary", "names", "one"],
)
def test_a_title_says_how_bad_how_many_and_what(texts: Texts, alerts: tuple[dict[str, Any], ...], title: str) -> None:
    assert texts.text("pomona.title", *alerts) == title
    assert texts.text("pomona.slack.title", *alerts) == title


ONE = f"""\
critical: Battery of mac-17 at 4%
  It runs on its battery (north) and will sleep when that is empty.
  Dashboard: {BASE}/d/pomona-mac?var-instance=mac-17&var-x=1
What to do: Connect a power adapter.
Runbook: runbooks/MacBatteryLow.md
"""
MIXED = f"""\
critical: Battery of mac-17 at 4%
  It runs on its battery (north) and will sleep when that is empty.
  What to do: Connect a power adapter.
  Runbook: runbooks/MacBatteryLow.md
  Dashboard: {BASE}/d/pomona-mac?var-instance=mac-17&var-x=1
warning: Disk of attic full
  It runs on its battery (north) and will sleep when that is empty.
  What to do: Delete.
  Runbook: https://x/y.md
  Dashboard: {BASE}/d/pomona-mac?var-instance=attic&var-x=1
Resolved:
- Battery of mac-30 at 4%
"""


def test_the_text_says_what_it_means_what_to_do_and_where_to_look(texts: Texts) -> None:
    assert texts.text("pomona.text", alert("mac-17")) == ONE


def test_different_alerts_have_their_own_steps_and_ends_are_told(texts: Texts) -> None:
    assert texts.text("pomona.text", alert("mac-17"), OTHER, ENDED) == MIXED


@pytest.mark.parametrize("name", ["pomona.text", "pomona.slack.text", "pomona.html"])
def test_ten_machines_are_told_the_others_are_counted(texts: Texts, name: str) -> None:
    told = texts.text(name, *MANY)
    assert [f"mac-{number:02}" for number in range(1, 18) if f"Battery of mac-{number:02}" in told] == [
        f"mac-{number:02}" for number in range(1, 11)
    ]
    assert "and 7 more" in told
    assert told.count("Connect a power adapter.") == 1
    ends = texts.text(name, *({**each, "status": "resolved"} for each in MANY))
    assert ends.count("Battery of") == 10
    assert "and 7 more" in ends


def test_ten_are_all_told(texts: Texts) -> None:
    assert "more" not in texts.text("pomona.text", *MANY[:10])


SLACK = f"""\
*Battery of mac-17 at 4%* <{BASE}/d/pomona-mac?var-instance=mac-17&amp;var-x=1|dashboard>
It runs on its battery (north) and will sleep when that is empty.
What to do: Connect a power adapter.
Runbook: runbooks/MacBatteryLow.md
"""


def test_slack_has_links(texts: Texts) -> None:
    assert texts.text("pomona.slack.text", alert("mac-17")) == SLACK
    colours = [texts.text("pomona.slack.color", each) for each in (alert("a"), OTHER, ENDED)]
    assert colours == ["danger", "warning", "good"]


def test_a_machine_cannot_wake_everybody_in_slack(texts: Texts) -> None:
    given = alert(EVIL, description=EVIL, recovery=EVIL)
    given["labels"] |= {"site": EVIL}
    groups = ((given,), (given, given))
    told = [texts.text(f"pomona.slack.{part}", *alerts) for part in ("title", "text") for alerts in groups]
    assert all("&lt;!channel&gt; &amp; &lt;b" in each for each in told)
    assert not any("<!" in each or "<b" in each for each in told)


MARKUP = "@all <at>x</at> [a](https://evil) *b* _c_ `d` \\[e](f)"
HARMLESS = "@\u200ball <\u200bat>x<\u200b/at> \\[a\\](https://evil) \\*b\\* \\_c\\_ \\`d\\` \\\\\\[e\\](f)"


def test_a_machine_cannot_put_markup_or_mentions_into_markdown(texts: Texts) -> None:
    given = alert("mac-17", summary=MARKUP, description=MARKUP, recovery=MARKUP)
    given["labels"] |= {"site": MARKUP}
    body = texts.text("pomona.markdown.text", given, OTHER)
    assert (body.count(HARMLESS), body.count("@")) == (3, 3)
    assert texts.text("pomona.markdown.title", given) == f"critical: {HARMLESS}"
    assert texts.text("pomona.markdown.title", given, given) == f"critical: 2 MacBatteryLow at {HARMLESS}"
    end = texts.text("pomona.markdown.text", {**given, "status": "resolved"})
    assert end == f"Resolved:\n\n- {HARMLESS}\n"


def test_teams_and_mattermost_get_paragraphs_that_say_as_much_as_the_text(texts: Texts) -> None:
    link = f"{BASE}/d/pomona-mac?var-instance=mac-17&var-x=1"
    assert texts.text("pomona.markdown.text", alert("mac-17")).split("\n\n") == [
        "**Battery of mac-17 at 4%** (critical)",
        "It runs on its battery (north) and will sleep when that is empty.",
        f"Dashboard: {link}",
        "What to do: Connect a power adapter.",
        "Runbook: runbooks/MacBatteryLow.md",
        "",
    ]


HTML = f"""\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>critical: Battery of mac-17 at 4%</title></head>
<body style="font-family: sans-serif; max-width: 44em">
<h2>critical: Battery of mac-17 at 4%</h2>
<p><b>Battery of mac-17 at 4%</b> (critical)
<br>It runs on its battery (north) and will sleep when that is empty.
<br><a href="{BASE}/d/pomona-mac?var-instance=mac-17&amp;var-x=1">Dashboard</a>
</p>
<p>What to do: Connect a power adapter.</p>
<p>Runbook: runbooks/MacBatteryLow.md</p>
</body>
</html>
"""


def test_mail_is_html(texts: Texts) -> None:
    assert texts.text("pomona.html", alert("mac-17")) == HTML


def test_a_machine_cannot_put_markup_into_a_mail(texts: Texts) -> None:
    link = 'javascript:alert("x")'
    given = alert(EVIL, description=EVIL, recovery=EVIL, runbook_url=link, dashboard_url=link)
    told = texts.text("pomona.html", given, {**given, "status": "resolved"})
    assert "&lt;!channel&gt; &amp; &lt;b onload=" in told
    assert "<!c" not in told
    assert "<b o" not in told
    assert 'href="javascript' not in told


def test_addresses_are_edited_in_one_place_and_complete_ones_stay(engines: Engines, tmp_path: Path) -> None:
    text = (TEMPLATES / "pomona.tmpl").read_text()
    own = '{{ define "pomona.runbooks" }}https://git.example.org/rules/{{ end }}'
    mine = re.sub(r'\{\{ define "pomona.runbooks" \}\}.*', own, text.replace(BASE, "https://grafana.example.org"))
    assert mine.count("example.org") == 2
    (tmp_path / "pomona.tmpl").write_text(mine)
    texts = Texts(engines, tmp_path, tmp_path)
    told = texts.text("pomona.text", alert("mac-17"))
    assert "Runbook: https://git.example.org/rules/runbooks/MacBatteryLow.md\n" in told
    assert "Dashboard: https://grafana.example.org/d/pomona-mac?var-instance=mac-17&var-x=1\n" in told
    complete = alert("mac-17", runbook_url="https://x/y.md", dashboard_url="http://z/d")
    for name in ("pomona.text", "pomona.slack.text", "pomona.html"):
        told = texts.text(name, complete)
        assert "https://x/y.md" in told
        assert "http://z/d" in told
        assert "example.org" not in told
    assert '<a href="https://x/y.md">https://x/y.md</a>' in told


def test_a_short_message_fits_one_sms(texts: Texts) -> None:
    assert texts.text("pomona.sms", alert("mac-17")) == "critical: Battery of mac-17 at 4%"
    assert texts.text("pomona.sms", *MANY, ENDED) == "critical: Battery of mac-01 at 4% and 16 more"
    assert texts.text("pomona.sms", ENDED, alert("mac-17")) == "critical: Battery of mac-17 at 4%"
    assert len(texts.text("pomona.sms", *[alert("x" * 500)] * 9999)) <= 160


@pytest.mark.parametrize(("severity", "expected"), [("critical", "critical"), ("info", "info"), ("disaster", "error")])
def test_pagerduty_gets_a_severity_that_it_knows(texts: Texts, severity: str, expected: str) -> None:
    assert texts.text("pomona.pagerduty.severity", alert("a", severity=severity)) == expected


USED = sorted({text for path in (SHIPPED, NEWER) for text in QUOTED.findall(path.read_text())})
"""Also those of the channels that stand beside the others."""


@pytest.mark.parametrize("text", USED)
def test_every_text_of_the_configuration_renders(texts: Texts, text: str) -> None:
    for alerts in ((alert("mac-17"),), (ENDED,), (*MANY, OTHER, ENDED)):
        assert tool(*texts.argv(text, group(*alerts)))


def test_every_text_is_used_and_defined() -> None:
    defined = set(DEFINED.findall((TEMPLATES / "pomona.tmpl").read_text()))
    called = set(CALLED.findall((TEMPLATES / "pomona.tmpl").read_text() + "".join(USED)))
    assert defined == called


def test_an_undefined_text_is_named_in_one_line(texts: Texts) -> None:
    refused = ended(*texts.argv('{{ template "pomona.tilte" . }}', group(alert("mac-17"))))
    assert refused.returncode == 1
    (line,) = refused.stderr.strip().splitlines()
    assert 'template "pomona.tilte" not defined' in line
