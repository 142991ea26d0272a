"""What a report of a simulated Mac may know, and what a topic declares: pure functions from it to what is printed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from zlib import crc32

from exporters.sources.replay import Captured
from exporters.stack.facts import Moment
from exporters.stack.machines import Model

UNENCRYPTED = "Mac16,10"
"""The model of which every Mac is without FileVault; of the others a few are."""
CARELESS = 0.02
FLICKER = 30
WHOLE = 1 << 32


@dataclass(frozen=True, slots=True)
class Site:
    """What all Macs of one site share: a name, a seed, and the simulation's own time in seconds, in which none sleeps.

    `begun` is the Unix time at which that was 0.
    """

    name: str
    seed: str
    time: float
    begun: float
    speed: float

    def moment(self, time: float) -> float:
        """The Unix time of a moment of the simulation's own time."""
        return self.begun + time / self.speed


@dataclass(frozen=True, slots=True)
class View:
    """One Mac now: its model, a seed of its own, the moment, its heat (1 is the most), whether it is on mains.

    `at.time` is the Mac's own time in seconds, which runs fast in demos.
    """

    model: Model
    seed: str
    at: Moment
    heat: float
    on_mains: bool
    site: Site

    def chance(self, what: str) -> Random:
        """The same numbers for the same Mac and topic at any time: what does not change about it."""
        return Random(f"{self.seed}/{what}")  # noqa: S311 - a simulation

    def flicker(self, what: str) -> float:
        """From 0 to 1, another for each half minute of the Mac's own time: cheap, for what is asked often."""
        return crc32(f"{self.seed}/{what}/{self.at.time // FLICKER:.0f}".encode()) / WHOLE


def has_filevault(view: View) -> bool:
    """Whether it is on: all tools of a Mac say the same."""
    return view.model.identifier != UNENCRYPTED and view.chance("filevault").random() > CARELESS


Report = Callable[[View], bytes | Captured]
Fact = Callable[[View], Any]


@dataclass(frozen=True, slots=True)
class Reports:
    """The answers of one topic by question: commands as typed, paths of files and listings, names of system facts.

    Probes and processes stand under the text of their question, such as `tcp HOST:PORT` or `program NAME`. A report
    gives what is printed, or a `Captured` where it is an error or has an exit status; a fact gives JSON.
    """

    commands: Mapping[str, Report] = field(default_factory=dict)
    files: Mapping[str, Report] = field(default_factory=dict)
    listings: Mapping[str, Fact] = field(default_factory=dict)
    systems: Mapping[str, Fact] = field(default_factory=dict)
    probes: Mapping[str, Fact] = field(default_factory=dict)
    processes: Mapping[str, Fact] = field(default_factory=dict)
