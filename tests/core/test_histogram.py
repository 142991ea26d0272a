"""A histogram reads back as it was seen, in both formats, by the client's own parsers."""

import math

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporters.core.metrics import Distribution, Format, MetricError, Sample, blocks, faults, histogram, render

TOOK = histogram("pomona_test_duration_seconds", "How long it took (test).", "probe")
BOUNDS = (0.001, 0.25, 10.0)


def parsed(samples: tuple[Sample, ...], form: Format) -> dict[tuple[str, str | None], float]:
    text = render(samples, form).decode()
    (family,) = parse_openmetrics(f"{text}# EOF\n") if form == "openmetrics" else parse_text(text)
    assert family.type == "histogram"
    return {(each.name.removeprefix(TOOK.name), each.labels.get("le")): each.value for each in family.samples}


@pytest.mark.parametrize("form", ["text", "openmetrics"])
def test_buckets_hold_those_below_them_and_the_sum_is_that_of_the_values(form: Format) -> None:
    seen = Distribution(BOUNDS)
    for value in (0.001, 0.1, 0.2, 3.0, 60.0):
        seen = seen.observe(value)
    told = parsed(tuple(seen.samples(TOOK, probe="a")), form)
    assert told.pop(("_sum", None)) == pytest.approx(63.301)
    assert told == {
        ("_bucket", "0.001"): 1,
        ("_bucket", "0.25"): 3,
        ("_bucket", "10.0"): 4,
        ("_bucket", "+Inf"): 5,
        ("_count", None): 5,
    }


@pytest.mark.parametrize("form", ["text", "openmetrics"])
def test_one_that_has_seen_nothing_is_all_zeros(form: Format) -> None:
    told = parsed(tuple(Distribution(BOUNDS).samples(TOOK, probe="a")), form)
    assert len(told) == len(BOUNDS) + 3
    assert set(told.values()) == {0}


@pytest.mark.parametrize("form", ["text", "openmetrics"])
def test_two_in_one_family_stay_apart(form: Format) -> None:
    one, other = Distribution(BOUNDS).observe(1.0), Distribution(BOUNDS)
    text = render((*one.samples(TOOK, probe="a"), *other.samples(TOOK, probe="b")), form).decode()
    assert 'pomona_test_duration_seconds_count{probe="a"} 1.0' in text
    assert 'pomona_test_duration_seconds_count{probe="b"} 0.0' in text
    with pytest.raises(MetricError, match="twice"):
        render((*one.samples(TOOK, probe="a"), *other.samples(TOOK, probe="a")), form)


def test_its_text_is_made_when_it_is_seen_and_not_at_each_scrape() -> None:
    (block,) = blocks(Distribution(BOUNDS).observe(1.0).samples(TOOK, probe="a"))
    assert all(block.text(form) is block.text(form) for form in ("text", "openmetrics"))


def test_observing_gives_a_new_state_and_leaves_the_old_one() -> None:
    before = Distribution(BOUNDS)
    assert before.observe(1.0) != before
    assert before == Distribution(BOUNDS)


def test_its_name_follows_the_rules_of_all_others() -> None:
    assert not list(faults(TOOK))
    assert list(faults(histogram("pomona_test_duration_milliseconds_total", "Wrong (test).")))


def test_a_value_that_is_no_number_is_refused_when_it_is_told() -> None:
    with pytest.raises(MetricError, match="no measurement"):
        list(Distribution(BOUNDS).observe(math.inf).samples(TOOK, probe="a"))
