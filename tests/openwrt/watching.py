"""Looks at one router by the collector nlbwmon as a Runner makes them: both rounds, with the state of the last one."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from conftest import COLLECTORS
from exporters.core.context import Context, Level
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.openwrt.nlbw import DATE, FIREWALL, SETTINGS, TRAFFIC, UPTIME
from exporters.sources.base import Question
from exporters.sources.replay import Captured
from openwrt.seeing import Noting

OTHERS = 'openwrt_device_info{category="",group="",ipv4="",mac="other",name="other",randomized="false",vendor=""}'
COLUMNS = ["family", "mac", "ip", "conns", "rx_bytes", "rx_pkts", "tx_bytes", "tx_pkts"]
NOON = 1_795_172_400.0
"""2026-11-20 11:00 UTC: noon in a zone one hour ahead."""
A, B, C = "3c:22:fb:00:00:0a", "b8:27:eb:00:00:0b", "da:a1:19:00:00:0c"
LISTED = {A: {"name": "Anna's laptop", "category": "laptop", "group": "design", "quota": {"day": "5GB"}}}
PAIR_COLUMNS = ["proto", "port", "mac", "conns", "rx_bytes", "rx_pkts", "tx_bytes", "tx_pkts", "layer7"]
NLBWMON = COLLECTORS["nlbwmon"]
Row = tuple[str, int]


def printed(*rows: Row, columns: Sequence[str] = COLUMNS, ip: str = "192.168.1.{}") -> bytes:
    """nlbw's answer: a row for each MAC address and size, half of which went up."""
    data = [
        [4, mac, ip.format(place), 1 + size // 1_000, size, size // 100, size // 2, size // 200]
        for place, (mac, size) in enumerate(rows, 10)
    ]
    return json.dumps({"columns": columns, "data": data}).encode()


def pairs(*rows: tuple[str, str | None, int]) -> bytes:
    data = [["TCP", 443, mac, 1, size, 1, size // 2, 1, protocol] for mac, protocol, size in rows]
    return json.dumps({"columns": PAIR_COLUMNS, "data": data}).encode()


def settings(interval: str = "1", refresh: str = "30s", limit: int = 10_000, generations: int = 10) -> bytes:
    """/etc/config/nlbwmon."""
    told = {
        "database_interval": interval,
        "refresh_interval": refresh,
        "database_limit": limit,
        "database_generations": generations,
        "commit_interval": "24h",
    }
    return "".join(("config nlbwmon\n", *(f"\toption {name} '{value}'\n" for name, value in told.items()))).encode()


class Watch:
    """One router; `answers` are what it says, `values` the samples of the last look by series."""

    def __init__(self, level: Level = "standard", now: float = NOON, **config: Any) -> None:
        self.now, self.boot = now, now - 500_000
        self.level: Level = level
        self.answers: dict[Question[Any], bytes | Captured] = {
            SETTINGS: settings(),
            FIREWALL: b"config defaults\n\toption input 'REJECT'\n",
        }
        self.values: Mapping[str, float] = {}
        self.problems: Mapping[str, str] = {}
        self.state: Any = None
        self.configure(**config)

    def configure(self, **config: Any) -> None:
        """Another configuration, as after a reload."""
        assert NLBWMON.config
        self.context = Context(msgspec.convert(config, NLBWMON.config), self.level, b"key")

    def look(self, traffic: bytes | Captured | None = None, seconds: float = 60) -> "Watch":
        """One look some seconds later, at the same traffic if none is given."""
        self.now += seconds
        if traffic is not None:
            self.answers[TRAFFIC] = traffic
        around = {DATE: b"%d +0100\n" % self.now, UPTIME: b"%d.25 1.00\n" % (self.now - self.boot)}
        source = Noting({**around, **self.answers})
        seen = look(NLBWMON, source, self.context, self.state)
        self.asked, self.problems, self.values = tuple(source.asked), seen.problems, {}
        if seen.failed is None and seen.supported:
            self.state = NLBWMON.advance(self.state, seen.reading, self.now, self.context)
            text = render(NLBWMON.metrics(self.state, self.context)).decode()
            rows = (line.rsplit(" ", 1) for line in text.split("\n") if line and not line.startswith("#"))
            self.values = {series: float(value) for series, value in rows}
        return self

    def restart(self) -> None:
        """A new process, which knows what the last one stored."""
        memory = NLBWMON.memory
        assert memory
        stored = msgspec.json.encode(memory.observe(self.state))
        self.state = memory.restore(msgspec.json.decode(stored, type=memory.kind))

    def of(self, family: str) -> dict[str, float]:
        """The series of one family, by what stands in their braces; of device_info those of devices."""
        return {
            series.partition("{")[2].removesuffix("}"): value
            for series, value in self.values.items()
            if series.partition("{")[0] == f"openwrt_{family}" and series != OTHERS
        }

    def by_mac(self, family: str) -> dict[str, float]:
        """The series of a family that has no label but `mac`."""
        return {labels.split('"')[1]: value for labels, value in self.of(family).items()}

    def status(self) -> str:
        """The one status that is 1."""
        (status,) = (labels.split('"')[1] for labels, value in self.of("nlbwmon_status").items() if value)
        return status
