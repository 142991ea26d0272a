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

from rules.promql import named, selectors, walk
from rules.rulefiles import Rule

RAW_STEP = 60.0
LOOKBACK = 300.0
COUNTERS = ("_total", "_bucket", "_count", "_sum")
MOST_DAYS = 35
OPERATORS = {
    "MatchOp.Equal": "=",
    "MatchOp.NotEqual": "!=",
    "MatchOp.Re": "=~",
    "MatchOp.NotRe": "!~",
}
SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True, slots=True)
class Need:
    """How far back a series is read, and how far apart its samples are, in seconds."""

    back: float
    step: float


def seconds(interval: str, default: float) -> float:
    """Of a group's interval: 30s, 5m, 1h."""
    return float(interval[:-1]) * SECONDS[interval[-1]] if interval else default


def needs(rules: Iterable[Rule], default: float) -> dict[tuple[str, str], Need]:
    """By name and matchers, of all rules: the longest range with its offset, at most that of the whole past."""
    everyone = list(rules)
    steps = {rule.name: seconds(rule.interval, default) for rule in everyone if not rule.is_alert}
    found: dict[tuple[str, str], float] = {}
    for rule in everyone:
        for each, above in walk(rule.tree):
            if isinstance(each, VectorSelector):
                for key in ((name, _matchers(each)) for name in named(each)):
                    found[key] = max(found.get(key, LOOKBACK), _back(each, above))
    return {key: Need(min(back, MOST_DAYS * 86400.0), steps.get(key[0], RAW_STEP)) for key, back in found.items()}


def _matchers(selector: VectorSelector) -> str:
    """As PromQL, without the name."""
    told = ((each.name, OPERATORS[str(each.op)], json.dumps(each.value)) for each in selector.matchers.matchers)
    return ",".join(f"{name}{operator}{value}" for name, operator, value in told if name != "__name__")


def _back(selector: VectorSelector, above: tuple[Expr, ...]) -> float:
    ranges = sum((_length(each) for each in above), timedelta())
    return (ranges + (selector.offset or timedelta())).total_seconds() + LOOKBACK


def _length(expr: Expr) -> timedelta:
    if isinstance(expr, MatrixSelector):
        return expr.range
    if isinstance(expr, SubqueryExpr):
        return (expr.range or timedelta()) + (expr.offset or timedelta())
    return timedelta()


def series_of(port: int, name: str, matching: str, rules: Iterable[Rule]) -> list[tuple[str, float]]:
    """Those of a name now; of a record that needs a past to begin, the things that it will be about."""
    found, everyone = current(port, name, matching, name), list(rules)
    sources = (each for rule in everyone if rule.name == name for each, _ in selectors(rule.tree))
    for source in (other for each in sources for other in named(each) if other != name):
        if found:
            break
        found = current(port, source, "", name)
    return found


def current(port: int, name: str, matching: str, told: str) -> list[tuple[str, float]]:
    """Each series of a name and these matchers with its value now, as the text of another name."""
    expr = f"last_over_time({name}{{{matching}}}[5m])"
    asked = f"http://127.0.0.1:{port}/api/v1/query?query={quote(expr)}"
    with urlopen(asked, timeout=300) as answer:
        rows = json.load(answer)["data"]["result"]
    return [(_series(told, row["metric"]), float(row["value"][1])) for row in rows]


def _series(name: str, labels: Mapping[str, Any]) -> str:
    return f"{name}{{{','.join(f'{key}={json.dumps(value)}' for key, value in labels.items() if key != '__name__')}}}"


Pasts = dict[str, tuple[float, Need]]
"""Each series, its value now and how far back it is read."""


def pasts(port: int, wanted: Mapping[tuple[str, str], Need], rules: list[Rule]) -> Pasts:
    """Of all series that are read, each once."""
    found: Pasts = {}
    for (name, matching), need in wanted.items():
        for series, value in series_of(port, name, matching, rules):
            if series not in found or found[series][1].back < need.back:
                found[series] = (value, need)
    return found


def write(path: Path, chosen: Pasts, until: float) -> int:
    """An OpenMetrics file of these pasts; the number of samples."""
    count = 0
    with path.open("w") as file:
        for series, (value, need) in sorted(chosen.items()):
            lines = list(_past(series, value, need, until, grows=series.partition("{")[0].endswith(COUNTERS)))
            file.writelines(lines)
            count += len(lines)
        file.write("# EOF\n")
    return count


def _past(series: str, value: float, need: Need, until: float, *, grows: bool) -> Iterator[str]:
    for number in range(int(need.back / need.step), -1, -1):
        ago = number * need.step
        told = max(0.0, value + 1e6 - ago) if grows else value * (1 + 0.01 * math.sin(ago))
        yield f"{series} {told:.6g} {until - ago:.0f}\n"
