"""One HTTP request of a check: GET, one answer, its head and the begin of its body, each step measured."""

import io
import socket
import ssl
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any

import msgspec

from exporters.sources.address import Url
from exporters.sources.base import Failed, Probe
from exporters.sources.patterns import compiled, found
from exporters.sources.probe_check import Check, Fault, reason_of
from exporters.sources.probe_connect import Lookups, connected
from exporters.sources.probe_tls import secured

LARGEST = 65536
"""Bytes of a body that are read."""
MOST_RECEIVED = 16 * LARGEST
"""Bytes that are received for it at most: heads and the sizes of chunks come with it."""
GOOD = range(200, 300)
INTERIM = range(102, 200)
"""Statuses before that of the answer, such as 103 Early Hints."""


class _Stream(io.RawIOBase):
    """What the server sends, within the time of the check; of an answer that needs more it is no HTTP."""

    def __init__(self, check: Check, sock: socket.socket) -> None:
        self._check, self._sock, self._most = check, sock, MOST_RECEIVED

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes."""
        self._sock.settimeout(self._check.left())
        received = self._sock.recv_into(buffer)
        self._most -= received
        if self._most < 0:
            raise Fault("protocol")
        return received

    def makefile(self, _: str) -> io.BufferedReader:
        """As the client asks a socket for it."""
        return io.BufferedReader(self)


def get(check: Check, probe: Probe, lookups: Lookups, trust: ssl.SSLContext | None) -> None:
    """One request on a connection of its own; fails where no good answer came."""
    url = Url.of(probe.address)
    sock = connected(check, lookups.addresses(check, url.host, url.port))
    with sock, secured(check, sock, url.host, trust) if url.tls else sock as way:
        body = _exchanged(check, url, way)
    if probe.field:
        check.facts |= _value(body, probe.field)
    if probe.pattern:
        check.facts["matched"] = _search(check, probe.pattern, body)
    if check.facts["status"] not in GOOD:
        raise Fault("status")
    if not check.facts.get("matched", True):
        raise Fault("body")


def _exchanged(check: Check, url: Url, sock: socket.socket) -> bytes:
    """The begin of the body; what goes wrong has a word."""
    try:
        return _answered(check, url, sock)
    except IncompleteRead as error:
        raise Fault("reset") from error
    except HTTPException as error:
        raise Fault("protocol") from error
    except ssl.SSLError as error:  # its number is none of the system's
        raise Fault("tls") from error
    except OSError as error:
        raise Fault(reason_of(error)) from error
    except ValueError as error:  # a size that the client does not expect
        raise Fault("protocol") from error


def _answered(check: Check, url: Url, sock: socket.socket) -> bytes:
    stream: Any = _Stream(check, sock)
    response = HTTPResponse(stream, method="GET")
    with check.phase("first_byte"):
        sock.settimeout(check.left())
        sock.sendall(_request(url))
        if not response.fp.peek(1):
            raise Fault("reset")
    with check.phase("transfer"):
        response.begin()
        while response.status in INTERIM:  # of which the client skips 100 only
            response.headers = response.msg = None  # type: ignore[assignment]
            response.begin()
        check.facts["status"] = response.status
        body = response.read(LARGEST)
        if response.length and len(body) < LARGEST:
            raise Fault("reset")
    return body


def _request(url: Url) -> bytes:
    head = (
        f"GET {url.target} HTTP/1.1",
        f"Host: {url.named}",
        "User-Agent: pomona",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    return "\r\n".join((*head, "", "")).encode("ascii")


def _search(check: Check, pattern: str, body: bytes) -> bool:
    """An expression that takes longer than the check may is given up as everything else is."""
    try:
        return found(compiled(pattern).search, body.decode(errors="replace"), check.left())
    except TimeoutError as error:
        raise Fault("timeout") from error
    except ValueError as error:
        raise Failed("the pattern is no regular expression") from error


def _value(body: bytes, field: str) -> dict[str, Any]:
    """The scalar that stands there, if one does."""
    try:
        found: Any = msgspec.json.decode(body)
        for step in field.split("."):
            found = found[int(step) if isinstance(found, list) else step]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError, TypeError, ValueError):
        return {}
    return {"value": found} if isinstance(found, str | bool | int | float) else {}
