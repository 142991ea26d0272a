"""The exporter of one machine: its Runner, its state, its event log; and one scrape without any of them."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from exporters.core import routes, selfmetrics
from exporters.core.audit import AuditLog
from exporters.core.clock import Clock, system_clock
from exporters.core.config import Settings
from exporters.core.exchange import Handler
from exporters.core.metrics import Sample, render
from exporters.core.pool import Pool
from exporters.core.reloading import Reloading
from exporters.core.runner import Runner, Ticker
from exporters.core.state import Store
from exporters.core.web import Web
from exporters.sources.base import Source

log = logging.getLogger("pomona")
Load = Callable[[], Settings]


class Agent:
    """Holds what a reload exchanges: the settings and the Runner."""

    title = "Pomona agent"

    def __init__(self, settings: Settings, load: Load, source: Source, folder: Path | None, clock: Clock) -> None:
        self._source, self._clock = source, clock
        self.loading = Reloading(settings, load, clock)
        self.store = Store(folder) if folder is not None else None
        self._events = folder / "events" if folder is not None and self.store and self.store.claimed else None
        self._audit = self._open_events()
        self._audit_works = True
        self._pool = Pool(32, "pomona-collect")
        self.runner = self._make(None)
        self._ticker = Ticker(self.tick)
        self.web: Web | None = None

    def start(self) -> None:
        """Starts the background collectors."""
        self._ticker.start()

    def stop(self) -> None:
        """Ends the tools that run and the use of the state directory; a thread that hangs is left behind."""
        self._ticker.stop()
        self.runner.stop()
        self._source.close()
        if self.store is not None:
            self.store.close()

    def tick(self) -> None:
        """Starts what is due, on the Runner that is in force; once a day old events are deleted."""
        self.runner.tick()
        self._record(())

    def ready(self) -> bool:
        """Whether the first collections have ended."""
        return self.runner.ready()

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self.loading.settings

    def reload(self) -> str:
        """Reads the configuration again; a bad one keeps the running one. The one-line error, or nothing."""
        return self.loading.again(self._take)

    def _take(self) -> None:
        self._audit = self._open_events()
        self.runner = self._make(self.runner)

    def table(self) -> Mapping[str, Handler]:
        """What it answers besides what every exporter does."""
        return {self.settings.web.telemetry_path: routes.metrics(lambda: self.runner, self.extras)}

    def links(self) -> Mapping[str, str]:
        """Where a person would go."""
        return {self.settings.web.telemetry_path: "metrics"}

    def extras(self) -> Iterator[Sample]:
        """What the exporter tells about itself."""
        yield from self.loading.samples(self.web)
        if self.store is not None:
            yield from selfmetrics.STATE(self.store.usable)
            yield from selfmetrics.EVENTS(self._audit is not None and self._audit_works)
        yield from selfmetrics.process()

    def _make(self, previous: Runner | None) -> Runner:
        return Runner(
            self.settings.collectors,
            self._source,
            self.settings.contexts,
            clock=self._clock,
            pool=self._pool,
            store=self.store,
            sink=self._record if self._audit is not None else None,
            previous=previous,
        )

    def _open_events(self) -> AuditLog | None:
        return AuditLog(self._events, self._clock, self.settings.events.keep_days) if self._events else None

    def _record(self, events: Sequence[Mapping[str, str]]) -> None:
        """Writes events to the audit log; a fault is told once, and in a metric while it lasts."""
        if self._audit is None:
            return
        try:
            self._audit.write(events)
        except OSError as error:
            if self._audit_works:
                log.error("events cannot be written: %s", error.strerror or type(error).__name__)
            self._audit_works = False
        else:
            # a day's deletion alone does not show that events can be written again
            self._audit_works = self._audit_works or bool(events)


def once(settings: Settings, source: Source, timeout: float = 60.0) -> bytes:
    """One full scrape with all collectors, without HTTP and without touching the state."""
    pool = Pool(32, "pomona-collect")
    runner = Runner(settings.collectors, source, settings.contexts, clock=system_clock(), pool=pool, on_demand=True)
    return runner.scrape("text", timeout=timeout) + render(selfmetrics.build())
