"""A simulated Mac's battery falls: real Prometheus fires, real Alertmanager delivers to a local receiver."""

from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from e2e.asking import PATIENCE, free_port, query, until
from exporters.core.pool import Pool
from exporters.core.web import Web
from exporters.stack import configure
from exporters.stack.dynamics import MINUTE
from exporters.stack.engines import Engines
from exporters.stack.ports import Ports
from exporters.stack.receiver import Alert, Receiver
from exporters.stack.simulate import settings, table
from exporters.stack.supervisor import Supervisor
from exporters.stack.up import ready
from stack.scraping import Simulation

MAC = "sim-0005"
QUICK = {"15s": "1s", "10s": "1s", "1m": "1s"}
"""Scrapes, evaluations and notifications by the second; the rules are the shipped ones."""


class Stack:
    """One simulated Mac, both engines, a receiver; the Mac's clock is moved by hand."""

    def __init__(self, simulation: Simulation, prometheus: int, delivered: "Queue[Alert]") -> None:
        self.simulation, self.prometheus, self.delivered = simulation, prometheus, delivered

    def discharge_to(self, highest: float) -> None:
        self._move(lambda told: told[DISCHARGING] == 1 and told["macos_battery_charge_ratio"] < highest)

    def plug_in(self) -> None:
        self._move(lambda told: told[DISCHARGING] == 0)

    def delivery(self, status: str) -> Alert:
        """The next one about the battery."""
        while True:
            alert = self.delivered.get(timeout=PATIENCE)
            if alert.labels["alertname"] == "MacBatteryLow" and alert.status == status:
                return alert

    def _move(self, reached: Any) -> None:
        while not reached(self.simulation.probe(MAC)):
            self.simulation.clock.move(MINUTE)


DISCHARGING = 'macos_battery_state{state="discharging"}'


def make_quick(folder: Path) -> None:
    for name in configure.PACKAGES:
        path = folder / name
        path.write_text(yaml.safe_dump(configure.derived(yaml.safe_load(path.read_text()), QUICK)))


@pytest.fixture
def stack(engines: Engines, tmp_path: Path) -> Iterator[Stack]:
    simulation, delivered = Simulation(), Queue[Alert]()
    web = Web(["127.0.0.1:0"], table(simulation.fleet, settings()), pool=Pool(16))
    (address,) = web.start()
    with Receiver(0, delivered.put) as receiver, Supervisor(tmp_path / "logs") as supervisor:
        ports = Ports(
            agent=free_port(),
            fleet=int(address.rsplit(":", 1)[1]),
            receiver=urlsplit(receiver.url).port or 0,
            prometheus=free_port(),
            alertmanager=free_port(),
        )
        configure.write(tmp_path, ports, [each for each in simulation.fleet.targets() if each[0] == MAC])
        make_quick(tmp_path)
        assert engines.prometheus
        assert engines.alertmanager
        supervisor.start("alertmanager", configure.alertmanager(engines.alertmanager, tmp_path, ports))
        supervisor.start("prometheus", configure.prometheus(engines.prometheus, tmp_path, ports))
        until(lambda: ready(ports.alertmanager) and ready(ports.prometheus), "both engines ready")
        yield Stack(simulation, ports.prometheus, delivered)
        assert not [child.last_words() for child in supervisor.dead()]
    web.stop()


def test_a_falling_battery_ends_in_a_delivered_alert(stack: Stack) -> None:
    stack.discharge_to(0.5)
    until(lambda: query(stack.prometheus, "macos_battery_charge_ratio > 0.05"), "the charge in Prometheus")
    assert query(stack.prometheus, 'ALERTS{alertname="MacBatteryLow"}') == {}
    stack.discharge_to(0.05)
    alert = stack.delivery("firing")
    assert alert.labels["severity"] == "critical"
    assert {alert.labels[name] for name in ("instance", "job", "role")} == {MAC, "pomona", "laptop"}
    assert alert.labels["site"]
    assert f"Battery of {MAC} at 4%" in alert.annotations["summary"]
    stack.plug_in()
    assert stack.delivery("resolved").labels["severity"] == "critical"
