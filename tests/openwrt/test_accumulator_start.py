"""nlbwmon started again without a reboot: its socket is another one, and what it then holds was read from a file."""

from dataclasses import replace

import pytest

from exporters.openwrt.accumulator import advance
from exporters.openwrt.nlbw import Reading
from openwrt.router_model import DAY, A, B, C, Exporter, Router, bytes_of, corrections, started


def lowered() -> tuple[Router, Exporter]:
    """300 bytes of A were counted, and dropped by a full database since; the file still has them."""
    router, exporter = started()
    router.traffic(A, 300)
    router.backed_up()
    exporter.look(router)
    router.evict(A, B, 0)
    exporter.look(router)
    return router, exporter


@pytest.mark.parametrize("how", ["killed", "restored"])
def test_values_that_fell_and_come_back_count_once(how: str) -> None:
    router, exporter = lowered()
    getattr(router, how)()
    router.wait(60)
    exporter.look(router)
    router.traffic(A, 7)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 307, B: 0}
    assert corrections(exporter) == {"eviction": 1, "restart": 1}


def test_a_backup_of_before_a_reboot_counts_nothing_twice() -> None:
    router, exporter = started()
    router.traffic(A, 300)
    router.backed_up()
    exporter.look(router)
    router.files.clear()
    router.power_loss(0)
    router.wait(60)
    exporter.look(router)
    router.restored()
    router.wait(60)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 300, B: 0}
    assert corrections(exporter) == {"rollback": 1, "restart": 1}


def test_a_database_that_is_deleted_begins_anew() -> None:
    router, exporter = started()
    router.traffic(A, 300)
    exporter.look(router)
    router.deleted()
    router.traffic(A, 5)
    exporter.look(router)
    router.traffic(A, 9)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 309, B: 0}
    assert corrections(exporter) == {"restart": 1}


def test_a_start_that_no_look_could_account_is_not_forgotten() -> None:
    router, exporter = lowered()
    router.killed()
    down = replace(router.reading(), status="daemon_down", traffic=None)
    exporter.state = advance(exporter.state, down, router.now, exporter.limits)
    exporter.restart()
    router.identity = True
    exporter.look(router)
    assert bytes_of(exporter) == {A: 300, B: 0}


def test_a_new_period_after_a_start_counts_what_it_holds() -> None:
    router, exporter = started()
    router.killed()
    router.wait(DAY)
    router.traffic(A, 40)
    exporter.look(router)
    assert bytes_of(exporter) == {A: 40, B: 0}
    assert corrections(exporter) == {"rollover": 1}


def of(reading: Reading, *listeners: str) -> Reading:
    around = replace(reading.circumstances, listeners=frozenset(listeners) if listeners else None)
    return replace(reading, circumstances=around)


@pytest.mark.parametrize(
    ("looks", "counted"),
    [
        ([("1/1",), ("1/1", "9/9"), ("1/1", "9/9")], 10),
        ([("1/1", "9/9"), ("1/1",), ("1/1",)], 5),
        ([("1/1",), (), ("1/1",)], 10),
        ([("1/1",), (), ("2/2",)], 5),
        ([(), ("1/1",), ("1/1",)], 10),
        ([(), (), ()], 10),
    ],
)
def test_a_socket_that_is_gone_is_a_start_and_one_more_is_none(looks: list[tuple[str, ...]], counted: int) -> None:
    """Of two looks with 5 bytes each; where nothing is told, a look counts."""
    router, exporter, state = Router(), Exporter(), None
    for number, listeners in enumerate(looks):
        router.traffic(C, 5)
        router.now += 60
        state = advance(state, of(router.reading(), *listeners), router.now, exporter.limits)
        assert state.seen.begun
        assert number < 2 or state.totals.get(C, (0, 0))[1] == counted
