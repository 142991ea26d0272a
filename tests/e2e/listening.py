"""What Alertmanager delivers to: a webhook that fails at first, and a mail server."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

Request = tuple[str, str, bytes]
"""Path, the header that authorises, body."""


class Listener(ThreadingHTTPServer):
    """Keeps what it accepts; the first requests end as `faults` says: with this status, or not at all for 0."""

    daemon_threads = True

    def __init__(self, *faults: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults, self.failed = list(faults), 0
        self.accepted: list[Request] = []
        self.released = threading.Event()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"

    def to(self, path: str) -> list[Request]:
        return [request for request in self.accepted if request[0] == f"/{path}"]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        listener = cast("Listener", self.server)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if listener.faults:
            status = listener.faults.pop(0)
            listener.failed += 1
            if not status:
                listener.released.wait()
                return
            self.send_error(status)
            return
        listener.accepted.append((self.path, self.headers.get("Authorization", ""), body))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Tests look at what was accepted."""


class Mailbox(socketserver.ThreadingTCPServer):
    """Just as much of SMTP as a client needs; keeps the mails."""

    daemon_threads, allow_reuse_address = True, True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: list[str] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline():
            command = line.split()[0].upper()
            self._say("354 go on" if command == b"DATA" else "221 bye" if command == b"QUIT" else "250 ok")
            if command == b"DATA":
                cast("Mailbox", self.server).mails.append(self._mail())
                self._say("250 ok")

    def _mail(self) -> str:
        return b"".join(iter(self.rfile.readline, b".\r\n")).decode()

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def listening(server: socketserver.BaseServer) -> Iterator[None]:
    """Serves while the block lasts; what hangs is let go at its end."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        if isinstance(server, Listener):
            server.released.set()
        server.shutdown()
        server.server_close()
