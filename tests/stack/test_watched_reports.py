"""What simulated Macs are configured to watch: all of it is answered, alive, and its faults are seen."""

import re
from collections import defaultdict

import pytest

from exporters.stack import component_reports, endpoint_reports
from exporters.stack.dynamics import HOUR, MINUTE
from exporters.stack.machines import MODELS
from exporters.stack.radio_reports import LOSES_NETWORK
from stack.scraping import AWAKE, NAMES, Simulation

MODEL = dict(zip(NAMES, MODELS, strict=True))
PROBES = ("microsoft365-outlook", "slack-messages")
TOTAL = re.compile(r"_total(\{|$)|_(bucket|count|sum)\{")


def named(model: str) -> str:
    return next(name for name in NAMES if MODEL[name].identifier == model)


@pytest.mark.parametrize("name", AWAKE)
def test_every_target_and_component_is_told(name: str) -> None:
    told = Simulation().probe(name)
    probes = {series for series in told if series.startswith("pomona_endpoint_success{")}
    assert len(probes) == sum(map(len, endpoint_reports.SERVICES.values())) + len(endpoint_reports.CONFIG["targets"])
    assert all(told[each] == 1 for each in probes)
    assert told['pomona_component_up{component="patch-agent"}'] == 1
    assert told['pomona_component_queue_items{component="patch-agent",state="done"}'] > 20
    assert told["macos_network_quality_base_round_trip_seconds"] < 1
    chip = 'macos_soc_power_watts{unit="cpu"}' in told
    assert chip == MODEL[name].apple_silicon


@pytest.mark.parametrize("name", ["sim-0001", "sim-0004", "sim-0007"])
def test_counters_never_fall_and_states_are_one_at_a_time(name: str) -> None:
    simulation, before = Simulation(seed=5), dict[str, float]()
    for _ in range(100):
        told = simulation.probe(name)
        fallen = {each for each in told if TOTAL.search(each) and told[each] < before.get(each, 0)}
        assert fallen == set()
        sums: dict[str, float] = defaultdict(float)
        for series, value in told.items():
            if series.startswith(("macos_network_state{", "macos_network_quality_schedule{", "macos_throttling{")):
                sums[series.partition("{")[0]] += value
        assert set(sums.values()) == {1}
        before = told
        simulation.clock.move(3 * HOUR + 11 * MINUTE)


def test_an_outage_is_seen_by_all_macs_of_a_site_and_by_no_other() -> None:
    simulation, seen = Simulation(macs=21), set()
    sites = {name: labels["site"] for name, labels in simulation.fleet.targets()}
    awake = [name for name in simulation.fleet.names() if not simulation.mac(name).model.sleeps]
    for _ in range(44):
        failing: dict[tuple[str, str], set[float]] = defaultdict(set)
        for name in awake:
            told = simulation.probe(name)
            far = told.get("macos_wifi_rssi_dbm", 0) < endpoint_reports.WEAK
            for probe in () if far or told['macos_network_state{state="offline"}'] else PROBES:
                failing[sites[name], probe].add(told[f'pomona_endpoint_success{{probe="{probe}"}}'])
        assert all(len(found) == 1 for found in failing.values())
        seen |= {key for key, found in failing.items() if found == {0}}
        simulation.clock.move(15 * MINUTE)
    assert {site for site, _ in seen} == set(sites.values())


def test_a_mac_without_network_reaches_nothing_and_asks_no_gateway() -> None:
    simulation, name = Simulation(), named(LOSES_NETWORK)
    simulation.clock.move(6.5 * HOUR)
    told = simulation.probe(name)
    assert told['macos_network_state{state="offline"}'] == 1
    assert told['macos_network_quality_schedule{state="no_route"}'] == 1
    assert told['pomona_endpoint_success{probe="slack-api"}'] == 0
    assert told['pomona_endpoint_failures_total{probe="slack-api",reason="dns"}'] == 1
    assert 'pomona_endpoint_success{probe="gateway"}' not in told


def test_a_stuck_queue_grows_and_others_are_worked_off() -> None:
    simulation = Simulation()
    stuck, well = named(component_reports.STUCK), "sim-0001"
    lengths: dict[str, list[float]] = {stuck: [], well: []}
    for _ in range(12):
        for name, found in lengths.items():
            told = simulation.probe(name)
            found.append(told['pomona_component_queue_items{component="patch-agent",state="pending"}'])
        simulation.clock.move(HOUR)
    processed = 'pomona_component_queue_processed_total{component="patch-agent",outcome="done"}'
    assert lengths[stuck] == sorted(lengths[stuck])
    assert lengths[stuck][-1] > lengths[stuck][0] + 10
    assert max(lengths[well]) <= 1
    assert simulation.probe(stuck)[processed] == 0
    assert simulation.probe(well)[processed] > 10


def test_a_component_restarts_and_is_down_meanwhile() -> None:
    simulation, name, up = Simulation(), named(component_reports.RESTARTS), set()
    for _ in range(240):
        told = simulation.probe(name)
        up.add(told['pomona_component_up{component="print-server"}'])
        simulation.clock.move(30)
    assert up == {0, 1}
    assert 10 <= told['pomona_component_restarts_total{component="print-server"}'] <= 13


def test_the_line_is_measured_within_its_budget() -> None:
    simulation = Simulation()
    for _ in range(60):
        told = simulation.probe("sim-0003")
        simulation.clock.move(5 * MINUTE)
    assert 2 <= told['macos_network_quality_runs_total{outcome="succeeded"}'] <= 5
    assert told['macos_network_quality_runs_total{outcome="failed"}'] == 0


@pytest.mark.parametrize("name", AWAKE)
def test_memory_and_space_are_the_same_whoever_tells(name: str) -> None:
    simulation = Simulation()
    told = simulation.probe(name)
    assert told["macos_memory_wired_bytes"] == told['pomona_host_memory_bytes{state="wired"}']
    free = [value for series, value in told.items() if series.startswith("macos_storage_container_free_bytes")]
    assert told['pomona_host_filesystem_free_bytes{fstype="apfs",mountpoint="/"}'] in free
