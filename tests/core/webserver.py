"""A real server on loopback for tests, and clients that speak to it with real sockets."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from exporters.core.pool import Pool
from exporters.core.web import Handler, Request, Response, Route, Web

BODY = b"pomona_example 1\n" * 100


def metrics(_: Request) -> Response:
    return Response(200, BODY)


ROUTES: Mapping[str, Handler | Route] = {"/metrics": metrics, "/small": lambda _: Response(200, b"small\n")}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@contextmanager
def serving(
    routes: Mapping[str, Handler | Route] = ROUTES, *addresses: str, threads: int = 16, **options: Any
) -> Iterator[Web]:
    web = Web(addresses or ("127.0.0.1:0",), routes, pool=Pool(threads), **options)
    web.start()
    try:
        yield web
    finally:
        web.stop()


def get(
    web: Web,
    path: str = "/metrics",
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    context: ssl.SSLContext | None = None,
) -> Answer:
    address = urlsplit(web.url).netloc
    made = HTTPSConnection(address, timeout=10, context=context) if context else HTTPConnection(address, timeout=10)
    with closing(made) as connection:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


def connect(web: Web) -> socket.socket:
    host, port = urlsplit(web.url).netloc.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=10)


def ended(connection: socket.socket) -> bool:
    """Waits until the other side has closed; what it sent before is dropped."""
    try:
        while connection.recv(65536):
            continue
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def said(web: Web, request: bytes) -> bytes:
    """What the server says to a raw request until it closes."""
    with connect(web) as connection:
        connection.sendall(request)
        text = b""
        while chunk := connection.recv(65536):
            text += chunk
        return text
