"""An exporter as a process: its paths, its signals, its reload."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import yaml

from exporters.core import routes, selfmetrics
from exporters.core.options import Web as WebOptions
from exporters.core.pool import Pool
from exporters.core.web import Handler, Limits, Request, Response, Route, Web

log = logging.getLogger("pomona")
HEALTHY, READY, RELOAD = "/-/healthy", "/-/ready", "/-/reload"


class Served(Protocol):
    """The settings of an exporter; `document` is all of them, secrets hidden."""

    @property
    def web(self) -> WebOptions:
        """Where and how it serves."""

    @property
    def document(self) -> Mapping[str, Any]:
        """Every section."""


class Exporter(Protocol):
    """What can be served: it is started, stopped and reloaded, and has paths of its own."""

    title: str
    web: Web | None

    @property
    def settings(self) -> Served:
        """Those in force."""

    def table(self) -> Mapping[str, Handler]:
        """Its own paths."""

    def links(self) -> Mapping[str, str]:
        """Where a person would go, each with a word about it."""

    def start(self) -> None:
        """Begins its work."""

    def stop(self) -> None:
        """Ends what is under way."""

    def ready(self) -> bool:
        """Whether a scrape would find everything tried once."""

    def reload(self) -> str:
        """Reads the configuration again. The one-line error, or nothing."""


def serve(make: Callable[[], Exporter], threads: int = 16) -> int:
    """Serves until SIGTERM or Ctrl-C; SIGHUP loads again. The exit status; PersonError where it cannot start.

    `threads`: as many requests are answered at a time.
    """
    signals = _Signals()
    exporter = make()
    web = exporter.web = _web(exporter, threads)
    try:
        addresses = web.start()
        exporter.start()
        for address in addresses:
            log.info("listening on %s", address)
        signals.wait(exporter.reload)
    finally:
        # an answer that is nearly there still goes out, then what the others wait for ends
        web.stop(0.5)
        exporter.stop()
    return 0


def _web(exporter: Exporter, threads: int) -> Web:
    settings = exporter.settings.web
    table: dict[str, Handler | Route] = {
        **exporter.table(),
        HEALTHY: Route(routes.healthy, at_once=True),
        READY: Route(routes.ready(exporter.ready), at_once=True),
        "/config": routes.config(lambda: yaml.safe_dump(dict(exporter.settings.document), sort_keys=False)),
    }
    links = {**exporter.links(), "/config": "configuration in force", HEALTHY: "liveness", READY: "readiness"}
    table["/"] = routes.landing(exporter.title, f"Version {selfmetrics.release()}.", links)
    if settings.enable_lifecycle:
        table[RELOAD] = Route(_reload(exporter), frozenset({"POST", "PUT"}))
    return Web(
        settings.listen_address,
        table,
        config_file=Path(settings.config_file) if settings.config_file else None,
        pool=Pool(threads, "pomona-web"),
        limits=Limits(connections=max(512, 3 * threads), requests=max(128, 2 * threads)),
    )


def _reload(exporter: Exporter) -> Handler:
    def handle(request: Request) -> Response:
        if foreign(request.headers):
            return Response(403, b"Refused: the request comes from another site.\n")
        error = exporter.reload()
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
