"""What simulated Macs tell of their software is read without fault, differs between them, and moves with time."""

import pytest

from exporters.stack.software_reports import DAY, RELEASE_EVERY, UPGRADE_LASTS
from stack.scraping import NAMES, Scraped, Simulation

COLLECTORS = ("applications", "packages", "extensions")
MANY = 40


def told(scraped: Scraped, family: str) -> Scraped:
    return {series: value for series, value in scraped.items() if series.startswith(f"{family}{{")}


def fleet(family: str) -> list[Scraped]:
    """One family of many Macs."""
    simulation = Simulation(macs=MANY)
    return [told(simulation.probe(name), family) for name in simulation.fleet.names()]


@pytest.mark.parametrize("name", NAMES)
def test_every_model_is_read(name: str) -> None:
    scraped = Simulation().probe(name)
    assert [scraped[f'pomona_collector_success{{collector="{each}"}}'] for each in COLLECTORS] == [1, 1, 1]
    assert sum(told(scraped, "macos_applications").values()) > 50
    assert sum(told(scraped, "macos_system_extensions").values()) >= 1
    assert len(told(scraped, "macos_package_last_install_timestamp_seconds")) == 2


def test_some_macs_have_something_that_a_dashboard_can_show() -> None:
    kinds = fleet("macos_applications")
    intel = [each for each in kinds if any('architecture="intel"' in series for series in each)]
    assert 0 < len(intel) < MANY
    states = fleet("macos_system_extensions")
    waiting = [each for each in states if each['macos_system_extensions{state="waiting_for_user"}']]
    assert 0 < len(waiting) < MANY // 2


def test_some_macs_have_long_had_nothing_from_apple() -> None:
    simulation = Simulation(macs=MANY)
    family = 'macos_package_last_install_timestamp_seconds{source="apple"}'
    ages = [simulation.clock.now() - simulation.probe(name)[family] for name in simulation.fleet.names()]
    assert min(ages) >= 0
    assert 0 < sum(age > 60 * DAY for age in ages) < MANY // 2


def test_an_extension_is_upgraded_within_days() -> None:
    simulation = Simulation()
    seen = set()
    for _ in range(int((RELEASE_EVERY + 2 * UPGRADE_LASTS) / 3600)):
        seen |= told(simulation.probe(NAMES[0]), "macos_system_extension_info").keys()
        simulation.clock.move(3600)
    upgrading = {series for series in seen if 'state="waiting_to_upgrade"' in series}
    assert upgrading
    assert {series.replace("waiting_to_upgrade", "activated_enabled") for series in upgrading} <= seen
