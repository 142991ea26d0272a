"""Servers on loopback that behave badly, and good ones: each serves connections on threads until the test ends."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Serve = Callable[[socket.socket], None]


@contextmanager
def server(serve: Serve, context: ssl.SSLContext | None = None, family: int = socket.AF_INET) -> Iterator[int]:
    """The port of a server that hands each connection to `serve`, by TLS where there is a context."""
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    with socket.socket(family) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, 0))
        listening.listen(64)
        threading.Thread(target=_accept, args=(listening, serve, context), daemon=True).start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, serve: Serve, context: ssl.SSLContext | None) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:  # the test has ended
            return
        threading.Thread(target=_serve, args=(connection, serve, context), daemon=True).start()


def _serve(connection: socket.socket, serve: Serve, context: ssl.SSLContext | None) -> None:
    try:
        with connection, context.wrap_socket(connection, server_side=True) if context else connection as way:
            serve(way)
    except OSError:  # the client has left
        return


def answering(*parts: bytes) -> Serve:
    """Reads a request, then sends these parts and closes."""

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        for part in parts:
            connection.sendall(part)

    return serve


def head_of(connection: socket.socket) -> bytes:
    """A whole request head."""
    read = b""
    while b"\r\n\r\n" not in read and (chunk := connection.recv(4096)):
        read += chunk
    return read


def silent(go: threading.Event) -> Serve:
    """Says nothing until it is let go."""

    def serve(_: socket.socket) -> None:
        go.wait(60)

    return serve


def page(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """An HTTP answer."""
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""))
    return head.encode() + body
