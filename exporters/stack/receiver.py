"""A receiver of Alertmanager's webhook: tells each delivery, so that one sees the way of an alert to its end."""

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self, cast

import msgspec

MOST_BYTES = 1 << 20
PATIENCE = 5.0


class Alert(msgspec.Struct, frozen=True):
    """One alert of a delivery; `status` is firing or resolved."""

    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class Delivery(msgspec.Struct, frozen=True):
    """The part of Alertmanager's message that is read here: whom it is for, and one group's alerts."""

    receiver: str
    alerts: tuple[Alert, ...]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, tell: Callable[[Delivery], None]) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.tell = tell


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE

    def do_POST(self) -> None:
        """A delivery: 204, or 400 for what is none."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self.send_error(400)
            return
        try:
            delivery = msgspec.json.decode(self.rfile.read(int(length)), type=Delivery)
        except msgspec.DecodeError:
            self.send_error(400)
            return
        cast("_Server", self.server).tell(delivery)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Requests are no news here; alerts are."""


class Receiver:
    """Listens on loopback while the `with` block lasts, and calls `tell` for each delivery; port 0 takes a free one."""

    def __init__(self, port: int, tell: Callable[[Delivery], None]) -> None:
        self._server = _Server(port, tell)

    @property
    def url(self) -> str:
        """Where Alertmanager shall deliver."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="pomona-receiver", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
