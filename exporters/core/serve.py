"""The exporter of one machine as a process: runner, HTTP, signals, reload; and one scrape without any of them."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from exporters.core import log as logs
from exporters.core import routes, selfmetrics
from exporters.core.audit import AuditLog
from exporters.core.clock import Clock, system_clock
from exporters.core.config import Settings
from exporters.core.errors import PersonError
from exporters.core.metrics import Sample, render
from exporters.core.pool import Pool
from exporters.core.runner import Runner, Ticker
from exporters.core.state import Store
from exporters.core.web import Handler, Request, Response, Route, Web
from exporters.sources.base import Source

log = logging.getLogger("pomona")
Load = Callable[[], Settings]
HEALTHY, READY, RELOAD = "/-/healthy", "/-/ready", "/-/reload"


@dataclass(slots=True)
class Loaded:
    """The last load of the configuration: whether it was good, and when the last good one was."""

    good: bool
    at: float


class Agent:
    """Holds what a reload exchanges: the settings and the Runner."""

    def __init__(self, settings: Settings, load: Load, source: Source, folder: Path | None, clock: Clock) -> None:
        self._load, self._source, self._clock = load, source, clock
        self.settings = settings
        self.loaded = Loaded(True, clock.now())
        self.store = Store(folder) if folder is not None else None
        self._events = folder / "events" if folder is not None and self.store and self.store.claimed else None
        self._audit = self._open_events()
        self._build = tuple(selfmetrics.build())
        self._audit_works = True
        self._pool = Pool(32, "pomona-collect")
        self._lock = threading.Lock()
        self.runner = self._make(None)
        self._ticker = Ticker(self.tick)
        self.web: Web | None = None

    def start(self) -> None:
        """Starts the background collectors."""
        self._ticker.start()

    def stop(self) -> None:
        """Ends the tools that run and the use of the state directory; a thread that hangs is left behind."""
        self._ticker.stop()
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

    def reload(self) -> str:
        """Reads the configuration again; a bad one keeps the running one. The one-line error, or nothing."""
        with self._lock:
            try:
                settings = self._load()
            except PersonError as error:
                return self._not_reloaded(str(error))
            except Exception as bug:  # noqa: BLE001 - whatever is in the file, the running configuration stays
                return self._not_reloaded(f"the configuration cannot be read ({type(bug).__name__})")
            if settings.web != self.settings.web or settings.state != self.settings.state:
                log.warning("changes of the sections web and state take effect at the next start")
            self.settings = settings
            self._audit = self._open_events()
            logs.setup(settings.log.level, settings.log.format)
            self.runner = self._make(self.runner)
            self.loaded = Loaded(True, self._clock.now())
            log.info("configuration reloaded")
            return ""

    def _not_reloaded(self, why: str) -> str:
        self.loaded = Loaded(False, self.loaded.at)
        log.error("configuration not reloaded: %s", why)
        return why

    def extras(self) -> Iterator[Sample]:
        """What the exporter tells about itself."""
        yield from self._build
        yield from selfmetrics.RELOADED(self.loaded.good)
        yield from selfmetrics.RELOADED_AT(self.loaded.at)
        if self.web is not None and self.settings.web.config_file:
            yield from selfmetrics.WEB_FILE(self.web.file_good)
        yield from selfmetrics.KEY(self.settings.key_kept)
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


def serve(settings: Settings, load: Load, source: Source, folder: Path | None) -> int:
    """Serves until SIGTERM or Ctrl-C; SIGHUP loads again. The exit status; PersonError where it cannot start."""
    agent = Agent(settings, load, source, folder, system_clock())
    web = _web(agent)
    signals = _Signals()
    try:
        addresses = web.start()
        agent.start()
        for address in addresses:
            log.info("listening on %s", address)
        signals.wait(agent.reload)
    finally:
        web.stop()
        agent.stop()
    return 0


def once(settings: Settings, source: Source, timeout: float = 60.0) -> bytes:
    """One full scrape with all collectors, without HTTP and without touching the state."""
    pool = Pool(32, "pomona-collect")
    runner = Runner(settings.collectors, source, settings.contexts, clock=system_clock(), pool=pool, on_demand=True)
    return runner.scrape("text", timeout=timeout) + render(selfmetrics.build())


def _web(agent: Agent) -> Web:
    settings = agent.settings.web
    path = settings.telemetry_path
    table: dict[str, Handler | Route] = {
        path: routes.metrics(lambda: agent.runner, agent.extras),
        HEALTHY: Route(routes.healthy, at_once=True),
        READY: Route(routes.ready(agent.ready), at_once=True),
        "/config": routes.config(lambda: yaml.safe_dump(dict(agent.settings.document), sort_keys=False)),
    }
    about = {path: "metrics", "/config": "configuration in force", HEALTHY: "liveness", READY: "readiness"}
    table["/"] = routes.landing("Pomona agent", f"Version {selfmetrics.release()}.", about)
    if settings.enable_lifecycle:
        table[RELOAD] = Route(_reload(agent), frozenset({"POST", "PUT"}))
    web = Web(
        settings.listen_address,
        table,
        config_file=Path(settings.config_file) if settings.config_file else None,
        pool=Pool(16, "pomona-web"),
    )
    agent.web = web
    return web


def _reload(agent: Agent) -> Handler:
    def handle(request: Request) -> Response:
        if foreign(request.headers):
            return Response(403, b"Refused: the request comes from another site.\n")
        error = agent.reload()
        return Response(500, f"{error}\n".encode()) if error else Response(200, b"Reloaded.\n")

    return handle


def foreign(headers: Mapping[str, str]) -> bool:
    """Whether a browser sent it for another site: an Origin that is not this Host, or a Host that is a foreign name."""
    try:
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        origin = urlsplit(headers["origin"]).netloc if "origin" in headers else headers.get("host", "")
    except ValueError:
        return True
    return origin != headers.get("host", "") or not _own_name(host)


def _own_name(host: str) -> bool:
    return host in {"localhost", os.uname().nodename.lower()} or host.replace(".", "").isdigit() or ":" in host


class _Signals:
    """SIGTERM and SIGINT end, SIGHUP reloads: they come through a pipe, as a handler may not take locks."""

    def __init__(self) -> None:
        self._read, write = os.pipe()
        os.set_blocking(write, False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def wait(self, reload: Callable[[], str]) -> None:
        """Returns when the process shall end."""
        while True:
            came = set(os.read(self._read, 64))
            if came & {signal.SIGTERM, signal.SIGINT}:
                return
            if signal.SIGHUP in came:
                # on a thread: a file on a dead volume must not keep the process from ending
                threading.Thread(target=reload, name="pomona-reload", daemon=True).start()
