"""`pomona simulate`: one process that serves simulated Macs, each as `/probe?target=NAME`, and routers over SSH."""

import logging
import resource
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from exporters.core import routes
from exporters.core.clock import system_clock
from exporters.core.collector import discover
from exporters.core.config import Settings, load
from exporters.core.exchange import Handler, Request, Response
from exporters.core.pool import Pool
from exporters.core.privacy import Key
from exporters.core.runner import Runner
from exporters.core.web import Web
from exporters.sources.replay import Replay
from exporters.stack import component_reports, endpoint_reports, quality_reports
from exporters.stack.configure import target_groups
from exporters.stack.simulated import Fleet

PACKAGES = ("exporters.host", "exporters.macos")
KEY = Key(b"simulated-fleet-key")
ALLOWED = (
    {"apple": True},
    {"bus": "thunderbolt"},
    {"vendor_id": "0x046d"},
    {"vendor_id": "0x0bda"},
    {"vendor_id": "0x1050"},
    {"vendor_id": "0x2109"},
)
"""The policy of the simulated fleet: it does not know every device that visits it."""
ADDED: Mapping[str, Mapping[str, Any]] = {
    "time_machine": {"last_backup": True},
    "soc_power": {"enabled": True},
    "endpoints": endpoint_reports.CONFIG,
    "components": component_reports.CONFIG,
    "network_quality": quality_reports.CONFIG,
}
"""What asks nothing by default, by collector: options that the simulated fleet has besides."""
FILES, FILES_A_ROUTER = 256, 4
log = logging.getLogger("pomona")


def settings() -> Settings:
    """The defaults of every collector, and what the fleet has switched on or configured."""
    flags = {
        "collectors.peripherals.policy": {"allow": ALLOWED},
        **{f"collectors.{name}.{option}": value for name, own in ADDED.items() for option, value in own.items()},
    }
    return load(discover(PACKAGES), None, {}, flags, lambda _: KEY)


class Targets:
    """The Runners of the fleet; each is made when its Mac is first probed."""

    def __init__(self, fleet: Fleet, configured: Settings) -> None:
        self._fleet, self._settings = fleet, configured
        self._pool = Pool(32, "pomona-collect")
        self._runners: dict[str, Runner] = {}

    def runner(self, target: str, module: str = "") -> Runner | None:
        """Of a Mac of the fleet; None for any other, TargetError while it sleeps."""
        if module:
            raise routes.ModuleError("simulated Macs have no modules")
        mac = self._fleet.mac(target)
        if mac is None:
            return None
        if mac.asleep:
            raise routes.TargetError(f"{target} sleeps")
        if target not in self._runners:
            made = Runner(
                self._settings.collectors,
                Replay(mac.captures),
                self._settings.contexts,
                clock=mac,
                pool=self._pool,
                on_demand=True,
            )
            self._runners.setdefault(target, made)
        return self._runners[target]


def table(fleet: Fleet, configured: Settings) -> Mapping[str, Handler]:
    """What the paths answer."""
    links = {"/targets": "all targets, for http_sd_configs", "/-/healthy": "liveness"}
    probes = {f"/probe?target={name}": model for name, model in fleet.first_of_each_model()}
    return {
        "/": routes.landing("Simulated Macs", f"{len(fleet.names())} Macs that do not exist.", probes | links),
        "/probe": routes.probe(Targets(fleet, configured)),
        "/targets": _targets(fleet),
        "/-/healthy": routes.healthy,
        "/-/ready": routes.ready(lambda: True),
    }


def _targets(fleet: Fleet) -> Handler:
    """The address is the one under which Prometheus reached us."""

    def handle(request: Request) -> Response:
        groups = target_groups(request.headers.get("host", ""), fleet.targets())
        return Response(200, msgspec.json.encode(groups), "application/json")

    return handle


@dataclass(frozen=True, slots=True)
class Network:
    """How many routers, the folder for the files that lead to them, their first port (0: any), the devices of each."""

    routers: int
    folder: Path
    port: int = 0
    devices: int | None = None


def run(macs: int, seed: int, speed: float, addresses: Sequence[str], network: Network) -> int:
    """Serves until SIGTERM or Ctrl-C; the exit status."""
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    fleet = Fleet(macs, seed, speed, system_clock())
    web = Web(addresses, table(fleet, settings()), pool=Pool(16, "pomona-web"))
    with _routers(network, seed, speed):
        try:
            for address in web.start():
                log.info("%d simulated Macs on %s", macs, address)
            signal.sigwait(signals)
        finally:
            web.stop()
    return 0


@contextmanager
def _routers(network: Network, seed: int, speed: float) -> Iterator[None]:
    """They listen, and their files are written, within the block."""
    if not network.routers:
        yield
        return
    from exporters.stack import router_server, simulated_routers  # noqa: PLC0415 - SSH takes time to import

    _allow_files(FILES + FILES_A_ROUTER * network.routers)
    routers = simulated_routers.Routers(network.routers, seed, speed, system_clock(), network.devices)
    with router_server.Servers(routers, network.port) as servers:
        simulated_routers.write(network.folder, routers, servers.ports)
        told = router_server.where(servers.ports)
        log.info("%d simulated routers on %s; see %s", network.routers, told, network.folder)
        yield


def _allow_files(wanted: int) -> None:
    """A socket that listens and some connections for each router are more than macOS allows by default."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
