"""Metrics that other programs write as `*.prom` files into one folder, in the text format, as for node_exporter.

Strict: a file that is not wholly readable, holds timestamps, repeats a series or contradicts a file before it (by
name) gives none of its samples, and `pomona_textfile_error` 1. Of two HELP texts the first stays. Counters keep their
names; where one does not end in `_total`, or is another family's without it, it is published untyped. Write to another
name, then rename: so no half file is seen.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import msgspec

from exporters.core.collector import Partial, Questions, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.host.exposition import BadExpositionError, Exposition, told_apart
from exporters.sources.base import Entry, File, Listing, Replies

LARGEST = 2**20
"""Bytes of all files together. By name, each that still fits is read: what a scrape costs grows with their size."""
NAMED = 5
"""Files that one log line names."""
MOST = 100
"""Files; those beyond, by name, are not read: the first of them stands for the rest and counts as an error."""


class TextfileConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`directory`: the folder with the `*.prom` files; nothing is read while it is empty."""

    directory: str = ""


@dataclass(frozen=True, slots=True)
class Textfile:
    """A file: its name, when it was changed (Unix time), its samples, or in one word why it has none."""

    name: str
    modified: float
    samples: tuple[Sample, ...] = ()
    problem: str = ""


def listing(context: Context) -> tuple[Listing, ...]:
    """The one folder that the configuration names, if it does."""
    folder = context.config.directory
    return (Listing(folder.rstrip("/") or "/", "*.prom"),) if folder else ()


def files(replies: Replies, context: Context, _: object) -> Questions:
    """Every file that still fits."""
    return tuple(_file(each, context) for each in _fitting(_entries(replies, context)[:MOST]))


def _fitting(entries: Iterable[Entry]) -> Iterator[Entry]:
    room = LARGEST
    for each in entries:
        if each.size <= room:
            room -= each.size
            yield each


def _entries(replies: Replies, context: Context) -> tuple[Entry, ...]:
    return tuple(entry for question in listing(context) for entry in replies[question][: MOST + 1])


def _file(entry: Entry, context: Context) -> File:
    return File(f"{context.config.directory.rstrip('/')}/{entry.name}")


def parse(replies: Replies, context: Context) -> tuple[Textfile, ...] | Partial:
    """The files by name; those that give no samples are told."""
    found = _textfiles(replies, context)
    faults = [f"{each.name}: {each.problem}" for each in found if each.problem]
    return Partial(found, ", ".join(faults[:NAMED])) if faults else found


def _textfiles(replies: Replies, context: Context) -> tuple[Textfile, ...]:
    """What the first files declare binds those that follow."""
    before, room = Exposition(taken=frozenset({MODIFIED.name, ERROR.name, PROBLEM.name})), LARGEST
    found, entries = [], _entries(replies, context)
    wanted = {*_fitting(entries[:MOST]), *entries[MOST:]}
    for entry in entries:
        content = replies.get(_file(entry, context))
        if entry not in wanted or len(content or b"") > room:
            found.append(Textfile(_name(entry), entry.modified, problem="too_large"))
            continue
        room -= len(content or b"")
        textfile, before = _read(entry, content, before)
        found.append(textfile)
    return tuple(replace(each, samples=told_apart(each.samples, before.families)) for each in found)


def _name(entry: Entry) -> str:
    return entry.name.encode(errors="backslashreplace").decode()


def _read(entry: Entry, content: bytes | None, before: Exposition) -> tuple[Textfile, Exposition]:
    name = _name(entry)
    if content is None:
        return Textfile(name, entry.modified, problem="unreadable"), before
    try:
        after = before.extended(content)
    except BadExpositionError as error:
        return Textfile(name, entry.modified, problem=error.fault), before
    return Textfile(name, entry.modified, after.samples[len(before.samples) :]), after


MODIFIED = gauge("pomona_textfile_modification_timestamp_seconds", "Last change of the file (file system).", "file")
ERROR = gauge("pomona_textfile_error", "1 if the file gives no samples because something is wrong (pomona).", "file")
PROBLEM = gauge(
    "pomona_textfile_problem",
    "1 while it lasts: unreadable, too_large, encoding, incomplete, syntax, timestamp, duplicate or conflict (pomona).",
    "file",
    "problem",
)


@collector(
    "textfile",
    MODIFIED,
    ERROR,
    PROBLEM,
    required=listing,
    then=files,
    parse=parse,
    config=TextfileConfig,
    foreign=True,
)
def textfile(reading: tuple[Textfile, ...], _: Context) -> Iterable[Sample]:
    """What the files hold, and for each file how it stands."""
    for each in reading:
        yield from each.samples
    for each in reading:
        yield from MODIFIED(each.modified, file=each.name)
        yield from ERROR(bool(each.problem), file=each.name)
        if each.problem:
            yield from PROBLEM(1, file=each.name, problem=each.problem)
