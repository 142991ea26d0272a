"""Two Alertmanagers that one Prometheus tells, with the shipped rules: what arrives, and how often."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from e2e.asking import until
from e2e.fleet import Pace, Page, Scraper
from e2e.listening import listening
from e2e.managing import Manager, Told, configuration, peered, settled
from exporters.stack.engines import Engines
from exporters.stack.receiver import Receiver
from exporters.stack.supervisor import Supervisor

PACE = Pace(1 / 30)


@dataclass(frozen=True, slots=True)
class Pair:
    """What is scraped, who is told, and by whom."""

    page: Page
    told: Told
    both: tuple[Manager, ...]


@pytest.fixture
def pair(engines: Engines, tmp_path: Path) -> Iterator[Pair]:
    page, told = Page("mac-17", site="north", role="server"), Told()
    with ExitStack() as closed:
        supervisor = closed.enter_context(Supervisor(tmp_path / "logs"))
        receiver = closed.enter_context(Receiver(0, told))
        closed.enter_context(listening(page))
        both = tuple(Manager(supervisor, engines.alertmanager, tmp_path, name) for name in ("one", "other"))
        for manager, peer in (both, both[::-1]):
            manager.configure(configuration(urlsplit(receiver.url).port or 0, PACE.factor))
            peered(manager, peer)
        until(lambda: all(settled(each) for each in both), "both in one cluster")
        Scraper(supervisor, engines, tmp_path, PACE).start(page.groups, both)
        yield Pair(page, told, both)


def failing(*components: str) -> str:
    return "".join(f'pomona_component_recent_failures{{component="{each}"}} 3\n' for each in components)


def test_two_failing_components_of_one_machine_are_both_told_and_each_once(pair: Pair) -> None:
    for failed in (("agent",), ("agent", "printer")):
        pair.page.text = failing(*failed)
        pair.told.message("pager", alertname="ComponentDown", instance="mac-17", component=failed[-1])
    for manager in pair.both:
        for component in ("agent", "printer"):
            until(lambda m=manager, c=component: m.states(component=c) == ["active"], f"{component} at both")
        until(lambda m=manager: m.counted("alertmanager_nflog_queries_total") > 1, "the turn of both")
    until(lambda: len(pair.told.messages("watchdog")) > 1, "an interval passed")
    for component in ("agent", "printer"):
        assert len(pair.told.messages("pager", component=component)) == 1
