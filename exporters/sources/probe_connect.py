"""The first steps of a check: names to addresses within a time, addresses to a connection."""

import errno
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from itertools import zip_longest
from typing import Any, NamedTuple

from exporters.sources.base import Failed
from exporters.sources.probe_check import Check, Fault, reason_of

MOST_ADDRESSES = 6
STAGGER = 0.25
"""Seconds until the next address is tried beside one that keeps silent (RFC 8305)."""
_UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR})


class Address(NamedTuple):
    """One address with its port, as the socket module takes it."""

    family: int
    place: Any

    def version(self) -> str:
        """ipv4 or ipv6."""
        return "ipv6" if self.family == socket.AF_INET6 else "ipv4"


class Lookups:
    """Looks names up by the system's resolver, each on a thread that may be left behind; `free` bounds how many."""

    def __init__(self, free: threading.Semaphore) -> None:
        self._free = free

    def addresses(self, check: Check, host: str, port: int) -> list[Address]:
        """The addresses in the system's order; an address is taken as it is."""
        try:
            return _found(host, port, socket.AI_NUMERICHOST)
        except OSError:
            with check.phase("dns"):
                return self._looked_up(check, host, port)

    def _looked_up(self, check: Check, host: str, port: int) -> list[Address]:
        if not self._free.acquire(timeout=check.left()):
            raise Fault("dns")
        outcome: Future[list[Address]] = Future()
        self._start(outcome, host, port)
        try:
            return outcome.result(check.left())
        except (OSError, UnicodeError) as error:  # also a TimeoutError: none came in time
            raise Fault("dns") from error

    def _start(self, outcome: "Future[list[Address]]", host: str, port: int) -> None:
        try:
            threading.Thread(target=self._look, args=(outcome, host, port), name="pomona-lookup", daemon=True).start()
        except RuntimeError as error:
            self._free.release()
            raise Failed("this machine starts no more threads") from error

    def _look(self, outcome: "Future[list[Address]]", host: str, port: int) -> None:
        try:
            outcome.set_result(_found(host, port))
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits
            outcome.set_exception(error)
        finally:
            self._free.release()


def _found(host: str, port: int, flags: int = 0) -> list[Address]:
    # as bytes: for a str Python would import its tables of all alphabets
    found = socket.getaddrinfo(host.encode("ascii"), port, type=socket.SOCK_STREAM, flags=flags)
    return [Address(family, place) for family, _, _, _, place in found]


def connected(check: Check, addresses: Iterable[Address]) -> socket.socket:
    """A connection to the first address that accepts one; it still has to be given a timeout."""
    with check.phase("connect"):
        return _Race(check, addresses).winner()


class _Race:
    """Connections that are tried beside each other, each later than the one before."""

    def __init__(self, check: Check, addresses: Iterable[Address]) -> None:
        self._check = check
        self._waiting = deque(_mixed(list(addresses)))
        self._error = OSError(errno.EADDRNOTAVAIL, "no address")

    def winner(self) -> socket.socket:
        with selectors.DefaultSelector() as selector:
            try:
                return self._run(selector)
            finally:
                for key in list(selector.get_map().values()):
                    key.fileobj.close()  # type: ignore[union-attr]

    def _run(self, selector: selectors.BaseSelector) -> socket.socket:
        while True:
            if self._waiting:
                self._begin(selector, self._waiting.popleft())
            elif not selector.get_map():
                raise Fault(reason_of(self._error)) from self._error
            if (winner := self._wait(selector)) is not None:
                return winner

    def _begin(self, selector: selectors.BaseSelector, address: Address) -> None:
        try:
            sock = socket.socket(address.family, socket.SOCK_STREAM)
        except OSError as error:
            self._error = error
            return
        sock.setblocking(False)
        code = sock.connect_ex(address.place)
        if code in _UNDER_WAY or code == 0:
            selector.register(sock, selectors.EVENT_WRITE, address)
        else:
            self._fail(sock, code)

    def _wait(self, selector: selectors.BaseSelector) -> socket.socket | None:
        """Until one has answered, or the next may begin."""
        until = time.monotonic() + STAGGER
        while selector.get_map():
            left = self._check.left()
            pause = min(left, until - time.monotonic()) if self._waiting else left
            if pause <= 0:
                return None
            for key, _ in selector.select(pause):
                selector.unregister(key.fileobj)
                sock: Any = key.fileobj
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code == 0:
                    self._check.facts["family"] = key.data.version()
                    return sock  # type: ignore[no-any-return]
                self._fail(sock, code)
                until = 0.0
        return None

    def _fail(self, sock: socket.socket, code: int) -> None:
        sock.close()
        self._error = OSError(code, errno.errorcode.get(code, ""))


def _mixed(addresses: list[Address]) -> Iterator[Address]:
    """The families by turns, the system's first choice first: a network may carry only one of them."""
    first = [each for each in addresses if each.family == addresses[0].family]
    others = [each for each in addresses if each.family != addresses[0].family]
    both = (each for pair in zip_longest(first, others) for each in pair if each is not None)
    yield from list(both)[:MOST_ADDRESSES]
