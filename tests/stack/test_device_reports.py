"""What a simulated Mac reports of its devices: each stays itself while others come and go, and links have a speed."""

import pytest

from conftest import COLLECTORS
from exporters.core.flight import look
from exporters.macos.device import code
from exporters.sources.replay import Replay
from exporters.stack.dynamics import MINUTE
from exporters.stack.machines import MODELS
from exporters.stack.simulate import settings
from exporters.stack.simulated import Mac
from stack.scraping import NAMES, Simulation

HOURS = 8
PERIPHERALS = COLLECTORS["peripherals"]
DOCKED = [
    name
    for name, model in zip(NAMES, MODELS, strict=True)
    if not model.sleeps and any(device.bus == "thunderbolt" for device in model.devices)
]
Change = tuple[str, str, str | None, str | None]


def there(mac: Mac) -> set[tuple[str, str | None, str | None]]:
    """The devices whose visit is under way."""
    return {(device.bus, code(device.vendor_id), code(device.product_id)) for device in mac._present()}


@pytest.mark.parametrize("name", NAMES)
def test_every_event_belongs_to_a_device_whose_visit_began_or_ended(name: str) -> None:
    simulation, context = Simulation(), settings().contexts["peripherals"]
    mac, state, told = simulation.mac(name), None, 0
    assert PERIPHERALS.advance
    assert PERIPHERALS.events
    earlier = before = there(mac)
    for _ in range(HOURS * 60):
        now = there(mac)
        reading = look(PERIPHERALS, Replay(mac.captures), context).reading
        state = PERIPHERALS.advance(state, reading, mac.now(), context)
        events = [
            (each["event"], each["bus"], each["vendor_id"], each["product_id"]) for each in PERIPHERALS.events(state)
        ]
        came: list[Change] = [("connected", *device) for device in now - before]
        gone: list[Change] = [("disconnected", *device) for device in earlier - before - now]
        assert sorted(events) == sorted(came + gone)
        told += len(events)
        earlier, before = before, now
        simulation.clock.move(MINUTE)
    assert told


@pytest.mark.parametrize("name", DOCKED)
def test_a_port_has_the_speed_of_its_link_while_something_is_connected(name: str) -> None:
    simulation = Simulation()
    seen = set()
    for _ in range(60):
        told = simulation.probe(name)
        connected = {port for port in ("1", "2") if told[f'macos_thunderbolt_port_connected{{port="{port}"}}']}
        speeds = {port: told.get(f'macos_thunderbolt_link_bytes_per_second{{port="{port}"}}') for port in ("1", "2")}
        assert speeds == {port: 5e9 if port in connected else None for port in ("1", "2")}
        seen.add(len(connected))
        simulation.clock.move(5 * MINUTE)
    assert seen == {0, 1}
