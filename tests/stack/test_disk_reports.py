"""Disks and backups of simulated Macs: read without a problem, alive, and here and there imperfect."""

import pytest

from conftest import COLLECTORS
from exporters.core.flight import look
from exporters.sources.replay import Replay
from exporters.stack.dynamics import HOUR, MINUTE
from exporters.stack.machines import MODELS
from exporters.stack.simulate import settings
from stack.scraping import NAMES, Scraped, Simulation

OURS = ("disk_health", "storage", "time_machine")


def named(identifier: str) -> str:
    return next(name for name, model in zip(NAMES, MODELS, strict=True) if model.identifier == identifier)


def worth(told: Scraped, family: str, label: str = "") -> float:
    found = [value for series, value in told.items() if series.startswith(f"{family}{{") and label in series]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize("collector", OURS)
@pytest.mark.parametrize("name", NAMES)
def test_every_model_is_read_at_every_moment(name: str, collector: str) -> None:
    simulation, context = Simulation(), settings().contexts[collector]
    for _ in range(24):
        found = look(COLLECTORS[collector], Replay(simulation.mac(name).captures), context)
        assert (found.failed, dict(found.problems)) == (None, {})
        assert list(COLLECTORS[collector].metrics(found.reading, context))
        simulation.clock.move(5 * MINUTE)


def test_one_model_has_a_worn_disk_whose_counters_grow() -> None:
    simulation = Simulation()
    before = simulation.probe(named("MacBookPro17,1"))
    simulation.clock.move(3 * HOUR)
    after = simulation.probe(named("MacBookPro17,1"))
    assert worth(before, "macos_disk_wear_ratio") > 0.5
    assert worth(simulation.probe(named("Mac16,1")), "macos_disk_wear_ratio") < 0.5
    for counter in ("macos_disk_lifetime_written_bytes_total", "macos_disk_power_on_seconds_total"):
        assert worth(after, counter) > worth(before, counter)


def test_intel_tells_the_status_alone() -> None:
    told = Simulation().probe(named("MacBookPro16,1"))
    assert worth(told, "macos_disk_smart_status", 'state="verified"') == 1
    assert not any(series.startswith("macos_disk_wear_ratio") for series in told)


@pytest.mark.parametrize("name", NAMES)
def test_a_container_has_the_free_space_of_its_file_system(name: str) -> None:
    told = Simulation().probe(name)
    container = "disk3" if 'container="disk3"' in str(told) else "disk1"
    free = worth(told, "macos_storage_container_free_bytes", container)
    assert free == pytest.approx(worth(told, "pomona_host_filesystem_free_bytes"), abs=1)


def test_backups_run_and_end() -> None:
    simulation, name = Simulation(), named("Mac17,2")
    running, dates = set(), set()
    for _ in range(40):
        told = simulation.probe(name)
        running.add(told["macos_time_machine_running"])
        dates.add(worth(told, "macos_time_machine_last_backup_timestamp_seconds"))
        simulation.clock.move(16 * MINUTE)
    assert running == {0, 1}
    assert len(dates) > 5


def test_one_model_has_no_backup_for_weeks_and_one_no_destination() -> None:
    simulation, late = Simulation(), named("Mac14,2")
    last = worth(simulation.probe(late), "macos_time_machine_last_backup_timestamp_seconds")
    assert simulation.mac(late).now() - last > 30 * 24 * HOUR
    assert simulation.probe(named("Mac16,10"))["macos_time_machine_configured"] == 0
