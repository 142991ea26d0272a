"""One active check under way: its deadline, its phases, what it found so far, and the words for how it can fail."""

import errno
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from exporters.sources.base import Failed

REASONS: Mapping[int, str] = {
    errno.ECONNREFUSED: "refused",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETDOWN: "unreachable",
    errno.EHOSTDOWN: "unreachable",
    errno.EADDRNOTAVAIL: "unreachable",
    errno.EAFNOSUPPORT: "unreachable",
    errno.EINVAL: "unreachable",  # by a route that drops, or an address of this link alone without its interface
    errno.ETIMEDOUT: "timeout",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.EPIPE: "reset",
    errno.ENOTCONN: "reset",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
}


class Fault(Exception):
    """The check failed; `reason` is one of the words of `exporters.sources.probes`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Check:
    """`timeout` in seconds; `facts` are the keys of the answer that apply so far."""

    def __init__(self, timeout: float) -> None:
        self.phases: dict[str, float] = {}
        self.facts: dict[str, Any] = {}
        self._begun = time.monotonic()
        self._deadline = self._begun + timeout
        self._ended: float | None = None

    def left(self) -> float:
        """Seconds until the deadline; behind it the check fails."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Fault("timeout")
        return left

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measures a part; one that fails is not told."""
        begun = time.monotonic()
        yield
        self.phases[name] = time.monotonic() - begun

    def stop(self) -> None:
        """What follows does not count."""
        self._ended = time.monotonic()

    def answer(self, reason: str) -> dict[str, Any]:
        """The result; "" where all went well."""
        seconds = (self._ended or time.monotonic()) - self._begun
        return {"success": not reason, "reason": reason, "seconds": seconds, "phases": self.phases, **self.facts}


def reason_of(error: OSError) -> str:
    """The word for it; what is no matter of the network or the other end is an error of this machine."""
    if isinstance(error, TimeoutError):
        return "timeout"
    number = error.errno or 0
    if number not in REASONS:
        raise Failed(f"this machine could not ask: {errno.errorcode.get(number, type(error).__name__)}") from error
    return REASONS[number]
