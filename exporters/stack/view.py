"""What a report of a simulated Mac may know, and what a topic declares: pure functions from it to what is printed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from exporters.sources.replay import Captured
from exporters.stack.facts import Moment
from exporters.stack.machines import Model

UNENCRYPTED = "Mac16,10"
"""The model of which every Mac is without FileVault; of the others a few are."""
CARELESS = 0.02


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

    def chance(self, what: str) -> Random:
        """The same numbers for the same Mac and topic at any time: what does not change about it."""
        return Random(f"{self.seed}/{what}")  # noqa: S311 - a simulation


def has_filevault(view: View) -> bool:
    """Whether it is on: all tools of a Mac say the same."""
    return view.model.identifier != UNENCRYPTED and view.chance("filevault").random() > CARELESS


Report = Callable[[View], bytes | Captured]
Fact = Callable[[View], Any]


@dataclass(frozen=True, slots=True)
class Reports:
    """The answers of one topic by question: commands as typed, paths of files and listings, names of system facts.

    A report gives what is printed, or a `Captured` where it is an error or has an exit status; a fact gives JSON.
    """

    commands: Mapping[str, Report] = field(default_factory=dict)
    files: Mapping[str, Report] = field(default_factory=dict)
    listings: Mapping[str, Fact] = field(default_factory=dict)
    systems: Mapping[str, Fact] = field(default_factory=dict)
