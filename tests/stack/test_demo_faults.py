"""What docs/demo.md says of simulated Macs: each fault is seen on the Macs that it names, and on no other."""

import re
from collections.abc import Iterator, Mapping

import pytest

from conftest import ROOT
from exporters.stack.dynamics import HOUR
from stack.scraping import NAMES, Scraped, Simulation

ROW = re.compile(r"^\| (?P<macs>sim-\d{4}(?:, sim-\d{4})*|all) \| [^|]+ \| `(?P<query>[^`]+)` \|$", re.MULTILINE)
FAULTS = [(each["macs"], each["query"]) for each in ROW.finditer((ROOT / "docs" / "demo.md").read_text())]
SELECTOR = re.compile(r"(?P<name>[a-z][a-z0-9_]+)(?:\{(?P<labels>[^}]*)\})?")
QUERY = re.compile(r"(?P<age>time\(\) - )?(?P<series>[^ ]+)(?P<left> - time\(\))? (?P<sign><|>|==) (?P<bound>[0-9.]+)")
Day = Mapping[str, list[tuple[float, Scraped]]]


@pytest.fixture(scope="module")
def day() -> Day:
    """A day of each Mac, hour by hour, with the time of each look; the sleeper when it is awake."""
    simulation = Simulation(seed=3)
    looks: dict[str, list[tuple[float, Scraped]]] = {name: [] for name in NAMES}
    for _ in range(24):
        for name in NAMES:
            if not simulation.mac(name).asleep:
                looks[name].append((simulation.clock.now(), simulation.probe(name)))
        simulation.clock.move(HOUR)
    return looks


def values(told: Scraped, selector: str) -> Iterator[float]:
    found = SELECTOR.fullmatch(selector)
    assert found, selector
    wanted = [each for each in (found["labels"] or "").split(",") if each]
    for series, value in told.items():
        name, _, labels = series.partition("{")
        if name == found["name"] and all(each in labels for each in wanted):
            yield value


def holds(query: str, now: float, told: Scraped) -> bool:
    if " unless " in query:
        one, other = query.split(" unless ")
        return any(True for _ in values(told, one)) and not any(True for _ in values(told, other))
    found = QUERY.fullmatch(query)
    assert found, query
    sign, bound = found["sign"], float(found["bound"])
    shown = [
        now - each if found["age"] else each - now if found["left"] else each for each in values(told, found["series"])
    ]
    return any(each < bound if sign == "<" else each > bound if sign == ">" else each == bound for each in shown)


def test_every_model_has_a_fault() -> None:
    assert {name for macs, _ in FAULTS for name in macs.split(", ")} == {*NAMES, "all"}


@pytest.mark.parametrize(("macs", "query"), FAULTS, ids=[query for _, query in FAULTS])
def test_a_fault_is_seen_where_it_is_said_to_be(day: Day, macs: str, query: str) -> None:
    seen = {name for name, looks in day.items() if any(holds(query, now, told) for now, told in looks)}
    assert seen == (set(NAMES) if macs == "all" else set(macs.split(", ")))
