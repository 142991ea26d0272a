"""A thousand simulated Macs in one process, each scraped as Prometheus would."""

import sys
import time
from collections.abc import Iterator

from bench.measure import Scraper, answers, quantiles, running, use
from bench.rows import Row, row

PORT = 18223
MACS = 1000


def rows() -> Iterator[Row]:
    """The first round makes the machines, the second meets them as they are."""
    argv = [sys.executable, "-m", "exporters", "simulate", "--macs", str(MACS)]
    with running([*argv, "--web.listen-address", f"127.0.0.1:{PORT}", "--log.level", "error"]) as fleet:
        answers(PORT, "/-/ready")
        scraper = Scraper(PORT)
        paths = [f"/probe?target=sim-{number:04}" for number in range(1, MACS + 1)]
        begun = time.perf_counter()
        for path in paths:
            scraper.scrape(path)
        first = time.perf_counter() - begun
        p50, p99 = quantiles([scraper.scrape(path)[0] for path in paths])
        yield row(f"{MACS} simulated Macs in one process: first scrape of all", first, "{:.1f} s")
        yield row(f"{MACS} simulated Macs: scrape p50", p50 * 1e3, "{:.1f} ms")
        yield row(f"{MACS} simulated Macs: scrape p99", p99 * 1e3, "{:.1f} ms")
        yield row(f"{MACS} simulated Macs: RSS", use(fleet.pid).resident / 1e6, "{:.0f} MB")
