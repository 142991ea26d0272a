"""What a simulated router answers to a command or tells in a file, at a moment in Unix seconds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from exporters.stack import router_reports as reports
from exporters.stack.router_model import DAY, FAST, SLOW, Device
from exporters.stack.router_traffic import Answer, Daemon, received_and_sent

STARTING = 40.0
"""Seconds that it cannot be reached for after a boot."""
HANG_EVERY, HANG_LASTS = 600.0, 90.0
LEASE = DAY / 2
ABSENT = 127
NETFILTER = "/proc/sys/net/netfilter/nf_conntrack_"
Told = Callable[[Sequence[str], float], "Answer | None"]


@dataclass(frozen=True, slots=True)
class Nature:
    """How a router differs from a plain one; `radios` is whether it has Wi-Fi, `luci` whether it gives host hints."""

    title: str
    monthly: bool = False
    offset: int = 3600
    reboots: bool = False
    offloading: bool = False
    daemon: bool = True
    installed: bool = True
    hangs: bool = False
    unreachable: bool = False
    visitor: bool = False
    radios: bool = True
    luci: bool = True


@dataclass(frozen=True, slots=True)
class Router:
    """One simulated router: pure, it has no clock of its own."""

    name: str
    nature: Nature
    daemon: Daemon

    def up(self, now: float) -> bool:
        """Whether it can be reached."""
        return not self.nature.unreachable and now - self.daemon.life.boot(now) >= STARTING

    def present(self, now: float) -> Iterator[Device]:
        """The devices of its network that are there."""
        own = self._own(now)
        return (each for each in self.devices if each.there(own))

    @property
    def devices(self) -> Sequence[Device]:
        """Those of its own network: what is routed has no address there."""
        return [each for each in self.daemon.devices if not each.mac.startswith("00:00:00:00")]

    def run(self, words: Sequence[str], now: float) -> Answer | None:
        """The answer of a command; None is one that never comes."""
        known: Mapping[str, Told] = {
            "nlbw": self._nlbw,
            "ubus": self._ubus,
            "ip": self._neighbours,
            "iwinfo": self._stations,
            "date": self._date,
            "cat": self._cat,
            "id": lambda _words, _now: Answer(b"0\n"),
        }
        program = words[0] if words else ""
        found = known.get(program)
        return found(words[1:], now) if found else missing(program)

    def read(self, path: str, now: float) -> bytes | None:
        """The content of a file; None where there is none."""
        tell = self._files().get(path)
        return tell(now) if tell else None

    def _own(self, now: float) -> float:
        return (now - self.daemon.begun) * self.daemon.speed

    def _uptime(self, now: float) -> float:
        return now - self.daemon.life.boot(now)

    def _files(self) -> Mapping[str, Callable[[float], bytes]]:
        counts = {"max": 16384, "acct": 1, "events": 1}
        settings: dict[str, Callable[[float], bytes]] = {
            f"{NETFILTER}{name}": lambda _, value=value: b"%d\n" % value  # type: ignore[misc]
            for name, value in counts.items()
        }
        return settings | {
            f"{NETFILTER}count": lambda now: b"%d\n" % (20 + 7 * len(list(self.present(now)))),
            "/proc/uptime": lambda now: f"{self._uptime(now):.2f} {1.7 * self._uptime(now):.2f}\n".encode(),
            "/proc/loadavg": reports.load,
            "/proc/meminfo": reports.memory,
            "/proc/net/dev": self._interfaces,
            "/proc/net/netlink": lambda _: reports.netlink(subscribed=self.nature.installed and self.nature.daemon),
            "/tmp/dhcp.leases": self._leases,  # noqa: S108 - a name on the router
            "/etc/openwrt_release": lambda _: reports.RELEASE,
            **self._configuration(),
        }

    def _configuration(self) -> Mapping[str, Callable[[float], bytes]]:
        told: dict[str, Callable[[float], bytes]] = {
            "/etc/config/dhcp": lambda _: reports.dhcp_settings(self.devices),
            "/etc/config/firewall": lambda _: reports.firewall_settings(offloading=self.nature.offloading),
        }
        if self.nature.installed:
            told["/etc/config/nlbwmon"] = lambda _: reports.nlbwmon_settings(self.daemon)
        return told

    def _interfaces(self, now: float) -> bytes:
        own, since = self._own(now), self._own(self.daemon.life.boot(now))
        used = [(each, *received_and_sent(each, since, own, self.daemon.speed)) for each in self.daemon.devices]
        sums: dict[str, tuple[float, float]] = {}
        for name in ("br-lan", *((FAST, SLOW) if self.nature.radios else ())):
            own_part = [(down, sent) for each, down, sent in used if name in {"br-lan", each.kind.radio}]
            sums[name] = sum(sent for _, sent in own_part), sum(down for down, _ in own_part)
        sums["wan"] = sums["br-lan"][::-1]
        return reports.interfaces({"lo": (4e4, 4e4), "eth0": sums["br-lan"], **sums})

    def _leases(self, now: float) -> bytes:
        """Renewed at half their time; a lease outlives the stay."""
        own = self._own(now)
        known = (each for each in self.devices if own >= each.arrives)
        return reports.leases(known, now - now % (LEASE / 2) + LEASE)

    def _nlbw(self, words: Sequence[str], now: float) -> Answer | None:
        if not self.nature.installed:
            return missing("nlbw")
        if not self.nature.daemon:
            return Answer(stderr=b"Error while processing command: Bad file descriptor\n", status=247)
        if self.nature.hangs and (now - self.daemon.begun) % HANG_EVERY >= HANG_EVERY - HANG_LASTS:
            return None
        return self.daemon.nlbw(words, now)

    def _ubus(self, words: Sequence[str], now: float) -> Answer:
        asked = tuple(word for word in words if not word.startswith("-"))
        if asked == ("call", "network.interface", "dump"):
            return Answer(reports.networks(self._uptime(now)))
        if asked == ("call", "luci-rpc", "getHostHints") and self.nature.luci:
            own = self._own(now)
            return Answer(reports.hints(each for each in self.devices if own >= each.arrives))
        return Answer(stderr=b"Command failed: Not found\n", status=4)

    def _neighbours(self, words: Sequence[str], now: float) -> Answer:
        if tuple(words) not in {("neigh",), ("neigh", "show")}:
            return Answer(stderr=b"BusyBox v1.36.1 multi-call binary.\n", status=1)
        own = self._own(now)
        return Answer(reports.neighbours((each, each.there(own)) for each in self.devices))

    def _stations(self, words: Sequence[str], now: float) -> Answer:
        if not self.nature.radios:
            return missing("iwinfo")
        if len(words) != 2 or words[0] not in {FAST, SLOW} or words[1] != "assoclist":  # noqa: PLR2004
            return Answer(stderr=f"No such wireless device: {' '.join(words[:1])}\n".encode(), status=1)
        return Answer(reports.stations([each for each in self.present(now) if each.kind.radio == words[0]], now))

    def _date(self, words: Sequence[str], now: float) -> Answer:
        zone = f"{self.nature.offset // 3600:+03}{self.nature.offset % 3600 // 60:02}"
        plain = datetime.fromtimestamp(now + self.nature.offset, UTC).strftime("%a %b %e %H:%M:%S")
        text = words[0][1:] if words else plain
        return Answer(f"{text.replace('%s', str(int(now))).replace('%z', zone)}\n".encode())

    def _cat(self, words: Sequence[str], now: float) -> Answer:
        found = {path: self.read(path, now) for path in words}
        absent = [path for path, content in found.items() if content is None]
        told = "".join(f"cat: can't open '{path}': No such file or directory\n" for path in absent)
        return Answer(b"".join(content or b"" for content in found.values()), told.encode(), int(bool(absent)))


def missing(program: str) -> Answer:
    """What busybox says of a program that is not there."""
    return Answer(stderr=f"ash: {program}: not found\n".encode(), status=ABSENT)
