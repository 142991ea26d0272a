"""Families and samples, the rules for their names, and their text: Prometheus 0.0.4 or OpenMetrics."""

import math
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import Literal, NamedTuple

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


class MetricError(ValueError):
    """Samples that must not be published: a bug of the collector that made them."""


class Sample(NamedTuple):
    """One series' value; `suffix` is for the parts of histograms and summaries."""

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


def histogram(name: str, help_: str, *labels: str) -> Family:
    """How often values up to each bound were seen; its samples come from a `Distribution`."""
    return Family(name, "histogram", help_, labels)


@dataclass(frozen=True, slots=True)
class Distribution:
    """What was seen: of each bound (rising) how many values above the one before, beyond them all, and the sum."""

    bounds: tuple[float, ...]
    seen: tuple[int, ...] = ()
    sum: float = 0.0

    def observe(self, value: float) -> "Distribution":
        """With one value more."""
        seen = list(self.seen or (0,) * (len(self.bounds) + 1))
        seen[bisect_left(self.bounds, value)] += 1
        return Distribution(self.bounds, tuple(seen), self.sum + value)

    def samples(self, family: Family, **labels: str | None) -> Iterator[Sample]:
        """Buckets, each with those before it, then sum and count."""
        (plain,) = family(self.sum, **labels)
        totals = tuple(accumulate(self.seen or (0,) * (len(self.bounds) + 1)))
        for bound, total in zip((*map(repr, self.bounds), "+Inf"), totals, strict=True):
            yield Sample(family, {**plain.labels, "le": bound}, float(total), "_bucket")
        yield plain._replace(suffix="_sum")
        yield plain._replace(value=float(totals[-1]), suffix="_count")


def series_names(family: Family) -> tuple[str, ...]:
    """The names that its samples have: a histogram takes three more."""
    parts = ("", "_bucket", "_sum", "_count") if family.kind == "histogram" else ("",)
    return tuple(f"{family.name}{part}" for part in parts)


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


class Block(NamedTuple):
    """One family: its lines, the same in both formats, or the whole text of each where the client makes it."""

    family: Family
    lines: bytes
    texts: Mapping[Format, bytes] | None = None

    def text(self, form: Format) -> bytes:
        """With HELP and TYPE."""
        return self.texts[form] if self.texts is not None else _head(self.family, form) + self.lines


def render(samples: Iterable[Sample], form: Format = "text") -> bytes:
    """The samples as text, merged by family; the same series twice is a MetricError."""
    return b"".join(each.text(form) for each in blocks(samples))


def blocks(samples: Iterable[Sample]) -> tuple[Block, ...]:
    """The samples by family, those of our own as lines."""
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        name = sample.family.name
        if name not in groups:
            groups[name] = []
        groups[name].append(sample)
    return tuple(_block(each) for each in groups.values())


def _block(group: Sequence[Sample]) -> Block:
    family = group[0].family
    if _is_plain(group):
        return Block(family, _lines(family, group))
    from exporters.core.byclient import texts  # noqa: PLC0415 - 2 MB that most agents never need

    return Block(family, b"", texts(family, group))


def _is_plain(group: Sequence[Sample]) -> bool:
    """Whether the lines differ in nothing but their labels' values, as all but foreign ones do."""
    family = group[0].family
    return family.kind in {"gauge", "counter"} and {len(each.labels) for each in group} == {len(family.labels)}


def _lines(family: Family, group: Sequence[Sample]) -> bytes:
    """By columns: the client takes 10 µs a line, and a target has up to 15,000. Values as Python writes them."""
    names = sorted(family.labels)
    columns = [_escaped([each.labels[name] for each in group]) for name in names]
    inner = ",".join(f'{name}="%s"' for name in names)
    template = f"{family.name}{{{inner}}}" if names else family.name
    heads = [template % values for values in zip(*columns, strict=True)] if names else [template] * len(group)
    if len(set(heads)) < len(heads):
        raise MetricError(f"{family.name}: the same series twice")
    lines = [f"{head} {float(each.value)!r}\n" for head, each in zip(heads, group, strict=True)]
    return "".join(lines).encode()


def _escaped(values: list[str]) -> list[str]:
    """Few need it."""
    together = "".join(values)
    if "\\" not in together and "\n" not in together and '"' not in together:
        return values
    return [each.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"") for each in values]


@lru_cache(maxsize=1024)
def _head(family: Family, form: Format) -> bytes:
    """The lines HELP and TYPE; OpenMetrics names a counter without its `_total`."""
    name, help_ = family.name, family.help.replace("\\", r"\\").replace("\n", r"\n")
    if form == "openmetrics":
        name, help_ = base(family), help_.replace('"', r"\"")
    return f"# HELP {name} {help_}\n# TYPE {name} {family.kind}\n".encode()


def base(family: Family) -> str:
    """Its name as OpenMetrics has it."""
    return family.name.removesuffix("_total") if family.kind == "counter" else family.name
