"""Updates that wait to be installed, and when the Mac last looked for them (com.apple.SoftwareUpdate.plist).

The file is what macOS itself keeps of its last check: nobody is asked over the network. `list: true` in addition asks
Apple, once a day, by `softwareupdate -l`: only that tells whether a restart is needed. A single scrape (`--once`)
remembers nothing, and so never does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from exporters.core.collector import Memory, Partial, Questions, collector, told
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import attempt, number, record
from exporters.macos import updates_found
from exporters.macos.updates_found import NAMES, Found, Listed
from exporters.sources.base import Command, File, Replies, System

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
    now: float | None = None
    asked: bool = False
    listed: Listed | None = None


@dataclass(frozen=True, slots=True)
class State:
    """The last look at the file, and what is remembered of lists."""

    past: Observations
    found: Found


def optional(context: Context) -> tuple[File | System, ...]:
    """A file that is missing means that the Mac never looked: there is nothing to tell."""
    return (PLIST, CLOCKS) if context.config.list else (PLIST,)


def second_round(replies: Replies, context: Context, state: State | None) -> Questions:
    """The list, a day after the last one was asked for: also where that failed, or the clock was set back.

    Who remembers nothing cannot know how often Apple was asked, so a first look never does.
    """
    now = _now(replies) if context.config.list and state is not None else None
    if now is None or state is None:
        return ()
    asked = state.past.asked
    return (LIST,) if asked is None or not 0 <= now - asked < DAY else ()


def _now(replies: Replies) -> float | None:
    clocks = replies.get(CLOCKS)
    return None if clocks is None else number(record(clocks).get("now"))


def parse(replies: Replies, _: Context) -> Look | Partial:
    """The file and the list apart: one that cannot be read leaves the other."""
    faults: list[str] = []
    found = attempt(updates_found.found, replies.get(PLIST), faults, PLIST)
    listed = attempt(updates_found.listed, replies.get(LIST), faults, LIST)
    return told(Look(found or Found(), _now(replies), LIST in tuple(replies), listed), faults)


def advance(state: State | None, reading: Look, _now: float, _: Context) -> State:
    """The file as it is now, the list as it was last."""
    past = state.past if state is not None else Observations()
    asked = reading.now if reading.asked else past.asked
    return State(Observations(asked, _listing(past.listing, reading)), reading.found)


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
    *(PENDING, CHECKED, MAJOR, LISTED, RESTART, LISTED_AT),
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
        "the file of macOS 15 and later, which is known from reports only; how updates of firmware and data are called"
        " there."
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
    yield from CHECKED(found.checked)
    yield from MAJOR(found.major)


def _of_list(listing: Kept) -> Iterator[Sample]:
    yield from LISTED(listing.updates)
    yield from RESTART(listing.restart)
    yield from LISTED_AT(listing.at)
