"""A probe of one router beside what people write today: real dropbear on loopback, a fork for each program."""

import getpass
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from shlex import join

from bench import plainscript
from bench.home import DEVICES, mac
from bench.measure import Scraper, answers, quantiles, running
from bench.rows import Row, row
from bench.smallrouter import SmallRouter, available, started
from exporters.openwrt.nlbw import TRAFFIC
from exporters.sources.base import Command, File, Question
from exporters.sources.ssh import Ssh

KEPT_PORT, FRESH_PORT = 18224, 18225
KEPT_LEAP, FRESH_LEAP = 31, 301
ROUNDS = 5
A_ROUND: Mapping[str, int] = {
    "kept": 60,
    "traffic": 60,
    "fresh": 15,
    "one kept": 20,
    "one fresh": 15,
    "plain one": 10,
    "plain": 2,
}
"""Probes, then nlbw alone, over a kept connection and with a connect each; runs of the plain script."""
Times = Mapping[str, tuple[float, float]]
MS = "{:.1f} ms"


def rows(folder: Path) -> Iterator[Row]:
    """By turns, medians over the rounds."""
    if not available():
        yield Row("probe of a router: not measured, dropbear and a C compiler are not installed", "")
        return
    with ExitStack() as stack:
        home = started(folder, stack)
        kept, fresh = (_exporter(home, stack, *each) for each in ((KEPT_PORT, KEPT_LEAP), (FRESH_PORT, FRESH_LEAP)))
        yield from _told(len(home.asked), _by_turns(home, kept, fresh))


def _by_turns(home: SmallRouter, kept: Scraper, fresh: Scraper) -> Times:
    """The median and the 99th percentile of each way, in milliseconds."""
    source = Ssh(home.server.target)
    commands = [_typed(each) for each in home.asked]
    ways: Mapping[str, Callable[[], float]] = {
        "kept": lambda: _probe(kept),
        "traffic": lambda: _probe(kept, "&collect[]=nlbwmon"),
        "fresh": lambda: _probe(fresh),
        "one kept": lambda: _one(source),
        "one fresh": lambda: _connected(home),
        "plain one": lambda: _plain(home, commands[-1:]),
        "plain": lambda: _plain(home, commands),
    }
    rounds = [{name: quantiles(_times(home, ways[name], A_ROUND[name])) for name in ways} for _ in range(ROUNDS)]
    source.close()
    return {name: _medians([each[name] for each in rounds]) for name in ways}


def _times(home: SmallRouter, way: Callable[[], float], often: int) -> list[float]:
    """Milliseconds; the devices grow from each to the next."""
    found = []
    for _ in range(often):
        home.grow()
        found.append(1e3 * way())
    return found


def _medians(rounds: Sequence[tuple[float, float]]) -> tuple[float, float]:
    p50, p99 = (statistics.median(each) for each in zip(*rounds, strict=True))
    return p50, p99


def _told(questions: int, found: Times) -> Iterator[Row]:
    kept, traffic, fresh, one_kept, one_fresh, plain_one, plain = (found[name][0] for name in A_ROUND)
    asked = f"{questions} questions"
    what = f"probe of {DEVICES} devices over HTTP, {asked} in one exec, /etc/config not found"
    yield row(f"{what}, connection kept, p50 (plain script: a connect, {asked}, an exec each)", kept, MS, 15.0, plain)
    yield row("the same, p99", found["kept"][1], MS, None, found["plain"][1])
    yield row(
        "the same of nlbwmon alone (collect[]=nlbwmon), p50 (plain script: a connect, nlbw)",
        traffic,
        MS,
        15.0,
        plain_one,
    )
    yield row("the same, as a part of the plain script", traffic / plain_one, "{:.2f}", 0.2)
    yield row(f"{what}, a connect each, p50", fresh, MS)
    yield row("connection kept, as a part of a connect each", kept / fresh, "{:.2f}", 0.2)
    yield row("connection kept, as a part of the plain script", kept / plain, "{:.3f}", 0.2)
    yield row(
        "nlbw alone over SSH, connection kept, p50 (plain script: a connect, nlbw)", one_kept, MS, None, plain_one
    )
    yield row("nlbw alone over SSH, a connect each, p50", one_fresh, MS)
    yield row("connection kept, as a part of a connect each, nlbw alone", one_kept / one_fresh, "{:.2f}", 0.2)


def _probe(scraper: Scraper, chosen: str = "") -> float:
    took, text = scraper.scrape(f"/probe?target=home{chosen}")
    if "openwrt_up 1" not in text or mac(DEVICES - 1) not in text:
        raise RuntimeError("the probe found no devices")
    return took


def _one(source: Ssh) -> float:
    begun = time.perf_counter()
    source.ask(TRAFFIC)
    return time.perf_counter() - begun


def _connected(home: SmallRouter) -> float:
    begun = time.perf_counter()
    source = Ssh(home.server.target)
    source.ask(TRAFFIC)
    source.close()
    return time.perf_counter() - begun


def _plain(home: SmallRouter, commands: Sequence[str]) -> float:
    begun = time.perf_counter()
    key = home.server.folder / "client_key"
    text = plainscript.scrape(home.server.port, getpass.getuser(), key, home.known_hosts, commands)
    took = time.perf_counter() - begun
    if mac(DEVICES - 1) not in text:
        raise RuntimeError("the plain script found no devices")
    return took


def _typed(question: Question[object]) -> str:
    """As a person types it."""
    match question:
        case Command(argv=argv):
            return join(argv)
        case File(path=path):
            return join(("cat", path))
    raise ValueError(f"{question} is not asked of a router")


def _exporter(home: SmallRouter, stack: ExitStack, port: int, leap: int) -> Scraper:
    words = [str(home.configuration), str(home.folder / f"state-{port}"), str(port), str(leap)]
    stack.enter_context(running([sys.executable, "-m", "bench.router_agent", *words]))
    answers(port, "/-/ready")
    return Scraper(port)
