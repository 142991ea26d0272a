"""What the shipped rules cost a real Prometheus that has watched 1,000 Macs and 10,000 devices for 35 days."""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import DEVNULL, run
from urllib.parse import quote
from urllib.request import urlopen

import yaml

from bench import rule_history
from bench.archetypes import DEVICES, MACS, ROUTERS, jobs, served
from bench.measure import answers, running, use
from bench.rows import Row, row
from exporters.stack.engines import find, folders
from rules.promql import is_scalar, named, selectors
from rules.rulefiles import FILES, shipped

Needs = Mapping[tuple[str, str], rule_history.Need]
PORT, FLEET_PORT = 18231, 18232
INTERVAL = 30.0
GATHERED = 60.0
"""Seconds between two evaluations while the series are gathered."""
WARM, TRIES = 190.0, 3
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


def _configure(folder: Path) -> None:
    """All groups are evaluated alike, so that there is something of those of an hour, too."""
    for path in FILES:
        document = yaml.safe_load(path.read_text())
        for group in document["groups"]:
            group["interval"] = f"{GATHERED:.0f}s"
        (folder / path.name).write_text(yaml.safe_dump(document, sort_keys=False))
    document = {
        "global": {"scrape_interval": "60s", "evaluation_interval": f"{GATHERED:.0f}s"},
        "rule_files": [str(folder / "*.rules.yml")],
        "scrape_configs": [
            *jobs(FLEET_PORT),
            {"job_name": "prometheus", "static_configs": [{"targets": [_address()]}]},
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(document))


def _address() -> str:
    return f"127.0.0.1:{PORT}"


def _measured(folder: Path, prometheus: str, promtool: str, wanted: Needs) -> Iterator[Row]:
    """Each expression by itself, at the end of the past: nothing else runs, so it is what an evaluation takes."""
    _configure(folder)
    with running(_command(prometheus, folder, "first")):
        answers(PORT, "/-/ready")
        time.sleep(WARM)
        until, samples = _past(folder, wanted)
    for short in (True, False):
        made = [promtool, "tsdb", "create-blocks-from", "openmetrics", "-q", *(() if short else (BLOCKS,))]
        run([*made, str(folder / f"past-{short}"), str(folder / "data")], stdout=DEVNULL, check=True)
    shutil.rmtree(folder / "first")
    (folder / "prometheus.yml").write_text("{}\n")
    with running(_command(prometheus, folder, "data")) as process:
        answers(PORT, "/-/ready", 120)
        taken = {group: sum(_seconds(each, until) for each in rules) for group, rules in _groups().items()}
        yield from _told(taken, samples, use(process.pid).resident)


def _groups() -> dict[str, list[str]]:
    """The expressions of each group."""
    found: dict[str, list[str]] = {}
    for rule in shipped():
        exprs = found.setdefault(rule.where.partition("/")[2], [])
        exprs.extend([] if is_scalar(rule.tree) else [str(rule.fields["expr"])])  # a constant costs nothing
    return found


def _seconds(expr: str, moment: float) -> float:
    """The median of a few tries; counted by Prometheus, so that no result is carried over."""
    asked = f"http://{_address()}/api/v1/query?time={moment:.0f}&query={quote(f'count({expr})')}"
    taken = []
    for _ in range(TRIES):
        begun = time.perf_counter()
        with urlopen(asked, timeout=300) as answer:
            answer.read()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def _command(prometheus: str, folder: Path, data: str) -> list[str]:
    return [
        prometheus,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / data}",
        "--storage.tsdb.retention.time=40d",
        f"--web.listen-address={_address()}",
        "--log.level=error",
    ]


def _past(folder: Path, wanted: Needs) -> tuple[float, int]:
    """Two files: what is read over an hour or two, and a long one, of which promtool makes a few large blocks."""
    until, count = time.time() - 30, 0
    found = rule_history.pasts(PORT, wanted, shipped())
    for short in (True, False):
        chosen = {series: each for series, each in found.items() if (each[1].back <= SHORT) == short}
        count += rule_history.write(folder / f"past-{short}", chosen, until)
    return until, count


def _told(taken: Mapping[str, float], samples: int, resident: int) -> Iterator[Row]:
    intervals = {
        group["name"]: rule_history.seconds(str(group.get("interval", "")), INTERVAL)
        for path in FILES
        for group in yaml.safe_load(path.read_text())["groups"]
    }
    cost = {group: took / intervals[group] for group, took in taken.items()}
    slowest, dearest = max(taken, key=taken.__getitem__), max(cost, key=cost.__getitem__)
    what = (
        f"rules on {MACS:,} Macs and {ROUTERS * DEVICES:,} devices, {samples / 1e6:.0f} million samples of their past"
    )
    yield row(f"{what}: at a 30 s interval, part of a core", 100 * sum(cost.values()), "{:.1f} %", LIMIT_CORE)
    yield row(
        f"the same: slowest group ({slowest}, every {intervals[slowest]:.0f} s)",
        taken[slowest],
        "{:.2f} s",
        LIMIT_GROUP,
    )
    yield row(f"the same: dearest group ({dearest}, every {intervals[dearest]:.0f} s)", 100 * cost[dearest], "{:.2f} %")
    yield row("the same: RSS of Prometheus after it", resident / 1e6, "{:.0f} MB")
