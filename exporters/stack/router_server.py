"""The SSH server of the simulated routers: a port, a host key and a connection for each, as in the field.

One thread accepts for all; paramiko gives each connection a thread of its own, and each command gets one while it runs.
"""

import logging
import selectors
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from io import StringIO
from typing import Any, Self, cast
from weakref import WeakSet

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)
from paramiko.packet import Packetizer

from exporters.core.errors import PersonError
from exporters.stack.ports import LOOPBACK, address
from exporters.stack.router_answers import Router
from exporters.stack.router_script import Piece, answers, plain, read
from exporters.stack.simulated_routers import USER, Routers, client_key, host_key

WIRE_LOG = "exporters.stack.routers.wire"
BACKLOG = 16
QUIET = 60.0
"""Seconds between two looks of a connection's thread whether it shall end; a hang-up wakes it at once."""


class Servers:
    """Listens for all routers within the `with` block; `ports` are their ports, from `first` on, or any for 0."""

    def __init__(self, routers: Routers, first: int = 0) -> None:
        self._routers = routers
        self.client = paramiko.Ed25519Key.from_private_key(StringIO(client_key(routers.seed)))
        self._sockets: dict[str, socket.socket] = {}
        self._keys = {router.name: host_key(routers.seed, router.name) for router in routers.all}
        self._connections: WeakSet[paramiko.Transport] = WeakSet()
        self._wake, self._woken = socket.socketpair()
        self._first = first
        self._thread = threading.Thread(target=self._serve, name="pomona-routers", daemon=True)

    def __enter__(self) -> Self:
        try:
            for number, router in enumerate(self._routers.all):
                self._sockets[router.name] = _bound(self._first + number if self._first else 0, router)
        except BaseException:
            self._close()
            raise
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wake.close()
        self._thread.join()
        for each in list(self._connections):
            _end(each)

    @property
    def ports(self) -> Mapping[str, int]:
        """The port of each router by its name."""
        return {name: int(sock.getsockname()[1]) for name, sock in self._sockets.items()}

    def _serve(self) -> None:
        """Until the block ends."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ, None)
            for router in self._routers.all:
                if not router.nature.unreachable:
                    selector.register(self._sockets[router.name], selectors.EVENT_READ, router)
            while all(self._accept(key.fileobj, key.data) for key, _ in selector.select()):
                continue
        self._close()

    def _close(self) -> None:
        for each in (*self._sockets.values(), self._wake, self._woken):
            each.close()

    def _accept(self, listener: object, router: Router | None) -> bool:
        """Whether to go on."""
        if router is None or not isinstance(listener, socket.socket):
            return False
        with suppress(OSError, paramiko.SSHException):  # who has gone already is no news
            connection, _ = listener.accept()
            self._greet(connection, router)
        return True

    def _greet(self, connection: socket.socket, router: Router) -> None:
        if not router.up(self._routers.now()):
            connection.close()
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(connection, packetizer_class=_Packetizer)
        transport.set_log_channel(_quiet())
        transport.add_server_key(self._keys[router.name])
        connection.settimeout(QUIET)
        self._connections.add(transport)
        session = Session(router, self._routers, self.client, transport)
        transport.start_server(event=threading.Event(), server=session)


class _Packetizer(Packetizer):
    """Starts `later` when the request before is answered: a quick command must not end before it was accepted."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        self.later: list[threading.Thread] = []

    def read_message(self) -> tuple[int, paramiko.Message]:
        """The next one; whoever reads it has sent all that the last one asked for."""
        while self.later:
            self.later.pop().start()
        return super().read_message()


class Session(paramiko.ServerInterface):
    """One connection: who may come in, and what is run for him."""

    def __init__(self, router: Router, routers: Routers, key: paramiko.PKey, transport: paramiko.Transport) -> None:
        self._router, self._routers, self._key, self._transport = router, routers, key, transport
        self._boot = router.daemon.life.boot(routers.now())

    def get_allowed_auths(self, _username: str) -> str:
        """Keys alone."""
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        """Root, with the key that lies in the folder."""
        return AUTH_SUCCESSFUL if username == USER and key == self._key else AUTH_FAILED

    def check_channel_request(self, kind: str, _chanid: int) -> int:
        """Sessions, and nothing that leads elsewhere."""
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        """Runs it in a thread of its own: this one has to go on reading."""
        text = command.decode(errors="surrogateescape")
        run = threading.Thread(target=self._run, args=(channel, text), name="pomona-router-exec", daemon=True)
        cast("_Packetizer", self._transport.packetizer).later.append(run)
        return True

    def _run(self, channel: paramiko.Channel, text: str) -> None:
        now = self._routers.now()
        if not self._router.up(now) or self._router.daemon.life.boot(now) != self._boot:
            _end(self._transport)  # a reboot has cut it
            return
        with suppress(OSError, EOFError, paramiko.SSHException):  # the other side has gone
            status = self._say(channel, text, now)
            channel.send_exit_status(status)
            channel.close()

    def _say(self, channel: paramiko.Channel, text: str, now: float) -> int:
        """Prints the answers; the exit status."""
        script = read(text)
        if script is not None:
            for piece in answers(script, self._router, now):
                _print(channel, piece)
            return 0
        answer = plain(text, self._router, now)
        _print(channel, Piece(answer.stdout, answer.stderr) if answer else Piece(hang=QUIET))
        return answer.status if answer else 1


def _print(channel: paramiko.Channel, piece: Piece) -> None:
    channel.sendall(piece.stdout)
    channel.sendall_stderr(piece.stderr)
    if piece.hang:
        channel.settimeout(piece.hang)
        with suppress(TimeoutError):  # it hangs until the other side has had enough
            channel.recv(1)


def _bound(port: int, router: Router) -> socket.socket:
    """A socket that listens; that of an unreachable router only keeps the port, so that nobody else answers there."""
    sock = socket.socket()
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((LOOPBACK, port))
        if not router.nature.unreachable:
            sock.listen(BACKLOG)
            sock.setblocking(False)
    except (OSError, OverflowError) as error:
        sock.close()
        told = getattr(error, "strerror", None) or error
        raise PersonError(f"port {port} ({router.name}) cannot be used: {told}") from error
    return sock


def _end(transport: paramiko.Transport) -> None:
    """Hangs up first: paramiko alone would wait for its reading thread."""
    with suppress(OSError):  # the other side was faster
        transport.sock.shutdown(socket.SHUT_RDWR)
    transport.close()


def _quiet() -> str:
    """A log channel that leads nowhere: paramiko logs each hang-up with a traceback."""
    log = logging.getLogger(WIRE_LOG)
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    return WIRE_LOG


def where(ports: Mapping[str, int]) -> str:
    """The ports as one reads them, the first and whether there are more."""
    first: Iterator[int] = iter(ports.values())
    return f"{address(next(first))}{'…' if len(ports) > 1 else ''}"
