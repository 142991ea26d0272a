"""Posture and updates of simulated Macs: read without a problem, a few imperfect, others as they should be."""

import pytest

from exporters.stack.dynamics import HOUR, MINUTE
from exporters.stack.machines import MODELS
from exporters.stack.posture_reports import CONVERTING, DAY, LONGEST, NEVER_CHECKS, SIP_OFF, UNENCRYPTED
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


def test_updates_have_waited_for_different_times_and_one_model_does_not_look() -> None:
    simulation = Simulation(macs=70)
    offers, stale = [], set()
    for number in range(1, 71):
        name = f"sim-{number:04}"
        told = awake(simulation, name)
        now = simulation.clock.now()
        age = now - told["macos_updates_last_check_timestamp_seconds"]
        assert age >= 0
        if age > DAY:
            stale.add(simulation.mac(name).model.identifier)
        offer = told.get('macos_updates_first_offer_timestamp_seconds{kind="macos"}')
        offers += [] if offer is None else [now - offer]
    assert stale == {NEVER_CHECKS}
    assert 0 < len(offers) < 70
    assert min(offers) >= 0
    assert max(offers) > 14 * DAY
    assert max(offers) < (LONGEST + 30) * DAY


def test_states_differ_from_mac_to_mac() -> None:
    simulation = Simulation(macs=70)
    told = [awake(simulation, f"sim-{number:04}") for number in range(1, 71)]
    for control in ("gatekeeper", "firewall", "firewall_stealth", "mdm", "automatic_updates"):
        assert {"on", "off"} <= {state(each, control) for each in told}, control
