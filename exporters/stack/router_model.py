"""The devices behind a simulated router: what each is, when it is there, what it uses. Pure functions of time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv6Network
from math import inf
from random import Random

from exporters.stack.dynamics import HOUR, Visit, Wave, wave

DAY = 24 * HOUR
ODD = 40503
"""Times an odd number, modulo a power of 2, no two numbers become one."""
Service = tuple[str, int, str | None]
"""Protocol, port and name as nlbwmon's table has them; what the table does not have is ("IP", 0, None)."""
HTTPS: Service = ("TCP", 443, "HTTPS")
QUIC: Service = ("UDP", 443, "QUIC")
DNS: Service = ("UDP", 53, "DNS")
NTP: Service = ("UDP", 123, "NTP")
MAIL: Service = ("TCP", 993, "IMAPS")
SSH: Service = ("TCP", 22, "SSH")
REST: Service = ("IP", 0, None)


@dataclass(frozen=True, slots=True)
class Kind:
    """What devices have in common: bytes a second that they receive on average, what they send for each of them.

    `share` is the part of a day that they are there. Without a vendor's prefix an address is randomised.
    """

    category: str
    names: tuple[str, ...]
    prefixes: tuple[str, ...]
    rate: float
    sends: float
    share: float = 1.0
    radio: str = ""
    ipv6: int = 0
    services: tuple[Service, ...] = (HTTPS, DNS, NTP)
    known: bool = True


FAST, SLOW = "phy1-ap0", "phy0-ap0"
WORK = (HTTPS, QUIC, DNS, MAIL, REST)
KINDS = (
    Kind("laptop", ("MacBook-Pro", "MacBook-Air"), ("3c:22:fb", "f0:18:98"), 90e3, 0.12, 0.5, FAST, 2, WORK),
    Kind("phone", ("iPhone", "Pixel-9", ""), (), 35e3, 0.1, 0.7, FAST, 2, (HTTPS, QUIC, DNS), known=False),
    Kind("tv", ("Living", "Bravia"), ("fc:f1:52", "d0:37:45"), 250e3, 0.02, 0.3, "", 1, (HTTPS, QUIC, DNS)),
    Kind("computer", ("DESKTOP-7QK2L1A", "workshop"), ("d8:bb:c1", "b4:2e:99"), 120e3, 0.15, 0.4, "", 1, WORK),
    Kind("storage", ("DiskStation",), ("00:11:32",), 8e3, 4.0, services=(HTTPS, SSH, DNS, NTP, REST)),
    Kind("light", ("ESP_10200A", "", "shelly1"), ("24:0a:c4", "48:e7:29", "5c:cf:7f"), 30, 0.8, radio=SLOW),
    Kind("speaker", ("Sonos-One", "Echo-Dot"), ("5c:aa:fd", "50:dc:e7"), 6e3, 0.05, radio=SLOW),
    Kind("camera", ("cam-front", "cam-yard"), ("9c:8e:cd",), 900, 40.0, services=(HTTPS, NTP, REST)),
    Kind("printer", ("printer",), ("00:1b:a9", "3c:52:82"), 60, 0.4),
    Kind("computer", ("raspberrypi",), ("dc:a6:32", "b8:27:eb"), 4e3, 0.3, ipv6=1, services=(HTTPS, SSH, DNS, NTP)),
    Kind("phone", ("Galaxy-S24", ""), ("8c:79:f5",), 30e3, 0.1, 0.6, FAST, 1, (HTTPS, QUIC, DNS)),
)
COMMON = tuple(kind for kind in KINDS if kind.category not in {"tv", "storage", "printer"})
VISITOR = Kind("guest", ("android",), (), 60e3, 0.2, radio=FAST, ipv6=1, services=(HTTPS, QUIC, DNS), known=False)
ROUTED = Kind("routed", ("",), ("00:00:00",), 15e3, 0.5, services=(HTTPS, REST), known=False)
"""Hosts behind a tunnel: they have no neighbour entry, so nlbwmon gives them the zero address."""


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a device's traffic, 0 to 1, that one of its addresses has with one service."""

    family: int
    address: str
    service: Service
    share: float


@dataclass(frozen=True, slots=True)
class Device:
    """One device; `arrives` is its first moment, in seconds of the simulation's own time."""

    mac: str
    name: str
    kind: Kind
    ipv4: str
    ipv6: tuple[str, ...]
    visit: Visit
    down: Wave
    sent: Wave
    parts: tuple[Part, ...] = field(repr=False)
    arrives: float = -inf

    def there(self, time: float) -> bool:
        """Whether it is there at a moment."""
        return time >= self.arrives and self.visit.there(time)

    def active(self, time: float) -> float:
        """The seconds that it was there until a moment, from an arbitrary one on."""
        rounds, into = divmod(max(time, self.arrives) + self.visit.offset, self.visit.period)
        lasts = self.visit.share * self.visit.period
        return rounds * lasts + min(into, lasts)


def household(number: int, count: int, seed: int, visitor: float) -> tuple[Device, ...]:
    """The devices of the router with this number: `count` from its start on, a visitor later, and routed hosts."""
    random = Random(f"{seed}/router/{number}")  # noqa: S311 - a simulation
    kinds = [*KINDS, *(random.choice(COMMON) for _ in range(count))][:count]
    present = [_device(random, number, index, kind) for index, kind in enumerate(kinds)]
    routed = _device(random, number, count, ROUTED)
    return (*present, routed, *([_device(random, number, count + 1, VISITOR, visitor)] if visitor < inf else []))


def _device(random: Random, number: int, index: int, kind: Kind, arrives: float = -inf) -> Device:
    mac, ipv4 = _mac(random, number * 256 + index + 1, kind), f"192.168.{1 + index // 200}.{20 + index % 200}"
    if kind is ROUTED:
        mac, ipv4 = "00:00:00:00:00:00", f"10.8.0.{2 + index}"
    network = IPv6Network(((0xFD42 << 112) + (number + 1 << 64), 64))
    ipv6 = tuple(str(network[random.getrandbits(64)]) for _ in range(kind.ipv6))
    rate = kind.rate * random.choice((0.3, 0.6, 1.0, 1.0, 2.5))
    visit = Visit(DAY, kind.share, random.uniform(0, DAY * kind.share))
    waves = _rhythm(random, rate), _rhythm(random, rate * kind.sends)
    parts = tuple(_parts(random, kind, ipv4, ipv6))
    name = random.choice(kind.names)
    told = f"{name}-{index}" if name and index >= len(KINDS) else name
    return Device(mac, told, kind, ipv4, ipv6, visit, *waves, parts, arrives)


def _rhythm(random: Random, rate: float) -> Wave:
    """By day and night, and within hours."""
    quick = wave(random, rate, 0.5)
    return Wave(rate, (*quick.swings, (0.45 * rate, DAY, random.uniform(0, 1.5))))


def _mac(random: Random, tail: int, kind: Kind) -> str:
    """No two are equal; a randomised one has the bit of a locally given address."""
    number = tail * ODD % (1 << 24)
    given = f"{random.getrandbits(6) << 2 | 2:02x}:{random.getrandbits(8):02x}:{random.getrandbits(8):02x}"
    prefix = random.choice(kind.prefixes) if kind.prefixes else given
    return ":".join((prefix, *(f"{number >> shift & 255:02x}" for shift in (16, 8, 0))))


def _parts(random: Random, kind: Kind, ipv4: str, ipv6: tuple[str, ...]) -> Iterator[Part]:
    """Addresses by services: IPv6 has no name servers and clocks of its own."""
    pairs = [(4, ipv4, service) for service in kind.services]
    pairs += [(6, address, service) for address in ipv6 for service in kind.services if service not in {DNS, NTP}]
    weights = [random.uniform(0.2, 1.0) * (0.02 if service in {DNS, NTP} else 1.0) for _, _, service in pairs]
    whole = sum(weights)
    for (family, address, service), weight in zip(pairs, weights, strict=True):
        yield Part(family, address, service, weight / whole)
