"""Simulated Macs on a clock that is moved by hand, and what a probe of them says."""

from core.machines import HandClock
from exporters.core.runner import Runner
from exporters.stack.dynamics import MINUTE
from exporters.stack.machines import MODELS
from exporters.stack.simulate import Targets, settings
from exporters.stack.simulated import Fleet, Mac

Scraped = dict[str, float]
NAMES = [f"sim-{number:04}" for number in range(1, len(MODELS) + 1)]
SLEEPER = next(name for name, model in zip(NAMES, MODELS, strict=True) if model.sleeps)
AWAKE = [name for name in NAMES if name != SLEEPER]


def scraped(runner: Runner) -> Scraped:
    rows = (line.rsplit(" ", 1) for line in runner.scrape("text").decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in rows}


class Simulation:
    """A fleet and its Runners."""

    def __init__(self, macs: int = 7, seed: int = 1, speed: float = 1.0, clock: HandClock | None = None) -> None:
        self.clock = clock or HandClock()
        self.fleet = Fleet(macs, seed, speed, self.clock)
        self.targets = Targets(self.fleet, settings())

    def mac(self, name: str) -> Mac:
        found = self.fleet.mac(name)
        assert found is not None
        return found

    def probe(self, name: str) -> Scraped:
        runner = self.targets.runner(name)
        assert runner is not None
        return scraped(runner)

    def text(self, name: str) -> str:
        runner = self.targets.runner(name)
        assert runner is not None
        return runner.scrape("text").decode()


def nap(simulation: Simulation) -> str:
    """Moves on to the sleeper's next sleep; its name."""
    while not simulation.mac(SLEEPER).asleep:
        simulation.clock.move(MINUTE)
    return SLEEPER
