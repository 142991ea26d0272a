"""Families and samples, the rules for their names, and their text: Prometheus 0.0.4 or OpenMetrics."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.utils import floatToGoString

Kind = Literal["gauge", "counter", "histogram", "summary", "unknown"]
Format = Literal["text", "openmetrics"]
CONTENT_TYPE: Mapping[Format, str] = {
    "text": "text/plain; version=0.0.4; charset=utf-8",
    "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8",
}
TARGET_LABELS = frozenset({"instance", "job", "host", "site", "role", "team", "endpoint", "service"})
NAME = re.compile(r"(macos|openwrt|pomona)(_[a-z0-9]+)+\Z")
UNITS_TO_AVOID = re.compile(r"_(percent|mbps|milliwatts|mhz|kb|ms|minutes|hours|days|bits|count|sum|bucket)(_|\Z)")
SOURCE = re.compile(r"\([^()]+\)\.\Z")
LABEL = re.compile(r"[a-z][a-z0-9_]*\Z")
OURS = frozenset({"gauge", "counter"})
SHORT = 1e6
"""Below this Python writes a number as Go does."""
_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class MetricError(ValueError):
    """Samples that must not be published: a bug of the collector that made them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One series' value; `suffix` is for the parts of foreign histograms and summaries."""

    family: "Family"
    labels: Mapping[str, str]
    value: float
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: name, kind, HELP that ends with the source in brackets, label names; `states` of an enum."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    states: tuple[str, ...] = field(default=(), compare=False)

    def __call__(self, value: float | None, **labels: str | None) -> tuple[Sample, ...]:
        """One sample, or none for None. A label that is None is empty, which Prometheus takes as absent."""
        if value is None:
            return ()
        if not math.isfinite(value):
            raise MetricError(f"{self.name}: {value} is no measurement")
        if len(labels) != len(self.labels) or any(name not in labels for name in self.labels):
            raise MetricError(f"{self.name}: labels {sorted(labels)}, declared {sorted(self.labels)}")
        return (Sample(self, {name: labels[name] or "" for name in self.labels}, float(value)),)

    def one_of(self, state: str | None, **labels: str | None) -> tuple[Sample, ...]:
        """All states of an enum, exactly one of them 1; none for None. The last label tells the state."""
        if state is None:
            return ()
        if state not in self.states:
            raise MetricError(f"{self.name}: {state!r} is none of {', '.join(self.states)}")
        return tuple(
            sample for each in self.states for sample in self(float(each == state), **labels, **{self.labels[-1]: each})
        )


def gauge(name: str, help_: str, *labels: str) -> Family:
    """A value that goes up and down."""
    return Family(name, "gauge", help_, labels)


def counter(name: str, help_: str, *labels: str) -> Family:
    """A value that only grows; its name ends in `_total`."""
    return Family(name, "counter", help_, labels)


def enum(name: str, help_: str, label: str, states: Sequence[str], *labels: str) -> Family:
    """A gauge for each state, exactly one of them 1."""
    return Family(name, "gauge", help_, (*labels, label), tuple(states))


def faults(family: Family) -> Iterator[str]:
    """What our rules for names say against a family; nothing where all is well."""
    if not NAME.match(family.name):
        yield "the name is not snake_case behind macos_, openwrt_ or pomona_"
    if UNITS_TO_AVOID.search(family.name):
        yield "the name holds a unit that is no base unit, or a reserved suffix"
    if (family.kind == "counter") != family.name.endswith("_total"):
        yield "counters, and only counters, end in _total"
    if not SOURCE.search(family.help):
        yield "HELP does not end with the source in brackets and a full stop"
    for label in family.labels:
        if label in TARGET_LABELS or not LABEL.match(label):
            yield f"label {label!r} is a target label or no label name"


def render(samples: Iterable[Sample], form: Format = "text") -> bytes:
    """The samples as text, merged by family; the same series twice is a MetricError.

    The lines of gauges and counters are made here, as a router with 1,000 devices has 14,000 of them, for which
    prometheus_client takes several times as long; what other programs bring besides is left to it.
    """
    families: dict[str, list[str]] = {}
    others: dict[str, list[Sample]] = {}
    labels, seen = _Labels(), set[str]()
    for sample in samples:
        family = sample.family
        lines = families.get(family.name)
        if lines is None:
            lines = families[family.name] = [_head(family, form)] if family.kind in OURS else []
        if not lines:
            others.setdefault(family.name, []).append(sample)
            continue
        series = family.name + labels.text(sample.labels)
        if series in seen:
            raise MetricError(f"{family.name}: the same series twice")
        seen.add(series)
        value = sample.value
        lines.append(f"{series} {value!r}\n" if -SHORT < value < SHORT else f"{series} {_go(value)}\n")
    return b"".join(
        "".join(lines).encode() if lines else _by_library(others[name], form) for name, lines in families.items()
    )


def _go(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


def _head(family: Family, form: Format) -> str:
    """HELP and TYPE: OpenMetrics names a counter without its `_total` and escapes quotes."""
    about = family.help.replace("\\", r"\\").replace("\n", r"\n")
    name = family.name
    if form == "openmetrics":
        name, about = _base(family), about.replace('"', r"\"")
    return f"# HELP {name} {about}\n# TYPE {name} {family.kind}\n"


def _base(family: Family) -> str:
    return family.name.removesuffix("_total") if family.kind == "counter" else family.name


class _Labels:
    """Label sets as text. Samples of one device share a mapping: its text is made once, while the mapping is held."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Mapping[str, str], str]] = {}

    def text(self, labels: Mapping[str, str]) -> str:
        """`{a="b",c="d"}` by alphabet; nothing without labels."""
        if not labels:
            return ""
        known = self._known.get(id(labels))
        if known is None:
            told = ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in sorted(labels.items()))
            known = self._known[id(labels)] = (labels, f"{{{told}}}")
        return known[1]


@dataclass(frozen=True, slots=True)
class _Registry:
    metrics: Sequence[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.metrics


def _by_library(samples: Iterable[Sample], form: Format) -> bytes:
    """Histograms, summaries and untyped samples of other programs."""
    metrics: dict[str, Metric] = {}
    seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    for sample in samples:
        name = f"{sample.family.name}{sample.suffix}"
        key = (name, tuple(sorted(sample.labels.items())))
        if key in seen:
            raise MetricError(f"{name}: the same series twice")
        seen.add(key)
        family = sample.family
        metric = metrics.setdefault(family.name, Metric(family.name, family.help, family.kind))
        metric.add_sample(name, dict(sample.labels), sample.value)
    registry = _Registry(tuple(metrics.values()))
    if form == "openmetrics":
        return generate_openmetrics(registry).removesuffix(b"# EOF\n")  # type: ignore[no-untyped-call,no-any-return]
    return generate_latest(registry)
