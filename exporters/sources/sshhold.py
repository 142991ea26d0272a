"""When a host that failed may be tried again: Prometheus is the retry loop, this only keeps it from hammering."""

import math
import threading
from collections.abc import Callable

from exporters.sources.base import Denied, Unreachable

FIRST_WAIT = 4.0
LONGEST_WAIT = 60.0
LOGIN_HOLD = 900.0


class LoginRefused(Denied):
    """The host refused the key or the password: it is out of reach as a whole, which is no matter of one question."""

    problem = "unreachable"


class Holds:
    """Two times before which the network is not touched: after repeated failures, and after a refused login."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._retry_at = -math.inf
        self._login_at = -math.inf

    @property
    def retry_wait(self) -> float:
        """Seconds until the host is tried again after repeated failures; 0 where it may be tried now."""
        return max(0.0, self._retry_at - self._clock())

    @property
    def login_wait(self) -> float:
        """Seconds until a login is tried again after a refused one; 0 where it may be tried now."""
        return max(0.0, self._login_at - self._clock())

    def check(self) -> None:
        """Raises where the host is not to be touched now."""
        if wait := self.login_wait:
            raise LoginRefused(f"the last login was refused; the next is tried in {math.ceil(wait)} s")
        if wait := self.retry_wait:
            raise Unreachable(f"failed {self._failures} times; tried again in {math.ceil(wait)} s")

    def release(self) -> None:
        """A person has mended something: try again at once."""
        with self._lock:
            self._failures = 0
            self._retry_at = self._login_at = -math.inf

    def failed(self) -> None:
        """No connection, or one that was lost twice: from the second time on it waits 4 s, 8 s, … 60 s."""
        with self._lock:
            self._failures += 1
            if self._failures > 1:
                wait = FIRST_WAIT * 2.0 ** min(self._failures - 2, 10)
                self._retry_at = self._clock() + min(wait, LONGEST_WAIT)

    def refused(self) -> None:
        """A login that was refused: a second try would only fill the router's log and lock us out."""
        with self._lock:
            self._login_at = self._clock() + LOGIN_HOLD

    def succeeded(self) -> None:
        """An answer came."""
        with self._lock:
            self._failures = 0
            self._retry_at = -math.inf
