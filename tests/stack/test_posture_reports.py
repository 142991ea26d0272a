"""Posture and updates of simulated Macs: read without a problem, a few imperfect, others as they should be."""

import pytest

from exporters.stack.dynamics import HOUR, MINUTE
from exporters.stack.machines import MODELS
from exporters.stack.posture_reports import CONVERTING, DAY, NEVER_CHECKS, SIP_OFF
from exporters.stack.view import UNENCRYPTED
from stack.scraping import NAMES, Scraped, Simulation

IDENTIFIERS = {name: model.identifier for name, model in zip(NAMES, MODELS, strict=True)}


def awake(simulation: Simulation, name: str) -> Scraped:
    while simulation.mac(name).asleep:
        simulation.clock.move(MINUTE)
    return simulation.probe(name)


def state(told: Scraped, control: str) -> str:
    states = ("on", "off", "unknown")
    series = 'macos_security_control_state{{control="{}",state="{}"}}'
    return next(each for each in states if told[series.format(control, each)])


@pytest.mark.parametrize("name", NAMES)
def test_each_model_is_read_without_a_problem(name: str) -> None:
    told = awake(Simulation(), name)
    assert told['pomona_collector_success{collector="posture"}'] == 1
    assert told['pomona_collector_success{collector="updates"}'] == 1
    assert any(series.startswith("macos_updates_pending") for series in told)


@pytest.mark.parametrize(("control", "imperfect"), [("filevault", UNENCRYPTED), ("sip", SIP_OFF)])
def test_one_model_lacks_one_protection(control: str, imperfect: str) -> None:
    simulation = Simulation()
    off = {IDENTIFIERS[name] for name in NAMES if state(awake(simulation, name), control) == "off"}
    assert off == {imperfect}


def test_one_model_is_being_encrypted_until_it_is() -> None:
    simulation, name = Simulation(), next(name for name in NAMES if IDENTIFIERS[name] == CONVERTING)
    ratio = 'macos_filevault_conversion_ratio{direction="encrypting"}'
    seen = []
    for _ in range(10):
        told = awake(simulation, name)
        assert state(told, "filevault") == "on"
        seen.append(told.get(ratio))
        simulation.clock.move(HOUR)
    done = [each for each in seen if each is not None]
    assert done == sorted(done)
    assert done[0] < 0.1
    assert seen[-1] is None


def test_all_tools_of_a_mac_say_the_same_of_filevault() -> None:
    simulation = Simulation(macs=140)
    off = 0
    for number in range(1, 141):
        told = awake(simulation, f"sim-{number:04}")
        volumes = {
            value
            for series, value in told.items()
            if series.startswith("macos_storage_volume_filevault{") and 'volume_role="data"' in series
        }
        assert volumes == {float(state(told, "filevault") == "on")}
        off += volumes == {0.0}
    assert 140 / len(MODELS) < off < 140 / 4


def test_one_model_does_not_look_for_updates() -> None:
    simulation = Simulation(macs=70)
    stale = set()
    for number in range(1, 71):
        name = f"sim-{number:04}"
        told = awake(simulation, name)
        now = simulation.clock.now()
        age = now - told["macos_updates_last_check_timestamp_seconds"]
        assert age >= 0
        if age > DAY:
            stale.add(simulation.mac(name).model.identifier)
    assert stale == {NEVER_CHECKS}


def test_states_differ_from_mac_to_mac() -> None:
    simulation = Simulation(macs=70)
    told = [awake(simulation, f"sim-{number:04}") for number in range(1, 71)]
    for control in ("gatekeeper", "firewall", "firewall_stealth", "mdm", "automatic_updates"):
        assert {"on", "off"} <= {state(each, control) for each in told}, control
