"""The past that rules read, made up from what they read now: counters grew, gauges swayed a little."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from promql_parser import Expr, MatrixSelector, SubqueryExpr, VectorSelector

from rules.promql import named, walk
from rules.rulefiles import Rule

RAW_STEP = 60.0
LOOKBACK = 300.0
COUNTERS = ("_total", "_bucket", "_count", "_sum")
MOST_DAYS = 35
SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Need:
    """How far back a series is read, and how far apart its samples are, in seconds."""

    back: float
    step: float


def seconds(interval: str, default: float) -> float:
    """Of a group's interval: 30s, 5m, 1h."""
    return float(interval[:-1]) * SECONDS[interval[-1]] if interval else default


def needs(rules: Iterable[Rule], default: float) -> dict[str, Need]:
    """By name, of all rules: the longest range with its offset, at most as long as the fleet has been watched."""
    everyone = list(rules)
    steps = {rule.name: seconds(rule.interval, default) for rule in everyone if not rule.is_alert}
    found: dict[str, float] = {}
    for rule in everyone:
        for each, above in walk(rule.tree):
            if isinstance(each, VectorSelector):
                for name in named(each):
                    found[name] = max(found.get(name, LOOKBACK), _back(each, above))
    return {name: Need(min(back, MOST_DAYS * 86400.0), steps.get(name, RAW_STEP)) for name, back in found.items()}


def _back(selector: VectorSelector, above: tuple[Expr, ...]) -> float:
    ranges = sum((_length(each) for each in above), timedelta())
    return (ranges + (selector.offset or timedelta())).total_seconds() + LOOKBACK


def _length(expr: Expr) -> timedelta:
    if isinstance(expr, MatrixSelector):
        return expr.range
    if isinstance(expr, SubqueryExpr):
        return (expr.range or timedelta()) + (expr.offset or timedelta())
    return timedelta()


def current(port: int, name: str) -> list[tuple[str, float]]:
    """Each series of a name, as text, with its value now."""
    asked = (
        f"http://127.0.0.1:{port}/api/v1/query?query={quote(f'last_over_time({{__name__={json.dumps(name)}}}[5m])')}"
    )
    with urlopen(asked, timeout=60) as answer:
        rows = json.load(answer)["data"]["result"]
    return [(_series(name, row["metric"]), float(row["value"][1])) for row in rows]


def _series(name: str, labels: Mapping[str, Any]) -> str:
    return f"{name}{{{','.join(f'{key}={json.dumps(value)}' for key, value in labels.items() if key != '__name__')}}}"


def write(path: Path, port: int, wanted: Mapping[str, Need], until: float) -> int:
    """An OpenMetrics file of the past of these series; the number of samples."""
    count = 0
    with path.open("w") as file:
        for name, need in wanted.items():
            for series, value in current(port, name):
                for line in _past(series, value, need, until, grows=name.endswith(COUNTERS)):
                    file.write(line)
                    count += 1
        file.write("# EOF\n")
    return count


def _past(series: str, value: float, need: Need, until: float, *, grows: bool) -> Iterator[str]:
    for number in range(int(need.back / need.step), 0, -1):
        ago = number * need.step
        told = max(0.0, value + 1e6 - ago) if grows else value * (1 + 0.01 * math.sin(ago))
        yield f"{series} {told:.6g} {until - ago:.0f}\n"
