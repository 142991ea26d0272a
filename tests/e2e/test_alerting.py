"""A battery falls, a strange device appears: real Prometheus fires, real Alertmanager delivers to a local receiver."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from conftest import ROOT
from e2e.asking import free_port, query, series, until
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
from stack.scraping import Scraped, Simulation

FAILING, VISITED = "sim-0005", "sim-0004"
CHARGE = "macos_battery_charge_ratio"
DISCHARGING = 'macos_battery_state{state="discharging"}'
STRANGE = 'macos_peripherals{authorized="false",bus="usb"}'
QUICK = {"15s": "1s", "10s": "1s", "1m": "1s"}
"""Scrapes, evaluations and notifications by the second."""
QUICK_RULES = {"15s": "1s", "3m": "3s"}
"""The shipped rules, but critical alerts begin and all end sooner; the lower tiers are not quicker than the worst."""


class SimulatedMac:
    """One simulated Mac behind HTTP; its clock is moved by hand, and no other Mac's with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._simulation = Simulation()
        fleet = self._simulation.fleet
        self._web = Web(["127.0.0.1:0"], table(fleet, settings()), pool=Pool(8))
        (address,) = self._web.start()
        self.groups = configure.target_groups(address, [each for each in fleet.targets() if each[0] == name])

    def move(self, reached: Callable[[Scraped], bool]) -> None:
        while not reached(self._simulation.probe(self.name)):
            self._simulation.clock.move(MINUTE)

    def close(self) -> None:
        self._web.stop()


class Stack:
    """Two simulated Macs, both engines, and what was delivered."""

    def __init__(self, failing: SimulatedMac, visited: SimulatedMac) -> None:
        self.failing, self.visited = failing, visited
        self.delivered: list[Alert] = []
        self.prometheus, self.alertmanager = free_port(), free_port()

    def deliveries(self, mac: SimulatedMac, name: str, status: str) -> list[Alert]:
        wanted: Mapping[str, str] = {"alertname": name, "instance": mac.name}
        return [alert for alert in self.delivered if alert.status == status and wanted.items() <= alert.labels.items()]

    def delivery(self, mac: SimulatedMac, name: str, status: str) -> Alert:
        """The only one."""
        until(lambda: self.deliveries(mac, name, status), f"{name} of {mac.name} delivered as {status}")
        (alert,) = self.deliveries(mac, name, status)
        return alert


def configured(stack: Stack, receiver: str, folder: Path) -> Ports:
    """Writes what `pomona up` writes, quicker, with these Macs as targets."""
    ports = Ports(
        agent=free_port(),
        receiver=urlsplit(receiver).port or 0,
        prometheus=stack.prometheus,
        alertmanager=stack.alertmanager,
    )
    configure.write(folder, ports, [])
    (folder / "targets" / "macs.yml").write_text(yaml.safe_dump(stack.failing.groups + stack.visited.groups))
    rules = {configure.changes(ports, folder)[configure.RULES]: f"{folder}/*.rules.yml"}
    for name in configure.PACKAGES:
        rewrite(folder / name, folder / name, QUICK | rules)
    for path in (ROOT / "alert_rules").glob("*.rules.yml"):
        rewrite(path, folder / path.name, QUICK_RULES)
    return ports


def rewrite(source: Path, target: Path, changes: Mapping[str, str]) -> None:
    target.write_text(yaml.safe_dump(configure.derived(yaml.safe_load(source.read_text()), changes)))


@pytest.fixture(scope="module")
def stack(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    assert engines.prometheus
    assert engines.alertmanager
    folder = tmp_path_factory.mktemp("stack")
    with closing(SimulatedMac(FAILING)) as failing, closing(SimulatedMac(VISITED)) as visited:
        failing.move(lambda told: told[CHARGE] > 0.5 and told[DISCHARGING] == 1)
        visited.move(lambda told: told[STRANGE] == 0)
        stack = Stack(failing, visited)
        with Receiver(0, stack.delivered.append) as receiver, Supervisor(folder / "logs") as supervisor:
            ports = configured(stack, receiver.url, folder)
            supervisor.start("alertmanager", configure.alertmanager(engines.alertmanager, folder, ports))
            supervisor.start("prometheus", configure.prometheus(engines.prometheus, folder, ports))
            until(lambda: ready(ports.alertmanager) and ready(ports.prometheus), "both engines ready")
            yield stack
            assert not [child.last_words() for child in supervisor.dead()]


def test_a_falling_battery_ends_in_one_delivered_alert(stack: Stack) -> None:
    mac = stack.failing
    until(lambda: query(stack.prometheus, f"{CHARGE} > 0.5").get(mac.name), "the charge in Prometheus")
    assert query(stack.prometheus, f'ALERTS{{alertname="MacBatteryLow",instance="{mac.name}"}}') == {}
    mac.move(lambda told: told[CHARGE] < 0.05 and told[DISCHARGING] == 1)
    alert = stack.delivery(mac, "MacBatteryLow", "firing")
    assert alert.labels["severity"] == "critical"
    assert (alert.labels["job"], alert.labels["role"]) == ("pomona", "laptop")
    assert alert.labels["site"]
    assert f"Battery of {mac.name} at 4%" in alert.annotations["summary"]
    mac.move(lambda told: told[DISCHARGING] == 0)
    assert stack.delivery(mac, "MacBatteryLow", "resolved").labels["severity"] == "critical"


def test_a_device_that_no_policy_allows_ends_in_a_delivered_alert(stack: Stack) -> None:
    mac = stack.visited
    until(lambda: mac.name in query(stack.prometheus, STRANGE), "the devices in Prometheus")
    assert query(stack.prometheus, f'ALERTS{{alertname="MacPeripheralUnauthorized",instance="{mac.name}"}}') == {}
    mac.move(lambda told: told[STRANGE] == 1)
    alert = stack.delivery(mac, "MacPeripheralUnauthorized", "firing")
    assert alert.labels["severity"] == "critical"
    assert alert.annotations["summary"] == f"Unauthorised usb device on {mac.name}"
    which = alert.annotations["description"].partition("This query says which: ")[2]
    assert [labels["vendor_id"] for labels, _ in series(stack.prometheus, which)] == ["0x0781"]
    mac.move(lambda told: told[STRANGE] == 0)
    assert stack.delivery(mac, "MacPeripheralUnauthorized", "resolved")
