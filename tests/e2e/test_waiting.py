"""What must not be told, although time passes: sleep, wake, and what somebody has acknowledged."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from e2e.asking import until
from e2e.fleet import LOW, Pace, SimulatedMac, Stack, discharging, stacked
from e2e.managing import configuration
from exporters.cli import main
from exporters.stack.engines import Engines
from stack.scraping import SLEEPER

PACE = Pace(1 / 120, "1m")
"""Half a second from scrape to scrape; half an hour takes fifteen."""
FALLING, OTHER = "sim-0005", "sim-0019"


def often(port: int) -> dict[str, Any]:
    """Warnings are repeated with each interval of their group."""
    document = configuration(port, PACE.factor)
    return {**document, "route": {**document["route"], "repeat_interval": "1s"}}


def prepare(macs: Mapping[str, SimulatedMac]) -> None:
    for name in (FALLING, OTHER):
        macs[name].move(lambda mac: discharging(mac, 0.5, 1))


@pytest.fixture(scope="module")
def stack(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    macs = ((FALLING, OTHER, SLEEPER), prepare)
    with stacked(engines, tmp_path_factory.mktemp("stack"), macs, PACE, often) as stack:
        yield stack


def told_of(stack: Stack, mac: SimulatedMac) -> set[tuple[str, ...]]:
    """Whom of which of its alerts. Sleep ends what fires, and that end is told."""
    return {
        (delivery.receiver, alert.labels["alertname"], alert.labels["severity"])
        for delivery in stack.told.deliveries
        for alert in delivery.alerts
        if alert.status == "firing" and alert.labels.get("instance") == mac.name
    }


def test_a_mac_that_sleeps_alerts_nobody_nor_does_its_wake(stack: Stack) -> None:
    mac = stack.macs[SLEEPER]
    stack.seen(mac, "count_over_time(up[20s]) > 15 and up == 1")
    before = told_of(stack, mac)
    mac.move(lambda mac: mac.asleep)
    stack.seen(mac, "up == 0")
    stack.seen(mac, "sum_over_time((1 - up)[25s:500ms]) > 36")  # 18 s, which are 36 minutes here
    assert told_of(stack, mac) == before
    mac.move(lambda mac: not mac.asleep)
    stack.seen(mac, "min_over_time(up[4s]) == 1")  # eight minutes
    assert told_of(stack, mac) == before


def test_an_acknowledged_warning_is_not_told_again_but_its_critical_alert_is(stack: Stack) -> None:
    mac, other, told = stack.macs[FALLING], stack.macs[OTHER], stack.told
    for each in (mac, other):
        each.move(lambda mac: discharging(mac, 0.05, 0.1))
        until(lambda each=each: told.messages("chat", instance=each.name, alertname=LOW), f"{each.name} told")
    url = f"http://127.0.0.1:{stack.manager.port}"
    assert main(["alerts", "ack", LOW, "--instance", mac.name, "--alertmanager.url", url]) == 0
    until(lambda: suppressed(stack, mac), "the warning suppressed")
    acknowledged, repeated = (len(told.messages("chat", instance=each.name, alertname=LOW)) for each in (mac, other))
    until(lambda: len(told.messages("chat", instance=OTHER, alertname=LOW)) > repeated + 1, "the other one repeated")
    assert len(told.messages("chat", instance=mac.name, alertname=LOW)) == acknowledged
    mac.move(lambda mac: discharging(mac, 0, 0.05))
    assert stack.alert("helpdesk", mac, LOW).labels["severity"] == "critical"
    assert len(told.messages("chat", instance=mac.name, alertname=LOW)) == acknowledged


def suppressed(stack: Stack, mac: SimulatedMac) -> bool:
    return stack.manager.states(alertname=LOW, instance=mac.name, severity="warning") == ["suppressed"]
