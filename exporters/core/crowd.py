"""How many connections may be open, and which of them makes room when there are too many."""

import asyncio
import resource
from collections.abc import Hashable
from contextlib import suppress
from typing import Protocol


class Member(Hashable, Protocol):
    """A connection: `busy` while a request is under way, `served` once one was answered."""

    busy: bool
    served: bool

    def retire(self) -> None:
        """Ends after the answer that is under way, or now."""


def open_connections(wanted: int) -> int:
    """As many as wanted, but no more than half of the files that this process may open (launchd allows 256)."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if allowed == resource.RLIM_INFINITY else min(wanted, allowed // 2)


class Crowd:
    """The open connections by their sockets, TLS handshakes included."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._doors: dict[Member, asyncio.Transport] = {}
        self._empty = asyncio.Event()

    def __len__(self) -> int:
        return len(self._doors)

    def enter(self, member: Member, door: asyncio.Transport) -> None:
        """Counts a connection; for one too many the least useful is closed, or itself if all others are busy."""
        if member in self._doors:
            return
        if len(self._doors) >= self._limit:
            idle = self._least_useful()
            if idle is None:
                door.abort()
                return
            self._doors.pop(idle).abort()
        self._doors[member] = door

    def leave(self, member: Member) -> None:
        """Forgets a connection that is gone."""
        self._doors.pop(member, None)
        if not self._doors:
            self._empty.set()

    async def emptied(self, seconds: float) -> bool:
        """Waits until nobody is left, for a time at most."""
        self._empty.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), seconds if self._doors else 0)
        return not self._doors

    def rest(self, member: Member) -> None:
        """A connection that was just answered is the last to be closed for a new one."""
        door = self._doors.pop(member, None)
        if door is not None:
            self._doors[member] = door

    def retire(self) -> None:
        """Asks all to end in good order."""
        for member in tuple(self._doors):
            member.retire()

    def disperse(self) -> None:
        """Closes all at once."""
        for door in tuple(self._doors.values()):
            door.abort()

    def _least_useful(self) -> Member | None:
        idle = [each for each in self._doors if not each.busy]
        return next((each for each in idle if not each.served), idle[0] if idle else None)
