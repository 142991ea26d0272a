"""Each way in which nlbwmon's numbers fall, and what the counters make of it; the recorded series of a real router."""

import json
from calendar import timegm
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exporters.openwrt.accumulator import OTHER, Limits, State, advance, shown, wanted
from exporters.openwrt.nlbw import NOTHING, ZERO, Circumstances, Counts, Reading, Settings, Traffic, parse_traffic
from exporters.openwrt.period import Clock, interval
from openwrt.router_model import DAY, REFRESH, START, A, B, C, bytes_of, corrections, started


def test_the_first_contact_counts_nothing_and_growth_counts() -> None:
    router, exporter = started()
    assert bytes_of(exporter) == {A: 0, B: 0}
    router.traffic(A, 300)
    router.traffic(C, 70)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 300, B: 0, C: 70}
    assert corrections(exporter) == {}


def test_a_new_period_adds_what_it_holds_and_the_rest_of_the_old_one() -> None:
    router, exporter = started()
    router.traffic(A, 300)
    router.wait(DAY)
    router.traffic(A, 40)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 340, B: 0}
    assert exporter.grown[A].connections == 1
    assert corrections(exporter) == {"rollover": 1}


def test_an_exporter_that_was_down_for_days_gets_all_that_the_router_kept() -> None:
    router, exporter = started()
    for size in (300, 20, 1):
        router.traffic(A, size)
        router.wait(DAY)
    router.traffic(B, 7)
    exporter.restart()
    exporter.look(router)
    assert bytes_of(exporter) == {A: 321, B: 7}


def test_the_old_period_without_a_file_costs_only_its_rest() -> None:
    router, exporter = started()
    router.traffic(A, 300)
    router.wait(DAY)
    router.files.clear()
    router.traffic(A, 40)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 40, B: 0}


def test_around_the_turn_of_a_period_the_look_after_it_decides() -> None:
    """nlbwmon turns up to a refresh late: what falls in between is no new period."""
    router, exporter = started()
    router.wait(DAY / 2 - 1)
    exporter.look(router)
    router.now += 10
    router.evict(A, C, 0)
    assert not exporter.look(router)
    assert bytes_of(exporter) == {A: 0, B: 0}
    router.wait(90)
    router.traffic(B, 5)
    assert exporter.look(router)
    assert bytes_of(exporter) == {A: 0, B: 5, C: 0}


def test_a_new_period_that_nobody_can_see_adds_growth_alone() -> None:
    router, exporter = started()
    router.wait(DAY)
    for _ in range(2):
        router.traffic(A, 1_000)
        router.traffic(B, 1_000)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 1_000, B: 1_000}


@pytest.mark.parametrize("skew", [3_600.0, -3_600.0, -32 * DAY])
def test_a_wrong_clock_proves_no_new_period(skew: float) -> None:
    router, exporter = started()
    router.skew = skew
    router.evict(A, C, 5)
    router.wait(DAY)
    router.traffic(A, 40)
    exporter.look(router)
    assert bytes_of(exporter).get(A, 0) <= 40
    assert corrections(exporter) == {"clock": 1}


def test_a_clock_that_jumps_back_a_month_brings_no_old_period_back() -> None:
    router, exporter = started("1")
    router.files["2026-10-01"] = {A: Counts(9, 9_000_000, 9, 9, 9)}
    router.skew = -31 * DAY
    exporter.look(router)
    router.label, router.live = "2026-10-01", dict(router.files["2026-10-01"])
    router.wait(60)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 0, B: 0}
    router.skew = 0
    router.wait(60)
    exporter.look(router)
    router.traffic(A, 11)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 11, B: 0}
    assert corrections(exporter) == {"clock": 3}


def test_a_clock_that_ran_ahead_counts_again_after_a_reboot() -> None:
    router, exporter = started()
    router.commit()
    router.skew = 400 * DAY
    router.wait(60)
    exporter.look(router)
    router.skew = 0
    for _ in range(2):
        router.traffic(A, 100)
        exporter.look(router)
    assert bytes_of(exporter) == {A: 100, B: 0}, "it counts again once the clock is right, however far it ran"
    router.power_loss(0)
    for _ in range(2):
        router.wait(60)
        router.traffic(A, 5)
        exporter.look(router)
    assert bytes_of(exporter) == {A: 105, B: 0}


def test_a_period_after_one_of_a_wrong_clock_is_not_proven() -> None:
    """The file of the period before the fault holds bytes that were counted when it was the running one."""
    router, exporter = started()
    router.traffic(A, 500)
    exporter.look(router)
    router.skew = 2 * DAY
    router.wait(60)
    exporter.look(router)
    router.skew = 0
    exporter.look(router)
    router.wait(3 * DAY)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 500, B: 0}
    assert corrections(exporter) == {"clock": 2}


@pytest.mark.parametrize("days", [1, 3])
def test_what_a_clock_that_ran_ahead_left_on_disk_is_not_counted_again(days: int) -> None:
    router, exporter = started()
    router.skew = DAY
    router.wait(60)
    exporter.look(router)
    router.traffic(A, 500)
    exporter.look(router)
    router.commit()
    router.power_loss(0)
    router.wait(60)
    exporter.look(router)
    router.wait(days * DAY)
    router.power_loss(0)
    router.wait(3_600)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 500, B: 0}


def test_a_power_loss_moves_the_base_and_counts_nothing_twice() -> None:
    router, exporter = started()
    router.commit()
    router.traffic(A, 300)
    exporter.look(router)
    router.power_loss(0)
    router.wait(60)
    router.traffic(A, 20)
    exporter.look(router)
    router.traffic(A, 7)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 307, B: 0}
    assert corrections(exporter) == {"rollback": 1}


def test_records_that_were_dropped_and_come_back_with_a_reboot_count_once() -> None:
    router, exporter = started()
    router.traffic(A, 300)
    router.commit()
    exporter.look(router)
    router.evict(A, B, 0)
    exporter.look(router)
    router.power_loss(0)
    router.wait(60)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 300, B: 0}
    assert corrections(exporter) == {"eviction": 1, "rollback": 1}


def test_a_reboot_and_a_new_period_between_two_looks_add_the_new_one_once_the_clock_is_settled() -> None:
    router, exporter = started()
    router.evict(A, B, 0)
    router.power_loss(0)
    router.live = {A: Counts(9, 9_000, 9, 9, 9)}
    router.wait(DAY)
    router.traffic(B, 40)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 0, B: 40}
    router.wait(DAY - 60)
    router.power_loss(0)
    router.live = {A: Counts(9, 9_000, 9, 9, 9)}
    router.now += 300
    exporter.look(router)
    assert bytes_of(exporter) == {A: 0, B: 40}


def test_a_deleted_database_moves_the_base() -> None:
    router, exporter = started()
    router.traffic(A, 300)
    exporter.look(router)
    router.live = {}
    exporter.look(router)
    router.traffic(A, 9)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 309, B: 0}
    assert corrections(exporter) == {"rollback": 1}


def test_a_full_database_moves_the_base_of_the_device_that_shrank_alone() -> None:
    router, exporter = started()
    router.evict(A, B, 4)
    router.traffic(B, 50)
    exporter.look(router)
    router.traffic(A, 30)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 30, B: 50}
    assert corrections(exporter) == {"eviction": 1}


def test_another_interval_counts_nothing_for_one_look() -> None:
    router, exporter = started()
    router.setting, router.every, router.label = "1", interval("1"), "2026-11-01"
    router.traffic(A, 30)
    exporter.look(router)
    router.traffic(A, 4)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 4, B: 0}
    assert corrections(exporter) == {"settings": 1}


def test_restarts_of_the_exporter_lose_nothing_and_count_nothing_again() -> None:
    router, exporter = started()
    for size in (300, 20, 1):
        router.traffic(A, size)
        exporter.restart()
        exporter.look(router)
    assert bytes_of(exporter) == {A: 321, B: 0}


def test_the_zero_mac_and_devices_beyond_the_cap_are_one() -> None:
    router, exporter = started(limits=Limits(max_devices=1))
    router.traffic(ZERO, 5)
    router.traffic(B, 7)
    router.traffic(A, 1)
    exporter.look(router)
    exporter.restart()
    router.traffic(B, 1_000_000)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 1, OTHER: 1_000_012}


def test_a_device_without_growth_is_hidden_and_its_base_is_kept() -> None:
    router, exporter = started("1", Limits(max_devices=2, hide_after_days=2))
    for _ in range(3):
        router.wait(DAY)
        router.traffic(A, 10)
        exporter.look(router)
    assert exporter.state is not None
    assert dict(shown(exporter.state)).keys() == {A, OTHER}
    router.traffic(C, 5)
    exporter.look(router)
    router.traffic(B, 3)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 30, B: 0, C: 5, OTHER: 3}


def looked(now: float, devices: dict[str, Counts], closed: Any = None) -> Reading:
    """The recorded router: monthly periods, UTC, up for ever."""
    settings = Settings(interval=interval("1"), interval_text="1", refresh=REFRESH)
    around = Circumstances(clock=Clock(now), uptime=now - START + 100 * 365 * DAY, settings=settings)
    return Reading("ok", Traffic(devices), around, closed or {})


def test_the_recorded_new_period_is_counted_once(corpus: Path) -> None:
    """Its looks, 5 s apart, go over 2026-02-01 00:00 between the 7th and the 8th; then one more after the turn."""
    folder = corpus / "router" / "nlbw" / "rollover"
    recorded = [json.loads(line) for line in (folder / "monthly-rollover.jsonl").read_text().splitlines()]
    looks = [(each["t"], parse_traffic(json.dumps(each["nlbw_json_g_mac"]).encode()).devices) for each in recorded]
    old = parse_traffic((folder / "json-2026-01-01.json").read_bytes()).devices
    live = parse_traffic((folder / "json-live.json").read_bytes()).devices
    midnight = timegm(datetime(2026, 2, 1, tzinfo=UTC).timetuple()) - 37.5
    state: State | None = None
    last: dict[str, int] = {}
    for t, devices in [*((midnight + t, devices) for t, devices in looks), (midnight + 200, live)]:
        reading = looked(t, dict(devices))
        closed = {label: old for label in wanted(state, reading) if label == "2026-01-01"}
        state = advance(state, looked(t, dict(devices), closed), t, Limits())
        totals = {mac: counts.rx_bytes for mac, counts in shown(state)}
        assert all(totals[mac] >= size for mac, size in last.items())
        last = totals
    assert state is not None
    assert state.corrections == {"rollover": 1}
    first = looks[0][1]
    for mac, total in last.items():
        key = ZERO if mac == OTHER else mac
        rest = old.get(key, NOTHING).rx_bytes - first[key].rx_bytes
        assert total == rest + live.get(key, NOTHING).rx_bytes, mac
    assert last["3c:22:fb:00:00:01"] == (13_893_500 - 10_890_380) + 1_801_924


def test_the_recorded_long_connection_is_counted_in_full(corpus: Path) -> None:
    path = corpus / "router" / "nlbw" / "refresh" / "long-connection-1s-samples.jsonl"
    state: State | None = None
    devices: dict[str, Counts] = {}
    for number, line in enumerate(path.read_text().splitlines()):
        devices = dict(parse_traffic(json.dumps(json.loads(line)["nlbw_json_g_mac"]).encode()).devices)
        state = advance(state, looked(START + number, devices), START + number, Limits())
    assert state is not None
    assert dict(shown(state)) == {**devices, OTHER: NOTHING}
    assert not state.corrections
