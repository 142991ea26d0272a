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
    counters=(
        "node_cpu_seconds_total cpu mode",
        "node_network_receive_packets_total device",
        "node_network_transmit_packets_total device",
        "node_network_receive_errs_total device",
        "node_network_transmit_errs_total device",
        "node_vmstat_pswpout",
        "http_request_duration_seconds_bucket le code",
        "http_request_duration_seconds_count code",
    ),
    gauges=(
        "up",
        "scrape_samples_scraped",
        "scrape_duration_seconds",
        "ALERTS alertname alertstate severity scope topic team",
        "ALERTS_FOR_STATE alertname severity scope topic team",
        "node_boot_time_seconds",
        "node_time_seconds",
        "node_load1",
        "node_memory_MemAvailable_bytes",
        "node_memory_MemTotal_bytes",
        "node_memory_free_bytes",
        "node_memory_inactive_bytes",
        "node_memory_total_bytes",
        "node_filesystem_avail_bytes device fstype mountpoint",
        "node_filesystem_device_error device fstype mountpoint",
        "node_filesystem_readonly device fstype mountpoint",
        "node_filesystem_size_bytes device fstype mountpoint",
        "node_textfile_mtime_seconds file",
        "node_textfile_scrape_error",
        "custom_check_status check",
    ),
)
"""What Prometheus, Alertmanager, node_exporter and a user's own programs publish, as far as rules read it."""
