"""`pomona up`: exporters, Prometheus and Alertmanager on loopback, wired together, until Ctrl-C."""

import http.client
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exporters.core.clock import system_clock
from exporters.stack import configure, simulated_routers
from exporters.stack.engines import Engines, find, installation
from exporters.stack.folder import held
from exporters.stack.ports import LOOPBACK, Ports, address, chosen
from exporters.stack.receiver import Receiver
from exporters.stack.simulated import Fleet
from exporters.stack.simulated_routers import Routers
from exporters.stack.supervisor import Supervisor, run_to_end
from exporters.stack.telling import Teller

PATIENCE = 60.0
"""Seconds that all parts together get to be ready."""
POLL = 0.2
LISTEN = "--web.listen-address"
SIMULATED_ROUTERS = "simulated-routers"
POMONA = (sys.executable, "-P", "-m", "exporters")
HOW = "apt-get install prometheus prometheus-alertmanager, or brew install prometheus alertmanager"


@dataclass(frozen=True, slots=True)
class Part:
    """A process of the stack: its command line, its port, what a person finds there."""

    name: str
    argv: Sequence[str]
    port: int
    about: str
    path: str = "/"


@dataclass(frozen=True, slots=True)
class Simulated:
    """How many Macs and routers are simulated, from which seed, how fast."""

    macs: int
    routers: int
    seed: int
    speed: float


def run(*, simulated: Simulated, folder: Path, port_base: int | None, install: bool) -> int:
    """Runs everything until SIGTERM or Ctrl-C: 0; 1 when a part ended by itself or was not ready in time."""
    console = Console(highlight=False)
    folder = folder.absolute()
    with held(folder):
        engines = _engines(console, install)
        ports = chosen(port_base, simulated.routers)
        fleet = _write(simulated, folder, ports)
        parts = list(_parts(engines, folder, ports, simulated))
        with _asked_to_end() as asked, Receiver(ports.receiver, Teller(console)):
            fault = _run_parts(console, folder / "logs", parts, asked, lambda: _welcome(console, parts, engines, fleet))
    if fault:
        console.print(f"[red]{escape(fault)}[/red]", soft_wrap=True)
    console.print("ended")
    return 1 if fault else 0


def _write(simulated: Simulated, folder: Path, ports: Ports) -> Fleet:
    """The configuration of every part; the fleet."""
    fleet = Fleet(simulated.macs, simulated.seed, simulated.speed, system_clock())
    routers = Routers(simulated.routers, simulated.seed, simulated.speed, system_clock())
    configure.write(folder, ports, fleet.targets(), routers.targets())
    placed = {router.name: ports.routers + number for number, router in enumerate(routers.all)}
    simulated_routers.write(folder / SIMULATED_ROUTERS, routers, placed)
    return fleet


def _run_parts(
    console: Console, logs: Path, parts: Sequence[Part], asked: Callable[[], bool], welcome: Callable[[], None]
) -> str:
    """Runs them to their end; says in one line what went wrong, nothing where all is well."""
    with Supervisor(logs) as supervisor:
        for part in parts:
            supervisor.start(part.name, part.argv)
        fault = _until_ready(console, supervisor, parts, asked)
        if not fault and not asked():
            welcome()
            fault = _until_ended(supervisor, asked)
        return fault


def _engines(console: Console, install: bool) -> Engines:
    """What is there, after an installation where that is wanted and something is missing."""
    engines = find(os.environ)
    if install and {"prometheus", "alertmanager"} & set(engines.missing()):
        for command in installation(os.environ, root=os.geteuid() == 0):
            console.print(f"$ {' '.join(command)}", markup=False)
            if run_to_end(command):
                break
        engines = find(os.environ)
    absent = [name for name in ("prometheus", "alertmanager") if getattr(engines, name) is None]
    if absent:
        console.print(f"[yellow]{' and '.join(absent)} not found: going on without ({HOW})[/yellow]", soft_wrap=True)
    return engines


def _parts(engines: Engines, folder: Path, ports: Ports, simulated: Simulated) -> Iterator[Part]:
    agent = (*POMONA, "agent", LISTEN, address(ports.agent), "--state.dir", str(folder / "agent"))
    yield Part("agent", agent, ports.agent, "the metrics of this machine", "/metrics")
    if simulated.macs or simulated.routers:
        yield _simulation(folder, ports, simulated)
    if simulated.routers:
        router = ("router", "--config.file", str(folder / SIMULATED_ROUTERS / simulated_routers.ROUTER_FILE))
        where = (LISTEN, address(ports.router), "--state.dir", str(folder / "router"))
        yield Part("router", (*POMONA, *router, *where), ports.router, "metrics of the routers")
    if engines.prometheus:
        yield Part(
            "prometheus",
            configure.prometheus(engines.prometheus, folder, ports),
            ports.prometheus,
            "queries, targets, alerts",
        )
    if engines.alertmanager:
        command = configure.alertmanager(engines.alertmanager, folder, ports)
        yield Part("alertmanager", command, ports.alertmanager, "notifications, silences")


def _simulation(folder: Path, ports: Ports, simulated: Simulated) -> Part:
    numbers = ("--macs", str(simulated.macs), "--seed", str(simulated.seed), "--speed", str(simulated.speed))
    routers = ("--routers", str(simulated.routers), "--routers-port", str(ports.routers))
    where = ("--routers-dir", str(folder / SIMULATED_ROUTERS), LISTEN, address(ports.fleet))
    about = f"{simulated.macs} simulated Macs, {simulated.routers} routers"
    return Part("simulate", (*POMONA, "simulate", *numbers, *routers, *where), ports.fleet, about)


@contextmanager
def _asked_to_end() -> Iterator[Callable[[], bool]]:
    """Whether SIGTERM or Ctrl-C came: nothing is interrupted, so that every child is known and ended."""
    came: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, lambda number, _: came.append(number)) for number in numbers}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _until_ready(console: Console, supervisor: Supervisor, parts: Sequence[Part], asked: Callable[[], bool]) -> str:
    """Waits for all parts; says in one line what went wrong, nothing where all is well."""
    waiting = {part.name: part for part in parts}
    deadline = time.monotonic() + PATIENCE
    with console.status("") as status:
        while waiting and not asked():
            status.update(f"waiting for {', '.join(waiting)}")
            if fault := _fault(supervisor):
                return fault
            if time.monotonic() > deadline:
                return f"{', '.join(waiting)} not ready after {PATIENCE:g} s; see the logs"
            time.sleep(POLL)
            waiting = {name: part for name, part in waiting.items() if not ready(part.port)}
    return ""


def _until_ended(supervisor: Supervisor, asked: Callable[[], bool]) -> str:
    while not asked():
        if fault := _fault(supervisor):
            return fault
        time.sleep(POLL)
    return ""


def _fault(supervisor: Supervisor) -> str:
    return next((child.last_words() for child in supervisor.dead()), "")


def ready(port: int) -> bool:
    """Whether `/-/ready` answers 200."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/-/ready")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _welcome(console: Console, parts: Sequence[Part], engines: Engines, fleet: Fleet) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("part", "where", "what"):
        table.add_column(title)
    for part in parts:
        table.add_row(part.name, f"http://{address(part.port)}{part.path}", part.about)
    console.print(table)
    urls = {part.name: f"http://{address(part.port)}" for part in parts}
    for line in first_steps(urls, engines, fleet):
        console.print(line, markup=False, soft_wrap=True)


def first_steps(urls: Mapping[str, str], engines: Engines, fleet: Fleet) -> Iterator[str]:
    """What to try with the parts that run; it promises only what will come."""
    simulated = "simulate" in urls and fleet.mac("sim-0001") is not None
    yield "\nTry first:"
    if "prometheus" in urls and engines.promtool:
        yield f"  promtool query instant {urls['prometheus']} up"
        if simulated:
            yield f"  promtool query instant {urls['prometheus']} macos_battery_charge_ratio"
    else:
        yield f"  curl {urls['agent']}/metrics"
    if simulated:
        yield f"  curl '{urls['simulate']}/probe?target=sim-0001'"
    if "router" in urls and "prometheus" in urls and engines.promtool:
        yield f"  promtool query instant {urls['prometheus']} 'topk(5, openwrt_nlbwmon_period_receive_bytes)'"
    elif "router" in urls:
        yield f"  curl '{urls['router']}/probe?target=sim-r01&module=openwrt'"
    if "alertmanager" in urls and engines.amtool:
        yield f"  amtool --alertmanager.url={urls['alertmanager']} alert"
    if "alertmanager" in urls:
        low = fleet.low_at_first() if "prometheus" in urls else None
        yield "Alerts that Alertmanager delivers are told here." + (
            f" The battery of {low} runs low: expect the first within minutes." if low else ""
        )
    yield "Ctrl-C ends all."
