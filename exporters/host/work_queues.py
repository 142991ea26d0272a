"""Folders through which items move: how many there are, how old the oldest is, and how many came since the last look.

An item is a regular file, known by its name; names with a point before them are no items unless the pattern has one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from exporters.core.context import Context
from exporters.sources.base import Entry

OUTCOMES = ("done", "failed")
"""States in which an item has been processed."""
_LENGTH = 6
"""Bytes of a hashed name."""


@dataclass(frozen=True, slots=True)
class Items:
    """What lies in one folder: how many, the oldest change (Unix time), and the hashed names, sorted, as one text."""

    count: int
    oldest: float | None
    names: bytes


@dataclass(frozen=True, slots=True)
class Tally:
    """The names that were there at the last look, and how many came since the exporter began."""

    names: bytes
    count: int = 0


def items(listed: Sequence[Entry], pattern: str, context: Context) -> Items:
    """The items of a listing."""
    found = [each for each in listed if pattern.startswith(".") or not each.name.startswith(".")]
    names = b"".join(sorted({bytes.fromhex(context.hash(each.name)) for each in found}))
    return Items(len(found), min((each.modified for each in found), default=None), names)


def tallied(before: Tally | None, names: bytes) -> Tally:
    """Counts the names that were not there before; the first look is a silent baseline."""
    if before is None or before.names == names:
        return before or Tally(names)
    return Tally(names, before.count + len(_apart(names) - _apart(before.names)))


def _apart(names: bytes) -> set[bytes]:
    return {names[begin : begin + _LENGTH] for begin in range(0, len(names), _LENGTH)}
