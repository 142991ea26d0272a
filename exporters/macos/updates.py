"""Updates that wait to be installed, and when the Mac last looked for them (com.apple.SoftwareUpdate.plist).

The file is what macOS itself keeps of its last check: nobody is asked over the network. `list: true` in addition asks
Apple, once a day, by `softwareupdate -l`: only that tells whether a restart is needed.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from exporters.core.collector import Memory, Partial, Questions, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import maybe, number, record
from exporters.macos import updates_found
from exporters.macos.updates_found import NAMES, Found, Listed
from exporters.sources.base import Command, File, ParseError, Replies, System

PLIST = File("/Library/Preferences/com.apple.SoftwareUpdate.plist")
CLOCKS = System("clocks")
LIST = Command(("softwareupdate", "-l"), timeout=120)
DAY = 86400.0
"""Seconds between two lists; one that is twice as old is not told any more."""


class UpdatesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`list`: whether Apple is asked once a day what is new."""

    list: bool = False


class Kept(msgspec.Struct, frozen=True):
    """What a list said, and when, as a Unix time."""

    at: float
    updates: int
    restart: bool


class Observations(msgspec.Struct, frozen=True):
    """What outlives the process: when Apple was last asked, with or without an answer, and the last answer."""

    asked: float | None = None
    listing: Kept | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What the file says; `now` as a Unix time where Apple may be asked; `listed` where it was and answered."""

    found: Found
    offered: Mapping[str, float]
    now: float | None = None
    asked: bool = False
    listed: Listed | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The last look at the file, and what is remembered of lists."""

    past: Observations
    found: Found
    offered: Mapping[str, float] = field(default_factory=dict)


def optional(context: Context) -> tuple[File | System, ...]:
    """A file that is missing means that the Mac never looked: there is nothing to tell."""
    return (PLIST, CLOCKS) if context.config.list else (PLIST,)


def second_round(replies: Replies, context: Context, state: State | None) -> Questions:
    """The list, a day after the last one was asked for: also where that failed, or the clock was set back."""
    now = _now(replies) if context.config.list else None
    asked = state.past.asked if state is not None else None
    due = now is not None and (asked is None or not 0 <= now - asked < DAY)
    return (LIST,) if due else ()


def _now(replies: Replies) -> float | None:
    clocks = replies.get(CLOCKS)
    return None if clocks is None else number(record(clocks).get("now"))


def parse(replies: Replies, _: Context) -> Look | Partial:
    """The file, the dates of offers in it, and the list apart: one that cannot be read leaves the others."""
    faults: list[str] = []
    told = _read(PLIST, updates_found.found, replies, faults)
    offered = _read(PLIST, updates_found.offered, replies, faults) if told else {}
    listed = _read(LIST, updates_found.listed, replies, faults)
    look = Look(told or Found(), offered or {}, _now(replies), LIST in tuple(replies), listed)
    return Partial(look, "; ".join(faults)) if faults else look


def _read(question: Any, reader: Any, replies: Replies, faults: list[str]) -> Any:
    try:
        return maybe(reader, replies.get(question))
    except ParseError as error:
        faults.append(f"{question}: {error}")
        return None


def advance(state: State | None, reading: Look, _now: float, _: Context) -> State:
    """The file as it is now, the list as it was last."""
    past = state.past if state is not None else Observations()
    asked = reading.now if reading.asked else past.asked
    return State(Observations(asked, _listing(past.listing, reading)), reading.found, reading.offered)


def _listing(past: Kept | None, reading: Look) -> Kept | None:
    now, listed = reading.now, reading.listed
    if now is not None and listed is not None:
        return Kept(now, listed.updates, listed.restart)
    is_old = now is not None and past is not None and not 0 <= now - past.at < 2 * DAY
    return None if is_old else past


PENDING = gauge(
    "macos_updates_pending",
    "Updates that macOS recommends and that are not installed (com.apple.SoftwareUpdate.plist RecommendedUpdates).",
    "kind",
)
OFFERED = gauge(
    "macos_updates_first_offer_timestamp_seconds",
    "When the oldest pending update of a kind was first offered (com.apple.SoftwareUpdate.plist"
    " FirstOfferDateDictionary).",
    "kind",
)
CHECKED = gauge(
    "macos_updates_last_check_timestamp_seconds",
    "When the Mac last looked for updates with success (com.apple.SoftwareUpdate.plist LastSuccessfulDate).",
)
MAJOR = gauge(
    "macos_updates_major_upgrade_offered", "1 if the next major macOS is offered (com.apple.SoftwareUpdate.plist)."
)
LISTED = gauge("macos_updates_listed", "Updates that Apple's list named, of any kind (softwareupdate -l).")
RESTART = gauge("macos_updates_restart_required", "1 if a listed update needs a restart (softwareupdate -l).")
LISTED_AT = gauge("macos_updates_list_timestamp_seconds", "When Apple's list was asked for (softwareupdate -l).")


@collector(
    "updates",
    *(PENDING, OFFERED, CHECKED, MAJOR, LISTED, RESTART, LISTED_AT),
    optional=optional,
    then=second_round,
    then_asks=(LIST,),
    parse=parse,
    advance=advance,
    memory=Memory(Observations, lambda state: state.past, lambda past: State(past, Found())),
    cadence=3600,
    config=UpdatesConfig,
    publishes=(*NAMES, "LastRecommendedMajorOSBundleIdentifier"),
    unverified=(
        "the file of macOS 15 and later and FirstOfferDateDictionary, which are known from reports only; how updates of"
        " firmware and data are called there."
    ),
)
def updates(state: State, context: Context) -> Iterable[Sample]:
    """Counts by kind, no titles; the list only while it is configured."""
    yield from _of_file(state)
    if context.config.list and state.past.listing is not None:
        yield from _of_list(state.past.listing)


def _of_file(state: State) -> Iterator[Sample]:
    found = state.found
    for kind, count in (found.pending or {}).items():
        yield from PENDING(count, kind=kind)
    for kind, time in state.offered.items():
        yield from OFFERED(time, kind=kind)
    yield from CHECKED(found.checked)
    yield from MAJOR(found.major)


def _of_list(listing: Kept) -> Iterator[Sample]:
    yield from LISTED(listing.updates)
    yield from RESTART(listing.restart)
    yield from LISTED_AT(listing.at)
