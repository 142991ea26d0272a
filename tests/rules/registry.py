"""Every series that a rule may read: what our exporters declare, what other programs publish, what rules record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from conftest import COLLECTORS
from docs.__main__ import OWN
from exporters.core.metrics import Family, series_names

TARGET = frozenset({"instance", "job", "site", "role"})
"""Labels that Prometheus adds to what it scrapes."""


@dataclass(frozen=True)
class Series:
    """A name's labels, with those of the target; whether it only grows; the values of its labels where known."""

    labels: frozenset[str]
    counter: bool = False
    values: tuple[tuple[str, frozenset[str]], ...] = ()


def declared() -> dict[str, Series]:
    """What our exporters publish."""
    families = (*(family for each in COLLECTORS.values() for family in each.families), *OWN)
    return {name: _series(family, name) for family in families for name in series_names(family)}


def _series(family: Family, name: str) -> Series:
    own = frozenset(family.labels) | ({"le"} if name.endswith("_bucket") else frozenset())
    grows = family.kind in {"counter", "histogram"}
    return Series(TARGET | own, grows, ((family.labels[-1], frozenset(family.states)),) if family.states else ())


def foreign(counters: Iterable[str], gauges: Iterable[str]) -> dict[str, Series]:
    """Of lines `name label label`."""
    given = [(each.split(), True) for each in counters] + [(each.split(), False) for each in gauges]
    return {name: Series(TARGET | frozenset(labels), grows) for (name, *labels), grows in given}


FOREIGN: Mapping[str, Series] = foreign(
    counters=(),
    gauges=(
        "up",
        "scrape_samples_scraped",
        "ALERTS alertname alertstate severity scope topic team",
        "ALERTS_FOR_STATE alertname severity scope topic team",
    ),
)
"""What Prometheus itself, Alertmanager and node_exporter publish, as far as rules read it."""
