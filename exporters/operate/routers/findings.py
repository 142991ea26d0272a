"""What the answers of a router say to a person: one line for each thing, and how to mend what is wrong.

Every program is named as it is typed on the router.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from exporters.openwrt import nlbw
from exporters.openwrt.accumulator import AGREEMENT
from exporters.openwrt.interfaces import DUMP, NETDEV
from exporters.openwrt.leases import HINTS, LEASES
from exporters.openwrt.nlbw import TRAFFIC, ZERO, Problem, Reading, Settings
from exporters.openwrt.period import Days, Interval
from exporters.openwrt.wireless import wireless
from exporters.operate.routers.config import Listed
from exporters.sources.base import Command, NotFound, Output, Question, Replies, SourceError

Word = Literal["ok", "wrong", "not known"]
IDENTITY = Command(("id", "-u"))
HISTORY = 35
"""Days of history that the advice about periods is for."""
RESTART = "/etc/init.d/nlbwmon restart"
_SWITCHED = "echo net.netfilter.{0}=1 >> /etc/sysctl.conf; sysctl -w net.netfilter.{0}=1"
_IN_MEMORY = re.compile(r"/(?:var|tmp)(?:/.*)?")
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at; `mend` are the steps that mend it, or what could be better."""

    topic: str
    word: Word
    found: str
    mend: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What one batch brought: why nothing was answered, the answers; Unix time here before and after."""

    listed: Listed
    address: str
    trouble: SourceError | None
    connects: int
    answers: Mapping[Question[Any], Any]
    began: float
    ended: float
    config_file: Path | None = None

    @property
    def replies(self) -> Replies:
        """The answers as a parser gets them."""
        return Replies({each: None if isinstance(got, SourceError) else got for each, got in self.answers.items()})

    def runs(self, collector: str) -> bool:
        """Whether the module of the target has that collector on."""
        return any(each.name == collector for each in self.listed.module.collectors)


def user(seen: Seen) -> Line:
    """The socket of nlbwmon is root's."""
    answer = seen.answers[IDENTITY]
    if not isinstance(answer, Output):
        return Line("user", "not known", "nothing was answered" if seen.trouble else str(answer))
    if answer.stdout.strip() == b"0":
        return Line("user", "ok", "root")
    who = answer.stdout.decode(errors="replace")
    if nlbw.status_of(seen.replies.get(TRAFFIC)) == "ok":
        return Line("user", "ok", f"number {who}, whom nlbwmon answers though it is not root")
    mend = f"write username: root below auths.{seen.listed.target.auth}"
    return Line("user", "wrong", f"number {who} is not root, to whom alone nlbwmon answers", (mend,))


def told(seen: Seen) -> Iterator[Line]:
    """All that the router told: nlbwmon, its clock, the parts that it may lack."""
    reading = nlbw.parse(seen.replies)
    if TRAFFIC in seen.answers:
        yield from _nlbwmon(seen, reading)
    else:
        yield Line("nlbwmon", "not known", f"module {seen.listed.module.name} does not ask for it")
    yield _clock(seen, reading)
    yield from _parts(seen)


def _nlbwmon(seen: Seen, reading: Reading) -> Iterator[Line]:
    judged = nlbw.judged(reading)
    yield _program(reading)
    yield _daemon(seen, reading)
    yield _data(reading, judged)
    yield _switch("accounting", judged.get("accounting_off"), "nf_conntrack_acct", "connections have no bytes")
    yield _switch("events", judged.get("events_off"), "nf_conntrack_events", "new connections are not told")
    yield _lost(judged.get("events_lost"))
    yield _offloading(judged)
    yield _retention(reading.circumstances.settings)
    yield _commit(reading.circumstances.settings)


def _program(reading: Reading) -> Line:
    if reading.status != "not_installed":
        return Line("nlbwmon", "ok", "it is installed")
    mend = "opkg update && opkg install nlbwmon; where there is no opkg: apk update && apk add nlbwmon"
    return Line("nlbwmon", "wrong", "it is not installed", (f"on the router: {mend}",))


def _daemon(seen: Seen, reading: Reading) -> Line:
    """Without root's rights an answer looks as without a daemon."""
    if reading.status == "not_installed":
        return Line("daemon", "not known", "nlbwmon is not installed")
    if reading.status == "daemon_down" and user(seen).word == "wrong":
        return Line("daemon", "not known", "it answers root alone")
    answer = seen.answers[TRAFFIC]
    found, mend = {
        "daemon_down": ("it does not run", "/etc/init.d/nlbwmon enable; /etc/init.d/nlbwmon start"),
        "hang": (f"nlbw got no answer: {answer}", RESTART),
        "error": (f"nlbw failed: {_failure(answer)}", "nlbw -c json -g mac"),
    }.get(reading.status, ("", ""))
    return Line("daemon", "wrong", found, (f"on the router: {mend}",)) if found else Line("daemon", "ok", "it answers")


def _failure(answer: Any) -> str:
    """Status and first words of a command that failed."""
    if not isinstance(answer, Output):
        return str(answer)
    said = " ".join(answer.stderr.decode(errors="replace").split())
    return f"exit status {answer.exit}{f', {said[:200]}' if said else ''}"


def _data(reading: Reading, judged: Mapping[Problem, bool]) -> Line:
    traffic = reading.traffic
    if reading.status == "unparsable":
        mend = "a quote in a name breaks it, to be found on the router by: grep '\"' /usr/share/nlbwmon/protocols"
        return Line("data", "wrong", f"it cannot be read: {reading.fault}", (mend,))
    if reading.status == "no_data" or judged.get("no_records"):
        return Line("data", "wrong", "no record, though there are connections", (f"on the router: {RESTART}",))
    if traffic is None:
        return Line("data", "not known", "nlbw gave none")
    found = f"{len(set(traffic.devices) - {ZERO})} devices in {traffic.records} records"
    if judged.get("database_nearly_full"):
        limit = 2 * (reading.circumstances.settings.limit or 0)
        mend = _uci("nlbwmon", f"nlbwmon.@nlbwmon[0].database_limit={limit}", RESTART)
        return Line("data", "wrong", f"{found}, as many as the database holds", (mend,))
    return Line("data", "ok" if traffic.records else "not known", found if traffic.records else "no traffic yet")


def _uci(config: str, *steps: str) -> str:
    """A command for the router that sets options, all but the last of the steps, and has them taken."""
    *options, restart = steps
    return f"on the router: {'; '.join(f'uci set {each}' for each in options)}; uci commit {config}; {restart}"


def _switch(topic: str, off: bool | None, name: str, without: str) -> Line:
    """One of the kernel's switches without which counts are too small."""
    if off is None:
        return Line(topic, "not known", f"the kernel does not tell net.netfilter.{name}")
    if off:
        return Line(topic, "wrong", f"off: {without}", (f"on the router: {_SWITCHED.format(name)}; {RESTART}",))
    return Line(topic, "ok", "on")


def _lost(lost: bool | None) -> Line:
    if lost is None:
        return Line("losses", "not known", "nobody listens to the kernel's events")
    if not lost:
        return Line("losses", "ok", "no event of the kernel was lost")
    buffer = _uci("nlbwmon", "nlbwmon.@nlbwmon[0].netlink_buffer_size=2097152", RESTART)
    room = "on the router: echo net.core.rmem_max=2097152 >> /etc/sysctl.conf; sysctl -w net.core.rmem_max=2097152"
    return Line("losses", "wrong", "events were lost since nlbwmon started: counts are too small", (room, buffer))


def _offloading(judged: Mapping[Problem, bool]) -> Line:
    """What the firewall passes on by a short cut is hardly counted."""
    kinds: Mapping[Problem, str] = {"flow_offloading": "software", "hardware_flow_offloading": "hardware"}
    if not judged.keys() & kinds.keys():
        return Line("offloading", "not known", f"{nlbw.FIREWALL} does not tell")
    on = " and ".join(kind for name, kind in kinds.items() if judged.get(name))
    if not on:
        return Line("offloading", "ok", "off")
    options = (f"firewall.@defaults[0].{name}=0" for name in ("flow_offloading", "flow_offloading_hw"))
    mend = _uci("firewall", *options, "/etc/init.d/firewall restart")
    cost = "turning it off costs throughput: a slow router may no longer fill a fast line"
    return Line("offloading", "wrong", f"{on} flow offloading is on: counts are far too small", (mend, cost))


def _retention(settings: Settings) -> Line:
    """What the router keeps by itself; Prometheus has its own history."""
    every, kept = settings.interval, settings.generations
    if every is None:
        return Line("periods", "not known", f"{nlbw.SETTINGS} does not tell database_interval")
    number = {None: "how many are kept is not known", 0: "all kept"}.get(kept, f"{kept} kept")
    found = f"{_named(every)} periods, {number}{_in_memory(settings)}"
    if isinstance(every, Days) and every.length == 1 and (kept == 0 or (kept or 0) >= HISTORY):
        return Line("periods", "ok", found)
    options = ("database_interval='2026-01-01/1'", f"database_generations={HISTORY}")
    mend = _uci("nlbwmon", *(f"nlbwmon.@nlbwmon[0].{each}" for each in options), RESTART)
    return Line(
        "periods", "ok", found, (f"for {HISTORY} days by day, {mend}", "another interval starts a new database")
    )


def _named(every: Interval) -> str:
    if isinstance(every, Days):
        return "daily" if every.length == 1 else f"{every.length}-day"
    return "monthly"


def _in_memory(settings: Settings) -> str:
    found = _IN_MEMORY.fullmatch(settings.directory)
    return f"; {found[0]} is in RAM, so a reboot loses them" if found else ""


def _commit(settings: Settings) -> Line:
    if not settings.commit:
        return Line("commits", "not known", f"{nlbw.SETTINGS} does not tell commit_interval")
    span = _span(settings.commit)
    return Line("commits", "ok", f"counts are written every {span}: a power loss takes what came after the last time")


def _span(seconds: float) -> str:
    """In the largest unit that leaves no rest: 24 hours are 1 day."""
    name, size = next(((name, size) for name, size in _UNITS if seconds % size == 0), _UNITS[-1])
    count = int(seconds // size)
    return f"{count} {name}{'s' if count != 1 else ''}"


def _clock(seen: Seen, reading: Reading) -> Line:
    """Against ours; the router told its time, in whole seconds, some time between our two looks."""
    clock = reading.circumstances.clock
    if clock is None:
        return Line("clock", "not known", "the router does not tell its time")
    off = max(seen.began - 1 - clock.seconds, clock.seconds - seen.ended, 0.0)
    if off <= AGREEMENT:
        return Line("clock", "ok", f"it differs from ours by {off:.0f} s" if off >= 1 else "it is as ours")
    mend = "on the router: /etc/init.d/sysntpd enable; /etc/init.d/sysntpd restart; its servers: uci show system.ntp"
    return Line("clock", "wrong", f"it differs from ours by {off:.0f} s: new periods cannot be proven", (mend,))


def _parts(seen: Seen) -> Iterator[Line]:
    """What makes the rest richer and may be missing; only what the module asks for."""
    lacks: Mapping[Question[Any], tuple[str, str, str]] = {
        LEASES: ("leases", "names and leases", "uci -q get dhcp.@dnsmasq[0].leasefile tells where it is"),
        DUMP: ("ubus", "networks such as wan", "see why by: ubus call network.interface dump"),
        HINTS: ("hints", "names from LuCI", "opkg install rpcd-mod-luci; /etc/init.d/rpcd restart"),
    }
    for question, (topic, what, mend) in lacks.items():
        if question in seen.answers:
            yield _part(topic, str(question), seen.answers[question], what, mend)
    if seen.runs(wireless.name):
        yield _stations(seen)


def _part(topic: str, question: str, answer: Any, what: str, mend: str) -> Line:
    if isinstance(answer, Output) and answer.exit != 0:
        answer = NotFound(f"exit status {answer.exit}")
    if isinstance(answer, SourceError):
        return Line(topic, "not known", f"no {what}: {question}: {answer}", (f"on the router: {mend}",))
    return Line(topic, "ok", f"it tells {what}")


def _stations(seen: Seen) -> Line:
    """Of the first radio that says no, else of all."""
    named = seen.listed.module.contexts[wireless.name].config.interfaces
    if seen.listed.target.forced_command and not named:
        mend = f"write interfaces: [phy0-ap0, …] below modules.{seen.listed.module.name}.wireless, and renew the line"
        return Line("iwinfo", "not known", "a forced command cannot ask for radios that it does not name", (mend,))
    asked = {each: got for each, got in seen.answers.items() if isinstance(each, Command) and each.argv[0] == "iwinfo"}
    if not asked:
        return Line("iwinfo", "ok" if NETDEV in seen.answers else "not known", "the router has no radio")
    refused = next(((each, got) for each, got in asked.items() if isinstance(got, SourceError)), None)
    question, answer = refused or next(iter(asked.items()))
    return _part("iwinfo", str(question), answer, "stations of radios", "opkg install iwinfo")
