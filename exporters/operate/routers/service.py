"""The router exporter as a whole: its targets, the lists of devices, what it tells about itself."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from exporters.core import routes, selfmetrics
from exporters.core.clock import Clock
from exporters.core.context import Context
from exporters.core.errors import PersonError
from exporters.core.exchange import Handler, Request, Response
from exporters.core.metrics import Sample, gauge
from exporters.core.pool import Pool
from exporters.core.reloading import Reloading
from exporters.core.runner import Ticker
from exporters.core.state import Store
from exporters.core.web import Web
from exporters.openwrt.devices import Listed as Devices
from exporters.operate.routers.config import MOST_TARGETS, Listed, RouterSettings, devices_of, stamp_of
from exporters.operate.routers.target import Router

log = logging.getLogger("pomona")
TARGETS = gauge("pomona_router_targets", "Routers that may be probed (pomona).")
DEVICES = gauge(
    "pomona_router_devices_last_reload_successful", "1 if the lists of devices in force are those on disk (pomona)."
)
FAMILIES = (TARGETS, DEVICES)
SHOWN = 20
"""Targets with a link of their own on the landing page."""
THREADS = MOST_TARGETS + 16
"""One for each target, as each may hang, and some for the rest; they start as they are needed."""


def contexts_of(listed: Listed, devices: Mapping[str, Devices]) -> dict[str, Context]:
    """The contexts of a target's collectors, with the devices of its file where a collector takes any."""
    more = devices.get(listed.devices_file, {})
    return {name: _with(context, more) for name, context in listed.module.contexts.items()}


def _with(context: Context, devices: Devices) -> Context:
    config: Any = context.config
    if not devices or "devices" not in getattr(config, "__struct_fields__", ()):
        return context
    return replace(context, config=msgspec.structs.replace(config, devices={**config.devices, **devices}))


class Routers:
    """The targets in force. A reload exchanges those that changed; a changed list of devices is read by itself."""

    title = "Pomona router exporter"

    def __init__(
        self, settings: RouterSettings, load: Callable[[], RouterSettings], folder: Path | None, clock: Clock
    ) -> None:
        self.web: Web | None = None
        self.loading = Reloading(settings, load, clock)
        self._clock = clock
        self._store = Store(folder) if folder is not None else None
        self._pool = Pool(THREADS, "pomona-collect")
        self._stamp, self._devices_good = settings.stamp, True
        self._routers = {name: self._made(each) for name, each in settings.targets.items()}
        self._ticker = Ticker(self.tick)

    @property
    def settings(self) -> RouterSettings:
        """Those in force."""
        return self.loading.settings

    def runner(self, target: str, module: str = "") -> Router | None:
        """A listed target; a module in the address must exist and be the target's."""
        router = self._routers.get(target)
        if module and module not in self.settings.modules:
            raise routes.ModuleError(f"unknown module {module[:80]!r}; there are {', '.join(self.settings.modules)}")
        if router is not None and module and module != router.listed.module.name:
            raise routes.ModuleError(f"{target} is asked by module {router.listed.module.name}")
        return router

    def table(self) -> Mapping[str, Handler]:
        """Probes, the exporter's own metrics, the list of targets."""
        own = {self.settings.web.telemetry_path: routes.own(self._samples)}
        return {"/probe": routes.probe(self), **own, "/targets": self._targets}

    def links(self) -> Mapping[str, str]:
        """Where a person would go."""
        probes = {f"/probe?target={name}": f"router {name}" for name in list(self._routers)[:SHOWN]}
        path = self.settings.web.telemetry_path
        return {**probes, path: "the exporter itself", "/targets": "all targets, for http_sd_configs"}

    def start(self) -> None:
        """Looks once a second at idle connections and at the lists of devices."""
        self._ticker.start()

    def stop(self) -> None:
        """Ends every connection and the use of the state directory."""
        self._ticker.stop()
        for router in self._routers.values():
            router.close()
        if self._store is not None:
            self._store.close()

    def tick(self) -> None:
        """What is to be done between probes."""
        for router in list(self._routers.values()):
            router.tick()
        if (stamp := stamp_of(self.settings.targets.values())) != self._stamp:
            self._stamp = stamp
            self._renew()

    def ready(self) -> bool:
        """At once: nothing is asked before a probe."""
        return True

    def reload(self) -> str:
        """Reads configuration and lists of devices again; a bad one keeps the running ones. The one-line error."""
        return self.loading.again(self._take)

    def _take(self) -> None:
        settings = self.settings
        self._stamp, self._devices_good = settings.stamp, True
        for name, router in self._routers.items():
            if settings.targets.get(name) != router.listed:
                # before its successor takes over what it has stored, or both would count the same growth
                router.close()
        self._routers = {name: self._kept(self._routers.get(name), each) for name, each in settings.targets.items()}

    def _kept(self, router: Router | None, listed: Listed) -> Router:
        """The same one with its connection and counters, where nothing but its devices has changed."""
        if router is None or router.listed != listed:
            return self._made(listed)
        router.renew(contexts_of(listed, self.settings.devices))
        router.release()
        return router

    def _made(self, listed: Listed) -> Router:
        contexts = contexts_of(listed, self.settings.devices)
        return Router(listed, contexts, clock=self._clock, pool=self._pool, store=self._store)

    def _renew(self) -> None:
        """Reads the lists of devices again; a bad one keeps all as they were."""
        before = self.settings
        try:
            devices = devices_of(before.targets.values())
        except PersonError as error:
            self._devices_good = False
            log.error("the lists of devices in force stay: %s", error)
            return
        if self.settings is not before:
            return  # a reload came meanwhile and has read its own
        self._devices_good = True
        self.loading.settings = replace(before, devices=devices)
        for router in self._routers.values():
            router.renew(contexts_of(router.listed, devices))
        log.info("the lists of devices were read again")

    def _samples(self) -> Iterator[Sample]:
        yield from self.loading.samples(self.web)
        if self._store is not None:
            yield from selfmetrics.STATE(self._store.usable)
        yield from selfmetrics.process()
        yield from TARGETS(len(self._routers))
        if self.settings.devices:
            yield from DEVICES(self._devices_good)

    def _targets(self, _: Request) -> Response:
        """Prometheus' form of a list of targets; the job's relabelling makes probes of it."""
        groups = [
            {"targets": [name], "labels": {"__param_module": router.listed.module.name, **router.listed.target.labels}}
            for name, router in self._routers.items()
        ]
        return Response(200, msgspec.json.encode(groups), "application/json")
