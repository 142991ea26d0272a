"""Looks that fail, prove nothing or must wait, and what is asked of closed periods: nothing is invented or lost."""

from dataclasses import replace

import pytest

from exporters.openwrt.accumulator import advance, wanted
from exporters.openwrt.nlbw import NOTHING, ZERO, Counts, Reading
from exporters.openwrt.period import interval
from openwrt.router_model import DAY, A, B, C, Exporter, Router, bytes_of, corrections, started


def test_without_traffic_everything_stays() -> None:
    router, exporter = started()
    before = exporter.state
    assert before is not None
    down = Reading("daemon_down", None, router.reading().circumstances)
    after = advance(before, down, router.now, exporter.limits)
    assert (after.seen, after.totals, after.reading) == (before.seen, before.totals, down)
    assert advance(None, down, router.now, exporter.limits).seen.begun is False


def test_without_a_clock_nothing_is_proven_and_no_old_period_is_asked_for() -> None:
    router, exporter = started()
    router.wait(DAY)
    assert exporter.state is not None
    assert wanted(exporter.state, router.reading(clock=False)) == ()
    exporter.look(router, clock=False)
    assert bytes_of(exporter) == {A: 0, B: 0}
    assert corrections(exporter) == {"rollback": 1}


def test_hours_of_errors_over_a_new_period_and_a_restart_lose_nothing() -> None:
    router, exporter = started()
    router.traffic(A, 300)
    for status in ("daemon_down", "hang", "error", "unparsable", "no_data") * 5:
        router.wait(3_600)
        router.traffic(A, 1)
        failed = replace(router.reading(), status=status, traffic=None)
        assert wanted(exporter.state, failed) == ()
        exporter.state = advance(exporter.state, failed, router.now, exporter.limits)
        exporter.restart()
    exporter.look(router)
    assert bytes_of(exporter) == {A: 325, B: 0}
    assert corrections(exporter) == {"rollover": 1}


def test_a_restored_state_of_another_interval_counts_nothing_and_asks_for_nothing() -> None:
    router, exporter = started("1")
    exporter.restart()
    router.setting, router.every = "2026-01-01/1", interval("2026-01-01/1")
    router.wait(5 * DAY)
    router.traffic(A, 30)
    assert wanted(exporter.state, router.reading()) == ()
    exporter.look(router)
    assert bytes_of(exporter) == {A: 0, B: 0}
    router.traffic(A, 4)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 4, B: 0}
    assert corrections(exporter) == {"settings": 1}


@pytest.mark.parametrize("fault", ["clock", "reboot", "settings", "same period"])
def test_closed_periods_that_prove_nothing_change_nothing(fault: str) -> None:
    """They are asked for without knowing our clock, so more of them are answered than count."""
    answers = []
    for closed in (
        {},
        {"2026-11-01": {A: Counts(9, 9_000_000, 9, 9, 9)}, "2026-11-02": {B: Counts(9, 9_000, 9, 9, 9)}},
    ):
        router, exporter = started()
        router.wait(60 if fault == "same period" else 2 * DAY)
        router.evict(A, C, 5)
        if fault == "clock":
            router.skew = 3_600
        elif fault == "reboot":
            router.power_loss(0)
        elif fault == "settings":
            router.setting, router.every = "1", interval("1")
        reading = replace(router.reading(), closed=closed)
        state = advance(exporter.state, reading, router.now, exporter.limits)
        answers.append((state.seen, state.totals, state.corrections))
    assert answers[0] == answers[1]


def test_a_database_that_does_not_turn_with_the_calendar_is_not_counted_again() -> None:
    """Its time zone or its interval were set anew, and nlbwmon has not been started again since."""
    router, exporter = started()
    router.label = "9999-01-01"
    for mac in (C, "02:00:00:00:00:0d"):
        router.traffic(mac, 1_000)
    exporter.look(router)
    router.wait(DAY)
    router.evict(A, ZERO, 5)
    router.traffic(B, 7)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 0, B: 7, C: 1_000, "02:00:00:00:00:0d": 1_000}
    assert corrections(exporter) == {"eviction": 1}


def test_a_connection_that_a_new_database_takes_over_counts_once() -> None:
    """A clock ran ahead and back between two looks, and nlbwmon began its next period: the numbers fall in this one."""
    router, exporter = started()
    router.traffic(A, 100)
    exporter.look(router)
    router.evict(A, C, 0)
    exporter.look(router)
    before = exporter.grown[A].connections
    router.live = {A: Counts(1, 40, 1, 1, 1)}
    exporter.look(router)
    assert exporter.grown[A].connections == before


def test_a_look_without_the_time_since_the_boot_is_put_off() -> None:
    """Whether the numbers are those of before cannot be said."""
    router, exporter = started()
    router.traffic(A, 300)
    router.commit()
    exporter.look(router)
    router.evict(A, B, 0)
    exporter.look(router)
    router.power_loss(0)
    router.wait(60)
    assert not exporter.look(router, uptime=False)
    assert exporter.look(router)
    assert bytes_of(exporter) == {A: 300, B: 0}
    router.traffic(A, 8)
    router.wait(60)
    assert not exporter.look(router, uptime=False)
    router.traffic(A, 1)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 309, B: 0}


def test_a_reboot_is_seen_though_a_look_waited_for_its_connection() -> None:
    """Both boots are minutes ago, and the second look heard the uptime seconds after it had begun."""
    router, exporter = started()
    router.commit()
    router.evict(A, C, 0)
    router.power_loss(0)
    router.live = {C: Counts(1)}
    router.wait(30)
    exporter.look(router)
    router.power_loss(0)
    router.now += 90
    slow = replace(router.reading().circumstances, uptime=95.0)
    state = advance(exporter.state, replace(router.reading(), circumstances=slow), router.now, exporter.limits)
    assert state.totals.get(A, NOTHING) == NOTHING


def test_closed_periods_are_asked_for_where_they_can_count() -> None:
    router, exporter = started()
    assert wanted(None, router.reading()) == ()
    assert wanted(exporter.state, router.reading()) == ()
    router.wait(DAY / 2 + 20)
    assert wanted(exporter.state, router.reading()) == ()
    router.wait(2 * DAY + 600)
    assert wanted(exporter.state, router.reading()) == ("2026-11-01", "2026-11-02", "2026-11-03")
    outline = replace(router.reading(), traffic=None)
    assert wanted(exporter.state, outline) == ("2026-11-01", "2026-11-02", "2026-11-03")
    router.wait(100 * DAY)
    assert len(wanted(exporter.state, router.reading())) == 40


def test_a_first_look_with_a_wrong_clock_asks_for_no_old_period() -> None:
    router, exporter = Router(skew=-40 * DAY), Exporter()
    router.traffic(A, 1_000)
    exporter.look(router)
    router.skew = 0
    assert wanted(exporter.state, router.reading()) == ()
