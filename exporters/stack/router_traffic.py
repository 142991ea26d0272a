"""nlbwmon on a simulated router: what `nlbw` answers, from the true use of its devices.

As the real one it counts in steps of its refresh interval, begins anew with each period, and falls back to its last
commit when the power goes. Nothing runs in between: each answer is computed from the clock.
"""

import getopt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from operator import itemgetter
from typing import Any

import msgspec

from exporters.stack.router_model import DAY, Device

REFRESH = 30.0
PARTS = ("family", "proto", "port", "mac", "ip")
COUNTERS = ("conns", "rx_bytes", "rx_pkts", "tx_bytes", "tx_pkts")
COLUMNS = (*PARTS, *COUNTERS, "layer7")
GROUPS = {name: (name,) for name in PARTS} | {"host": ("mac", "ip"), "layer7": ("proto", "port", "layer7")}
PACKET, SMALL_PACKET = 1100, 400
CONNECTIONS = 0.02
"""New connections a second of a device that is there."""
OFFLOADED = 0.03
"""The part of the bytes that the kernel still sees while flows are offloaded."""
Span = tuple[float, float]
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed and the status it ended with."""

    stdout: bytes = b""
    stderr: bytes = b""
    status: int = 0


class NlbwError(Exception):
    """nlbw's own complaint and exit status."""

    def __init__(self, told: str, status: int) -> None:
        super().__init__(told)
        self.answer = Answer(stderr=f"{told}\n".encode(), status=status)


@dataclass(frozen=True, slots=True)
class Periods:
    """Accounting periods, in Unix seconds: days turn at midnight UTC, months at local midnight."""

    monthly: bool
    offset: int

    def start(self, now: float) -> float:
        """Of the period of a moment."""
        if not self.monthly:
            return now // DAY * DAY
        local = datetime.fromtimestamp(now + self.offset, UTC)
        return datetime(local.year, local.month, 1, tzinfo=UTC).timestamp() - self.offset

    def label(self, start: float) -> str:
        """The date that nlbwmon gives it."""
        return datetime.fromtimestamp(start + self.offset, UTC).date().isoformat()

    def until(self, now: float, since: float, most: int) -> Iterator[Span]:
        """The period of a moment and those before it, newest first."""
        end, start = now, self.start(now)
        while end > since and most > 0:
            yield start, end
            end, start, most = start, self.start(start - 1), most - 1


@dataclass(frozen=True, slots=True)
class Life:
    """When the router boots and its daemon commits; `installed` is the daemon's first moment. Unix seconds.

    It boots at `booted`, and where `every` is given, that often before and after.
    """

    installed: float
    booted: float
    commit: float
    every: float | None = None

    def boot(self, now: float) -> float:
        """The last one before a moment."""
        return self.booted + self._turn(now) * self.every if self.every else self.booted

    def committed(self, now: float) -> float:
        """The last commit before a moment, else the boot."""
        boot = self.boot(now)
        return boot + (now - boot) // self.commit * self.commit

    def counted(self, start: float, end: float) -> Iterator[Span]:
        """What the database holds at `end` of the time since `start`: of each run but the last up to its commit."""
        start = max(start, self.installed)
        if self.every is None:
            yield start, end
            return
        for turn in range(self._turn(start), self._turn(end) + 1):
            boot = self.booted + turn * self.every
            kept = end if turn == self._turn(end) else boot + self.every // self.commit * self.commit
            if max(start, boot) < kept:
                yield max(start, boot), kept

    def _turn(self, now: float) -> int:
        return int((now - self.booted) // self.every) if self.every else 0


@dataclass(frozen=True, slots=True)
class Daemon:
    """nlbwmon; `begun` and `speed` tell the devices' own time from Unix time."""

    devices: Sequence[Device]
    periods: Periods
    life: Life
    generations: int
    begun: float
    speed: float
    offloading: bool = False

    def nlbw(self, words: Sequence[str], now: float) -> Answer:
        """The answer of `nlbw` with these arguments."""
        try:
            return Answer(self._printed(_options(words), now))
        except NlbwError as error:
            return error.answer

    def _printed(self, given: Mapping[str, str], now: float) -> bytes:
        match given.get("-c"):
            case "list":
                return "".join(f"{label}\n" for label in self._listed(now)).encode()
            case "json":
                columns = tuple(_columns(given.get("-g", "family,host,layer7")))
                return _table(columns, self._period(given["-t"], now) if "-t" in given else self._live(now))
            case None:
                raise NlbwError("No command specified", 1)
            case unknown:
                raise NlbwError(f"Unrecognized command '{unknown}'", 1)

    def live_period(self, now: float) -> float:
        """The start of the period that is counted."""
        return self.periods.start(self._look(now))

    def _look(self, now: float) -> float:
        """Its last look at the kernel's counters; a period turns with it."""
        boot = self.life.boot(now)
        return boot + (now - boot) // REFRESH * REFRESH

    def _live(self, now: float) -> list[Row]:
        return self._rows(self.live_period(now), self._look(now))

    def _listed(self, now: float) -> list[str]:
        """It stops at the first period without a file: nothing is listed before the first commit of a period."""
        if self.life.committed(now) <= self.live_period(now):
            return []
        return [self.periods.label(start) for start, _ in self._files(now)]

    def _period(self, label: str, now: float) -> list[Row]:
        """From its file: of the running period as of the last commit."""
        try:
            date.fromisoformat(label)
        except ValueError as error:
            raise NlbwError(f"Unrecognized date '{label}'", 1) from error
        for start, end in self._files(now):
            kept = self.life.committed(now) if start == self.live_period(now) else end
            if self.periods.label(start) == label and start < kept:
                return self._rows(start, kept)
        raise NlbwError("Error while processing command: No data available", 195)

    def _files(self, now: float) -> Iterator[Span]:
        return self.periods.until(self._look(now), self.life.installed, self.generations)

    def _rows(self, start: float, end: float) -> list[Row]:
        spans = [(self._own(since), self._own(until)) for since, until in self.life.counted(start, end)]
        return [row for device in self.devices for row in self._of(device, spans)]

    def _own(self, moment: float) -> float:
        return (moment - self.begun) * self.speed

    def _of(self, device: Device, spans: Sequence[Span]) -> Iterator[Row]:
        """One row for each address and service; a device that was not there in the period has none."""
        moments = [(device.active(since), device.active(until)) for since, until in spans]
        seconds = sum(until - since for since, until in moments) / self.speed
        if seconds <= 0:
            return
        scale = (OFFLOADED if self.offloading else 1.0) / self.speed
        down = scale * sum(device.down.total(until) - device.down.total(since) for since, until in moments)
        sent = scale * sum(device.sent.total(until) - device.sent.total(since) for since, until in moments)
        for part in device.parts:
            received, given = int(down * part.share), int(sent * part.share)
            connections = 1 + int(seconds * CONNECTIONS * part.share)
            packets = connections + received // PACKET, connections + given // SMALL_PACKET
            proto, port, name = part.service
            counts = (connections, received, packets[0], given, packets[1])
            yield (part.family, proto, port, device.mac, part.address, *counts, name)


def received_and_sent(device: Device, since: float, until: float, speed: float) -> tuple[float, float]:
    """Its true bytes between two moments of its own time."""
    first, last = device.active(since), device.active(until)
    return (
        (device.down.total(last) - device.down.total(first)) / speed,
        (device.sent.total(last) - device.sent.total(first)) / speed,
    )


def _options(words: Sequence[str]) -> dict[str, str]:
    try:
        return dict(getopt.getopt(list(words), "c:g:o:t:p:s:S:q:n")[0])
    except getopt.GetoptError as error:
        raise NlbwError(f"nlbw: {error}", 1) from error


def _columns(groups: str) -> Iterator[str]:
    """A field may be abbreviated; the program has an order of its own."""
    wanted: set[str] = set()
    for field in groups.split(","):
        if field.startswith("-"):
            raise NlbwError("Cannot invert group column", 1)
        found = next((GROUPS[name] for name in GROUPS if field and name.startswith(field)), None)
        if found is None:
            raise NlbwError(f"Unrecognized field '{field}'", 1)
        wanted.update(found)
    return (name for name in COLUMNS if name in wanted or name in COUNTERS)


def _table(columns: Sequence[str], rows: Sequence[Row]) -> bytes:
    """Sums by what is not a counter, sorted by the bytes received; without a newline at the end."""
    take = itemgetter(*(COLUMNS.index(name) for name in columns if name not in COUNTERS), slice(len(PARTS), -1))
    groups: dict[Row, Row] = {}
    for row in rows:
        *key, counts = take(row)
        known = groups.get(place := tuple(key))
        groups[place] = counts if known is None else tuple(map(int.__add__, known, counts))
    first = columns.index(COUNTERS[0])
    found = [[*key[:first], *counts, *key[first:]] for key, counts in groups.items()]
    found.sort(key=itemgetter(first + 1), reverse=True)
    return msgspec.json.encode({"columns": columns, "data": found})
