"""The text of families that are more than lines of values, by prometheus_client: foreign ones and histograms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from exporters.core.metrics import Family, Format, MetricError, Sample, base


@dataclass(frozen=True, slots=True)
class _Registry:
    metrics: Sequence[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.metrics


def texts(family: Family, group: Sequence[Sample]) -> Mapping[Format, bytes]:
    """One family with HELP and TYPE in both formats; the same series twice is a MetricError."""
    stem = base(family)
    metric = Metric(stem, family.help, family.kind)
    seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    for sample in group:
        name = f"{stem}{sample.suffix or ('_total' if family.kind == 'counter' else '')}"
        key = (name, tuple(sorted(sample.labels.items())))
        if key in seen:
            raise MetricError(f"{name}: the same series twice")
        seen.add(key)
        metric.add_sample(name, dict(sample.labels), sample.value)
    registry = _Registry([metric])
    openmetrics: bytes = generate_openmetrics(registry)  # type: ignore[no-untyped-call]
    return {"text": generate_latest(registry), "openmetrics": openmetrics.removesuffix(b"# EOF\n")}
