"""Two hundred simulated routers in another process, each probed once a minute as Prometheus spreads them."""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import yaml

from bench.measure import Scraper, answers, quantiles, running, series, use
from bench.rows import Row, row

PORT, MACS_PORT = 18227, 18228
ROUTERS, DEVICES = 200, 50
SPECIAL = 7
"""The first ones of the simulation: they are down, hang or lack something, and so are left out."""
INTERVAL, ROUNDS = 60.0, 2
FRESH = 31.0
"""Seconds after which a router is asked anew."""


def rows() -> Iterator[Row]:
    """The first round connects, in a row; the later ones are spread over a minute each."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        targets = _simulated(folder, stack)
        exporter = [*("router", "--config.file", str(folder / "router.yml"), "--state.dir", str(folder / "state"))]
        listening = ["--web.listen-address", f"127.0.0.1:{PORT}", "--log.level", "error"]
        process = stack.enter_context(running([sys.executable, "-m", "exporters", *exporter, *listening]))
        answers(PORT, "/-/ready")
        scraper = Scraper(PORT)
        yield from _first(scraper, targets, process.pid)
        yield from _later(scraper, targets, process.pid)


def _simulated(folder: Path, stack: ExitStack) -> Sequence[str]:
    """The routers' names, once their files are there."""
    argv = ["simulate", "--macs", "0", "--routers", str(ROUTERS + SPECIAL), "--router-devices", str(DEVICES)]
    more = ["--routers-dir", str(folder), "--web.listen-address", f"127.0.0.1:{MACS_PORT}", "--log.level", "error"]
    stack.enter_context(running([sys.executable, "-m", "exporters", *argv, *more]))
    answers(MACS_PORT, "/-/ready")
    return list(yaml.safe_load((folder / "router.yml").read_text())["targets"])[SPECIAL:]


def _first(scraper: Scraper, targets: Sequence[str], pid: int) -> Iterator[Row]:
    before, begun = use(pid).cpu, time.perf_counter()
    times = [_probe(scraper, each) for each in targets]
    took = time.perf_counter() - begun
    what = f"{ROUTERS} simulated routers of {DEVICES} devices: first probe of all, one after the other, with connects"
    yield row(what, took, "{:.1f} s")
    yield row("the same: CPU of the exporter", use(pid).cpu - before, "{:.1f} s")
    yield row("the same: slowest", 1e3 * max(times), "{:.0f} ms", 2000.0)
    time.sleep(max(0.0, FRESH - took))


def _later(scraper: Scraper, targets: Sequence[str], pid: int) -> Iterator[Row]:
    before, begun = use(pid), time.perf_counter()
    times = [_spread(scraper, targets, begun + INTERVAL * number) for number in range(ROUNDS)]
    took, after = time.perf_counter() - begun, use(pid)
    p50, p99 = quantiles([each for of in times for each in of])
    what = f"{ROUTERS} simulated routers at a {INTERVAL:.0f} s interval"
    yield row(f"{what}: CPU of the exporter, part of a core", 100 * (after.cpu - before.cpu) / took, "{:.1f} %", 25.0)
    yield row(f"{what}: RSS", after.resident / 1e6, "{:.0f} MB", 150.0)
    yield row(f"{what}: slowest probe", 1e3 * max(max(of) for of in times), "{:.0f} ms", 2000.0)
    yield row(f"{what}: probe p50", 1e3 * p50, "{:.1f} ms")
    yield row(f"{what}: probe p99", 1e3 * p99, "{:.1f} ms")
    yield row(f"{what}: series of each", series(scraper.scrape(_path(targets[0]))[1]), "{}")
    yield row(f"{what}: threads", after.threads, "{}")


def _spread(scraper: Scraper, targets: Sequence[str], begun: float) -> list[float]:
    """One probe each, evenly over the interval."""
    times = []
    for number, target in enumerate(targets):
        time.sleep(max(0.0, begun + INTERVAL * number / len(targets) - time.perf_counter()))
        times.append(_probe(scraper, target))
    time.sleep(max(0.0, begun + INTERVAL - time.perf_counter()))
    return times


def _path(target: str) -> str:
    return f"/probe?target={target}"


def _probe(scraper: Scraper, target: str) -> float:
    took, text = scraper.scrape(_path(target))
    if "openwrt_up 1" not in text or 'openwrt_nlbwmon_status{status="ok"} 1' not in text:
        raise RuntimeError(f"{target} did not tell its traffic")
    return took
