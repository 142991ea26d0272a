"""The one connection to a host that is kept: opened where there is none, ended from any thread."""

import socket
import threading
from collections.abc import Callable

import paramiko

from exporters.sources import sshauth
from exporters.sources.base import SourceError, TimedOut, Unreachable
from exporters.sources.sshauth import SshTarget
from exporters.sources.sshhold import Holds, LoginRefused


class Ended(Unreachable):
    """Nobody wants to know any more: this says nothing about the host."""


class Link:
    """Used by one thread at a time, but for `close`, `connected` and the waits of `holds`."""

    def __init__(self, target: SshTarget, clock: Callable[[], float]) -> None:
        self.holds = Holds(clock)
        self.trouble: SourceError | None = None
        self.connects = 0
        self.connect_seconds: float | None = None
        self._target = target
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: paramiko.Transport | None = None
        self._opening: socket.socket | None = None
        self._ended = False

    @property
    def connected(self) -> bool:
        """Whether a connection is kept; a dead one is found out only by asking."""
        return self._kept is not None

    def transport(self) -> paramiko.Transport:
        """The kept one, or a new one. Raises a SourceError; `trouble` is why a new one failed, also during a hold."""
        with self._lock:
            self._refuse_after_end()
            kept = self._kept
        return kept or self._connect()

    def drop(self) -> None:
        """Ends the connection."""
        with self._lock:
            kept, self._kept = self._kept, None
        if kept is not None:
            sshauth.end(kept)

    def close(self) -> None:
        """Ends what is under way; no connection is opened afterwards."""
        with self._lock:
            self._ended = True
            opening = self._opening
        if opening is not None:
            sshauth.hang_up(opening)
        self.drop()

    def answered(self, trouble: SourceError | None) -> None:
        """The host was reached, with or without use."""
        self.trouble = trouble
        self.holds.succeeded()

    def failed(self, error: SourceError) -> None:
        """It was not; what failed counts for the holds."""
        self.trouble = error
        if isinstance(error, LoginRefused):
            self.holds.refused()
        elif isinstance(error, Unreachable | TimedOut):
            self.holds.failed()

    def _connect(self) -> paramiko.Transport:
        self.holds.check()
        begin = self._clock()
        try:
            transport = sshauth.connect(self._target, self._opened)
        except SourceError as error:
            self._refuse_after_end()
            self.failed(error)
            raise
        finally:
            with self._lock:
                self._opening = None
        self.connects, self.connect_seconds = self.connects + 1, self._clock() - begin
        return self._keep(transport)

    def _keep(self, transport: paramiko.Transport) -> paramiko.Transport:
        with self._lock:
            self._kept = transport
            ended = self._ended
        if ended:
            self.drop()
        self._refuse_after_end()
        return transport

    def _opened(self, sock: socket.socket) -> None:
        with self._lock:
            self._refuse_after_end()
            self._opening = sock

    def _refuse_after_end(self) -> None:
        if self._ended:
            self.trouble = Ended("the exporter ends")
            raise self.trouble
