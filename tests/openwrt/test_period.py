"""The dates of nlbwmon's periods, by the arithmetic of its timing.c."""

from calendar import timegm
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.openwrt.nlbw import Settings
from exporters.openwrt.period import DAY, MOST_PERIODS, Clock, closed_since, interval, period_start, running
from exporters.sources.base import ParseError


def at(text: str, hours: float = 0) -> Clock:
    """The clock of a router that shows this local time, in a zone that many hours ahead of UTC."""
    offset = int(hours * 3_600)
    return Clock(timegm(datetime.fromisoformat(text).replace(tzinfo=UTC).timetuple()) - offset, offset)


@pytest.mark.parametrize(
    ("setting", "local", "hours", "label"),
    [
        ("1", "2026-01-31T23:59:59", 1, "2026-01-01"),
        ("1", "2026-02-01T00:00:00", 1, "2026-02-01"),
        ("1", "2026-02-01T00:00:00", -8, "2026-02-01"),
        ("15", "2026-01-14T12:00:00", 0, "2025-12-15"),
        ("15", "2026-01-15T00:00:00", 0, "2026-01-15"),
        ("31", "2026-04-30T12:00:00", 0, "2026-03-31"),
        ("31", "2026-05-01T00:00:00", 0, "2026-04-31"),
        ("-2", "2026-02-25T12:00:00", 0, "2026-01-29"),
        ("-2", "2026-02-26T00:00:00", 0, "2026-02-26"),
        ("-31", "2026-03-01T00:00:00", 0, "2026-03-01"),
        ("2026-01-01/1", "2026-03-02T00:30:00", 1, "2026-03-01"),
        ("2026-01-01/1", "2026-03-02T01:00:00", 1, "2026-03-02"),
        ("2026-01-01/1", "2026-03-01T16:00:00", -8, "2026-03-01"),
        ("2026-01-05/7", "2026-01-18T23:59:59", 0, "2026-01-12"),
        ("2026-01-05/7", "2026-01-19T00:00:00", 0, "2026-01-19"),
        ("2026-01-05/7", "2026-01-01T00:00:00", 0, "2026-01-05"),
    ],
)
def test_a_period_is_named_by_its_start(setting: str, local: str, hours: float, label: str) -> None:
    assert interval(setting).label(at(local, hours)) == label


@pytest.mark.parametrize(
    "setting", ["", "m", "32", "1.5", "2026-02-30/1", "2026-01-01/0", "2026-01-01/-1", "0000-01-01/1"]
)
def test_a_setting_that_means_no_interval_is_refused(setting: str) -> None:
    with pytest.raises(ParseError):
        interval(setting)


def test_closed_periods_are_the_old_one_and_those_skipped() -> None:
    assert closed_since(interval("1"), "2026-01-01", at("2026-03-02T00:00:00")) == ("2026-01-01", "2026-02-01")
    assert closed_since(interval("1"), "2026-03-01", at("2026-03-02T00:00:00")) == ()
    days = closed_since(interval("2026-01-01/1"), "2026-01-30", at("2026-02-02T12:00:00"))
    assert days == ("2026-01-30", "2026-01-31", "2026-02-01")
    many = closed_since(interval("2026-01-01/1"), "2020-01-01", at("2026-02-02T12:00:00"))
    assert len(many) == MOST_PERIODS == 40
    assert (many[0], many[1], many[-1]) == ("2020-01-01", "2025-12-25", "2026-02-01")


@pytest.mark.parametrize(
    ("setting", "local", "hours", "start"),
    [
        ("1", "2026-02-15T12:00:00", 1, at("2026-02-01T00:00:00", 1)),
        ("1", "2026-02-01T00:00:00", -8, at("2026-02-01T00:00:00", -8)),
        ("31", "2026-05-20T00:00:00", 0, at("2026-05-01T00:00:00")),
        ("-2", "2026-02-27T12:00:00", 0, at("2026-02-26T00:00:00")),
        ("2026-01-01/1", "2026-03-02T00:30:00", 1, at("2026-03-01T00:00:00")),
        ("2026-01-05/7", "2026-01-18T23:59:59", -8, at("2026-01-19T00:00:00")),
        ("2026-01-05/7", "2026-01-17T12:00:00", 2, at("2026-01-11T00:00:00")),
    ],
)
def test_a_period_starts_at_midnight_local_or_utc(setting: str, local: str, hours: float, start: Clock) -> None:
    assert period_start(Settings(interval(setting)), at(local, hours)) == start.seconds


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_where_a_number_of_days_hangs_on_summer_time_no_period_is_told(hours: float) -> None:
    """London's weeks from a day in January turn a day later in summer than its offset of that day says."""
    clock = at("2026-07-09T12:00:00", hours)
    assert running(interval("2026-01-05/7"), clock) is None
    assert period_start(Settings(interval("2026-01-05/7")), clock) is None
    assert running(interval("2026-01-05/1"), clock) is not None
    assert running(interval("1"), clock) == "2026-07-01"


@pytest.mark.parametrize("hours", [-8, -2, 2, 5.5, 13])
def test_a_number_of_days_is_told_where_an_hour_makes_no_difference(hours: float) -> None:
    clock = at("2026-07-09T12:00:00", hours)
    assert running(interval("2026-01-05/7"), clock) == interval("2026-01-05/7").label(clock)


def test_without_interval_or_clock_no_start_is_known() -> None:
    assert period_start(Settings(interval("1")), None) is None
    assert period_start(Settings(None), at("2026-01-01T00:00:00")) is None


SETTINGS = st.integers(-31, 31).map(str) | st.builds(
    "2026-{:02}-{:02}/{}".format, st.integers(1, 12), st.just(7), st.integers(1, 40)
)


@settings(derandomize=True, deadline=None)
@given(SETTINGS, st.integers(1_780_000_000, 2_000_000_000), st.integers(0, 40 * DAY), st.integers(-12, 14))
def test_labels_never_go_back_while_time_goes_on(setting: str, start: int, later: int, hours: int) -> None:
    every, clock = interval(setting), Clock(start, hours * 3_600)
    assert every.label(clock) <= every.label(clock.later(later))


@settings(derandomize=True, deadline=None)
@given(SETTINGS, st.integers(1_800_000_000, 2_000_000_000), st.integers(-12, 14))
def test_the_start_of_a_period_is_its_first_second(setting: str, now: int, hours: int) -> None:
    every, clock = interval(setting), Clock(now, hours * 3_600)
    start = every.start(clock)
    assert start <= now
    first = Clock(start, clock.offset)
    assert every.label(first) == every.label(clock) > every.label(first.later(-1))


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=16), st.floats(allow_nan=False, allow_infinity=False), st.integers(-50_000, 50_000))
def test_only_parse_errors_leave(setting: str, seconds: float, offset: int) -> None:
    for text in (setting, "1", "2026-01-01/3"):
        try:
            closed_since(interval(text), "2026-01-01", Clock(seconds, offset))
            period_start(Settings(interval(text)), Clock(seconds, offset))
        except ParseError:
            continue
