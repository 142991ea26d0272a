"""A host by its name: resolved once, at the first question, and from then on that address is asked."""

import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from exporters.sources.base import Answer_co, Outcome, Question, Unreachable
from exporters.sources.ssh import Report, Ssh, SshTarget


class NameUnknown(Unreachable):
    """The name of the host cannot be resolved."""


class Named:
    """The source of one host; `target.host` is the name, `target.address` is filled in. `clock` as for Ssh."""

    def __init__(self, target: SshTarget, clock: Callable[[], float]) -> None:
        self._target, self._clock = target, clock
        self._lock = threading.Lock()
        self._ssh: Ssh | None = None
        self._unknown: NameUnknown | None = None
        self._ended = False

    @property
    def report(self) -> Report:
        """What came of the last batch of questions."""
        return self._ssh.report if self._ssh else Report(self._unknown, 0, None, None)

    @property
    def address(self) -> str:
        """The address that is asked; empty until the name was resolved."""
        return self._ssh.target.address if self._ssh else ""

    @property
    def waits(self) -> tuple[float, float]:
        """Seconds until it is tried again after failures, and after a refused login; 0 where it may be tried now."""
        return (self._ssh.retry_wait, self._ssh.login_wait) if self._ssh else (0.0, 0.0)

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        """The answer, or a `SourceError`."""
        return self._resolved().ask(question)

    def ask_many(self, questions: Iterable[Question[Any]]) -> Outcome:
        """Each question with its answer or its error."""
        asked = tuple(questions)
        try:
            ssh = self._resolved()
        except Unreachable as error:
            return dict.fromkeys(asked, error)
        return ssh.ask_many(asked)

    def close(self) -> None:
        """Ends what is under way; nothing is asked afterwards."""
        with self._lock:
            self._ended = True
            ssh = self._ssh
        if ssh is not None:
            ssh.close()

    def release(self) -> None:
        """A person has mended something: try again at once."""
        if self._ssh is not None:
            self._ssh.release()

    def close_idle(self) -> None:
        """Closes a connection that nobody uses."""
        if self._ssh is not None:
            self._ssh.close_idle(self._clock())

    def _resolved(self) -> Ssh:
        if self._ssh is not None:
            return self._ssh
        address = self._address()
        with self._lock:
            if self._ended:
                raise Unreachable("the exporter ends")
            self._ssh = self._ssh or Ssh(replace(self._target, address=address), self._clock)
            return self._ssh

    def _address(self) -> str:
        name, port = self._target.host, self._target.port
        try:
            found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self._unknown = NameUnknown(f"the name {name!r} cannot be resolved")
            raise self._unknown from error
        return str(found[0][4][0])
