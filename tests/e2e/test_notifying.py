"""Alerts as Prometheus sends them, the shipped routes and inhibition quicker, two generations of real Alertmanagers."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import scaled
from e2e.asking import until
from e2e.managing import Manager, Told, alert, configuration, instances, over
from exporters.stack import configure
from exporters.stack.engines import Engines
from exporters.stack.receiver import Receiver
from exporters.stack.supervisor import Supervisor

FACTOR = 1 / 7200
"""Twelve hours take six seconds."""
ALWAYS = [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]
NEVER = [{"years": ["1970"]}]


class House:
    """One Alertmanager and whom it told."""

    def __init__(self, manager: Manager, told: Told, port: int) -> None:
        self.manager, self.told, self._port = manager, told, port

    def document(self, factor: float = FACTOR) -> dict[str, Any]:
        return configuration(self._port, factor)

    def timed(self, factor: float = FACTOR, **hours: Any) -> dict[str, Any]:
        """With the hours of the shipped file, but these ones."""
        shipped = configure.shipped(configure.ALERTMANAGER)
        intervals = [{**each, "time_intervals": hours.get(each["name"], NEVER)} for each in shipped["time_intervals"]]
        route = scaled.routes({"route": shipped["route"]}, factor)["route"]
        return {**self.document(factor), "route": route, "time_intervals": intervals}


@pytest.fixture
def house(engines: Engines, tmp_path: Path) -> Iterator[House]:
    told = Told()
    with Receiver(0, told) as receiver, Supervisor(tmp_path / "logs") as supervisor:
        house = House(Manager(supervisor, engines.alertmanager, tmp_path), told, urlsplit(receiver.url).port or 0)
        house.manager.configure(house.document())
        house.manager.start()
        yield house
        assert not [child.last_words() for child in supervisor.dead()]


def test_an_acknowledged_warning_is_not_repeated_but_its_critical_alert_is_told(house: House) -> None:
    manager, told = house.manager, house.told
    manager.raised(alert("MacBatteryLow", "warning", "a"), alert("MacBatteryLow", "warning", "b", site="south"))
    for name in ("a", "b"):
        told.message("chat", instance=name)
    manager.silence(alertname="MacBatteryLow", instance="a", severity="warning")
    until(lambda: len(told.messages("chat", instance="b")) > 1, "the other warning repeated")
    assert len(told.messages("chat", instance="a")) == 1
    manager.raised(alert("MacBatteryLow", "critical", "a"))
    assert told.message("helpdesk", instance="a").alerts[0].labels["severity"] == "critical"


def test_a_muted_alert_stays_mute_when_it_gets_worse(house: House) -> None:
    manager, told = house.manager, house.told
    manager.silence(alertname="MacBatteryLow", instance="a")
    manager.raised(alert("MacBatteryLow", "critical", "a"), alert("MacBatteryLow", "critical", "b"))
    until(lambda: manager.states(instance="a") == ["suppressed"], "the muted one suppressed")
    assert instances(told.message("helpdesk", instance="b")) == ["b"]
    assert not told.messages("helpdesk", instance="a")


def test_of_two_things_on_one_machine_each_is_told_at_its_own_tier(house: House) -> None:
    manager, told = house.manager, house.told
    tiers = {"disk0": ("warning", "critical"), "disk4": ("warning",)}
    raised = [
        alert("MacDiskWorn", severity, "a", device=device, scope="service")
        for device, severities in tiers.items()
        for severity in severities
    ]
    manager.raised(*raised)
    until(lambda: manager.states(device="disk0", severity="warning") == ["suppressed"], "the lower tier suppressed")
    assert [each.labels["device"] for each in told.message("pager", device="disk0").alerts] == ["disk0"]
    assert [each.labels["device"] for each in told.message("chat", device="disk4").alerts] == ["disk4"]
    manager.raised(alert("MacDiskWorn", "critical", "a", device="disk4", scope="service"))
    assert sorted(each.labels["device"] for each in told.message("pager", device="disk4").alerts) == ["disk0", "disk4"]
    assert not told.messages("chat", device="disk0")


INHIBITED = {
    "a site that is off": (
        alert("SiteOffline", "critical", "x", scope="site"),
        alert("MacNotSeen", "critical", "a"),
        [alert("MacNotSeen", "critical", "b", site="south"), alert("HostDown", "critical", "c", scope="service")],
    ),
    "a site that is off, as to its router": (
        alert("SiteOffline", "critical", "", scope="site"),
        alert("RouterUnreachable", "critical", "attic", scope="service", topic="router", role="router"),
        [alert("RouterUnreachable", "critical", "cellar", site="south", scope="service", topic="router")],
    ),
    "a site that is off, as to its line": (
        alert("SiteOffline", "critical", "", scope="site"),
        alert("RouterWanDown", "critical", "attic", scope="site", topic="router", role="router"),
        [alert("RouterWanDown", "critical", "cellar", site="south", scope="site", topic="router")],
    ),
    "a site that is off, as to its exporters": (
        alert("SiteOffline", "critical", "", scope="site"),
        alert("ExporterDown", "critical", "a", scope="service", role="server"),
        [
            alert("ExporterDown", "critical", "b", site="south", scope="service"),
            alert("ComponentDown", "critical", "a", scope="service", role="server"),
        ],
    ),
    "a site that is none, as to its exporters": (
        alert("SiteOffline", "critical", "x", site="", scope="site"),
        None,
        [alert("ExporterDown", "critical", "a", site="", scope="service")],
    ),
    "a site that is none": (
        alert("SiteOffline", "critical", "x", site="", scope="site"),
        None,
        [alert("MacNotSeen", "critical", "a", site="")],
    ),
    "a router": (
        alert("RouterUnreachable", "critical", "attic", scope="service", topic="router"),
        alert("RouterWanDown", "critical", "attic", scope="service", topic="router"),
        [
            alert("RouterWanDown", "critical", "cellar", scope="service", topic="router"),
            alert("ComponentDown", "critical", "attic", scope="service", topic="components"),
        ],
    ),
    "an endpoint": (
        alert("EndpointDown", "critical", "", scope="service", probe="intranet"),
        alert("EndpointDownOnMac", "critical", "a", probe="intranet"),
        [
            alert("EndpointDownOnMac", "critical", "b", probe="mail"),
            alert("EndpointDownOnMac", "critical", "c", site="south", probe="intranet"),
        ],
    ),
    **{
        f"an endpoint, as to {name}": (
            alert("EndpointDown", "critical", "", scope="service", probe="intranet"),
            alert(name, "critical", "a", scope="service", probe="intranet"),
            [
                alert(name, "critical", "b", scope="service", probe="mail"),
                alert("EndpointCertificateExpires", "critical", "c", scope="service", probe="intranet"),
            ],
        )
        for name in ("EndpointErrors", "EndpointErrorBudgetBurns", "EndpointSlow")
    },
    "nothing": (
        alert("FleetSymptomCommon", "critical", "", site="", scope="fleet", symptom="MacBatteryLow"),
        None,
        [alert("MacBatteryLow", "critical", "a")],
    ),
}


@pytest.mark.parametrize("case", INHIBITED.values(), ids=INHIBITED)
def test_a_cause_hides_what_follows_from_it_and_nothing_else(house: House, case: tuple[Any, Any, list[Any]]) -> None:
    cause, hidden, others = case
    house.manager.raised(cause)
    house.told.message("pager", alertname=cause["labels"]["alertname"])
    house.manager.raised(*others, *([hidden] if hidden else []))
    for each in others:
        receiver = "helpdesk" if each["labels"]["scope"] == "device" else "pager"
        house.told.message(receiver, alertname=each["labels"]["alertname"], instance=each["labels"]["instance"])
    if hidden:
        until(lambda: house.manager.states(**hidden["labels"]) == ["suppressed"], "the consequence suppressed")
        assert not [each for each in house.told.deliveries if told_of(hidden["labels"], each)]


def told_of(labels: Mapping[str, str], delivery: Any) -> bool:
    return any(labels.items() <= each.labels.items() for each in delivery.alerts)


def test_many_machines_at_one_site_are_one_page(house: House) -> None:
    house.manager.raised(*(alert("ComponentDown", "critical", f"mac-{each}", scope="service") for each in range(20)))
    assert len(house.told.message("pager").alerts) == 20


def test_the_end_is_told_where_it_began_and_no_end_is_in_the_digest(house: House) -> None:
    manager, told = house.manager, house.told
    warning, info = alert("HostLoad", "warning", "a"), alert("HostUpdates", "info", "a")
    manager.raised(warning, info)
    told.message("chat")
    told.message("digest")
    manager.raised(over(info), over(warning))
    told.message("chat", "resolved", instance="a")
    until(lambda: not manager.states(instance="a"), "both gone")
    assert not told.messages("digest", "resolved")


def test_the_watchdog_beats(house: House) -> None:
    house.manager.raised(alert("Watchdog", "none", "", site="", scope="fleet"))
    until(lambda: len(house.told.messages("watchdog")) >= 3, "three beats")


def test_a_warning_at_night_is_told_in_the_morning_and_a_critical_alert_at_once(house: House) -> None:
    manager, told = house.manager, house.told
    manager.reload(house.timed(nights=ALWAYS))
    manager.raised(alert("HostLoad", "warning", "a"))
    manager.raised(alert("HostLoad", "disaster", "b"), alert("HostLoad", "critical", "c"))
    told.message("helpdesk", instance="c")
    told.message("chat", instance="b")
    assert not told.messages("chat", instance="a")
    manager.reload(house.timed(nights=NEVER))
    told.message("chat", instance="a")


def test_the_infos_of_a_day_are_one_message_in_its_hour(house: House) -> None:
    manager, told = house.manager, house.told
    manager.reload(house.timed(1 / 600))
    infos = [alert(f"Some{number}", "info", f"mac-{number}", site=f"s{number}") for number in range(5)]
    for each in infos:
        manager.raised(each)
    manager.raised(alert("HostLoad", "warning", "a"))
    told.message("chat", instance="a")
    manager.raised(alert("HostLoad", "warning", "b"))
    told.message("chat", instance="b")  # an interval later, which is as long as the infos wait
    assert not told.messages("digest")
    manager.reload(house.timed(1 / 600, digest=ALWAYS))
    assert instances(told.message("digest")) == [f"mac-{number}" for number in range(5)]
