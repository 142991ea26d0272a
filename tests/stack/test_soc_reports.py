"""What simulated Macs tell of memory, displays and chip is read without a problem, and believable."""

import pytest

from conftest import COLLECTORS, context_for
from exporters.core.flight import Look, look
from exporters.core.metrics import render
from exporters.sources.replay import Replay
from exporters.stack.dynamics import HOUR
from exporters.stack.machines import MODELS
from stack.scraping import NAMES, Simulation

TOPICS = ("memory_pages", "memory_modules", "displays", "soc_power", "thermal")


def seen(simulation: Simulation, name: str, topic: str) -> Look:
    return look(COLLECTORS[topic], Replay(simulation.mac(name).captures), context_for(COLLECTORS[topic]))


def told(simulation: Simulation, name: str, topic: str) -> dict[str, float]:
    declared, context = COLLECTORS[topic], context_for(COLLECTORS[topic])
    reading = seen(simulation, name, topic).reading
    state = declared.advance(None, reading, 0.0, context) if declared.advance else reading
    rows = (line.rsplit(" ", 1) for line in render(declared.metrics(state, context)).decode().splitlines())
    return {series: float(value) for series, value in rows if not series.startswith("#")}


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("name", NAMES)
def test_every_model_is_read_without_a_problem(name: str, topic: str) -> None:
    simulation = Simulation()
    intel = not simulation.mac(name).model.apple_silicon
    for _ in range(8):
        found = seen(simulation, name, topic)
        assert found.problems == {}
        assert found.supported != (topic == "soc_power" and intel)
        simulation.clock.move(HOUR)


def test_memory_adds_up_and_only_little_memory_swaps() -> None:
    simulation = Simulation()
    for name, model in zip(NAMES, MODELS, strict=True):
        values = told(simulation, name, "memory_pages")
        assert 0.2 < values["macos_memory_used_bytes"] / model.memory < 1
        assert (values["macos_memory_swapped_out_bytes_total"] > 0) == (model.memory <= 8 << 30)
        sizes = [value for series, value in told(simulation, name, "memory_modules").items() if "_size_" in series]
        assert sum(sizes) == model.memory


def test_laptops_have_a_display_of_their_own_and_some_macs_others() -> None:
    simulation, others = Simulation(macs=28), set()
    for name in simulation.fleet.names():
        values = told(simulation, name, "displays")
        laptop = simulation.mac(name).model.battery is not None
        assert values['macos_displays{location="internal"}'] == laptop
        others.add(values['macos_displays{location="external"}'])
    assert others == {0, 1, 2}


@pytest.mark.parametrize(
    ("name", "panel"), [("sim-0001", "3024x1964"), ("sim-0002", "3072x1920"), ("sim-0004", "2560x1664")]
)
def test_a_built_in_display_fits_its_model(name: str, panel: str) -> None:
    values = told(Simulation(), name, "displays")
    inside = [
        series for series in values if series.startswith("macos_display_info") and 'location="internal"' in series
    ]
    assert len(inside) == 1
    assert f'resolution="{panel}"' in inside[0]


def test_the_chip_draws_less_than_the_mac() -> None:
    simulation = Simulation()
    values = told(simulation, "sim-0001", "soc_power")
    assert 0 < values['macos_soc_power_watts{unit="cpu"}'] < MODELS[0].watts
    assert values['macos_soc_measured_seconds_total{unit="cpu"}'] == 45
    assert 0 < values['macos_soc_frequency_hertz{cluster="p"}'] < 5e9


def test_some_mac_is_held_back_at_times() -> None:
    simulation, reasons = Simulation(), set()
    for _ in range(100):
        for name in NAMES[:2]:
            values = told(simulation, name, "thermal")
            reasons |= {series for series, value in values.items() if value and series.startswith("macos_throttling")}
        simulation.clock.move(300)
    assert 'macos_throttling{reason="cpu_speed"}' in reasons
    assert 'macos_throttling{reason="none"}' in reasons
