"""Crashes, hangs, panics and other reports in macOS' folders of diagnostic reports, each counted once when it is new.

A report is known by its name: macOS moves it to `Retired` and deletes it later, and neither is an event. The first look
at a folder only notes what is there; reports that were written while the exporter was down are found after it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nlargest

from exporters.core.collector import Memory, Partial, Questions, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, counter, gauge
from exporters.macos.crash_history import (
    CrashesConfig,
    Observations,
    Report,
    Reports,
    State,
    advance,
    folders,
    key,
    known,
    observe,
    restore,
)
from exporters.macos.crash_reports import HEAD, KINDS, by_head, by_name
from exporters.sources.base import Entry, File, Listing, ParseError, Replies

VISIBLE = "[!.]*"
"""A hidden twin stands beside some reports."""
MOST = 50
"""First lines that one look reads, those of the newest reports; the others wait for the next look."""


def listings(context: Context) -> tuple[Listing, ...]:
    """Of all folders."""
    return tuple(Listing(path, VISIBLE) for folder in folders(context) for path in folder.listings)


def first_lines(replies: Replies, context: Context, state: State | None) -> Questions:
    """Those of new reports whose names do not tell their kind."""
    return tuple(File(path, HEAD) for _, path in nlargest(MOST, _unknown(replies, context, state or State())))


def _unknown(replies: Replies, context: Context, state: State) -> Iterator[tuple[float, str]]:
    for folder in folders(context):
        old = known(folder, state)
        for path in folder.listings:
            for entry in replies.get(Listing(path, VISIBLE)) or ():
                if by_name(entry.name) is None and key(folder, entry.name, context) not in old:
                    yield entry.modified, f"{path}/{entry.name}"


def parse(replies: Replies, context: Context) -> Reports | Partial:
    """The reports of each listing; that first lines cannot be read is told."""
    heads = {question: _head(replies.get(question)) for question in replies if isinstance(question, File)}
    found = ((each.path, replies.get(each)) for each in listings(context))
    reports = {
        path: tuple(_report(path, each, heads) for each in entries) for path, entries in found if entries is not None
    }
    faults = [each for each in heads.values() if isinstance(each, ParseError)]
    return Partial(Reports(reports), f"{len(faults)} first lines: {faults[0]}") if faults else Reports(reports)


def _head(content: bytes | None) -> str | ParseError | None:
    try:
        return None if content is None else by_head(content)
    except ParseError as error:
        return error


def _report(path: str, entry: Entry, heads: Mapping[File, str | ParseError | None]) -> Report:
    question = File(f"{path}/{entry.name}", HEAD)
    head = heads.get(question)
    kind = by_name(entry.name) or (head if isinstance(head, str) else None)
    return Report(entry.name, entry.modified, kind, question in heads)


COUNT = counter(
    "macos_crash_reports_total",
    "New diagnostic reports, also those written while the exporter was down (DiagnosticReports folders).",
    *("folder", "kind"),
)
LAST = gauge(
    "macos_crash_last_report_timestamp_seconds",
    "When the newest report of a kind was written; absent while a newer one is unread (DiagnosticReports folders).",
    *("folder", "kind"),
)
BY_PROCESS = counter(
    "macos_crash_reports_by_process_total",
    "New reports by process, of the kinds that name one; only with by_process (DiagnosticReports file names).",
    *("process", "kind"),
)


def events(state: State) -> Sequence[Mapping[str, str]]:
    """The reports that the last look found new, for the event log."""
    return state.events


@collector(
    "crashes",
    *(COUNT, LAST, BY_PROCESS),
    optional=listings,
    then=first_lines,
    parse=parse,
    advance=advance,
    memory=Memory(Observations, observe, restore),
    events=events,
    cadence=300,
    privilege="group admin or _analyticsusers",
    config=CrashesConfig,
    unverified=(
        "Files that end in `.hang`, `.spin` and `_resource.diag`, and the bug types 202 and 284, were described by"
        " others, not captured; so was the group that may read the folders."
    ),
)
def crashes(state: State, context: Context) -> Iterable[Sample]:
    """Of the folders that could be read all kinds, from the first look on."""
    for owner in sorted(state.present):
        for kind in KINDS:
            yield from COUNT(state.counts.get((owner, kind), 0), folder=owner, kind=kind)
            yield from LAST(state.last(owner, kind), folder=owner, kind=kind)
    for (process, kind), count in state.processes.items() if context.level != "strict" else ():
        yield from BY_PROCESS(count, process=process, kind=kind)
