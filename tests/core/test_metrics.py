"""Samples are published only where something was measured, once, under names that follow the rules."""

import math
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from exporters.core.metrics import Family, Format, MetricError, Sample, counter, enum, faults, gauge, render

CHARGE = gauge("macos_battery_charge_ratio", "Charge, 0 to 1 (ioreg).")
STATE = enum("macos_battery_state", "What it does (ioreg).", "state", ("charging", "full"), "device")
EVENTS = counter("macos_events_total", "Events (pomona).", "bus")


def test_none_gives_no_sample() -> None:
    assert CHARGE(None) == ()
    assert STATE.one_of(None, device="a") == ()
    assert render(()) == b""


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(MetricError, match="no measurement"):
        CHARGE(value)


def test_labels_are_the_declared_ones() -> None:
    with pytest.raises(MetricError, match="labels"):
        CHARGE(1, device="a")
    with pytest.raises(MetricError, match="labels"):
        EVENTS(1)


def test_enum_lists_all_states_and_one_is_true() -> None:
    rows = [(each.labels, each.value) for each in STATE.one_of("full", device="a")]
    assert rows == [({"device": "a", "state": "charging"}, 0), ({"device": "a", "state": "full"}, 1)]
    with pytest.raises(MetricError, match="none of charging, full"):
        STATE.one_of("burning", device="a")


def test_the_same_series_twice_is_refused() -> None:
    with pytest.raises(MetricError, match="twice"):
        render((*EVENTS(1, bus="usb"), *EVENTS(2, bus="usb")))


@pytest.mark.parametrize("value", ['"', "\\", "a\nb", "ü😀", "\x00", "\u2028", " "])
def test_any_label_value_survives_the_text(value: str) -> None:
    text = render(EVENTS(1, bus=value)).decode()
    (family,) = text_string_to_metric_families(text)
    assert family.samples[0].labels["bus"] == value


def test_samples_of_one_family_stand_together() -> None:
    text = render((*EVENTS(1, bus="a"), *CHARGE(0.5), *EVENTS(2, bus="b"))).decode()
    assert text.count("# TYPE macos_events_total counter") == 1
    assert text.index('bus="b"') < text.index("macos_battery_charge_ratio 0.5")


def test_openmetrics_has_no_end_mark_yet() -> None:
    assert not render(CHARGE(1), "openmetrics").endswith(b"# EOF\n")


@pytest.mark.parametrize(
    ("family", "fault"),
    [
        (gauge("battery_charge", "x (y)."), "snake_case"),
        (gauge("macos_Charge", "x (y)."), "snake_case"),
        (gauge("macos_charge_percent", "x (y)."), "unit"),
        (gauge("macos_link_mbps", "x (y)."), "unit"),
        (gauge("macos_cycle_count", "x (y)."), "unit"),
        (gauge("macos_events_total", "x (y)."), "_total"),
        (counter("macos_events", "x (y)."), "_total"),
        (gauge("macos_x", "No source."), "source"),
        (gauge("macos_x", "x (y).", "host"), "target label"),
        (gauge("macos_x", "x (y).", "Bad"), "label"),
    ],
)
def test_names_that_break_the_rules_are_found(family: Family, fault: str) -> None:
    assert any(fault in each for each in faults(family))


def test_good_names_pass() -> None:
    assert not [fault for family in (CHARGE, STATE, EVENTS) for fault in faults(family)]


def by_the_library(samples: Sequence[Sample], form: Format) -> bytes:
    metrics: dict[str, Metric] = {}
    for each in samples:
        base = each.family.name.removesuffix("_total")
        metric = metrics.setdefault(base, Metric(base, each.family.help, each.family.kind))
        metric.add_sample(each.family.name, dict(each.labels), each.value)

    class Registry:
        def collect(self) -> Iterable[Metric]:
            return metrics.values()

    return generate_latest(Registry()) if form == "text" else generate_openmetrics(Registry()).removesuffix(b"# EOF\n")


@pytest.mark.parametrize("form", ["text", "openmetrics"])
@settings(derandomize=True, deadline=None)
@given(
    help_=st.text(max_size=20),
    rows=st.lists(st.tuples(st.text(max_size=8), st.floats()), max_size=8, unique_by=lambda row: row[0]),
)
def test_the_text_says_what_the_library_would_say(form: Format, help_: str, rows: Sequence[tuple[str, float]]) -> None:
    told = Family("macos_told_total", "counter", help_, ("b", "a"))
    level = Family("macos_level", "gauge", help_, ("b", "a"))
    plain = (Sample(CHARGE, {}, rows[0][1]),) if rows else ()
    samples = [
        *(Sample(told, {"b": text, "a": "x"}, value) for text, value in rows),
        *plain,
        *(Sample(level, {"b": "x", "a": text}, value) for text, value in rows),
    ]
    assert read(render(samples, form)) == read(by_the_library(samples, form))


def read(text: bytes) -> list[tuple[str, str]]:
    """Lines as they are, but for values, of which the library writes large ones with an exponent."""
    lines = (line for line in text.decode().split("\n") if line)
    parts = ((line, "") if line.startswith("#") else line.rpartition(" ")[::2] for line in lines)
    return [(head, value and repr(float(value))) for head, value in parts]


def test_samples_of_one_device_may_share_their_labels() -> None:
    shared = {"bus": "a"}
    text = render((Sample(EVENTS, shared, 1.0), Sample(EVENTS, {"bus": "b"}, 2.0), Sample(EVENTS, {"bus": "c"}, 3.0)))
    assert text.endswith(b'{bus="a"} 1.0\nmacos_events_total{bus="b"} 2.0\nmacos_events_total{bus="c"} 3.0\n')
