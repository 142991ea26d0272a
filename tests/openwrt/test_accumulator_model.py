"""Random histories of a router against its true traffic: nothing is counted twice, and what is missed is known."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporters.openwrt.accumulator import Limits
from exporters.openwrt.nlbw import NOTHING, ZERO, Counts
from openwrt.router_model import Exporter, Router, series_of

MACS = ["02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c", ZERO]
MAC = st.sampled_from(MACS)
PAST = st.sampled_from([0.0, -100.0, -3_600.0, -86_400.0, -3 * 86_400.0, -400 * 86_400.0])
STEPS = st.sampled_from([0.0, 0.0, 200.0, -200.0, 3_600.0, -3_600.0, 86_400.0, -86_400.0, 40 * 86_400.0])
TRAFFIC = st.tuples(st.just("traffic"), MAC, st.integers(1, 1_000_000))
WAIT = st.tuples(st.just("wait"), st.sampled_from([5, 20, 30, 60, 600, 3_600, 11 * 3_600, 24 * 3_600, 3 * 24 * 3_600]))
CALM = st.one_of(TRAFFIC, TRAFFIC, WAIT, st.just(("look",)), st.just(("restart",)), st.just(("commit",)))
EVICTION = st.tuples(st.just("evict"), MAC, MAC, st.integers(0, 9))
STARTS = [("killed",), ("backed_up",), ("restored",), ("deleted",)]
LOSSES = st.one_of(EVICTION, EVICTION, st.sampled_from(STARTS))
FAULTS = st.one_of(
    st.tuples(st.just("power_loss"), PAST),
    st.tuples(st.just("clock"), STEPS),
    st.sampled_from([("blind look",), ("timeless look",)]),
)
PROPERTY = settings(derandomize=True, deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))


def play(router: Router, exporter: Exporter, op: tuple[Any, ...]) -> bool:
    """Does one thing; says whether a look was accounted."""
    name, *given_ = op
    if name == "restart":
        exporter.restart()
    elif name in {"look", "blind look", "timeless look"}:
        return exporter.look(router, clock=name != "blind look", uptime=name != "timeless look")
    elif name == "clock":
        (router.skew,) = given_
        return exporter.look(router)
    else:
        getattr(router, name)(*given_)
    return False


def begun(limits: Limits | None = None) -> tuple[Router, Exporter]:
    """A router with some traffic before the first contact, which never counts."""
    router, exporter = Router(), Exporter(limits or Limits())
    for mac in MACS[:3]:
        router.traffic(mac, 5_000)
    exporter.look(router)
    router.true.clear()
    return router, exporter


def beyond(router: Router, exporter: Exporter) -> dict[str, Counts]:
    """What was counted and never flowed, by device."""
    found = {mac: exporter.grown.get(series_of(mac), NOTHING).above(router.true.get(mac, NOTHING)) for mac in MACS}
    for mac, counts in exporter.increased.items():
        assert not any(counts.above(exporter.grown.get(mac, NOTHING)))
    return {mac: counts for mac, counts in found.items() if any(counts)}


@PROPERTY
@given(st.lists(st.one_of(CALM, CALM, LOSSES, FAULTS), min_size=20, max_size=40))
def test_increases_never_exceed_the_true_traffic(ops: list[tuple[Any, ...]]) -> None:
    router, exporter = begun()
    for op in ops:
        play(router, exporter, op)
        assert not beyond(router, exporter), op


@PROPERTY
@given(st.lists(st.one_of(CALM, CALM, LOSSES), min_size=20, max_size=40))
def test_all_is_counted_but_what_a_fall_hides(ops: list[tuple[Any, ...]]) -> None:
    """Without reboots and wrong clocks, restarts of the exporter and new periods lose no byte.

    Missed is at most what nlbwmon itself dropped; and, where nobody can see that a period is new, what the old one
    held: every counter is already above its old height, or most devices have exactly the counts that they had. Where
    nlbwmon was started again, what flowed between the looks before and after it is missed.
    """
    router, exporter = begun()
    counted_last, daemon, started = dict(router.true), router.daemon, False
    for op in [*ops, ("wait", 300), ("look",), ("wait", 300), ("look",)]:
        if router.turned and op == ("look",) and exporter.state is not None:
            known = exporter.state.seen.devices
            fell = sum(any(each.raw.above(router.live.get(mac, NOTHING))) for mac, each in known.items())
            alike = sum(each.raw == router.live.get(mac, NOTHING) for mac, each in known.items() if each.raw.rx_bytes)
            busy = sum(any(each.raw[1:]) for each in known.values())
            if not fell or alike > fell or (started and busy >= 2 * fell):
                for devices in router.files.values():
                    for mac, counts in devices.items():
                        router.lost[mac] = router.lost.get(mac, 0) + counts.rx_bytes
        if play(router, exporter, op):
            started = started or router.daemon != daemon
            if router.daemon != daemon or (started and router.turned):
                for mac, counts in router.true.items():
                    more = counts.rx_bytes - counted_last.get(mac, NOTHING).rx_bytes
                    router.lost[mac] = router.lost.get(mac, 0) + more
            router.turned, counted_last, daemon = False, dict(router.true), router.daemon
    for mac in MACS:
        true = router.true.get(mac, NOTHING).rx_bytes
        counted = exporter.grown.get(series_of(mac), NOTHING).rx_bytes
        assert true - router.lost.get(mac, 0) <= counted <= true


@PROPERTY
@given(
    st.lists(
        st.one_of(TRAFFIC, st.just(("look",)), st.just(("restart",)), st.just(("wait", 60))), min_size=10, max_size=40
    )
)
def test_calm_traffic_is_counted_to_the_byte(ops: list[tuple[Any, ...]]) -> None:
    router, exporter = begun()
    for op in [*ops, ("look",), ("look",)]:
        play(router, exporter, op)
    for mac in MACS:
        assert exporter.grown.get(series_of(mac), NOTHING) == router.true.get(mac, NOTHING)
        assert exporter.increased.get(series_of(mac), NOTHING) == router.true.get(mac, NOTHING)


@PROPERTY
@given(st.lists(st.one_of(CALM, LOSSES, FAULTS), min_size=20, max_size=40), st.integers(0, 3))
def test_a_cap_moves_growth_to_other_and_changes_no_sum(ops: list[tuple[Any, ...]], cap: int) -> None:
    router, exporter = begun()
    _, capped = begun(Limits(max_devices=cap))
    for op in ops:
        if play(router, exporter, op) or op[0] in {"look", "blind look", "timeless look", "clock"}:
            capped.look(router, clock=op[0] != "blind look", uptime=op[0] != "timeless look")
        if op[0] == "restart":
            capped.restart()
        assert sum(known.own for known in capped.state.seen.devices.values()) <= cap
    sums = [[sum(each) for each in zip(NOTHING, *one.grown.values(), strict=True)] for one in (exporter, capped)]
    assert sums[0] == sums[1]
