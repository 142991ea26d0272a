"""What a collector is: one frozen declaration, made by a decorator that registers nothing, found by discovery."""

import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

import msgspec

from exporters.core.context import Context
from exporters.core.metrics import Family, Sample, faults
from exporters.sources.base import Command, Question, Replies

Reading = TypeVar("Reading")
Questions = tuple[Question[Any], ...]
Choose = Callable[[Context], Questions]
Commands = tuple[Command, ...]
Then = Callable[[Replies, Context, Any], Questions]
Parse = Callable[[Replies, Context], Any]
OPEN_WORDS: Mapping[str, re.Pattern[str]] = {
    "DATE": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "NAME": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}"),
    "JOB": re.compile(r"(system|gui/\d{1,10})/[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}"),
}
Advance = Callable[[Any, Any, float, Context], Any]
Placed = Callable[[Any], Iterable[tuple[tuple[str | int, ...], str]]]
"""Of a config: texts, each with its place in it."""
Metrics = Callable[[Any, Context], Iterable[Sample]]


@dataclass(frozen=True, slots=True)
class Memory:
    """How a collector's state outlives the process: observations are stored, counters never.

    `observe(state)` gives the Struct to store; `restore(observations)` the state before the first look, with all
    counts at 0. What `advance` then finds is logged at once; the counters are shown as 0 for one look that was scraped.
    """

    kind: type[msgspec.Struct]
    observe: Callable[[Any], msgspec.Struct]
    restore: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Partial:
    """A reading of which a part could not be read: published, and told as unparsable."""

    reading: Any
    fault: str


def told(reading: Reading, faults: Iterable[str]) -> Reading | Partial:
    """The reading, with the faults of what is missing in it where there are any."""
    fault = "; ".join(faults)
    return Partial(reading, fault) if fault else reading


@dataclass(frozen=True, slots=True)
class Collector:
    """The declaration of a collector; everything else about it is derived from these fields."""

    name: str
    about: str
    families: tuple[Family, ...]
    parse: Parse
    metrics: Metrics
    required: Questions | Choose = ()
    optional: Questions | Choose = ()
    then: Then | None = None
    then_asks: Commands | Callable[[Context], Commands] = ()
    advance: Advance | None = None
    memory: Memory | None = None
    events: Callable[[Any], Sequence[Mapping[str, str]]] | None = None
    cadence: float | None = None
    least_cadence: float = 0.0
    enabled: bool = True
    privilege: str = "none"
    config: type[msgspec.Struct] | None = None
    config_of: str = ""
    folders: Placed | None = None
    mistakes: Placed | None = None
    publishes: tuple[str, ...] = ()
    foreign: bool = False
    unverified: str = ""
    package: str = ""

    def required_for(self, context: Context) -> Questions:
        """The questions without whose answers there is no reading."""
        return self.required(context) if callable(self.required) else self.required

    def optional_for(self, context: Context) -> Questions:
        """The questions whose answers may be missing."""
        return self.optional(context) if callable(self.optional) else self.optional

    def then_asks_for(self, context: Context) -> Commands:
        """The commands of the second round, with open words for what only answers tell."""
        return self.then_asks(context) if callable(self.then_asks) else self.then_asks

    def form_of(self, asked: Command, context: Context) -> Command | None:
        """The declared command of the second round that this one is, with its open words; None if it is none."""
        return next((each for each in self.then_asks_for(context) if _fits(each, asked)), None)

    def commands(self, context: Context) -> Iterator[Command]:
        """Every command that it may run: for the documentation, sudoers and the count of process starts."""
        for question in (*self.required_for(context), *self.optional_for(context), *self.then_asks_for(context)):
            if isinstance(question, Command):
                yield question


def _fits(declared: Command, asked: Command) -> bool:
    """The same words, but for those that only the answers of the first round tell."""
    same = len(declared.argv) == len(asked.argv)
    words = zip(declared.argv, asked.argv, strict=False)
    return same and all(
        word == found or bool(word in OPEN_WORDS and OPEN_WORDS[word].fullmatch(found)) for word, found in words
    )


def collector(name: str, *families: Family, **fields: Any) -> Callable[[Metrics], Collector]:
    """Turns a `metrics` function into the declaration of its collector.

    `required` and `optional` are tuples of questions, or pure functions of the context. `then(replies, context, state)`
    names the questions of one second round, all optional; `state` is that of `advance`, None before its first look.
    The commands among them come from `then_asks`, a tuple or a function of the context like the others, in which DATE,
    NAME and JOB stand for words not known before.
    `cadence` is in seconds, None for "at each scrape"; `least_cadence` the shortest that a long look allows.
    `config_of` names the collector whose config is shared.
    `folders(config)` are the places in the config that name folders which must exist where the collector runs.
    `mistakes(section)` are what is wrong between parts of the config, or against the cadence: places in it, and words.
    `publishes` lists the keys of the source whose strings may be published at the standard privacy level.
    `events(state)` are the events that the last `advance` noticed, for the audit log.
    `unverified` says what has not been seen in a capture; `foreign` lets families pass that nobody declared.
    """

    def declare(metrics: Metrics) -> Collector:
        module = sys.modules[metrics.__module__]
        about = (module.__doc__ or "").strip()
        return Collector(
            name=name, about=about, families=families, metrics=metrics, package=module.__package__ or "", **fields
        )

    return declare


class DeclarationError(Exception):
    """Collectors that contradict one another or the rules for names."""


def discover(packages: Iterable[str]) -> tuple[Collector, ...]:
    """All collectors of some packages, by name; duplicate names or families fail."""
    found: dict[str, Collector] = {}
    owners: dict[str, str] = {}
    for module in _modules(packages):
        for value in vars(import_module(module)).values():
            if isinstance(value, Collector) and found.get(value.name) is not value:
                _check(value, found, owners)
                found[value.name] = value
    return tuple(found[name] for name in sorted(found))


def _modules(packages: Iterable[str]) -> Iterator[str]:
    for package in packages:
        for info in pkgutil.iter_modules(import_module(package).__path__, prefix=f"{package}."):
            yield info.name


def _check(new: Collector, found: Mapping[str, Collector], owners: dict[str, str]) -> None:
    if new.name in found:
        raise DeclarationError(f"two collectors are called {new.name!r}")
    for family in new.families:
        owner = owners.setdefault(family.name, new.name)
        if owner != new.name:
            raise DeclarationError(f"{family.name} is declared by {owner!r} and by {new.name!r}")
        for fault in faults(family):
            raise DeclarationError(f"{family.name} of {new.name!r}: {fault}")
