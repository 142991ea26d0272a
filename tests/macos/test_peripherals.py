"""Devices that come and go: no event is invented, none is lost over a restart, none tells more than it may."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.machines import HandClock
from exporters.core.audit import AuditLog
from exporters.core.collector import Partial
from exporters.core.context import Context, Level
from exporters.core.metrics import render
from exporters.core.pool import Pool
from exporters.core.runner import Runner
from exporters.core.state import Store
from exporters.macos import bluetooth, thunderbolt, usb
from exporters.macos.peripherals import (
    Looks,
    Observations,
    State,
    advance,
    events,
    observe,
    parse,
    peripherals,
    restore,
)
from exporters.macos.policy import Rule
from exporters.sources.base import ParseError
from exporters.sources.replay import Captured, Captures, Replay
from macos.attached import (
    bluetooth_report,
    context,
    dock,
    paired,
    replies,
    shown,
    stick,
    thunderbolt_report,
    usb_report,
)
from macos.looking import spoiled_json, steadily

STANDARD = context()
A, B = stick("SERIAL-A"), stick("SERIAL-B")
ADDRESS = "02:00:00:00:01:01"


def after(*reports: dict[str, Any], state: State | None = None, where: Context = STANDARD) -> tuple[State, list[str]]:
    """The state after these looks, and the events on the way as `bus event device`."""
    noticed: list[str] = []
    for report in reports:
        state = advance(state, looked(report, where), 0.0, where)
        noticed += [_short(event) for event in events(state)]
    assert state is not None
    return state, noticed


def looked(report: dict[str, Any], where: Context = STANDARD) -> Looks:
    """What the buses that can be read tell."""
    reading = parse(replies(**report), where)
    return reading.reading if isinstance(reading, Partial) else reading


def _short(event: dict[str, str]) -> str:
    return f"{event['bus']} {event['event']}{' while down' if 'while_down' in event else ''}"


def plugged(*devices: dict[str, Any]) -> dict[str, Any]:
    return {"usb": usb_report(*devices)}


def value(state: State, series: str) -> float:
    lines = render(peripherals.metrics(state, STANDARD)).decode().splitlines()
    return float(next(line for line in lines if line.startswith(f"{series} ")).split()[-1])


def counted(state: State, event: str, authorized: str = "unknown", bus: str = "usb") -> float:
    return value(state, f'macos_peripheral_events_total{{authorized="{authorized}",bus="{bus}",event="{event}"}}')


CAME, WENT = "usb connected", "usb disconnected"


def test_the_first_look_is_a_silent_baseline_with_all_counters_at_zero() -> None:
    state, noticed = after(plugged(A, B))
    lines = render(peripherals.metrics(state, STANDARD)).decode().splitlines()
    counters = [line for line in lines if line.startswith("macos_peripheral_events_total")]
    assert (noticed, len(counters), {line.split()[-1] for line in counters}) == ([], 18, {"0.0"})


def test_a_new_device_is_an_event_at_once_and_only_once() -> None:
    state, noticed = after(plugged(), plugged(A), plugged(A))
    assert (noticed, counted(state, "connected")) == ([CAME], 1)


def test_a_device_is_gone_after_two_looks_without_it() -> None:
    assert after(plugged(A), plugged())[1] == []
    state, noticed = after(plugged(A), plugged(), plugged(), plugged())
    assert (noticed, counted(state, "disconnected")) == ([WENT], 1)


def test_a_device_that_flaps_is_no_event() -> None:
    assert after(plugged(A), plugged(), plugged(A), plugged(), plugged(A))[1] == []


def test_a_device_that_comes_back_after_it_was_gone_is_counted_again() -> None:
    assert after(plugged(A), plugged(), plugged(), plugged(A))[1] == [WENT, CAME]


def test_a_device_with_a_serial_may_change_its_port_and_one_without_is_another_there() -> None:
    one, two = "0x01000000", "0x02000000"
    assert after(plugged(stick("S", one)), plugged(stick("S", two)), plugged(stick("S", two)))[1] == []
    moved = after(plugged(stick(place=one)), plugged(stick(place=two)), plugged(stick(place=two)))[1]
    assert moved == [CAME, WENT]


UNTOLD: list[dict[str, Any]] = [
    {},
    {"usb": {"SPUSBDataType": [], "SPUSBHostDataType": []}},
    {"usb": b"{", "thunderbolt": thunderbolt_report()},
]


@pytest.mark.parametrize("untold", UNTOLD, ids=["missing", "partial", "unreadable"])
def test_a_report_that_is_missing_or_partial_counts_for_nothing(untold: dict[str, Any]) -> None:
    assert after(plugged(A), untold, untold, untold)[1] == []
    assert after(plugged(A), plugged(), untold, untold, plugged(A))[1] == []
    assert after(plugged(A), plugged(), untold, plugged())[1] == [WENT]
    assert after(untold, plugged(A))[1] == []


def test_the_gauge_counts_what_the_last_look_saw() -> None:
    gauge = 'macos_peripherals{authorized="unknown",bus="usb"}'
    assert value(after(plugged(A, B), plugged(A))[0], gauge) == 1


@pytest.mark.parametrize("untold", UNTOLD, ids=["missing", "partial", "unreadable"])
def test_the_gauge_of_a_bus_is_there_only_after_a_good_report(untold: dict[str, Any]) -> None:
    text = render(peripherals.metrics(after(plugged(A), untold)[0], STANDARD)).decode()
    assert 'macos_peripherals{authorized="unknown",bus="usb"}' not in text
    assert value(after(untold, plugged(A))[0], 'macos_peripherals{authorized="unknown",bus="usb"}') == 1


def test_reports_of_which_none_can_be_read_are_a_problem() -> None:
    with pytest.raises(ParseError, match=r"usb: .*; bluetooth: "):
        parse(replies(usb=b"{", bluetooth=b""), STANDARD)


def test_a_bus_that_cannot_be_read_is_told_while_the_others_count() -> None:
    reading = parse(replies(usb={"nothing": []}, thunderbolt=thunderbolt_report(dock("UID-1"))), STANDARD)
    assert isinstance(reading, Partial)
    assert reading.fault.startswith("usb: ")
    assert set(reading.reading.seen) == {"thunderbolt"}


def test_equal_devices_are_counted_one_by_one() -> None:
    twin = stick("TWIN")
    assert after(plugged(twin), plugged(twin, twin), plugged(twin), plugged(twin))[1] == [CAME, WENT]


def test_bluetooth_is_about_the_connection_not_the_pairing() -> None:
    near = {"bluetooth": bluetooth_report([paired("Pods", ADDRESS)])}
    far = {"bluetooth": bluetooth_report([], [paired("Pods", ADDRESS)])}
    assert after(far, near)[1] == ["bluetooth connected"]
    assert after(near, far, far)[1] == ["bluetooth disconnected"]


def test_thunderbolt_devices_come_and_go_too() -> None:
    idle, busy = {"thunderbolt": thunderbolt_report()}, {"thunderbolt": thunderbolt_report(dock())}
    assert after(idle, busy, idle, idle)[1] == ["thunderbolt connected", "thunderbolt disconnected"]


def test_a_new_policy_changes_verdicts_and_is_no_event() -> None:
    strict, state = context(policy=True), after(plugged(A))[0]
    assert value(state, 'macos_peripherals{authorized="unknown",bus="usb"}') == 1
    state, noticed = after(plugged(A), state=state, where=strict)
    assert (noticed, value(state, 'macos_peripherals{authorized="false",bus="usb"}')) == ([], 1)
    state, noticed = after(plugged(), plugged(), state=state, where=strict)
    assert (noticed, counted(state, "disconnected", "false")) == ([WENT], 1)


def test_events_carry_the_verdict() -> None:
    where = context("standard", Rule(serial_hash=STANDARD.hash("SERIAL-A")))
    state, _ = after(plugged(), plugged(A, B), where=where)
    assert (counted(state, "connected", "true"), counted(state, "connected", "false")) == (1, 1)
    assert sorted(event["authorized"] for event in events(state)) == ["false", "true"]


def test_an_event_names_the_series_of_its_device() -> None:
    (event,) = events(after(plugged(), plugged(A))[0])
    series = next(line for line in shown(usb.usb, **plugged(A)) if line.startswith("macos_usb_device_info"))
    assert f'device="{event["device"]}"' in series
    assert event == {
        "bus": "usb",
        "event": "connected",
        "device": event["device"],
        "vendor_id": "0x0bad",
        "product_id": "0x5581",
        "vendor": "Example Disks",
        "product": "Stick",
        "class": "device",
        "builtin": "false",
        "apple": "false",
        "authorized": "unknown",
        "serial_hash": STANDARD.hash("SERIAL-A"),
    }


def restarted(before: dict[str, Any], *looks: dict[str, Any]) -> tuple[State, list[str]]:
    """A new process that remembers what was there before."""
    return after(*looks, state=restore(observe(after(before)[0])))


def test_what_came_while_the_exporter_was_down_is_counted_after_the_restart() -> None:
    state, noticed = restarted(plugged(A), plugged(A, B))
    assert (noticed, counted(state, "connected")) == (["usb connected while down"], 1)
    assert after(plugged(A, B), state=state)[1] == []


def test_what_is_missing_after_a_restart_is_gone_only_after_two_looks() -> None:
    state, noticed = restarted(plugged(A), plugged())
    assert noticed == []
    assert after(plugged(A), plugged(A), state=state)[1] == []
    assert after(plugged(), plugged(), state=state)[1] == ["usb disconnected while down"]


def test_one_look_without_it_after_a_restart_is_no_event() -> None:
    state, noticed = restarted(plugged(A), plugged(), plugged(A), plugged(A))
    assert (noticed, counted(state, "connected"), counted(state, "disconnected")) == ([], 0, 0)


def test_a_look_without_it_before_the_restart_and_one_after_are_two() -> None:
    past = observe(after(plugged(A), plugged())[0])
    assert after(plugged(), state=restore(past))[1] == ["usb disconnected while down"]


def test_what_changes_after_the_restart_is_not_from_while_it_was_down() -> None:
    assert restarted(plugged(A), plugged(A), plugged(A, B))[1] == [CAME]
    assert restarted(plugged(A), plugged(A), plugged(), plugged())[1] == [WENT]


def test_what_came_while_down_and_left_since_is_both() -> None:
    state, noticed = restarted(plugged(), plugged(A), plugged(), plugged())
    assert noticed == ["usb connected while down", WENT]
    assert (counted(state, "connected"), counted(state, "disconnected")) == (1, 1)


def test_a_restart_without_changes_is_silent() -> None:
    assert restarted(plugged(A, B), plugged(A, B))[1] == []


def test_a_bus_that_reports_late_is_compared_with_what_was_remembered() -> None:
    state, noticed = restarted(plugged(A), {"thunderbolt": thunderbolt_report()})
    assert noticed == []
    assert observe(state).buses["usb"] == observe(after(plugged(A))[0]).buses["usb"]
    assert after(plugged(B), plugged(B), state=state)[1] == ["usb connected while down", "usb disconnected while down"]


def test_a_bus_that_was_not_remembered_begins_with_a_silent_baseline() -> None:
    assert after(plugged(A), state=restore(Observations({})))[1] == []


SETS = st.lists(st.lists(st.sampled_from("abcd"), max_size=5), min_size=1, max_size=8)


@steadily
@given(SETS, SETS, SETS)
def test_events_always_add_up_to_what_is_known(
    one: list[list[str]], two: list[list[str]], three: list[list[str]]
) -> None:
    parts = (one, two, three)
    before, early, late = ([plugged(*(stick(name) for name in names)) for names in part] for part in parts)
    past = observe(after(*before)[0])
    state, _ = after(*early, *late, state=restore(past))
    remembered, known = (sum(map(len, seen.buses.values())) for seen in (past, observe(state)))
    assert remembered + counted(state, "connected") - counted(state, "disconnected") == known


SECRETS = ("SERIAL-A", "Anna", ADDRESS, "UID-1")


def private() -> dict[str, Any]:
    return {
        "usb": usb_report(A),
        "bluetooth": bluetooth_report([paired("Anna's pods", ADDRESS)]),
        "thunderbolt": thunderbolt_report(dock("UID-1")),
    }


@pytest.mark.parametrize(("level", "seen"), [("full", True), ("standard", False), ("strict", False)])
def test_events_and_memory_keep_what_the_level_hides(level: Level, seen: bool) -> None:
    where, none = context(level), {"usb": usb_report(), "bluetooth": bluetooth_report([])}
    state, noticed = after(none | {"thunderbolt": thunderbolt_report()}, private(), where=where)
    remembered = repr(observe(state))
    assert len(noticed) == 3
    assert [(each in str(events(state)), each in remembered) for each in SECRETS] == [(seen, seen)] * 4
    assert ("serial_hash" in events(state)[0]) == (level != "strict")


CANARY = "Canary-Zq7"


def poisoned(tree: Any, key: str = "") -> Any:
    """The same document with a secret in every string whose key is not declared as published."""
    if isinstance(tree, dict):
        return {name: poisoned(each, name) for name, each in tree.items()}
    if isinstance(tree, list):
        return [poisoned(each) for each in tree]
    return CANARY if isinstance(tree, str) and key not in peripherals.publishes else tree


@pytest.mark.parametrize("level", ["standard", "strict"])
def test_no_undeclared_string_leaves_by_sample_event_memory_or_error(level: Level) -> None:
    where = context(level)
    idle = {"usb": usb_report(), "bluetooth": bluetooth_report([]), "thunderbolt": thunderbolt_report()}
    full = poisoned(private() | {"bluetooth": bluetooth_report([paired(CANARY, ADDRESS)], [paired(CANARY, ADDRESS)])})
    state, noticed = after(idle, full, where=where)
    told = [render(peripherals.metrics(state, where)).decode(), str(events(state)), repr(observe(state))]
    for declared in (usb.usb, bluetooth.bluetooth, thunderbolt.thunderbolt):
        told += shown(declared, level, **full)
    with pytest.raises(ParseError) as caught:
        parse(replies(usb={CANARY: CANARY}, bluetooth={"SPBluetoothDataType": CANARY}, thunderbolt=CANARY), where)
    assert sorted(noticed) == ["bluetooth connected", "thunderbolt connected", "usb connected"]
    assert CANARY not in "\n".join((*told, str(caught.value)))


@steadily
@given(spoiled_json(private()["usb"]), spoiled_json(private()["bluetooth"]), spoiled_json(private()["thunderbolt"]))
def test_whatever_is_answered_gives_a_state_or_a_parse_error(one: bytes, two: bytes, three: bytes) -> None:
    state, _ = after(private())
    try:
        reading = looked({"usb": one, "bluetooth": two, "thunderbolt": three})
    except ParseError:
        return
    state = advance(advance(state, reading, 0.0, STANDARD), reading, 0.0, STANDARD)
    known = {bus: len(each) for bus, each in observe(state).buses.items()}
    assert known == {bus: len(reading.seen.get(bus, (A,))) for bus in ("usb", "bluetooth", "thunderbolt")}


def machine(devices: list[dict[str, Any]]) -> Captures:
    return Captures(commands={usb.REPORT.argv: lambda: Captured(json.dumps(usb_report(*devices)).encode())})


def run(runner: Runner, clock: HandClock, looks: int = 1) -> str:
    """Some looks a minute apart, then a full scrape."""
    for _ in range(looks):
        clock.move(60)
        text = runner.scrape("text").decode()
    return text


def test_a_restart_of_the_exporter_counts_and_logs_what_came_in_between(tmp_path: Path) -> None:
    clock, pool, devices = HandClock(), Pool(), [A]
    log = AuditLog(tmp_path / "events", clock)

    def start(store: Store) -> Runner:
        source, contexts = Replay(machine(devices)), {"peripherals": STANDARD}
        made = {"clock": clock, "pool": pool, "store": store, "sink": log.write, "on_demand": True}
        return Runner([peripherals], source, contexts, **made)

    store = Store(tmp_path / "state")
    run(start(store), clock, 2)
    store.close()
    devices.append(B)
    store = Store(tmp_path / "state")
    runner, series = start(store), 'macos_peripheral_events_total{authorized="unknown",bus="usb",event="connected"}'
    assert f"{series} 0.0" in run(runner, clock)
    assert f"{series} 0.0" in runner.scrape("text").decode(), "two servers may scrape the same look"
    assert f"{series} 1.0" in run(runner, clock)
    store.close()
    (line,) = (tmp_path / "events" / "events-2027-01-15.jsonl").read_text().splitlines()
    event = json.loads(line)
    assert (event["bus"], event["event"], event["while_down"]) == ("usb", "connected", "true")
    assert "SERIAL-B" not in line
