"""A model of nlbwmon on a router whose true traffic is known, and an exporter that looks at it."""

from dataclasses import dataclass, field

import msgspec

from exporters.openwrt.accumulator import OTHER, Limits, Observations, State, advance, observe, restore, shown, wanted
from exporters.openwrt.nlbw import NOTHING, ZERO, Circumstances, Counts, Devices, Reading, Settings, Traffic
from exporters.openwrt.period import Clock, Interval, interval

START = 1_793_534_400.0
"""2026-11-01 12:00 UTC."""
REFRESH = 30
A, B, C = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"
DAY = 86_400.0


@dataclass
class Router:
    """nlbwmon's database, its files, and the clock: `skew` seconds ahead of the true time.

    `daemon` is the number of its process, which the router tells while `identity` holds; it answers no question about
    a closed period while it is `deaf`.
    """

    setting: str = "2026-01-01/1"
    now: float = START
    skew: float = 0.0
    boot: float = START - 86_400
    label: str = ""
    live: dict[str, Counts] = field(default_factory=dict)
    files: dict[str, dict[str, Counts]] = field(default_factory=dict)
    true: dict[str, Counts] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    turned: bool = False
    daemon: int = 1
    identity: bool = True
    deaf: bool = False
    offset: int = 0
    backup: dict[str, dict[str, Counts]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.every: Interval = interval(self.setting)
        self.label = self._today()

    def _today(self, at: float | None = None) -> str:
        return self.every.label(Clock((self.now if at is None else at) + self.skew))

    def traffic(self, mac: str, size: int) -> None:
        """A connection that downloads so many bytes."""
        counts = Counts(1, size, size // 100, size // 2, size // 200)
        self.live[mac] = self.live.get(mac, NOTHING).plus(counts)
        self.true[mac] = self.true.get(mac, NOTHING).plus(counts)

    def wait(self, seconds: float) -> None:
        """Time goes on, at most an hour at once, so that no period is jumped over."""
        while seconds > 0:
            self._pass(min(seconds, 3_600))
            seconds -= 3_600

    def _pass(self, seconds: float) -> None:
        """A new period begins at the first refresh in it, with connections that stay open."""
        refresh = self.now - self.now % REFRESH + REFRESH
        self.now += seconds
        if self.now >= refresh and self._today(self.now - self.now % REFRESH) > self.label:
            self.files[self.label], self.turned = dict(self.live), True
            self.live = {mac: Counts(1) for mac in list(self.live)[:1]}
            self.label = self._today()

    def commit(self) -> None:
        """The database is written to its file."""
        self.files[self.label] = dict(self.live)

    def evict(self, mac: str, by: str, part: int) -> None:
        """A part of a device's records makes room for a new one of another."""
        if mac in self.live and mac != by:
            kept = Counts(*(value * part // 10 for value in self.live[mac]))
            self._lower({**self.live, mac: kept})
            self.traffic(by, 0)

    def power_loss(self, skew: float) -> None:
        """A reboot; until the clock is set it tells another time."""
        self.boot, self.skew = self.now, skew
        self.killed()

    def killed(self) -> None:
        """nlbwmon is started again and reads its file."""
        self.daemon += 1
        self.label = self._today()
        self.live = dict(self.files.get(self.label, {}))

    def backed_up(self) -> None:
        """Somebody keeps the files of now, to bring them back later."""
        self.commit()
        self.backup = dict(self.files)

    def restored(self) -> None:
        """The files of a backup replace those of now."""
        self.files |= self.backup
        self.killed()

    def deleted(self) -> None:
        """The running period's file is deleted, and nlbwmon started again."""
        self.files.pop(self._today(), None)
        self.killed()

    def _lower(self, live: dict[str, Counts]) -> None:
        for mac, counts in self.live.items():
            self.lost[mac] = self.lost.get(mac, 0) + counts.rx_bytes - live.get(mac, NOTHING).rx_bytes
        self.live = live

    def reading(self, closed: tuple[str, ...] = (), *, clock: bool = True, uptime: bool = True) -> Reading:
        """What nlbw and the files around it answer now."""
        circumstances = Circumstances(
            clock=Clock(self.now + self.skew, self.offset) if clock else None,
            uptime=self.now - self.boot if uptime else None,
            listeners=frozenset({f"{self.daemon}/1", "kernel/2"}) if self.identity else None,
            settings=Settings(interval=self.every, interval_text=self.setting, refresh=REFRESH),
        )
        known = [label for label in closed if self.deaf or label in self.files]
        files: dict[str, Devices | None] = {label: None if self.deaf else self.files[label] for label in known}
        return Reading("ok", Traffic(dict(self.live), {}, len(self.live)), circumstances, files)


@dataclass
class Exporter:
    """Looks, remembers, is restarted. By MAC or "other": `grown` is what it accounts, `increased` what Prometheus sees.

    Prometheus does not know from where the first sample of a series has grown.
    """

    limits: Limits = field(default_factory=Limits)
    state: State | None = None
    grown: dict[str, Counts] = field(default_factory=dict)
    increased: dict[str, Counts] = field(default_factory=dict)
    samples: dict[str, Counts] = field(default_factory=dict)

    def look(self, router: Router, *, clock: bool = True, uptime: bool = True) -> bool:
        """Whether it was accounted, not put off until a later look can tell more. No total ever falls."""
        first, before = router.reading(clock=clock, uptime=uptime), self.state or State()
        closed = wanted(self.state, first)
        self.state = advance(self.state, router.reading(closed, clock=clock, uptime=uptime), router.now, self.limits)
        for mac, counts in self.state.totals.items():
            last = before.totals.get(mac, NOTHING)
            assert not any(last.above(counts)), "a total fell"
            self.grown[mac] = self.grown.get(mac, NOTHING).plus(counts.above(last))
        for mac, counts in shown(self.state):
            self._scraped(mac, counts, first=mac not in before.told)
        return self.state.seen.at == router.now

    def _scraped(self, mac: str, counts: Counts, *, first: bool) -> None:
        """Without a sample of this process the counter begins anew."""
        assert counts == NOTHING or not first, "a series was born with a value"
        last = NOTHING if first else self.samples[mac]
        assert not any(last.above(counts)), "a sample fell"
        self.increased[mac] = self.increased.get(mac, NOTHING).plus(counts.above(last))
        self.samples[mac] = counts

    def restart(self) -> None:
        """A new process that knows what the last one stored."""
        if self.state is not None:
            stored = msgspec.json.encode(observe(self.state))
            self.state = restore(msgspec.json.decode(stored, type=Observations))


def series_of(mac: str) -> str:
    """Where a device of the model is counted while there is room."""
    return OTHER if mac == ZERO else mac


def bytes_of(exporter: Exporter) -> dict[str, int]:
    """What each device that ever had series was found to have received, and "other" where that is not 0."""
    grown = {name: exporter.grown.get(name, NOTHING).rx_bytes for name in exporter.increased}
    return {name: size for name, size in grown.items() if size or name != OTHER}


def started(setting: str = "2026-01-01/1", limits: Limits | None = None) -> tuple[Router, Exporter]:
    """Both devices known, 1,000 bytes each before the first contact."""
    router, exporter = Router(setting), Exporter(limits or Limits())
    router.traffic(A, 1_000)
    router.traffic(B, 1_000)
    exporter.look(router)
    return router, exporter


def corrections(exporter: Exporter) -> dict[str, int]:
    assert exporter.state is not None
    return dict(exporter.state.corrections)
