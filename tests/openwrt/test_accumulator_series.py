"""What Prometheus sees of the account: series that begin at 0, who has them, and what a new process goes on with."""

from exporters.openwrt.accumulator import OTHER, Limits, shown
from exporters.openwrt.nlbw import ZERO
from openwrt.router_model import DAY, A, B, C, Exporter, Router, started


def samples(exporter: Exporter) -> dict[str, int]:
    assert exporter.state is not None
    return {name: counts.rx_bytes for name, counts in shown(exporter.state)}


def looked(router: Router, exporter: Exporter) -> dict[str, int]:
    assert exporter.look(router)
    return samples(exporter)


def test_a_new_device_begins_at_zero_and_shows_all_it_got_from_the_next_look_on() -> None:
    """Of a first sample of 5 GB `increase` sees nothing."""
    router, exporter = started()
    router.traffic(C, 5_000_000_000)
    assert looked(router, exporter) == {A: 0, B: 0, C: 0, OTHER: 0}
    router.traffic(C, 7)
    assert looked(router, exporter)[C] == 5_000_000_007
    assert exporter.increased[C].rx_bytes == 5_000_000_007


def test_a_look_that_is_put_off_shows_the_total_too() -> None:
    router, exporter = started()
    router.traffic(C, 70)
    exporter.look(router)
    router.wait(60)
    assert not exporter.look(router, uptime=False)
    assert samples(exporter)[C] == 70


def test_a_new_process_shows_zero_once_whatever_it_found() -> None:
    router, exporter = started()
    router.traffic(A, 300)
    exporter.look(router)
    exporter.restart()
    router.traffic(A, 20)
    router.traffic(ZERO, 4)
    assert looked(router, exporter) == {A: 0, B: 0, OTHER: 0}
    assert looked(router, exporter) == {A: 20, B: 0, OTHER: 4}
    assert exporter.increased[A].rx_bytes == 320


def test_a_process_that_ends_before_it_could_show_the_total_leaves_it_to_the_next() -> None:
    router, exporter = started()
    router.traffic(C, 70)
    exporter.look(router)
    for _ in range(2):
        exporter.restart()
        router.traffic(C, 1)
        assert looked(router, exporter)[C] == 0
    assert looked(router, exporter)[C] == 72
    exporter.restart()
    exporter.look(router)
    assert looked(router, exporter)[C] == 0
    assert exporter.increased[C].rx_bytes == 72


def test_a_hidden_device_that_comes_back_goes_on_where_its_series_ended() -> None:
    router, exporter = started("1", Limits(hide_after_days=2))
    router.traffic(B, 9)
    exporter.look(router)
    router.wait(3 * DAY)
    router.traffic(A, 10)
    assert B not in looked(router, exporter)
    router.traffic(B, 5)
    assert looked(router, exporter)[B] == 9
    assert looked(router, exporter)[B] == 14


def test_with_a_lower_cap_the_first_come_keep_their_series_and_the_others_grow_in_other() -> None:
    router, exporter = started()
    router.traffic(C, 70)
    exporter.look(router)
    router.wait(60)
    exporter.limits = Limits(max_devices=2)
    for mac in (A, B, C):
        router.traffic(mac, 5)
    assert looked(router, exporter) == {A: 5, B: 5, OTHER: 5}
    router.wait(60)
    exporter.limits = Limits(max_devices=1)
    router.traffic(C, 1)
    assert looked(router, exporter) == {A: 5, OTHER: 6}
    router.wait(60)
    exporter.limits = Limits(max_devices=2)
    router.traffic(C, 1)
    exporter.look(router)
    assert looked(router, exporter) == {A: 5, C: 71, OTHER: 6}
