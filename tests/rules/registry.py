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


def alerts(identity: Iterable[str]) -> dict[str, Series]:
    """What Prometheus tells of alerts: beside their own labels those of the things that they are about."""
    given = TARGET | {"alertname", "severity", "scope", "topic", "team", *identity}
    return {"ALERTS": Series(given | {"alertstate"}), "ALERTS_FOR_STATE": Series(given)}


FOREIGN: Mapping[str, Series] = foreign(
    counters=(
        "node_cpu_seconds_total cpu mode",
        "node_network_receive_packets_total device",
        "node_network_transmit_packets_total device",
        "node_network_receive_errs_total device",
        "node_network_transmit_errs_total device",
        "node_vmstat_pswpout",
        "prometheus_rule_evaluation_failures_total rule_group",
        "prometheus_notifications_errors_total alertmanager",
        "prometheus_notifications_dropped_total",
        "prometheus_sd_file_read_errors_total",
        "prometheus_sd_http_failures_total",
        "prometheus_tsdb_compactions_failed_total",
        "prometheus_tsdb_wal_writes_failed_total",
        "alertmanager_notifications_failed_total integration reason receiver_name",
        "alertmanager_notifications_total integration receiver_name",
        "http_request_duration_seconds_bucket le code",
        "http_request_duration_seconds_count code",
    ),
    gauges=(
        "up",
        "scrape_samples_scraped",
        "scrape_duration_seconds",
        "prometheus_rule_group_interval_seconds rule_group",
        "prometheus_rule_group_last_duration_seconds rule_group",
        "prometheus_config_last_reload_successful",
        "prometheus_sd_discovered_targets config name",
        "alertmanager_config_last_reload_successful",
        "alertmanager_cluster_members",
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
