"""What simulated Macs report of jobs and crashes: read without a problem, true to what the report makes happen."""

import pytest

from exporters.stack.dynamics import HOUR, MINUTE
from exporters.stack.machines import MODELS
from exporters.stack.service_reports import FAILS, LOOPS, NAMES, PANICS
from stack.scraping import NAMES as MACS
from stack.scraping import SLEEPER, Simulation


def mac(identifier: str) -> str:
    return next(name for name, model in zip(MACS, MODELS, strict=True) if model.identifier == identifier)


def problem(told: dict[str, float], label: str, kind: str) -> float | None:
    return told.get(f'macos_launchd_job_problem{{domain="system",launchd_job="{label}",problem="{kind}"}}')


@pytest.mark.parametrize("name", MACS)
def test_jobs_and_reports_are_read_without_a_problem(name: str) -> None:
    told = Simulation().probe(name)
    for collector in ("services", "crashes"):
        assert told[f'pomona_collector_success{{collector="{collector}"}}'] == 1
    assert sum(value for series, value in told.items() if series.startswith("macos_launchd_jobs{")) >= 4
    assert told['macos_crash_last_report_timestamp_seconds{folder="system",kind="crash"}'] > 1e9


def test_one_mac_has_a_crash_loop_and_one_a_job_that_fails() -> None:
    simulation, loops = Simulation(), []
    for _ in range(6):
        told = simulation.probe(mac(LOOPS))
        loops.append(problem(told, "com.example.sync", "restart_delay"))
        simulation.clock.move(15 * MINUTE + 7)
    assert loops.count(1) >= 3
    assert problem(simulation.probe(mac(FAILS)), "com.example.backup", "exit_code") == 1


def test_reports_are_counted_as_they_are_written_and_none_twice() -> None:
    simulation = Simulation()
    name, kinds = mac(PANICS), {"panic": 20, "crash": 9, "other": 4}
    before = simulation.probe(name)
    assert all(not value for series, value in before.items() if series.startswith("macos_crash_reports_total"))
    for _ in range(9 * 2 * NAMES):
        simulation.clock.move(HOUR)
        told = simulation.probe(name)
    for kind, hours in kinds.items():
        counted = told[f'macos_crash_reports_total{{folder="system",kind="{kind}"}}']
        assert counted == pytest.approx(9 * 2 * NAMES / hours, abs=1)
    latest = told['macos_crash_last_report_timestamp_seconds{folder="system",kind="crash"}']
    assert simulation.clock.now() - 9 * HOUR - 1 <= latest <= simulation.clock.now()


def test_reports_of_a_mac_that_sleeps_keep_their_times() -> None:
    simulation, seen = Simulation(), set()
    for _ in range(20):
        if not simulation.mac(SLEEPER).asleep:
            seen.add(
                simulation.probe(SLEEPER)['macos_crash_last_report_timestamp_seconds{folder="system",kind="crash"}']
            )
        simulation.clock.move(HOUR)
    assert len(seen) == 1
