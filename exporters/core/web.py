"""The HTTP server: binds the addresses, runs its own event loop in one daemon thread, ends in time."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from socket import socket
from ssl import CERT_REQUIRED
from typing import Any

from exporters.core.connection import Connection, House, Limits, Tls, uvicorn_config
from exporters.core.crowd import Crowd, open_connections
from exporters.core.dispatch import Dispatch
from exporters.core.exchange import Handler, Request, Response, Route, WebError
from exporters.core.listen import BACKLOG, is_loopback, listen, shown
from exporters.core.livefile import LiveFile, Terms
from exporters.core.pool import Pool

__all__ = ["Handler", "Limits", "Request", "Response", "Route", "Web", "WebError"]
FLUSH = 0.1
"""Seconds for the last bytes of answers at the end."""
GRACE = 0.5
"""Seconds for the thread to end beyond the time for requests."""


class Web:
    """Serves routes by their exact path on one or more addresses; handlers run in the pool, never on the loop.

    The pool must not be the one on which handlers wait for something else to be done.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        routes: Mapping[str, Handler | Route],
        *,
        config_file: Path | None = None,
        pool: Pool,
        log: logging.Logger | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        self._addresses = tuple(addresses)
        self._log = log or logging.getLogger("pomona.web")
        self._live = LiveFile(config_file, pool, self._log)
        table = {path: each if isinstance(each, Route) else Route(each) for path, each in routes.items()}
        dispatch = Dispatch(table, self._live, pool, self._log, limits)
        crowd = Crowd(open_connections(limits.connections))
        self._house = House(uvicorn_config(dispatch, limits), crowd, limits, _protocol_log(self._log))
        self._bound: tuple[str, ...] = ()
        self._scheme = "http"
        self._thread: threading.Thread | None = None
        self._end: Callable[[float], object] | None = None

    def start(self) -> tuple[str, ...]:
        """Binds and serves; gives the bound addresses as `host:port`; WebError says in one line what is wrong."""
        terms = self._live.load()
        sockets = listen(self._addresses)
        self._scheme = "https" if terms.guard else "http"
        self._bound = tuple(map(shown, sockets))
        for each in sockets:
            self._warn(each, terms)
        ready: Future[Callable[[float], object]] = Future()
        self._thread = threading.Thread(target=self._run, args=(sockets, ready), name="pomona-web", daemon=True)
        self._thread.start()
        self._end = ready.result()
        return self._bound

    def stop(self, timeout: float = 1.0) -> None:
        """Accepts no more; requests under way get at most `timeout` seconds, then everything is closed."""
        if self._thread is None or self._end is None:
            return
        if self._thread.is_alive():
            self._end(timeout)
        self._thread.join(timeout + GRACE)
        self._thread = self._end = None

    @property
    def file_good(self) -> bool:
        """Whether the web file in force is the one on disk."""
        return self._live.good

    @property
    def url(self) -> str:
        """Where the first address is served, e.g. `http://127.0.0.1:10220`."""
        return f"{self._scheme}://{self._bound[0]}"

    def _warn(self, bound: socket, terms: Terms) -> None:
        """Says what keeps strangers neither from reading nor from listening in, where strangers can come."""
        known = terms.login or (terms.guard and terms.guard.context.verify_mode == CERT_REQUIRED)
        lacking = [*([] if terms.guard else ["TLS"]), *([] if known else ["a login or client certificates"])]
        if lacking and not is_loopback(bound):
            self._log.warning("%s is open to the network without %s", shown(bound), " and without ".join(lacking))

    def _run(self, sockets: tuple[socket, ...], ready: "Future[Callable[[float], object]]") -> None:
        try:
            asyncio.run(self._serve(sockets, ready))
        except Exception as error:  # noqa: BLE001 - a thread has nobody above it to tell
            self._log.exception("a bug: the HTTP server ended")
            if not ready.done():
                ready.set_exception(error)

    async def _serve(self, sockets: tuple[socket, ...], ready: "Future[Callable[[float], object]]") -> None:
        loop = asyncio.get_running_loop()
        ending: asyncio.Future[float] = loop.create_future()
        servers = [await loop.create_server(self._connection, sock=each, backlog=BACKLOG) for each in sockets]
        ready.set_result(lambda timeout: loop.call_soon_threadsafe(ending.set_result, timeout))
        patience = await ending
        for accepting in sockets:
            loop.remove_reader(accepting)
        # What was accepted last must become a connection before its server is closed: asyncio would leak it.
        await _done(asyncio.all_tasks() - self._house.state.tasks - {asyncio.current_task()}, FLUSH)
        for each in servers:
            each.close()
        await self._close(patience)

    async def _close(self, patience: float) -> None:
        """Answers what is under way, lets the last bytes go out, then closes what is left."""
        crowd, answering = self._house.crowd, self._house.state.tasks
        crowd.retire()
        await _done(answering, patience)
        if not await crowd.emptied(FLUSH):
            crowd.disperse()
            await crowd.emptied(FLUSH)

    def _connection(self) -> asyncio.BaseProtocol:
        guard = self._live.current().guard
        connection = Connection(self._house, guard)
        return Tls(self._house, connection, guard) if guard else connection


async def _done(tasks: Iterable[asyncio.Task[Any] | None], seconds: float) -> None:
    found = {each for each in tasks if each}
    if found:
        await asyncio.wait(found, timeout=seconds)


def _protocol_log(parent: logging.Logger) -> logging.Logger:
    """For uvicorn's protocol, which warns of every malformed request: strangers must not fill our log."""
    log = logging.Logger("pomona.web.protocol", logging.ERROR)  # noqa: LOG001 - none of the shared ones must be turned
    log.parent = parent
    return log
