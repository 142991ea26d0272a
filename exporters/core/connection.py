"""One connection: uvicorn's HTTP protocol with a deadline for every wait, and a TLS layer that needs little memory."""

import asyncio
import logging
from asyncio.sslproto import SSLProtocol
from dataclasses import dataclass, field
from typing import cast

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from exporters.core.crowd import Crowd
from exporters.core.tls import Guard


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds. `head` is for a TLS handshake, and again for the head of a request; `answer` for a handler."""

    connections: int = 512
    requests: int = 128
    head: float = 5.0
    answer: float = 120.0
    idle: int = 75
    linger: float = 2.0
    head_bytes: int = 16384
    body_bytes: int = 4096


@dataclass(frozen=True, slots=True)
class House:
    """What all connections of a server share."""

    config: Config
    crowd: Crowd
    limits: Limits
    log: logging.Logger
    state: ServerState = field(default_factory=ServerState)


def uvicorn_config(app: object, limits: Limits) -> Config:
    """What uvicorn's protocol reads of its configuration; everything that only its server reads is off."""
    config = Config(
        cast("str", app),
        http=H11Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        loop="asyncio",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        workers=1,
        timeout_keep_alive=limits.idle,
        h11_max_incomplete_event_size=limits.head_bytes,
    )
    config.load()
    return config


class Connection(H11Protocol):
    """`busy` while a request is under way, `served` once one was answered."""

    def __init__(self, house: House, guard: Guard | None) -> None:
        super().__init__(house.config, house.state, {})
        self.logger = house.log
        self.busy = self.served = self._resting = False
        self._house, self._guard = house, guard
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The client may speak now; over TLS this comes after the handshake."""
        super().connection_made(transport)
        self._house.crowd.enter(self, transport)
        self._end_in(self._house.limits.head)
        if self._guard and not self._guard.admits(transport.get_extra_info("ssl_object")):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing stays behind, whatever ended it."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._house.crowd.leave(self)
        if self._deadline:
            self._deadline.cancel()

    def data_received(self, data: bytes) -> None:
        """The first bytes of a request start the time for its head; more bytes do not prolong it."""
        if self.transport.is_closing():
            return
        if self._resting:
            self._resting = False
            self._end_in(self._house.limits.head)
        super().data_received(data)

    def handle_events(self) -> None:
        """Notices when a request begins."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before:
            self.busy, self._resting = True, False
            self._end_in(self._house.limits.answer + self._house.limits.linger)

    def on_response_complete(self) -> None:
        """An answered connection may rest, unless it was the last answer: that must be fetched soon."""
        limits = self._house.limits
        self.busy, self.served, self._resting = False, True, True
        self._house.crowd.rest(self)
        self._end_in(limits.linger + (0 if self.transport.is_closing() else limits.idle))
        super().on_response_complete()

    def retire(self) -> None:
        """Ends after the answer that is under way, or now; a handshake that is not done is left to its deadline."""
        if self.busy:
            self.cycle.keep_alive = False
        elif self.transport:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Says so where nothing is being answered yet, and ends the connection."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.transport.abort()
        elif self.conn.our_state is h11.IDLE:
            super().send_400_response(msg)
            self._end_in(self._house.limits.linger)
        else:
            self.transport.abort()

    def _end_in(self, seconds: float) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._end)

    def _end(self) -> None:
        self.transport.abort()


class Tls(SSLProtocol):
    """asyncio's TLS layer with a buffer of 16 kB, not 256; counted from the first packet, not after the handshake."""

    max_size = 16 * 1024

    def __init__(self, house: House, connection: Connection, guard: Guard) -> None:
        limits = house.limits
        super().__init__(
            asyncio.get_running_loop(),
            connection,
            guard.context,
            None,  # type: ignore[arg-type]  # nobody waits for the handshake
            server_side=True,
            ssl_handshake_timeout=limits.head,  # type: ignore[arg-type]  # a float will do
            ssl_shutdown_timeout=limits.linger,
        )
        self._connection, self._crowd = connection, house.crowd

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Starts the handshake."""
        self._crowd.enter(self._connection, cast("asyncio.Transport", transport))
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Also where the handshake was never finished."""
        super().connection_lost(exc)
        self._crowd.leave(self._connection)
