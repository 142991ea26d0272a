"""Which diagnostic reports are new: each counts once, however often it is seen, wherever macOS moves it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from exporters.core.context import Context
from exporters.macos.crash_reports import KINDS, process

REPORTS = "/Library/Logs/DiagnosticReports"
TRIES = 3
"""Looks after which a report whose first line cannot be read counts as `other`."""
PROCESSES = 20
"""Processes that are told by name; the others are `other`."""
Of = tuple[str, str]
"""Owner or process, and kind."""
Key = TypeVar("Key", Of, str)

Home = Annotated[str, Meta(pattern=r"^/[^\0]*\Z", description="the absolute path of a home folder")]


class CrashesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`users`: homes whose reports count too. `by_process`: whether processes are named."""

    users: Annotated[tuple[Home, ...], Meta(max_length=10, description="at most 10 homes")] = ()
    by_process: bool = False


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of reports of the `system` or a `user`; `listings` are itself and the one that macOS moves to."""

    owner: str
    path: str

    @property
    def listings(self) -> tuple[str, str]:
        """In the order in which they are asked: what moves in between is seen twice, never not at all."""
        return self.path, f"{self.path}/Retired"


@dataclass(frozen=True, slots=True)
class Report:
    """When it was written (Unix time), its kind or `simulator`, None if unknown; `asked` for its first line or not."""

    name: str
    modified: float
    kind: str | None
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Reports:
    """The reports of each listing that was answered, by its path."""

    listings: Mapping[str, tuple[Report, ...]]


class Observations(msgspec.Struct, frozen=True):
    """What outlives the process: hashed names by listing, the times of `State` by owner."""

    known: dict[str, tuple[str, ...]]
    latest: dict[str, dict[str, float]]
    unread: dict[str, float]


@dataclass(frozen=True, slots=True)
class Found:
    """A report of this look; `key` is the hash of its name, `new` says that it was not there before.

    `kind` is what it counts as, None while that may still be learnt or, of one that is not new, was never learnt.
    """

    owner: str
    listing: str
    key: str
    report: Report
    new: bool
    kind: str | None
    tries: int


@dataclass(frozen=True, slots=True)
class State:
    """Hashed names by listing, failed tries by hash, what was counted since the start, the newest report's time.

    `unread` is the time of an owner's newest report whose kind was never learnt, `waiting` of those to be tried again.
    `present` are the owners of which a folder was read at the last look, `restored` the listings not looked at since.
    """

    known: Mapping[str, frozenset[str]] = field(default_factory=dict)
    tries: Mapping[str, int] = field(default_factory=dict)
    counts: Mapping[Of, int] = field(default_factory=dict)
    processes: Mapping[Of, int] = field(default_factory=dict)
    latest: Mapping[Of, float] = field(default_factory=dict)
    unread: Mapping[str, float] = field(default_factory=dict)
    waiting: Mapping[str, float] = field(default_factory=dict)
    present: frozenset[str] = frozenset()
    restored: frozenset[str] = frozenset()
    events: tuple[Mapping[str, str], ...] = ()

    def last(self, owner: str, kind: str) -> float | None:
        """The time of the newest report of a kind, unless a newer one may be of that kind, too."""
        time = self.latest.get((owner, kind))
        doubt = max(self.unread.get(owner, 0.0), self.waiting.get(owner, 0.0))
        return time if time is not None and time >= doubt else None


def folders(context: Context) -> tuple[Folder, ...]:
    """The system's, then those of the users that the configuration names."""
    homes = (home.rstrip("/") for home in context.config.users)
    return tuple(dict.fromkeys((Folder("system", REPORTS), *(Folder("user", f"{home}{REPORTS}") for home in homes))))


def key(folder: Folder, name: str, context: Context) -> str:
    """The same before and after macOS moves the report; users may have reports of one name."""
    return context.hash(f"{folder.path}/{name}")


def known(folder: Folder, state: State) -> frozenset[str]:
    """The hashed names of all reports of a folder."""
    return frozenset[str]().union(*(state.known.get(path, ()) for path in folder.listings))


def advance(state: State | None, reading: Reports, _: float, context: Context) -> State:
    """The first look at a listing is a silent baseline, unless it is remembered; later ones are compared with it."""
    before, owned = state or State(), folders(context)
    found = [each for folder in owned for each in _found(folder, reading, before, context)]
    waits = {each.key: each for each in found if each.new and each.kind is None}
    unread = [each for each in found if each.report.kind is None and each.report.asked]
    counted = [each for each in found if each.new and each.kind in KINDS]
    return State(
        known={path: keys for folder in owned for path, keys in _kept(folder, reading, before, found, waits.keys())},
        tries={each.key: each.tries for each in waits.values()},
        counts=dict(Counter(before.counts) + Counter((each.owner, each.kind or "") for each in counted)),
        processes=_by_process(before.processes, found) if context.config.by_process else {},
        latest=_newest(before.latest, (((each.owner, each.kind), each) for each in found if each.kind)),
        unread=_newest(before.unread, ((each.owner, each) for each in unread if each.key not in waits)),
        waiting=_newest({}, ((each.owner, each) for each in unread if each.key in waits)),
        present=frozenset(folder.owner for folder in owned if folder.path in reading.listings),
        restored=before.restored - reading.listings.keys(),
        events=tuple(_event(each, before, context) for each in counted if each.kind != "other"),
    )


def _found(folder: Folder, reading: Reports, before: State, context: Context) -> Iterator[Found]:
    met = set(known(folder, before))
    for path in folder.listings:
        for report in reading.listings.get(path, ()):
            name = key(folder, report.name, context)
            new = path in before.known and name not in met
            met.add(name)
            tries = before.tries.get(name, 0) + report.asked
            kind = "other" if new and report.kind is None and tries >= TRIES else report.kind
            yield Found(folder.owner, path, name, report, new, kind, tries)


def _kept(
    folder: Folder, reading: Reports, before: State, found: Iterable[Found], waits: Collection[str]
) -> Iterator[tuple[str, frozenset[str]]]:
    """The names by listing. What left a folder while `Retired` could not be read may lie there."""
    main, retired = folder.listings
    hidden = retired in before.known and retired not in reading.listings
    for path in folder.listings:
        old = before.known.get(path, frozenset())
        seen = frozenset(each.key for each in found if each.listing == path and each.key not in waits)
        if path in reading.listings:
            yield path, seen | old if hidden and path == main else seen
        elif path in before.known:
            yield path, old


def _by_process(before: Mapping[Of, int], found: Iterable[Found]) -> dict[Of, int]:
    """Also 0 for those whose old reports are there; of new names the newest come first."""
    counts = dict(before)
    for each in sorted(found, key=lambda each: -each.report.modified):
        if name := process(each.report.name, each.kind or ""):
            told = {process for process, _ in counts}
            label = name if name in told or len(told) < PROCESSES else "other"
            of = label, each.kind or ""
            counts[of] = counts.get(of, 0) + each.new
    return counts


def _newest(before: Mapping[Key, float], found: Iterable[tuple[Key, Found]]) -> dict[Key, float]:
    times = dict(before)
    for of, each in found:
        times[of] = max(times.get(of, 0.0), each.report.modified)
    return times


def _event(each: Found, before: State, context: Context) -> dict[str, str]:
    """For the event log: what the metrics may tell, and whether it happened before this process looked."""
    named = process(each.report.name, each.kind or "") if context.config.by_process else None
    told = {"event": "report", "kind": each.kind, "folder": each.owner, "process": named}
    told["while_down"] = "true" if each.listing in before.restored else None
    return {name: value for name, value in told.items() if value}


def observe(state: State) -> Observations:
    """The names, sorted so that an unchanged state is not written again; what waits is new after a restart, too."""
    latest: dict[str, dict[str, float]] = {}
    for (owner, kind), time in sorted(state.latest.items()):
        latest.setdefault(owner, {})[kind] = time
    return Observations({path: tuple(sorted(keys)) for path, keys in state.known.items()}, latest, dict(state.unread))


def restore(past: Observations) -> State:
    """The state before the first look of a process: what was known, nothing counted."""
    names = {path: frozenset(keys) for path, keys in past.known.items()}
    latest = {(owner, kind): time for owner, kinds in past.latest.items() for kind, time in kinds.items()}
    return State(known=names, latest=latest, unread=past.unread, restored=frozenset(names))
