"""Basic auth with bcrypt: checked in the pool, remembered safely, and slow for those who guess."""

import base64
import binascii
import hmac
import secrets
import time
from asyncio import wrap_future
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from hashlib import blake2b
from typing import Literal

from exporters.core.pool import Pool

Verdict = Literal["welcome", "refused", "later"]
Clock = Callable[[], float]
BCRYPT_BYTES = 72
"""All that bcrypt looks at; more is cut off, as Go does it."""
ADDRESSES = 1024


class Bucket:
    """`burst` at once, then one every `interval` seconds."""

    def __init__(self, interval: float, burst: int, clock: Clock = time.monotonic) -> None:
        self._interval, self._burst, self._clock = interval, float(burst), clock
        self._left, self._seen = self._burst, clock()

    def take(self) -> bool:
        """Whether there was one left to take."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._seen) / self._interval)
        self._seen = now
        taken = self._left >= 1
        self._left -= taken
        return taken


class Throttle:
    """How many passwords are checked: few for one address, so that it cannot use up the share of the others."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._all = Bucket(0.2, 16, clock)
        self._each: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, address: str) -> bool:
        """Whether a password from this address may be checked now."""
        bucket = self._each.pop(address, None) or Bucket(0.5, 8, self._clock)
        self._each[address] = bucket
        if len(self._each) > ADDRESSES:
            self._each.popitem(last=False)
        return bucket.take() and self._all.take()


class Login:
    """The users of a web file by name, with their bcrypt hashes. Used by one event loop.

    For each user the last good password is remembered, as a digest under a key that lives as long as this object;
    remembered logins cost no bcrypt and no share of the throttle.
    """

    def __init__(self, users: Mapping[str, str], pool: Pool, clock: Clock = time.monotonic) -> None:
        self._users = {user.encode(): stored.encode() for user, stored in users.items()}
        self._dummy = next(iter(self._users.values()))
        self._pool = pool
        self._throttle = Throttle(clock)
        self._key = secrets.token_bytes(32)
        self._good: dict[bytes, bytes] = {}
        self._flights: dict[bytes, Future[bool]] = {}

    async def check(self, authorization: str, address: str) -> Verdict:
        """The verdict on an Authorization header; "later" where too many passwords were tried."""
        user, password = _credentials(authorization)
        if user is None:
            return "refused"
        digest = self._digest(user, password)
        if hmac.compare_digest(self._good.get(user, b""), digest):
            return "welcome"
        if digest not in self._flights and not self._throttle.take(address):
            return "later"
        good = await self._verify(user, password, digest)
        if good and user in self._users:
            self._good[user] = digest
            return "welcome"
        return "refused"

    async def _verify(self, user: bytes, password: bytes, digest: bytes) -> bool:
        """One bcrypt for all who ask the same at once; unknown users take as long as known ones."""
        flight = self._flights.get(digest)
        if flight is None:
            stored = self._users.get(user, self._dummy)
            flight = self._flights[digest] = self._pool.submit(lambda: _matches(password, stored))
        try:
            return await wrap_future(flight)
        finally:
            self._flights.pop(digest, None)

    def _digest(self, user: bytes, password: bytes) -> bytes:
        """Over name, stored hash and password, each after its length: no two triples read the same (CVE-2022-46146)."""
        state = blake2b(key=self._key)
        for part in (user, self._users.get(user, b""), password):
            state.update(len(part).to_bytes(8, "big") + part)
        return state.digest()


def _matches(password: bytes, stored: bytes) -> bool:
    import bcrypt  # noqa: PLC0415 - only where logins are asked for

    return bcrypt.checkpw(password[:BCRYPT_BYTES], stored)


def _credentials(authorization: str) -> tuple[bytes, bytes] | tuple[None, bytes]:
    """User and password of a Basic header, in bytes; None for anything else."""
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None, b""
    try:
        user, colon, password = base64.b64decode(text.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None, b""
    return (user, password) if colon else (None, b"")
