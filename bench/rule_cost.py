"""What the shipped rules cost a real Prometheus that has watched 1,000 Macs and 10,000 devices for 35 days."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import DEVNULL, run
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import yaml

from bench import rule_history
from bench.archetypes import DEVICES, MACS, ROUTERS, jobs, served
from bench.measure import answers, running, use
from bench.rows import Row, row
from exporters.stack.engines import find, folders
from rules.promql import named, selectors
from rules.rulefiles import FILES, shipped

PORT, FLEET_PORT = 18231, 18232
INTERVAL = 30.0
RECORDED, EVALUATED = 40.0, 30.0
"""Seconds between two evaluations here: while the series are gathered, and while they are measured."""
WARM, MEASURED = 130.0, 100.0
LIMIT_CORE, LIMIT_GROUP = 5.0, 2.0
SHORT = 2 * 3600.0
BLOCKS = "--max-block-duration=486h"


def newest() -> tuple[str, str] | None:
    """Prometheus and promtool of the last folder that has both."""
    found = [find({"PATH": folder}) for folder in folders(os.environ)]
    both = [(each.prometheus, each.promtool) for each in found if each.prometheus and each.promtool]
    return both[-1] if both else None


def rows() -> Iterator[Row]:
    """Nothing where there is no Prometheus."""
    programs = newest()
    if programs is None:
        return
    rules = shipped()
    wanted = rule_history.needs(rules, INTERVAL)
    recorded = {rule.name for rule in rules if not rule.is_alert}
    names = frozenset(name for rule in rules for each, _ in selectors(rule.tree) for name in named(each)) - recorded
    with tempfile.TemporaryDirectory() as name, served(FLEET_PORT, names):
        folder = Path(name)
        yield from _measured(folder, *programs, wanted)


def _configure(folder: Path, interval: float) -> None:
    """All groups are evaluated alike here, so that those of an hour are measured, too."""
    for path in FILES:
        document = yaml.safe_load(path.read_text())
        for group in document["groups"]:
            group["interval"] = f"{interval:.0f}s"
        (folder / path.name).write_text(yaml.safe_dump(document, sort_keys=False))
    document = {
        "global": {"scrape_interval": "60s", "evaluation_interval": f"{interval:.0f}s"},
        "rule_files": [str(folder / "*.rules.yml")],
        "scrape_configs": [
            *jobs(FLEET_PORT),
            {"job_name": "prometheus", "static_configs": [{"targets": [_address()]}]},
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(document))


def _address() -> str:
    return f"127.0.0.1:{PORT}"


def _measured(
    folder: Path, prometheus: str, promtool: str, wanted: Mapping[tuple[str, str], rule_history.Need]
) -> Iterator[Row]:
    _configure(folder, RECORDED)
    with running(_command(prometheus, folder, "first")):
        answers(PORT, "/-/ready")
        time.sleep(WARM)
        samples = _past(folder, wanted)
    for short in (True, False):
        made = [promtool, "tsdb", "create-blocks-from", "openmetrics", "-q", *(() if short else (BLOCKS,))]
        run([*made, str(folder / f"past-{short}"), str(folder / "data")], stdout=DEVNULL, check=True)
    shutil.rmtree(folder / "first")
    _configure(folder, EVALUATED)
    with running(_command(prometheus, folder, "data")) as process:
        answers(PORT, "/-/ready", 120)
        time.sleep(2 * EVALUATED)
        before, begun = use(process.pid), time.monotonic()
        taken = _durations()
        after, took = use(process.pid), time.monotonic() - begun
        yield from _told(taken, samples, (after.cpu - before.cpu) / took, after.resident)


def _command(prometheus: str, folder: Path, data: str) -> list[str]:
    return [
        prometheus,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / data}",
        "--storage.tsdb.retention.time=40d",
        f"--web.listen-address={_address()}",
        "--log.level=error",
    ]


def _past(folder: Path, wanted: Mapping[tuple[str, str], rule_history.Need]) -> int:
    """Two files: what is read over an hour or two, and a long one, of which promtool makes a few large blocks."""
    until, count = time.time() - 30, 0
    found = rule_history.pasts(PORT, wanted, shipped())
    for short in (True, False):
        chosen = {series: each for series, each in found.items() if (each[1].back <= SHORT) == short}
        count += rule_history.write(folder / f"past-{short}", chosen, until)
    return count


def _durations() -> dict[str, float]:
    """The longest of each group's evaluations, in seconds."""
    seen: dict[str, list[float]] = {}
    until = time.monotonic() + MEASURED
    while time.monotonic() < until:
        for labels, value in _query("prometheus_rule_group_last_duration_seconds"):
            seen.setdefault(labels["rule_group"].partition(";")[2], []).append(value)
        time.sleep(EVALUATED)
    return {group: max(values) for group, values in seen.items()}


def _query(expr: str) -> list[tuple[Mapping[str, str], float]]:
    with urlopen(f"http://{_address()}/api/v1/query?query={quote(expr)}", timeout=30) as answer:
        found: Any = json.load(answer)["data"]["result"]
    return [(each["metric"], float(each["value"][1])) for each in found]


def _told(taken: Mapping[str, float], samples: int, core: float, resident: int) -> Iterator[Row]:
    intervals = {
        group["name"]: rule_history.seconds(str(group.get("interval", "")), INTERVAL)
        for path in FILES
        for group in yaml.safe_load(path.read_text())["groups"]
    }
    cost = {group: took / intervals[group] for group, took in taken.items()}
    slowest, dearest = max(taken, key=taken.__getitem__), max(cost, key=cost.__getitem__)
    ((_, held),) = _query("prometheus_tsdb_head_series")
    what = (
        f"rules on {MACS:,} Macs and {ROUTERS * DEVICES:,} devices, {samples / 1e6:.0f} million samples of their past"
    )
    yield row(
        f"{what}: evaluation at a 30 s interval, part of a core", 100 * sum(cost.values()), "{:.1f} %", LIMIT_CORE
    )
    yield row(f"the same: slowest group ({slowest})", taken[slowest], "{:.2f} s", LIMIT_GROUP)
    yield row(f"the same: dearest group ({dearest}, every {intervals[dearest]:.0f} s)", 100 * cost[dearest], "{:.1f} %")
    yield row(f"the same: Prometheus with every group each {EVALUATED:.0f} s, part of a core", 100 * core, "{:.0f} %")
    yield row("the same: series that Prometheus holds", held, "{:,.0f}")
    yield row("the same: RSS of Prometheus", resident / 1e6, "{:.0f} MB")
    failed = sum(value for _, value in _query("sum(prometheus_rule_evaluation_failures_total)"))
    yield row("the same: evaluations that failed", failed, "{:.0f}", 0)
