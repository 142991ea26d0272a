"""Simulated Macs: the same by seed, alive over hours, read by every collector without fault, cheap by the thousand."""

import re
import threading

import psutil
import pytest

from core.machines import HandClock
from exporters.core.routes import TargetError
from exporters.stack.dynamics import HOUR, MINUTE
from exporters.stack.machines import MODELS
from exporters.stack.simulated import UP_AT_FIRST, Fleet
from stack.scraping import AWAKE, NAMES, SLEEPER, Simulation, nap

DESKTOP = next(name for name, model in zip(NAMES, MODELS, strict=True) if model.battery is None)
FAILING = next(
    name for name, model in zip(NAMES, MODELS, strict=True) if model.battery and model.battery.condition != "Good"
)
OURS = re.compile(r"^(macos|pomona_host)_")
TIMES = re.compile(r"_timestamp_seconds|_time_seconds")


def facts(simulation: Simulation, name: str) -> dict[str, float]:
    """Without what is about the exporter itself."""
    return {series: value for series, value in simulation.probe(name).items() if OURS.match(series)}


def by_label(series: dict[str, float], family: str, label: str) -> str:
    """The state of an enum that is 1."""
    pattern = re.compile(rf'{family}\{{.*{label}="(\w+)".*\}}')
    states = [found[1] for name, value in series.items() if value == 1 and (found := pattern.fullmatch(name))]
    assert len(states) == 1, states
    return states[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_the_same_mac_at_every_moment(name: str) -> None:
    one, same, other = Simulation(seed=7), Simulation(seed=7), Simulation(seed=8)
    for _ in range(3):
        assert facts(one, name) == facts(same, name) != facts(other, name)
        for simulation in (one, same, other):
            simulation.clock.move(2 * MINUTE)


def test_what_a_mac_does_does_not_depend_on_when_it_was_looked_at() -> None:
    looked, new = Simulation(), Simulation()
    for _ in range(20):
        looked.probe("sim-0001")
        looked.clock.move(7 * MINUTE)
    looked.clock.move(48 * HOUR)  # so that every collector is due
    new.clock.move(20 * 7 * MINUTE + 48 * HOUR)
    counted = re.compile(
        "_changes_total|_events_total|_reports_total|_roams_total|macos_soc_.*_total|macos_network_quality"
    )
    told = {series: value for series, value in facts(looked, "sim-0001").items() if not counted.search(series)}
    assert told == {series: value for series, value in facts(new, "sim-0001").items() if not counted.search(series)}


@pytest.mark.parametrize("name", NAMES)
def test_every_collector_succeeds_over_a_day(name: str) -> None:
    simulation = Simulation(seed=3)
    for _ in range(24):
        while simulation.mac(name).asleep:
            simulation.clock.move(MINUTE)
        told = simulation.probe(name)
        runner = simulation.targets.runner(name)
        assert runner is not None
        assert not [series for series in told if series.startswith("pomona_collector_problem")]
        wrong = {each for each in runner.names if told.get(f'pomona_collector_success{{collector="{each}"}}') != 1}
        assert wrong <= {"textfile", *(() if simulation.mac(name).model.apple_silicon else ("soc_power",))}
        simulation.clock.move(HOUR + 7)


@pytest.mark.parametrize("name", [name for name in AWAKE if name != DESKTOP])
def test_batteries_drain_charge_and_get_warm(name: str) -> None:
    simulation = Simulation()
    states, charges, warmth = set(), [], []
    for _ in range(60):
        told = facts(simulation, name)
        states.add(by_label(told, "macos_battery_state", "state"))
        charges.append(told["macos_battery_charge_ratio"])
        warmth.append(told["macos_battery_temperature_celsius"])
        current = told["macos_battery_current_amperes"]
        assert (current < 0) == (by_label(told, "macos_power_source", "source") == "battery")
        assert 0 < told.get("macos_system_power_watts", 1) < 100
        simulation.clock.move(15 * MINUTE)
    assert {"discharging", "charging"} < states
    assert max(charges) - min(charges) > 0.3
    assert max(warmth) - min(warmth) > 3


def test_every_battery_layout_tells_health_temperature_and_cycles() -> None:
    simulation = Simulation()
    for name, model in zip(NAMES, MODELS, strict=True):
        if model.battery is not None:
            told = facts(simulation, name)
            assert told["macos_battery_health_ratio"] == pytest.approx(model.battery.health, abs=0.01)
            assert told["macos_battery_charge_cycles"] >= model.battery.cycles
            assert 20 < told["macos_battery_temperature_celsius"] < 60


def test_the_failing_battery_is_told_as_such() -> None:
    told = facts(Simulation(), FAILING)
    assert by_label(told, "macos_battery_condition", "condition") == "check_battery"
    assert told["macos_battery_maximum_capacity_ratio"] < 0.8
    assert told["macos_battery_temperature_celsius"] > 40


def test_a_mac_without_a_battery_says_only_that() -> None:
    told = facts(Simulation(), DESKTOP)
    assert {name: value for name, value in told.items() if name.startswith("macos_battery")} == {
        "macos_battery_present": 0
    }


def test_devices_come_and_go_and_some_are_not_allowed() -> None:
    simulation = Simulation()
    name = next(name for name, model in zip(NAMES, MODELS, strict=True) if model.major == 26 and not model.sleeps)
    seen = set()
    for _ in range(40):
        told = facts(simulation, name)
        seen.add(told['macos_peripherals{authorized="false",bus="usb"}'])
        assert told['macos_peripherals{authorized="true",bus="usb"}'] == 2
        simulation.clock.move(10 * MINUTE)
    told = facts(simulation, name)
    assert seen == {0, 1}
    assert told['macos_peripheral_events_total{authorized="false",bus="usb",event="connected"}'] >= 1
    assert told['macos_peripheral_events_total{authorized="false",bus="usb",event="disconnected"}'] >= 1


def test_heat_holds_macs_back_at_times() -> None:
    simulation = Simulation()
    levels, limits = set(), set()
    for _ in range(200):
        levels.add(by_label(facts(simulation, "sim-0001"), "macos_thermal_pressure", "level"))
        limits.add(facts(simulation, "sim-0002")["macos_cpu_speed_limit_ratio"])
        simulation.clock.move(3 * MINUTE)
    assert {"nominal", "moderate"} <= levels
    assert max(limits) == 1 > min(limits)


def test_counters_grow_and_never_faster_than_the_cores() -> None:
    simulation = Simulation(speed=60)
    busy = re.compile(r"pomona_host_cpu_seconds_total")
    before = facts(simulation, "sim-0001")
    for _ in range(50):
        simulation.clock.move(15)
        now = facts(simulation, "sim-0001")
        totals = [name for name in now if "_total" in name]
        assert totals
        assert all(now[name] >= before[name] for name in totals)
        spent = sum(now[name] - before[name] for name in now if busy.match(name))
        assert spent == pytest.approx(15 * MODELS[0].cores, rel=0.01)
        before = now


def test_speed_is_for_what_it_does_and_its_times_stay_real() -> None:
    slow, fast = Simulation(speed=1), Simulation(speed=60)
    slow.clock.move(3600)
    fast.clock.move(60)
    one, other = facts(slow, "sim-0001"), facts(fast, "sim-0001")
    for family in ("macos_battery_charge_ratio", "macos_battery_temperature_celsius", "pomona_host_load1"):
        assert one[family] == pytest.approx(other[family], abs=1e-6)
    assert other["pomona_host_time_seconds"] == fast.clock.now()
    assert other["macos_battery_update_timestamp_seconds"] == pytest.approx(fast.clock.now(), abs=31)
    start = facts(Simulation(speed=60), "sim-0001")["pomona_host_boot_timestamp_seconds"]
    assert other["pomona_host_boot_timestamp_seconds"] == start


def test_the_sleeper_is_up_at_first_then_unreachable_and_tells_when_it_woke() -> None:
    simulation = Simulation(speed=10)
    for _ in range(9):
        assert "macos_last_wake_timestamp_seconds" not in facts(simulation, SLEEPER)
        simulation.clock.move(UP_AT_FIRST / 9 - 1)
    nap(simulation)
    with pytest.raises(TargetError):
        simulation.targets.runner(SLEEPER)
    mac = simulation.mac(SLEEPER)
    awake = mac.awake()
    while mac.asleep:
        assert mac.awake() == pytest.approx(awake, abs=1)
        simulation.clock.move(10)
    woke = facts(simulation, SLEEPER)["macos_last_wake_timestamp_seconds"]
    assert simulation.clock.now() - 11 <= woke <= simulation.clock.now()
    assert mac.elapsed() - mac.awake() > 60


def test_readings_from_before_a_sleep_are_not_served_after_it() -> None:
    simulation = Simulation(speed=1)
    simulation.probe(SLEEPER)
    nap(simulation)
    while simulation.mac(SLEEPER).asleep:
        simulation.clock.move(MINUTE)
    updated = facts(simulation, SLEEPER)["macos_battery_update_timestamp_seconds"]
    assert simulation.clock.now() - updated < MINUTE


def test_no_name_that_a_person_gave_is_published() -> None:
    simulation = Simulation()
    assert not [name for name in NAMES if "Robin" in simulation.text(name) or "SIMULATED" in simulation.text(name)]


def test_an_unlisted_target_is_no_target() -> None:
    simulation = Simulation(macs=3)
    assert [simulation.targets.runner(name) for name in ("sim-0004", "sim-1", "", "sim-0000", "x")] == [None] * 5


def test_a_thousand_macs_are_one_cheap_process() -> None:
    process, threads = psutil.Process(), threading.active_count()
    simulation = Simulation(macs=1000)
    before = process.memory_info().rss
    assert all(simulation.probe(name) for name in simulation.fleet.names())
    assert process.memory_info().rss - before < 400e6
    assert threading.active_count() - threads <= 32


def test_macs_are_made_when_they_are_asked_for() -> None:
    before = psutil.Process().memory_info().rss
    fleet = Fleet(100_000, 1, 1.0, HandClock())
    assert fleet.mac("sim-99999") is fleet.mac("sim-99999")
    assert psutil.Process().memory_info().rss - before < 100e6
