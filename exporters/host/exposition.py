"""Text of other programs in Prometheus' format 0.0.4, read strictly into samples that render to the same series."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from exporters.core.metrics import Family, Kind, Sample, base

Fault = Literal["encoding", "incomplete", "syntax", "timestamp", "duplicate", "conflict"]
NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*\Z")
META = re.compile(r"^[ \t]*#[ \t]+(HELP|TYPE)[ \t]+(\S+)", re.MULTILINE)
OLD_COUNTER = re.compile(r"^([ \t]*#[ \t]+TYPE[ \t]+\S+(?<!_total)[ \t]+)counter\b", re.MULTILINE)


class BadExpositionError(Exception):
    """A text of which nothing may be published; `fault` says in one word why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Exposition:
    """What was read so far; names in `taken` belong to us."""

    samples: tuple[Sample, ...] = ()
    families: Mapping[str, Family] = field(default_factory=dict)
    series: frozenset[Any] = frozenset()
    taken: frozenset[str] = frozenset()

    def extended(self, content: bytes) -> "Exposition":
        """This and one more text: all of it, or BadExpositionError."""
        families = dict(self.families)
        samples = tuple(_samples(_decoded(content), families))
        series = [(f"{each.family.name}{each.suffix}", *sorted(each.labels.items())) for each in samples]
        every = self.series.union(series)
        if len(every) < len(self.series) + len(series):
            raise BadExpositionError("duplicate")
        if not self.taken.isdisjoint(families):
            raise BadExpositionError("conflict")
        return Exposition((*self.samples, *samples), families, every, self.taken)


def told_apart(samples: Iterable[Sample], families: Mapping[str, Family]) -> tuple[Sample, ...]:
    """Counters whose name without `_total` is another family's are untyped: OpenMetrics has one type for both."""
    counters = (each for each in families.values() if each.kind == "counter" and base(each) in families)
    untyped = {each.name: replace(each, kind="unknown") for each in counters}
    return tuple(each._replace(family=untyped.get(each.family.name, each.family)) for each in samples)


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadExpositionError("encoding") from error
    if text and not text.endswith("\n"):
        raise BadExpositionError("incomplete")
    declared = META.findall(text)
    if len(set(declared)) < len(declared):
        raise BadExpositionError("conflict")
    if any(_lone(line) for line in text.split("\n")):
        raise BadExpositionError("syntax")
    return text


def _lone(line: str) -> bool:
    """One word where a name and a value belong: of a lone `nan` the library makes the value of `na`."""
    return len(line.split()) == 1 and not line.lstrip().startswith("#") and "{" not in line


def _samples(text: str, families: dict[str, Family]) -> Iterator[Sample]:
    for metric in _metrics(text):
        family = _family(metric, families)
        for each in metric.samples:
            if each.timestamp is not None:
                raise BadExpositionError("timestamp")
            if not all(LABEL.match(name) for name in each.labels):
                raise BadExpositionError("syntax")
            suffix = "" if family.kind == "counter" else each.name.removeprefix(family.name)
            yield Sample(family, each.labels, _value(each.value), suffix)


def _metrics(text: str) -> list[Any]:
    """The library renames a counter without `_total`, so its type is taken away first: a name must never change."""
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415 - only where it is used

    try:
        return list(text_string_to_metric_families(OLD_COUNTER.sub(r"\1untyped", text)))
    except Exception as error:  # the library lets ValueError, IndexError and more through
        raise BadExpositionError("syntax") from error


def _family(metric: Any, families: dict[str, Family]) -> Family:
    """The family that was declared first, in this text or before it: its HELP stays, its type binds."""
    name = f"{metric.name}_total" if metric.type == "counter" else metric.name
    if metric.type not in get_args(Kind) or not NAME.match(name):
        raise BadExpositionError("syntax")
    family = families.setdefault(name, Family(name, metric.type, metric.documentation))
    if family.kind != metric.type:
        raise BadExpositionError("conflict")
    return family


def _value(value: float) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise BadExpositionError("syntax") from error
