"""`pomona alerts` against real Alertmanagers: what fires is listed, acknowledged, muted and freed again."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from e2e.asking import until
from exporters.core.errors import PersonError
from exporters.operate.alerts.client import Alertmanager
from exporters.operate.alerts.login import session
from exporters.operate.alerts.wire import Matcher, NewSilence
from exporters.stack.engines import Engines
from operate.alertmanagers import Pomona, Running, alertmanager

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def running(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with alertmanager(engines, tmp_path_factory.mktemp("alertmanager")) as started:
        yield started


@pytest.fixture
def manager(running: Running) -> Iterator[Running]:
    yield running
    running.clear()


@pytest.fixture
def pomona(manager: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Pomona:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("POMONA_AUTHOR", "ada")
    return Pomona(capsys, "--alertmanager.url", manager.url)


def left(silence: dict[str, str]) -> timedelta:
    return datetime.fromisoformat(silence["endsAt"]) - datetime.now(UTC)


def matchers(silence: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    assert all(each["isEqual"] and not each["isRegex"] for each in silence["matchers"])
    return {each["name"]: each["value"] for each in silence["matchers"] if each["value"]}


def test_that_nothing_fires_is_said(pomona: Pomona) -> None:
    assert pomona.good() == "no alerts\n"
    assert pomona.good("list") == "no alerts\n"
    assert json.loads(pomona.good("--json")) == []


def test_the_worst_stands_first_with_all_that_a_person_asks_for(manager: Running, pomona: Pomona) -> None:
    manager.fire("HostDiskFull", "info", instance="mac-9", site="north")
    manager.fire("MacPeripheralBatteryLow", "warning", instance="mac-3", device="Mouse", summary="Mouse at 4%")
    manager.fire("MacBatteryLow", "critical", instance="mac-17", site="south", role="laptop", job="pomona")
    head, *lines, blank = pomona.good().splitlines()
    assert head.split() == ["Severity", "Alert", "What", "Since", "State", "Summary"]
    assert [line.split()[0] for line in lines] == ["critical", "warning", "info"]
    assert re.match(r"critical +MacBatteryLow +mac-17 \(south\) +\d+s +active +MacBatteryLow critical", lines[0])
    assert re.match(r"warning +MacPeripheralBatteryLow +mac-3 device=Mouse +\d+s +active +Mouse at 4%", lines[1])
    assert blank == "3 alerts: 1 critical, 1 warning, 1 info"


def test_filters_narrow_and_may_be_repeated(manager: Running, pomona: Pomona) -> None:
    manager.fire("A", "critical", instance="mac-1", site="north")
    manager.fire("A", "warning", instance="mac-2", site="south")
    manager.fire("B", "info", instance="mac-3", site="south")

    def names(*args: str) -> list[str]:
        return sorted(each["labels"]["instance"] for each in json.loads(pomona.good(*args, "--json")))

    assert names("--severity", "warning", "--severity", "info") == ["mac-2", "mac-3"]
    assert names("list", "--site", "south", "--severity", "info") == ["mac-3"]
    assert names("--instance", "mac-1", "--team", "helpdesk") == ["mac-1"]
    assert pomona.good("--team", "nobody") == "no such alerts\n"


def test_what_a_worse_one_stands_for_is_hidden_unless_all_are_asked_for(manager: Running, pomona: Pomona) -> None:
    manager.fire("A", "warning", instance="mac-1")
    manager.fire("A", "critical", instance="mac-1")
    manager.fire("Watchdog", "info")
    told = pomona.good()
    assert "warning" not in told
    assert told.endswith("1 alert; 2 more that a worse one stands for, or that always fire: --all\n")
    every = pomona.good("--all")
    assert re.search(r"^warning +A +mac-1 +\d+s +inhibited ", every, re.MULTILINE)
    assert "Watchdog" in every


def test_an_acknowledged_warning_lets_the_critical_through(manager: Running, pomona: Pomona) -> None:
    manager.fire("A", "warning", instance="mac-1", device="disk0", job="pomona", role="laptop")
    told = pomona.good("ack", "A", "--instance", "mac-1", "--for", "1h", "--comment", "on it")
    (silence,) = manager.silences()
    assert re.fullmatch(
        rf"acknowledged warning A of mac-1 device=disk0 until [-\d: ]+ \(1h\) \(a worse one is still sent\): "
        rf"silence {silence['id']}\n",
        told,
    )
    assert matchers(silence) == {"alertname": "A", "severity": "warning", "instance": "mac-1", "device": "disk0"}
    assert (silence["createdBy"], silence["comment"]) == ("ada", "on it (pomona alerts ack)")
    assert HOUR - timedelta(minutes=1) < left(silence) <= HOUR
    assert manager.state("warning", alertname="A") == "suppressed"
    assert re.search(r"warning +A .* silenced until [\d: -]+ by ada ", pomona.good())
    manager.fire("A", "critical", instance="mac-1", device="disk0", job="pomona", role="laptop")
    assert manager.state("critical", alertname="A") == "active"


def test_an_acknowledgement_takes_the_worst_tier_of_each_thing_and_nothing_that_comes_later(
    manager: Running, pomona: Pomona
) -> None:
    manager.fire("A", "warning", instance="mac-1")
    manager.fire("A", "critical", instance="mac-1")
    manager.fire("A", "warning", instance="mac-2")
    assert len(pomona.good("ack", "A").splitlines()) == 2
    assert [(each["instance"], each["severity"]) for each in sorted(map(matchers, manager.silences()), key=str)] == [
        ("mac-1", "critical"),
        ("mac-2", "warning"),
    ]
    manager.fire("A", "critical", instance="mac-2")
    manager.fire("A", "warning", instance="mac-3")
    assert manager.state("critical", instance="mac-1") == "suppressed"
    assert manager.state("critical", instance="mac-2") == "active"
    assert manager.state("warning", instance="mac-3") == "active"


def test_a_second_acknowledgement_changes_the_end_of_the_first(manager: Running, pomona: Pomona) -> None:
    manager.fire("A", instance="mac-1")
    pomona.good("ack", "A", "--for", "30m")
    pomona.good("ack", "A", "--for", "1h30m", "--comment", "longer")
    (silence,) = manager.silences()
    assert timedelta(minutes=89) < left(silence) <= timedelta(minutes=90)
    assert silence["comment"] == "longer (pomona alerts ack)"
    pomona.good("ack", "A", "--for", "2h")
    (silence,) = manager.silences()
    assert silence["comment"] == "longer (pomona alerts ack)"


def test_an_acknowledgement_does_not_hold_for_what_has_a_label_more(manager: Running, pomona: Pomona) -> None:
    manager.fire("EndpointDown", "critical", probe="wiki")
    pomona.good("ack", "EndpointDown", "probe=wiki")
    assert manager.state("critical", probe="wiki") == "suppressed"
    for more in ({"site": "north"}, {"instance": "mac-1"}, {"part": "x"}):
        manager.fire("EndpointDown", "critical", probe="wiki", **more)
        assert manager.state("critical", probe="wiki", **more) == "active"
    assert "site=" not in pomona.good("silences")
    assert len(pomona.good("unack", "EndpointDown").splitlines()) == 1


def test_who_silences_the_heartbeat_is_warned(manager: Running, pomona: Pomona) -> None:
    manager.fire("Watchdog", "info")
    for command in ("ack", "mute"):
        assert pomona.good(command, "Watchdog").startswith("note: while Watchdog is silenced, whoever waits for ")


def test_only_what_the_labels_choose_is_acknowledged(manager: Running, pomona: Pomona) -> None:
    manager.fire("A", instance="mac-1", mountpoint="/")
    manager.fire("A", instance="mac-1", mountpoint='/Vol"1\\{x}=~.*, y')
    pomona.good("ack", "A", 'mountpoint=/Vol"1\\{x}=~.*, y', "instance=mac-1")
    assert manager.state("warning", mountpoint="/") == "active"
    assert manager.state("warning", mountpoint='/Vol"1\\{x}=~.*, y') == "suppressed"


def test_what_does_not_fire_is_not_acknowledged(manager: Running, pomona: Pomona) -> None:
    assert pomona.refused("ack", "MacBatteryLow").startswith(
        "MacBatteryLow does not fire; these fire: none; to silence"
    )
    manager.fire("MacBatteryLow", instance="mac-1")
    told = pomona.refused("ack", "MacBateryLow")
    assert told == "MacBateryLow does not fire; did you mean 'MacBatteryLow'?"
    told = pomona.refused("ack", "MacBatteryLow", "--instance", "mac-2")
    assert told == "MacBatteryLow with instance=mac-2 does not fire; MacBatteryLow does for mac-1"
    assert manager.silences() == []


def test_a_mute_holds_for_every_tier_and_may_come_first(manager: Running, pomona: Pomona) -> None:
    told = pomona.good("mute", "MacBatteryLow", "--instance", "mac-1", "--instance", "mac-2", "site=north")
    assert len(told.splitlines()) == 2
    assert "muted MacBatteryLow instance=mac-1 site=north until " in told
    assert "(2h), none fire now: silence " in told
    for each in manager.silences():
        assert matchers(each).keys() == {"alertname", "instance", "site"}
        assert 2 * HOUR - timedelta(minutes=1) < left(each) <= 2 * HOUR
    manager.fire("MacBatteryLow", "warning", instance="mac-1", site="north")
    manager.fire("MacBatteryLow", "critical", instance="mac-1", site="north")
    assert manager.state("critical", alertname="MacBatteryLow") == "suppressed"
    assert "1 fires now" in pomona.good("mute", "MacBatteryLow", "severity=critical")


def test_a_mute_of_a_name_that_nobody_knows_is_made_with_a_note(manager: Running, pomona: Pomona) -> None:
    told = pomona.good("mute", "MacBateryLow").splitlines()
    assert told[0] == "note: no alert 'MacBateryLow' fires, and none is shipped; did you mean 'MacBatteryLow'?"
    assert told[1].startswith("muted MacBateryLow until ")
    assert len(manager.silences()) == 1


def test_unack_and_unmute_end_what_was_made_here_and_no_more(manager: Running, pomona: Pomona) -> None:
    manager.fire("A", instance="mac-1")
    manager.fire("A", instance="mac-2")
    pomona.good("ack", "A")
    pomona.good("mute", "A")
    other = {"name": "alertname", "value": "A", "isRegex": False, "isEqual": True}
    times = {"startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z"}
    manager.ask("silences", {"matchers": [other], **times, "createdBy": "eve", "comment": "by amtool"})
    assert "eve: A  by amtool" in pomona.good("silences")
    assert len(pomona.good("silences").splitlines()) == 4
    assert re.fullmatch(
        r"ended silence \S+ by ada: A instance=mac-2 severity=warning\n", pomona.good("unack", "A", "instance=mac-2")
    )
    assert pomona.refused("unack", "A", "instance=mac-2").endswith("see: pomona alerts silences")
    assert len(pomona.good("unack", "A").splitlines()) == 1
    assert len(pomona.good("unmute", "A").splitlines()) == 1
    assert "1 made otherwise: --all ends those, too" in pomona.refused("unmute", "A")
    assert "by eve: A" in pomona.good("unmute", "A", "--all")
    assert pomona.good("silences") == "no silences\n"
    assert manager.state("warning", instance="mac-1") == "active"


def test_a_route_that_is_muted_now_is_told_where_alertmanager_tells_it(manager: Running, pomona: Pomona) -> None:
    """Since 0.28; an older one says that it is active."""
    manager.fire("A", instance="mac-1", team="night")
    version = tuple(map(int, manager.ask("status")["versionInfo"]["version"].split(".")[:2]))
    if version >= (0, 28):
        until_muted(manager)
        assert " muted (always) " in pomona.good()
    else:
        assert " active " in pomona.good()


def until_muted(manager: Running) -> None:
    def muted() -> bool:
        return any(alert["status"]["mutedBy"] for group in manager.ask("alerts/groups") for alert in group["alerts"])

    until(muted, "the group is muted")


def test_text_from_outside_cannot_write_to_the_terminal(manager: Running, pomona: Pomona) -> None:
    manager.fire("A", instance="mac\x1b[31m-1", summary="[bold]x[/bold] \x1b]0;title\x07\nsecond line")
    told = pomona.good()
    assert "\x1b" not in told
    assert "[bold]x[/bold]" in told
    assert "second line" in told
    assert "\x1b" not in pomona.good("ack", "A")
    assert json.loads(pomona.good("--json"))[0]["labels"]["instance"] == "mac\x1b[31m-1"


def test_of_two_addresses_the_first_that_answers_is_asked(
    manager: Running, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.fire("A", instance="mac-1")
    monkeypatch.setenv("POMONA_ALERTMANAGER_URL", f"http://127.0.0.1:1 {manager.url}/")
    told = Pomona(capsys).good("ack", "A")
    assert told.startswith("acknowledged warning A of mac-1 until ")
    assert len(manager.silences()) == 1
    typed = Pomona(capsys, "--alertmanager.url", "http://127.0.0.1:1").refused("list")
    assert typed.startswith("http://127.0.0.1:1: Connection refused; ")


def test_what_alertmanager_refuses_is_told_in_its_own_words(manager: Running) -> None:
    now = datetime.now(UTC)
    late = NewSilence((Matcher("alertname", "A"),), now - 2 * HOUR, now - HOUR, "ada", "why")
    with pytest.raises(PersonError, match=r"it refused \(400 Bad Request\): .*end time can't be in the past"):
        Alertmanager((manager.url,), session(None)).silence(late)
