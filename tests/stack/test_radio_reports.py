"""What simulated Macs tell of Wi-Fi and of the way out: read without a fault, alive, and not all the same."""

import pytest

from exporters.stack.dynamics import HOUR, MINUTE
from exporters.stack.machines import MODELS
from exporters.stack.radio_reports import LOSES_NETWORK
from stack.scraping import AWAKE, NAMES, Simulation

LAPTOPS = [name for name, model in zip(NAMES, MODELS, strict=True) if model.battery and name in AWAKE]
DESKTOP = next(name for name, model in zip(NAMES, MODELS, strict=True) if model.battery is None)


@pytest.mark.parametrize("name", LAPTOPS)
def test_a_laptop_is_on_wifi_and_moves(name: str) -> None:
    simulation = Simulation()
    signals, channels, offline = set(), set(), 0
    for _ in range(40):
        told = simulation.probe(name)
        assert told['macos_wifi_state{state="connected"}'] == 1
        if told['macos_network_state{state="offline"}']:
            offline += 1
            simulation.clock.move(20 * MINUTE)
            continue
        assert told['macos_network_default_route{interface="en0",kind="wifi"}'] == 1
        assert told['macos_network_dns_servers{scope="default"}'] == 1
        assert -100 < told["macos_wifi_rssi_dbm"] < -35
        assert told["macos_wifi_rssi_dbm"] > told["macos_wifi_noise_dbm"]
        signals.add(told["macos_wifi_rssi_dbm"])
        channels.add(told["macos_wifi_channel"])
        simulation.clock.move(20 * MINUTE)
    assert len(signals) > 5
    assert len(channels) == 2
    assert told["macos_wifi_roams_total"] >= 1
    assert (0 < offline < 10) == (simulation.mac(name).model.identifier == LOSES_NETWORK)


def test_a_desktop_is_on_its_cable() -> None:
    told = Simulation().probe(DESKTOP)
    assert told['macos_wifi_state{state="not_associated"}'] == 1
    assert told['macos_network_default_route{interface="en0",kind="ethernet"}'] == 1


def test_vpns_come_and_go_and_their_services_agree() -> None:
    simulation, seen = Simulation(macs=14), set()
    for _ in range(6):
        for number in range(1, 15):
            if not simulation.mac(name := f"sim-{number:04}").asleep:
                told = simulation.probe(name)
                tunnels = told['macos_vpn_tunnels{kind="utun"}']
                assert tunnels == told['macos_vpn_services{state="connected"}']
                assert tunnels == told['macos_network_dns_servers{scope="supplemental"}']
                seen.add(tunnels)
        simulation.clock.move(HOUR)
    assert seen == {0, 1}


def test_every_radio_has_an_id_of_its_own() -> None:
    simulation = Simulation(macs=14)
    ids = [
        series.split('join_id="')[1].split('"')[0]
        for number in range(1, 15)
        if not simulation.mac(name := f"sim-{number:04}").asleep
        for series in simulation.probe(name)
        if series.startswith("macos_wifi_info")
    ]
    assert all(ids)
    assert len(set(ids)) == len(ids)
