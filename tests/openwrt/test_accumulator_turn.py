"""Turns of a period that are hard to see: the old one is not answered, nothing fell, clock or zone are in doubt."""

import pytest

from exporters.openwrt.accumulator import MOST_WAITS, advance, wanted
from exporters.openwrt.nlbw import Counts
from exporters.openwrt.period import interval
from openwrt.router_model import DAY, A, B, C, Exporter, Router, bytes_of, corrections, started


def test_while_a_closed_period_gets_no_answer_the_look_is_put_off_and_nothing_is_lost() -> None:
    router, exporter = started()
    router.traffic(A, 300)
    router.wait(DAY)
    router.traffic(A, 40)
    router.deaf = True
    for _ in range(MOST_WAITS):
        assert not exporter.look(router)
    router.deaf = False
    assert exporter.look(router)
    assert bytes_of(exporter) == {A: 340, B: 0}
    assert corrections(exporter) == {"rollover": 1}


def test_after_five_looks_without_that_answer_the_account_goes_on() -> None:
    router, exporter = started()
    router.traffic(A, 300)
    router.wait(DAY)
    router.traffic(A, 40)
    router.deaf = True
    assert [exporter.look(router) for _ in range(MOST_WAITS + 1)] == [False] * MOST_WAITS + [True]
    assert bytes_of(exporter) == {A: 40, B: 0}
    router.wait(DAY)
    assert not exporter.look(router)


def test_a_period_that_the_router_does_not_have_is_not_waited_for() -> None:
    router, exporter = started()
    router.wait(DAY)
    router.files.clear()
    router.traffic(A, 40)
    assert exporter.look(router)


def busy(router: Router) -> None:
    """Both devices are soon above what they had in the period before, if the exporter is down that long."""
    for mac in (A, B):
        router.traffic(mac, 9_000)
    router.wait(DAY)
    for mac in (A, B):
        router.traffic(mac, 3_000)


def test_a_turn_after_which_nothing_fell_is_told_by_the_record_of_the_old_period() -> None:
    router, exporter = started()
    busy(router)
    exporter.restart()
    exporter.look(router)
    assert bytes_of(exporter) == {A: 12_000, B: 12_000}
    assert corrections(exporter) == {"rollover": 1}


@pytest.mark.parametrize(
    "fault", ["no record", "lower record", "same record", "standing still", "fell before", "start"]
)
def test_without_such_a_record_only_growth_counts(fault: str) -> None:
    router, exporter = started()
    if fault == "fell before":
        router.live[A] = Counts(1, 500)
        exporter.look(router)
    busy(router)
    old = router.files["2026-11-01"]
    if fault == "no record":
        router.files.clear()
    elif fault == "lower record":
        old[B] = Counts(1, 999)
    elif fault == "same record":
        old |= router.live
    elif fault == "standing still":
        router.live[B] = Counts(1, 1_000, 10, 500, 5)
    elif fault == "start":
        router.daemon += 1
    before = {mac: exporter.state.seen.devices[mac].raw.rx_bytes for mac in (A, B)} if exporter.state else {}
    exporter.look(router)
    assert bytes_of(exporter) == {mac: router.live[mac].rx_bytes - before[mac] for mac in (A, B)}


def test_a_database_that_began_its_period_by_a_wrong_clock_is_not_counted_again() -> None:
    """nlbwmon was started while the clock was a day ahead, and does not turn; a full database drops a record then."""
    router, exporter = started()
    router.commit()
    router.skew = DAY
    router.killed()
    router.skew = 0
    for mac in (A, B, C):
        router.traffic(mac, 1_000)
    router.wait(60)
    exporter.look(router)
    before = bytes_of(exporter)
    router.wait(DAY)
    router.evict(A, C, 0)
    router.traffic(B, 5)
    exporter.look(router)
    assert bytes_of(exporter) == {**before, B: before[B] + 5}


def test_what_a_database_held_before_the_clock_was_set_is_no_rest_of_its_period() -> None:
    """nlbwmon was started by an old clock; as that is set it begins today anew and leaves today's old file as it is."""
    router, exporter = started()
    router.traffic(A, 9_000)
    router.commit()
    exporter.look(router)
    old = dict(router.files["2026-11-01"])
    router.skew = -3 * DAY
    router.killed()
    exporter.look(router)
    router.skew = 0
    exporter.look(router)
    router.label, router.live = "2026-11-01", {A: Counts(1, 10), B: Counts(1, 10)}
    router.now += 60
    exporter.look(router)
    router.wait(DAY)
    router.files["2026-11-01"] = old
    router.live = {A: Counts(1, 5)}
    exporter.look(router)
    assert bytes_of(exporter) == {A: 9_015, B: 10}
    assert corrections(exporter) == {"clock": 2, "rollover": 1}


def test_connections_that_nlbwmon_takes_over_as_its_clock_is_set_count_once() -> None:
    router, exporter = started()
    router.skew = -3 * DAY
    router.killed()
    exporter.look(router)
    router.skew = 0
    exporter.look(router)
    router.label, router.live = "2026-11-01", {A: Counts(1, 10), B: Counts(1, 10)}
    router.now += 60
    exporter.look(router)
    assert {exporter.grown[mac].connections for mac in (A, B)} == {0}
    router.wait(700)
    exporter.look(router)
    router.traffic(A, 1)
    router.wait(60)
    exporter.look(router)
    assert exporter.grown[A].connections == 1


def test_a_clock_that_goes_back_costs_nothing_and_counts_once() -> None:
    router, exporter = started()
    router.skew = -32 * DAY
    for _ in range(5):
        router.wait(60)
        router.traffic(A, 10)
        assert not exporter.look(router)
        exporter.restart()
    exporter.restart()
    router.skew = 0
    router.wait(60)
    assert exporter.look(router)
    assert bytes_of(exporter) == {A: 50, B: 0}
    assert corrections(exporter) == {}


def test_the_one_correction_of_a_clock_that_goes_back() -> None:
    router, exporter = started()
    for skew in (-DAY, -DAY, 0, -DAY, -DAY):
        router.skew = skew
        router.wait(60)
        exporter.look(router)
    assert corrections(exporter) == {"clock": 2}


def test_a_fall_while_the_clock_is_back_moves_the_bases() -> None:
    router, exporter = started()
    router.skew = -DAY
    router.wait(60)
    router.live = {A: Counts(1, 500)}
    assert exporter.look(router)
    router.skew = 0
    router.wait(60)
    router.traffic(A, 3)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 0, B: 0}
    assert corrections(exporter) == {"clock": 2}


def test_while_the_clock_is_back_numbers_of_an_unknown_process_are_not_trusted() -> None:
    """It may have been started and read the file of that old period, in which nothing need be lower."""
    router, exporter = Router(identity=False), Exporter()
    router.traffic(A, 1_000)
    exporter.look(router)
    router.skew = -DAY
    router.wait(60)
    router.live = {A: Counts(9, 9_000, 90, 4_500, 45)}
    assert exporter.look(router)
    router.skew = 0
    router.wait(60)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 0}
    assert corrections(exporter) == {"clock": 2}


def test_a_slow_refresh_holds_nothing_up_for_more_than_ten_minutes() -> None:
    router, exporter = started()
    router.wait(DAY / 2 + 590)
    slow = router.reading()
    object.__setattr__(slow.circumstances.settings, "refresh", 43_200.0)
    assert exporter.state is not None
    assert advance(exporter.state, slow, router.now, exporter.limits).seen == exporter.state.seen
    assert advance(exporter.state, slow, router.now + 20, exporter.limits).seen == exporter.state.seen
    router.wait(20)
    later = router.reading()
    object.__setattr__(later.circumstances.settings, "refresh", 43_200.0)
    assert advance(exporter.state, later, router.now, exporter.limits).seen.at == router.now


def weekly() -> tuple[Router, Exporter]:
    """The zone is an hour off UTC at most, so which week it is hangs on the summer time of the first one."""
    router, exporter = Router("2026-01-05/7"), Exporter()
    router.traffic(A, 1_000)
    router.traffic(B, 1_000)
    exporter.look(router)
    return router, exporter


def test_a_period_that_hangs_on_summer_time_proves_no_turn() -> None:
    router, exporter = weekly()
    for _ in range(20):
        router.wait(12 * 3_600)
        router.traffic(B, 7)
        assert wanted(exporter.state, router.reading()) == ()
        exporter.look(router)
    assert bytes_of(exporter) == {A: 0, B: 126}
    assert exporter.state is not None
    assert exporter.state.seen.period == ""
    assert exporter.grown[B].connections < 20
    assert set(corrections(exporter)) == {"rollback"}


def test_where_no_period_is_known_connections_count_while_it_cannot_have_turned() -> None:
    """A week begins on Monday, which is over; no midnight is known to be none."""
    router, exporter = weekly()
    router.wait(2 * DAY)
    exporter.look(router)
    for seconds, connections in ((60, 1), (60, 2), (DAY, 2), (60, 3)):
        router.traffic(A, 5)
        router.wait(seconds)
        exporter.look(router)
        assert exporter.grown[A].connections == connections
    assert exporter.grown[A].rx_bytes == 20


def test_the_last_known_period_is_kept_while_none_is_known_and_proves_nothing_after_it() -> None:
    """As in Berlin, an hour off UTC in winter and two in summer."""
    router, exporter = weekly()
    router.offset = 7_200
    router.wait(60)
    exporter.look(router)
    assert exporter.state is not None
    known = exporter.state.seen.period
    assert known == "2026-11-01"
    router.offset = 3_600
    router.wait(DAY)
    exporter.look(router)
    assert (exporter.state.seen.period, exporter.state.seen.certain) == (known, False)
    router.wait(7 * DAY)
    router.offset = 7_200
    router.files[known] = {A: Counts(9, 9_000_000, 9, 9, 9)}
    exporter.look(router)
    assert bytes_of(exporter) == {A: 0, B: 0}
    assert corrections(exporter) == {"rollback": 1, "clock": 1}


def test_a_first_weekly_look_after_another_interval_knows_no_period() -> None:
    router, exporter = started()
    router.setting, router.every = "2026-01-05/7", interval("2026-01-05/7")
    exporter.look(router)
    assert exporter.state is not None
    assert (exporter.state.seen.period, exporter.state.seen.certain) == ("", False)
    assert corrections(exporter) == {"settings": 1}
