"""The shipped rules and routes, quicker, on simulated Macs: real Prometheus fires, real Alertmanager tells."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

import scaled
from conftest import ROOT
from e2e.asking import free_port, query, series, until
from e2e.managing import Manager, Told, configuration
from exporters.core.pool import Pool
from exporters.core.web import Web
from exporters.stack import configure
from exporters.stack.dynamics import MINUTE
from exporters.stack.engines import Engines
from exporters.stack.ports import Ports
from exporters.stack.receiver import Alert, Receiver
from exporters.stack.simulate import settings, table
from exporters.stack.simulated import Mac
from exporters.stack.supervisor import Supervisor
from exporters.stack.up import ready
from stack.scraping import SLEEPER, Simulation

FACTOR = 1 / 30
"""Half a second from scrape to scrape, six seconds in which a gap does not end an alert."""
MACS = 33
FALLING, VISITED, FLAPPING, LATE = "sim-0005", "sim-0004", "sim-0033", "sim-0019"
CHARGE = "macos_battery_charge_ratio"
DISCHARGING = 'macos_battery_state{state="discharging"}'
STRANGE = 'macos_peripherals{authorized="false",bus="usb"}'
LOW, STRANGER = "MacBatteryLow", "MacPeripheralUnauthorized"
RESEND = "--rules.alert.resend-delay=2s"  # a minute by default


def discharging(mac: Mac, least: float, below: float) -> bool:
    """A Mac tells its charge in whole percents."""
    power = mac._power()
    return power is not None and not power.on_mains and least < round(power.charge.ratio, 2) < below


def on_mains(mac: Mac) -> bool:
    power = mac._power()
    return power is not None and power.on_mains


def strange(mac: Mac) -> bool:
    return any(device.vendor_id == "0x0781" for device in mac._present())


class SimulatedMac:
    """One simulated Mac behind HTTP, at a site of its own: alerts of one name and site would be one message.

    Its clock is moved by hand, and no other Mac's with it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._simulation, self._ahead = Simulation(macs=MACS), Simulation(macs=MACS)
        fleet = self._simulation.fleet
        self._web = Web(["127.0.0.1:0"], table(fleet, settings()), pool=Pool(8))
        (address,) = self._web.start()
        labels = dict(fleet.targets())[name]
        self.groups = configure.target_groups(address, [(name, {**labels, "site": f"site of {name}"})])

    def move(self, reached: Callable[[Mac], bool]) -> None:
        """To the minute in which it is so, at once: a twin looks for it."""
        minutes = 0
        while not reached(self._ahead.mac(self.name)):
            self._ahead.clock.move(MINUTE)
            minutes += 1
        self._simulation.clock.move(minutes * MINUTE)

    def close(self) -> None:
        self._web.stop()


class Stack:
    """Simulated Macs by name, both engines, and whom they told."""

    def __init__(self, macs: Mapping[str, SimulatedMac], manager: Manager) -> None:
        self.macs, self.manager, self.told = macs, manager, Told()
        self.prometheus = free_port()

    def seen(self, mac: SimulatedMac, expression: str) -> None:
        """Waits until Prometheus has it of this Mac."""
        until(lambda: mac.name in query(self.prometheus, expression), f"{expression} of {mac.name} in Prometheus")

    def firing(self, name: str) -> set[str]:
        """The names of what fires of a machine."""
        found = series(self.prometheus, f'ALERTS{{instance="{name}",alertstate="firing"}}')
        return {f"{labels['alertname']} {labels['severity']}" for labels, _ in found}

    def alert(self, receiver: str, mac: SimulatedMac, name: str, status: str = "firing") -> Alert:
        """Of the only message that tells so."""
        delivery = self.told.message(receiver, status, instance=mac.name, alertname=name)
        wanted = {"instance": mac.name, "alertname": name}.items()
        (alert,) = (each for each in delivery.alerts if each.status == status and wanted <= each.labels.items())
        return alert


def configured(stack: Stack, receiver: str, folder: Path) -> Ports:
    """Writes what `pomona up` writes, quicker, with these Macs as targets."""
    ports = Ports(free_port(), free_port(), urlsplit(receiver).port or 0, stack.prometheus, stack.manager.port)
    configure.write(folder, ports, [])
    groups = [group for mac in stack.macs.values() for group in mac.groups]
    (folder / "targets" / "macs.yml").write_text(yaml.safe_dump(groups))
    document = yaml.safe_load((folder / configure.PROMETHEUS).read_text())
    quick = dict.fromkeys(("scrape_interval", "evaluation_interval"), scaled.duration("15s", FACTOR))
    document |= {"global": quick, "rule_files": [f"{folder}/*.rules.yml"]}
    (folder / configure.PROMETHEUS).write_text(yaml.safe_dump(document))
    for path in (ROOT / "alert_rules").glob("*.rules.yml"):
        (folder / path.name).write_text(yaml.safe_dump(scaled.rules(yaml.safe_load(path.read_text()), FACTOR)))
    stack.manager.configure(configuration(ports.receiver, FACTOR))
    return ports


@pytest.fixture(scope="module")
def stack(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    assert engines.prometheus
    folder = tmp_path_factory.mktemp("stack")
    with ExitStack() as closed, Supervisor(folder / "logs") as supervisor:
        names = (FALLING, VISITED, FLAPPING, LATE, SLEEPER)
        macs = {name: closed.enter_context(closing(SimulatedMac(name))) for name in names}
        for name in (FALLING, FLAPPING, LATE):
            macs[name].move(lambda mac: discharging(mac, 0.5, 1))
        macs[VISITED].move(lambda mac: not strange(mac))
        stack = Stack(macs, Manager(supervisor, engines.alertmanager, folder))
        receiver = closed.enter_context(Receiver(0, stack.told))
        ports = configured(stack, receiver.url, folder)
        stack.manager.start()
        supervisor.start("prometheus", (*configure.prometheus(engines.prometheus, folder, ports), RESEND))
        until(lambda: ready(ports.prometheus), "Prometheus ready")
        yield stack


def test_a_falling_battery_is_told_once_at_each_tier_and_its_end(stack: Stack) -> None:
    mac = stack.macs[FALLING]
    stack.seen(mac, f"{CHARGE} > 0.5")
    assert not [each for each in stack.firing(mac.name) if each.startswith(LOW)]
    tiers = {"chat": (0.1, "warning"), "helpdesk": (0.05, "critical")}
    for receiver, (charge, severity) in tiers.items():
        mac.move(lambda mac, charge=charge: discharging(mac, 0, charge))
        alert = stack.alert(receiver, mac, LOW)
        assert alert.labels["severity"] == severity
        assert (alert.labels["job"], alert.labels["role"]) == ("pomona", "laptop")
        assert f"Battery of {mac.name} at" in alert.annotations["summary"]
    mac.move(on_mains)
    assert stack.alert("helpdesk", mac, LOW, "resolved").labels["severity"] == "critical"
    assert [len(stack.told.messages(receiver, instance=mac.name, alertname=LOW)) for receiver in tiers] == [1, 1]
    assert not stack.told.messages("pager", instance=mac.name, alertname=LOW)


def test_a_device_that_no_policy_allows_is_told_and_its_end(stack: Stack) -> None:
    mac = stack.macs[VISITED]
    stack.seen(mac, STRANGE)
    assert f"{STRANGER} critical" not in stack.firing(mac.name)
    mac.move(strange)
    alert = stack.alert("helpdesk", mac, STRANGER)
    assert alert.annotations["summary"] == f"Unauthorised usb device on {mac.name}"
    which = alert.annotations["description"].partition("This query says which: ")[2]
    assert [labels["vendor_id"] for labels, _ in series(stack.prometheus, which)] == ["0x0781"]
    mac.move(lambda mac: not strange(mac))
    assert stack.alert("helpdesk", mac, STRANGER, "resolved")


def test_a_battery_that_flaps_is_told_once(stack: Stack) -> None:
    mac = stack.macs[FLAPPING]
    for _ in range(3):
        mac.move(lambda mac: discharging(mac, 0, 0.05))
        stack.seen(mac, f"{CHARGE} < 0.05 and ignoring (state) {DISCHARGING} == 1")
        stack.alert("helpdesk", mac, LOW)
        mac.move(on_mains)
        stack.seen(mac, f"{DISCHARGING} == 0")
    assert stack.alert("helpdesk", mac, LOW, "resolved")
    assert len(stack.told.messages("helpdesk", instance=mac.name, alertname=LOW)) == 1


def test_a_mac_that_sleeps_alerts_nobody(stack: Stack) -> None:
    mac = stack.macs[SLEEPER]
    stack.seen(mac, "up == 1")
    mac.move(lambda mac: mac.asleep)
    stack.seen(mac, "up == 0")
    awake = stack.firing(mac.name)
    stack.seen(mac, "sum_over_time((1 - up)[20s:500ms]) > 20")  # ten seconds, which are five minutes here
    assert stack.firing(mac.name) <= awake


def test_what_begins_and_ends_while_alertmanager_is_down_is_told_when_it_is_back(stack: Stack) -> None:
    mac, other, told = stack.macs[LATE], stack.macs[VISITED], {"instance": VISITED, "alertname": STRANGER}
    begun = len(stack.told.messages("helpdesk", **told))
    other.move(strange)
    until(lambda: len(stack.told.messages("helpdesk", **told)) > begun, "the stranger told")
    ended = len(stack.told.messages("helpdesk", "resolved", **told))
    stack.manager.remembers(len(stack.told.deliveries))
    stack.manager.end()
    other.move(lambda mac: not strange(mac))
    mac.move(lambda mac: discharging(mac, 0, 0.05))
    until(lambda: f"{LOW} critical" in stack.firing(mac.name), "the battery firing")
    until(lambda: f"{STRANGER} critical" not in stack.firing(other.name), "the stranger gone")
    stack.manager.start()
    assert stack.alert("helpdesk", mac, LOW)
    until(lambda: len(stack.told.messages("helpdesk", "resolved", **told)) > ended, "the end of the stranger told")
