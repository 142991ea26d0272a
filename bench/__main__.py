"""Prints the table of `make bench`; exits with 1 where a limit of ours is not met."""

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from bench import alert_latency, declared, fleet, hold, records, router, routers, rule_cost
from bench.measure import Scraper, answers, oldest, quantiles, running, series, use
from bench.reports import macs, write
from bench.rows import Row, row

PORT, NODE_PORT = 18220, 18221
ROUNDS, PER_ROUND = 5, 200
MORE = 2000
MINUTE = 60
MS = "{:.1f} ms"


def node_exporter() -> str | None:
    """The peer, if it is installed; Debian calls it prometheus-node-exporter."""
    return shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")


def latency(peer: bool) -> Iterator[Row]:
    """Scrapes of both exporters by turns, medians over the rounds."""
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    scraper, other = Scraper(PORT), Scraper(NODE_PORT)
    for _ in range(ROUNDS):
        ours.append(quantiles([scraper.scrape()[0] for _ in range(PER_ROUND)]))
        if peer:
            theirs.append(quantiles([1e3 * other.scrape()[0] for _ in range(PER_ROUND)]))
    medians = [statistics.median(each) for each in zip(*ours, strict=True)]
    beside = [statistics.median(each) for each in zip(*theirs, strict=True)] or [None, None]
    text = scraper.scrape()[1]
    yield row(f"scrape latency p50, gzip, {len(psutil.pids())} processes here", medians[0] * 1e3, MS, None, beside[0])
    yield row("scrape latency p99, gzip", medians[1] * 1e3, MS, 15.0, beside[1])
    if beside[1]:
        yield row("scrape latency p99, as a multiple of node_exporter's", medians[1] * 1e3 / beside[1], "{:.2f}", 2.0)
    yield row("series of that scrape", series(text), "{}", 500, series(other.scrape()[1]) if peer else None)
    yield row("age of its oldest background reading", oldest(text), "{:.0f} s")


def growth(pid: int, peer_pid: int | None) -> Iterator[Row]:
    """Memory after the first scrapes, and what many more add."""
    before, scraper = use(pid), Scraper(PORT)
    beside = use(peer_pid).resident / 1e6 if peer_pid else None
    yield row(f"RSS after {ROUNDS * PER_ROUND} scrapes", before.resident / 1e6, "{:.1f} MB", 45.0, beside)
    for _ in range(MORE):
        scraper.scrape()
    after = use(pid)
    yield row(f"RSS growth over {MORE} more scrapes", (after.resident - before.resident) / 1e6, "{:+.2f} MB", 1.0)
    yield row(f"threads more after {MORE} more scrapes", after.threads - before.threads, "{:+}", 0)
    yield row(f"files more after {MORE} more scrapes", after.files - before.files, "{:+}", 1)


def minute(pid: int, peer_pid: int | None) -> Iterator[Row]:
    """CPU of a minute at a scrape every 15 s, the fake programs included."""
    scrapers = [Scraper(PORT)] + ([Scraper(NODE_PORT)] if peer_pid else [])
    pids = [pid] + ([peer_pid] if peer_pid else [])
    before = [use(each).cpu for each in pids]
    for _ in range(MINUTE // 15):
        for scraper in scrapers:
            scraper.scrape()
        time.sleep(15)
    spent = [use(each).cpu - earlier for each, earlier in zip(pids, before, strict=True)]
    what = "CPU a minute at a 15 s scrape (measured on Linux, without the cost of Apple's tools)"
    yield row(what, spent[0], "{:.2f} s", None, spent[1] if peer_pid else None)


def starting(argv: list[str]) -> Row:
    """From the start of the process to the first scrape after every collector was tried."""
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        with running(argv):
            answers(PORT, "/-/ready")
            Scraper(PORT).scrape()
            times.append(time.perf_counter() - begun)
    return row("start to first good scrape", statistics.median(times), "{:.2f} s", 1.5)


def declarations() -> Iterator[Row]:
    """What follows from the declarations."""
    rate, title, found = declared.most_starts()
    cost, unknown = declared.modelled(found)
    count, largest = declared.most_series()
    left_out = f", without {len(unknown)} commands that nobody timed" if unknown else ""
    yield row(f"process starts a minute, by the declarations ({title})", rate, "{:.1f}", 15.0)
    yield row(f"run time of Apple's tools a minute (model, from reported run times{left_out})", cost, "{:.1f} s")
    yield row(f"series on the largest model ({largest})", count, "{}", 500)


def measured(console: Console) -> list[Row]:
    """All rows, the slow ones under a progress line."""
    peer = node_exporter()
    with tempfile.TemporaryDirectory() as name, console.status("starting") as status:
        folder = Path(name)
        mac = next(each for each in macs() if each.model.battery)
        write(mac, folder)
        argv = [sys.executable, "-m", "bench.agent", name, str(PORT)]
        status.update("starting five times")
        rows = [starting(argv)]
        with (
            running(argv) as agent,
            running([peer, f"--web.listen-address=127.0.0.1:{NODE_PORT}"] if peer else ["sleep", "3600"]) as other,
        ):
            answers(PORT, "/-/ready")
            if peer:
                answers(NODE_PORT, "/metrics")
            status.update("scraping both by turns")
            rows = [*latency(bool(peer)), *rows]
            status.update(f"{MORE} scrapes")
            rows += growth(agent.pid, other.pid if peer else None)
            status.update("one minute at a 15 s scrape")
            rows += minute(agent.pid, other.pid if peer else None)
        status.update("holding out against bad clients")
        held = list(hold.rows(folder))
        status.update("a thousand simulated Macs")
        return [*rows, *declarations(), *held, *fleet.rows()]


def routed(console: Console) -> list[Row]:
    """All rows of the router exporter."""
    with tempfile.TemporaryDirectory() as name, console.status("probing one router by turns") as status:
        rows = list(router.rows(Path(name)))
        status.update(f"{records.MANY:,} records")
        rows += records.rows()
        status.update(f"{routers.ROUTERS} simulated routers for some minutes")
        return [*rows, *routers.rows()]


def alerted(console: Console) -> list[Row]:
    """How soon an alert is told, and what the rules cost Prometheus."""
    with console.status("sixty faults, half of them in the fast lane") as status:
        rows = list(alert_latency.rows())
        status.update("rules on a thousand Macs with a past")
        return [*rows, *rule_cost.rows()]


def table(title: str, peer: str, rows: Sequence[Row]) -> Table:
    """Rows with their limits and whether they are met."""
    told = Table(title=title)
    for heading in ("what", "pomona", "limit", peer, ""):
        told.add_column(heading, overflow="fold")
    for each in rows:
        verdict = "" if each.met is None else "met" if each.met else "NOT MET"
        told.add_row(each.what, each.ours, each.limit, each.peer, verdict)
    return told


def main() -> int:
    """The exit status."""
    console = Console(width=None if sys.stdout.isatty() else 150)
    macs_rows, routers_rows, alerts_rows = measured(console), routed(console), alerted(console)
    console.print(table("One full Mac beside node_exporter: same run, medians", "node_exporter", macs_rows))
    console.print(table("Routers: beside what people write today, same run, medians", "plain script", routers_rows))
    console.print(table("Alerts: the newest Prometheus and Alertmanager that are here", "", alerts_rows))
    return 0 if all(each.met is not False for each in (*macs_rows, *routers_rows, *alerts_rows)) else 1


if __name__ == "__main__":
    sys.exit(main())
