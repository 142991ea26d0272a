"""The calendar of use: days and months of a zone, growth by look, who came and who went."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.openwrt.accumulator import OTHER, Known, Observations, State
from exporters.openwrt.ledger import Ledger, changes, enter, growth, names, on
from exporters.openwrt.nlbw import Counts

A, B, C = "02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c"
HOUR = 3_600.0


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def state(*own: str, hidden: tuple[str, ...] = (), begun: bool = True, **totals: Counts) -> State:
    devices = {mac: Known(Counts(1), 0.0, own=mac in own) for mac in (*own, *hidden)}
    return State(Observations(begun=begun, devices=devices), totals)


def booked(*looks: tuple[str, int], offset: int | None = 0, zone: ZoneInfo | None = None) -> list[tuple[int, int]]:
    """Day and month of one device after each look: its time in UTC and what it grew by."""
    ledger, found = Ledger(), []
    for time, grown in looks:
        ledger = enter(on(ledger, at(time), zone, offset), [A], {A: grown}, at(time))
        found.append((ledger.uses[A].day, ledger.uses[A].month))
    return found


def test_a_new_day_begins_at_zero_and_a_new_month_too() -> None:
    looks = [("2026-11-29 12:00", 5), ("2026-11-29 23:59", 7), ("2026-11-30 00:01", 2), ("2026-12-01 00:01", 1)]
    assert booked(*looks) == [(5, 5), (12, 12), (2, 14), (1, 1)]


def test_a_month_a_year_later_is_another_month() -> None:
    assert booked(("2026-11-20 12:00", 5), ("2027-11-20 12:00", 1)) == [(5, 5), (1, 1)]


@pytest.mark.parametrize(("offset", "day"), [(0, 12), (7_200, 7), (-7_200, 12)])
def test_the_day_is_that_of_the_router_where_no_zone_is_set(offset: int, day: int) -> None:
    assert booked(("2026-11-20 21:30", 5), ("2026-11-20 22:30", 7), offset=offset)[-1][0] == day


def test_a_zone_wins_over_the_offset_of_the_router() -> None:
    looks = [("2026-11-20 14:30", 5), ("2026-11-20 15:30", 7)]
    assert booked(*looks, zone=ZoneInfo("Asia/Tokyo"), offset=0)[-1] == (7, 12)


def test_a_day_of_25_hours_is_one_day() -> None:
    looks = [("2026-10-24 22:30", 1), ("2026-10-25 00:30", 2), ("2026-10-25 22:30", 4), ("2026-10-25 23:30", 8)]
    assert [day for day, _ in booked(*looks, zone=ZoneInfo("Europe/Berlin"))] == [1, 3, 7, 8]


def test_a_clock_that_steps_back_over_midnight_begins_no_day_twice() -> None:
    """As ours does when it is set, and as it did each autumn in St. John's: from 00:01 to 23:01 of the day before."""
    looks = [("2010-11-07 02:00", 1), ("2010-11-07 02:30", 2), ("2010-11-07 02:45", 4), ("2010-11-07 03:45", 8)]
    assert booked(*looks, zone=ZoneInfo("America/St_Johns")) == [(1, 1), (2, 3), (6, 7), (14, 15)]


def test_a_clock_that_was_years_ahead_is_not_followed_for_years() -> None:
    assert booked(("2031-01-01 12:00", 5), ("2026-11-20 12:00", 1))[-1] == (1, 1)


def test_without_a_zone_nothing_is_added_up_until_one_is_known() -> None:
    assert booked(("2026-11-20 12:00", 5), offset=None) == [(0, 0)]
    ledger = enter(on(Ledger(), at("2026-11-20 12:00"), None, None), [A], {A: 5}, 0)
    assert ledger.day == ""
    ledger = enter(on(ledger, at("2026-11-20 12:01"), None, 3_600), [A], {A: 7}, 0)
    assert (ledger.day, ledger.uses[A].day) == ("2026-11-20", 7)


def test_the_offset_of_the_router_outlives_a_look_that_does_not_tell_it() -> None:
    ledger = on(on(Ledger(), at("2026-11-20 22:30"), None, 7_200), at("2026-11-20 22:31"), None, None)
    assert (ledger.day, ledger.offset) == ("2026-11-21", 7_200)


@settings(derandomize=True, deadline=None)
@given(offset=st.integers(-360_000, 360_000), now=st.floats(0, 4e9))
def test_no_offset_that_a_router_can_print_is_too_much(offset: int, now: float) -> None:
    assert len(on(Ledger(), now, None, offset).day) == 10


def test_who_is_gone_is_first_seen_anew_and_its_use_is_kept_until_the_month_ends() -> None:
    noon, later = at("2026-11-20 12:00"), at("2026-11-20 13:00")
    ledger = enter(on(Ledger(), noon, None, 0), [A, B, C], {A: 5, B: 1}, noon)
    ledger = enter(ledger, [B], {B: 2}, noon + 60)
    assert ledger.uses.keys() == {B}
    assert ledger.gone.keys() == {A}
    back = enter(ledger, [A, B, C], {A: 7}, later)
    assert {mac: (use.first, use.day, use.month) for mac, use in back.uses.items()} == {
        A: (later, 12, 12),
        B: (noon, 3, 3),
        C: (later, 0, 0),
    }
    assert not back.gone


@pytest.mark.parametrize(("time", "use"), [("2026-11-22 12:00", (7, 12)), ("2026-12-01 12:00", (7, 7))])
def test_the_use_of_who_is_gone_belongs_to_its_day_and_month(time: str, use: tuple[int, int]) -> None:
    ledger = enter(on(Ledger(), at("2026-11-20 12:00"), None, 0), [A], {A: 5}, 0)
    ledger = enter(on(ledger, at("2026-11-20 13:00"), None, 0), [], {}, 0)
    ledger = enter(on(ledger, at(time), None, 0), [A], {A: 7}, 0)
    assert (ledger.uses[A].day, ledger.uses[A].month) == use


def test_growth_is_what_totals_have_more_than_before() -> None:
    before = state(A, B, **{A: Counts(1, 10, 1, 5, 1), B: Counts(1, 7)})
    after = state(A, B, **{**before.totals, A: Counts(2, 30, 2, 6, 1), OTHER: Counts(1, 4, 1, 1)})
    assert growth(before, after) == {A: 21, OTHER: 5}


def test_the_first_contact_is_no_news_and_what_comes_later_is() -> None:
    nobody, both = state(begun=False), state(A, B)
    assert names(nobody) == []
    assert names(both) == [A, B, OTHER]
    assert not changes(nobody, both, [A])
    assert changes(state(A), both, [A]) == {("new", False): 1}
    assert changes(state(A, C), both, [B, C]) == {("new", True): 1, ("vanished", True): 1}


def test_a_device_that_lost_its_series_has_vanished_though_its_base_is_kept() -> None:
    assert changes(state(A, B), state(A, hidden=(B,)), ()) == {("vanished", False): 1}
    assert changes(state(A, hidden=(B,)), state(A, B), ()) == {("new", False): 1}
