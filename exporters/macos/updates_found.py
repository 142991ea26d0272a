"""What Apple's software update found: the kinds of pending updates in its plist, and the text of its list."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from exporters.core.read import array, flag, maybe, plist, record, text, whole_lines
from exporters.sources.base import Output, ParseError

NAMES = ("Identifier", "Product Key", "Display Name")
FORMS = {
    "major": re.compile(r"MSU_UPDATE_.*_major\Z"),
    "macos": re.compile(r"MSU_UPDATE_|macOS\W"),
    "safari": re.compile("Safari"),
    "command_line_tools": re.compile("Command Line (Developer )?Tools|CLTools"),
    "firmware": re.compile(r".*(Firmware|\bEFI\b)"),
    "data": re.compile(".*ConfigData|XProtect|MRT|Gatekeeper"),
}
MAJOR, MACOS, OTHER = "major", "macos", "other"
KINDS = (*FORMS, OTHER)
LABEL = re.compile(r"\* Label: \S.*")
TITLE = re.compile(r"\tTitle: \S.*")
RESTART = re.compile(r".*, Action: restart,?\s*")
NOTHING = "No new software available."
NEVER, DISTANT = 978_307_200.0, 64_092_211_200.0
"""2001-01-01 and 4001-01-01: Apple's dates for never."""
Update = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """Pending updates by kind, the Unix time of the last check, whether an upgrade is offered; None if not told."""

    pending: Mapping[str, int] | None = None
    checked: float | None = None
    major: bool | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """How many updates the list names, and whether one of them needs a restart."""

    updates: int
    restart: bool


def found(data: bytes) -> Found:
    """Not read: LastUpdatesAvailable and its kin, stale since macOS 15.4, and LastResultCode, whose 2 is no error."""
    told = record(plist(data))
    updates = maybe(_updates, told.get("RecommendedUpdates"))
    kinds = None if updates is None else [_kind(each) for each in updates]
    pending = None if kinds is None else Counter(kinds)
    return Found(
        pending=None if pending is None else {kind: pending[kind] for kind in KINDS},
        checked=maybe(_time, told.get("LastSuccessfulDate")),
        major=_major(pending, maybe(text, told.get("LastRecommendedMajorOSBundleIdentifier"))),
    )


def _updates(value: Any) -> Sequence[Update]:
    return [record(each) for each in array(value)]


def _names(update: Update) -> list[str]:
    return [name for key in NAMES if (name := maybe(text, update.get(key)))]


def _kind(update: Update) -> str:
    """By the first form that fits one of its names. macOS itself comes by another way, which is marked since 12."""
    names = _names(update)
    unnamed = MACOS if maybe(flag, update.get("MobileSoftwareUpdate")) else OTHER
    return next((kind for kind, form in FORMS.items() if any(form.match(name) for name in names)), unnamed)


def _major(pending: Mapping[str, int] | None, bundle: str | None) -> bool | None:
    """Since macOS 12.3 an upgrade is one of the updates, before it had a key of its own, empty for none."""
    if bundle or (pending or {}).get(MAJOR):
        return True
    return None if pending is None or bundle is None else False


def _time(value: Any) -> float | None:
    """A date of a plist, which is in UTC, as Unix time."""
    if not isinstance(value, datetime):
        raise ParseError(f"a date was expected, not {type(value).__name__}")
    seconds = value.replace(tzinfo=UTC).timestamp()
    return seconds if NEVER < seconds < DISTANT else None


def listed(output: Output) -> Listed:
    """`* Label: ...`, and below each a line `Title: ..., Action: restart, `; where there is none, words that say so."""
    told = [line for line in (*whole_lines(output.stdout), *whole_lines(output.stderr)) if line.strip()]
    labels = [place for place, line in enumerate(told) if LABEL.fullmatch(line)]
    titles = [told[place + 1] for place in labels if place + 1 < len(told) and TITLE.fullmatch(told[place + 1])]
    if len(titles) < len(labels) or not (labels or NOTHING in (line.strip() for line in told)):
        raise ParseError("softwareupdate gave no list that can be read, and does not say that there is nothing")
    return Listed(len(labels), any(RESTART.fullmatch(title) for title in titles))
