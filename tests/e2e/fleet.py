"""Machines that real Prometheus scrapes with the shipped rules, quicker, and whom real Alertmanagers told of them."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import yaml

import scaled
from conftest import ROOT
from core.machines import HandClock
from e2e.asking import free_port, query, series, until
from e2e.managing import Manager, Told
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
from stack.scraping import Simulation

MACS = 33
CHARGE = "macos_battery_charge_ratio"
DISCHARGING = 'macos_battery_state{state="discharging"}'
LOW = "MacBatteryLow"
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


@dataclass(slots=True)
class RightClock(HandClock):
    """Is moved by hand as well, but its time of day is right: Prometheus would see a clock that is wrong."""

    def now(self) -> float:
        return time.time()


class SimulatedMac:
    """One simulated Mac behind HTTP, at a site of its own: alerts of one name and site would be one message.

    Its clock is moved by hand, and no other Mac's with it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._simulation, self._ahead = Simulation(macs=MACS, clock=RightClock()), Simulation(macs=MACS)
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


class Page(ThreadingHTTPServer):
    """An exporter that says what a test wants, of the machine `name` with these target labels."""

    daemon_threads = True

    def __init__(self, name: str, **labels: str) -> None:
        super().__init__(("127.0.0.1", 0), _Reader)
        self.name, self.text = name, ""
        self.groups = [
            {"targets": [f"127.0.0.1:{self.server_port}"], "labels": {"instance": name, **labels}},
        ]


class _Reader(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = cast("Page", self.server).text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Scrapes are no news."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much quicker the rules are, and how often is scraped, in the durations of the shipped files."""

    factor: float
    scrape: str = "15s"


class Scraper:
    """Prometheus with the shipped rules, what it scrapes, and the Alertmanagers that it tells."""

    def __init__(self, supervisor: Supervisor, engines: Engines, folder: Path, pace: Pace) -> None:
        self._supervisor, self._engines, self._pace = supervisor, engines, pace
        self._folder = folder / "scraper"  # what `up` writes includes a configuration of Alertmanager
        self.port = free_port()

    def start(self, groups: Iterable[Any], managers: Iterable[Manager]) -> None:
        assert self._engines.prometheus
        ports = Ports(free_port(), free_port(), free_port(), self.port, free_port())
        configure.write(self._folder, ports, [])
        (self._folder / "targets" / "macs.yml").write_text(yaml.safe_dump(list(groups)))
        document = yaml.safe_load((self._folder / configure.PROMETHEUS).read_text())
        told = [{"static_configs": [{"targets": [f"127.0.0.1:{each.port}" for each in managers]}]}]
        document |= {"alerting": {"alertmanagers": told}, "rule_files": [f"{self._folder}/*.rules.yml"]}
        scrape = scaled.duration(self._pace.scrape, self._pace.factor)
        document["global"] = dict.fromkeys(("scrape_interval", "evaluation_interval"), scrape)
        (self._folder / configure.PROMETHEUS).write_text(yaml.safe_dump(document))
        for path in (ROOT / "alert_rules").glob("*.rules.yml"):
            rules = scaled.rules(yaml.safe_load(path.read_text()), self._pace.factor)
            (self._folder / path.name).write_text(yaml.safe_dump(rules))
        command = configure.prometheus(self._engines.prometheus, self._folder, ports)
        self._supervisor.start("prometheus", (*command, RESEND))
        until(lambda: ready(self.port), "Prometheus ready")


class Stack:
    """Simulated Macs by name, both engines, and whom they told."""

    def __init__(self, macs: Mapping[str, SimulatedMac], manager: Manager, prometheus: int) -> None:
        self.macs, self.manager, self.prometheus, self.told = macs, manager, prometheus, Told()

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


@contextmanager
def stacked(
    engines: Engines,
    folder: Path,
    prepared: tuple[Iterable[str], Callable[[Mapping[str, SimulatedMac]], None]],
    pace: Pace,
    routed: Callable[[int], dict[str, Any]],
) -> Iterator[Stack]:
    """Macs in the state that `prepared` brings them to, and one Alertmanager, `routed` to the port of its receiver."""
    names, prepare = prepared
    with ExitStack() as closed, Supervisor(folder / "logs") as supervisor:
        found = {name: closed.enter_context(closing(SimulatedMac(name))) for name in names}
        scraper = Scraper(supervisor, engines, folder, pace)
        stack = Stack(found, Manager(supervisor, engines.alertmanager, folder), scraper.port)
        receiver = closed.enter_context(Receiver(0, stack.told))
        stack.manager.configure(routed(urlsplit(receiver.url).port or 0))
        stack.manager.start()
        prepare(found)
        scraper.start((group for mac in found.values() for group in mac.groups), [stack.manager])
        yield stack
