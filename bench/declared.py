"""What follows from the declarations: process starts a minute, series, and a model of the tools' own cost on a Mac."""

from bench.agent import PACKAGES
from bench.measure import series
from bench.reports import macs
from exporters.core.clock import system_clock
from exporters.core.collector import Collector, discover
from exporters.core.config import load
from exporters.core.flight import look
from exporters.core.pool import Pool
from exporters.core.privacy import Key
from exporters.core.runner import Runner
from exporters.sources.base import Command, Question
from exporters.sources.replay import Replay
from exporters.stack.simulated import Mac

RUN_TIMES = {
    "ioreg": 0.025,
    "SPUSBDataType": 0.53,
    "SPThunderboltDataType": 0.78,
    "SPPowerDataType": 0.17,
    "SPApplicationsDataType": 6.1,
    "SPDisplaysDataType": 0.3,
    "notifyutil": 0.002,
    "pmset": 0.01,
}
"""Seconds a call takes on real Macs, the longest that captures report; of the others nobody did."""


def settings():  # noqa: ANN201 - as load says
    """The default configuration with all collectors of a Mac."""
    return load(discover(PACKAGES), None, {}, {}, lambda _: Key(b"bench" * 4))


def starts(mac: Mac) -> dict[Command, float]:
    """Commands by starts a minute on one model: a question that several collectors ask counts once, at its fastest."""
    found: dict[Command, float] = {}
    effective = settings()
    for declared in effective.collectors:
        if declared.cadence:
            for command in _asked(declared, mac, effective.contexts[declared.name]):
                found[command] = max(found.get(command, 0.0), 60.0 / declared.cadence)
    return found


def _asked(declared: Collector, mac: Mac, context) -> set[Command]:  # noqa: ANN001 - a Context
    asked: set[Question[object]] = set()

    class Noting(Replay):
        def ask(self, question):  # noqa: ANN001, ANN202 - as in Replay
            asked.add(question)
            return super().ask(question)

    look(declared, Noting(mac.captures), context)
    return {each for each in asked if isinstance(each, Command)}


def most_starts() -> tuple[float, str, dict[Command, float]]:
    """The model that needs most process starts a minute."""
    counted = [(sum(found.values()), mac.model.title, found) for mac in macs() for found in [starts(mac)]]
    return max(counted, key=lambda each: each[:2])


def modelled(found: dict[Command, float]) -> tuple[float, list[str]]:
    """Seconds a minute that Apple's tools would run, and the commands whose time nobody reported."""
    spent, unknown = 0.0, []
    for command, rate in found.items():
        known = [RUN_TIMES[token] for token in command.argv if token in RUN_TIMES]
        spent += rate * max(known, default=0.0)
        if not known:
            unknown.append(str(command))
    return spent, unknown


def most_series() -> tuple[int, str]:
    """The series of the model that has most."""
    effective = settings()
    counted = []
    for mac in macs():
        source = Replay(mac.captures)
        runner = Runner(
            effective.collectors, source, effective.contexts, clock=system_clock(), pool=Pool(), on_demand=True
        )
        counted.append((series(runner.scrape("text").decode()), mac.model.title))
    return max(counted)
