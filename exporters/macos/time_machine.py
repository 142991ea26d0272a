"""Time Machine: its destinations, what it does now and, where that may be read, when it last did (`tmutil`, settings).

`tmutil latestbackup` is never asked: it mounts the destination. The dates of backups stand in a file that only
programs with Full Disk Access may read, so they are told where `last_backup` is configured.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from exporters.core.collector import Partial, Questions, collector, told
from exporters.core.context import Context
from exporters.core.metrics import Sample, enum, gauge
from exporters.core.read import amount, array, attempt, flag, maybe, plist, record, text, whole_lines
from exporters.macos.device import numbered
from exporters.macos.openstep import dictionary
from exporters.sources.base import Command, File, Output, ParseError, Question, Replies

DESTINATIONS = Command(("tmutil", "destinationinfo", "-X"))
STATUS = Command(("tmutil", "status"))
SETTINGS = File("/Library/Preferences/com.apple.TimeMachine.plist")
HEAD = "Backup session status:"
KINDS = ("local", "network", "other")
PHASES = {
    "FindingBackupVol": "mounting",
    "MountingBackupVol": "mounting",
    "MountingDiskImage": "mounting",
    "PreparingSourceVolumes": "finding_changes",
    "FindingChanges": "finding_changes",
    "SizingChanges": "finding_changes",
    "Copying": "copying",
    "ThinningPreBackup": "thinning",
    "ThinningPostBackup": "thinning",
    "Finishing": "finishing",
    "Stopping": "finishing",
}
STATES = ("idle", *dict.fromkeys(PHASES.values()), "other")
RATIO = re.compile(r"\d(\.\d+)?(e-\d{1,2})?")
MOST = 16


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`last_backup`: whether to read the dates of backups, for which the exporter needs Full Disk Access."""

    last_backup: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """What `backupd` does now: one of `STATES`, and how much of what is to be copied it has, as a ratio."""

    running: bool
    state: str
    progress: float | None


@dataclass(frozen=True, slots=True)
class Destination:
    """An identifier that must not be published; Unix seconds, bytes."""

    identifier: str
    last_backup: float | None
    last_attempt: float | None
    available: float | None
    used: float | None


@dataclass(frozen=True, slots=True)
class TimeMachine:
    """Each part is None where its question had no answer."""

    kinds: tuple[str, ...] | None = None
    session: Session | None = None
    automatic: bool | None = None
    destinations: tuple[Destination, ...] = ()


def optional(context: Context) -> Questions:
    """The settings only where they are asked for: macOS refuses them to most programs."""
    return (DESTINATIONS, STATUS, SETTINGS) if context.config.last_backup else (DESTINATIONS, STATUS)


def parse(replies: Replies, _: Context) -> TimeMachine | Partial:
    """Each answer by itself: `tmutil` ends with 0 whatever happens, so what it printed decides."""
    faults: list[str] = []
    found: dict[str, Any] = {}
    for question, read in READERS.items():
        answer = replies.get(question)
        printed = answer.stdout if isinstance(answer, Output) else answer
        found |= attempt(read, printed, faults, question) or {}
    if faults and not found:
        raise ParseError("; ".join(faults))
    return told(TimeMachine(**found), faults)


def _kinds(stdout: bytes) -> Mapping[str, Any]:
    """An empty dictionary where no destination is set up."""
    document = record(plist(stdout))
    if document and "Destinations" not in document:
        raise ParseError("neither destinations nor nothing at all")
    kinds = (text(record(each).get("Kind")).lower() for each in array(document.get("Destinations", ())))
    return {"kinds": tuple(kind if kind in KINDS else "other" for kind in kinds)}


def _session(stdout: bytes) -> Mapping[str, Any]:
    """A heading, then a dictionary. The progress stands at its top or, on newer systems, in one of its own."""
    head, *rest = whole_lines(stdout) or [""]
    if head.strip() != HEAD:
        raise ParseError("no session status")
    told = dictionary(rest)
    running, phase = flag(_digit(told.get("Running"))), told.get("BackupPhase")
    if not running:
        return {"session": Session(running=False, state="idle", progress=None)}
    progress = told.get("Progress")
    percent = (progress if isinstance(progress, Mapping) else told).get("Percent")
    state = PHASES.get(phase, "other") if isinstance(phase, str) else "other"
    return {"session": Session(running=True, state=state, progress=_ratio(percent))}


def _digit(word: Any) -> int | None:
    return {"0": 0, "1": 1}.get(word) if isinstance(word, str) else None


def _ratio(percent: Any) -> float | None:
    """A fraction in spite of its name, also as `3.8e-05`; -1 while it is not known."""
    found = float(percent) if isinstance(percent, str) and RATIO.fullmatch(percent) else None
    return found if found is not None and found <= 1 else None


def _settings(content: bytes) -> Mapping[str, Any]:
    told = record(plist(content))
    destinations = tuple(_destination(record(each)) for each in array(told.get("Destinations", ())))
    return {"automatic": maybe(flag, told.get("AutoBackup")), "destinations": destinations}


def _destination(told: Mapping[str, Any]) -> Destination:
    return Destination(
        identifier=maybe(text, told.get("DestinationID")) or "",
        last_backup=_newest(told.get("SnapshotDates", ())),
        last_attempt=_newest(told.get("AttemptDates", ())),
        available=maybe(amount, told.get("BytesAvailable")),
        used=maybe(amount, told.get("BytesUsed")),
    )


def _newest(dates: Any) -> float | None:
    """Unix seconds; a property list tells UTC without saying so."""
    return max((seconds for date in array(dates) if (seconds := _seconds(date)) > 0), default=None)


def _seconds(date: Any) -> float:
    if not isinstance(date, datetime):
        raise ParseError(f"a date was expected, not {type(date).__name__}")
    return date.replace(tzinfo=UTC).timestamp()


READERS: Mapping[Question[Any], Callable[[bytes], Mapping[str, Any]]] = {
    DESTINATIONS: _kinds,
    STATUS: _session,
    SETTINGS: _settings,
}
CONFIGURED = gauge("macos_time_machine_configured", "Whether there is a destination (tmutil destinationinfo).")
KIND = gauge("macos_time_machine_destinations", "Destinations by kind (tmutil destinationinfo Kind).", "kind")
RUNNING = gauge("macos_time_machine_running", "Whether a backup ran at the last look (tmutil status Running).")
PHASE = enum(
    "macos_time_machine_phase",
    "What Time Machine did at the last look; other: a phase that is not known here (tmutil status BackupPhase).",
    "state",
    STATES,
)
PROGRESS = gauge(
    "macos_time_machine_progress_ratio",
    "Share of what is to be copied, while a backup runs and knows it, 0 to 1 (tmutil status Percent).",
)
AUTOMATIC = gauge(
    "macos_time_machine_auto_backup", "Whether backups start by themselves (com.apple.TimeMachine.plist AutoBackup)."
)
LAST_BACKUP = gauge(
    "macos_time_machine_last_backup_timestamp_seconds",
    "Newest complete backup on a destination (com.apple.TimeMachine.plist SnapshotDates).",
    "destination",
)
LAST_ATTEMPT = gauge(
    "macos_time_machine_last_attempt_timestamp_seconds",
    "Newest attempt to back up to a destination (com.apple.TimeMachine.plist AttemptDates).",
    "destination",
)
AVAILABLE = gauge(
    "macos_time_machine_destination_available_bytes",
    "Free space of a destination when it was last used (com.apple.TimeMachine.plist BytesAvailable).",
    "destination",
)
USED = gauge(
    "macos_time_machine_destination_used_bytes",
    "Used space of a destination when it was last used (com.apple.TimeMachine.plist BytesUsed).",
    "destination",
)


@collector(
    "time_machine",
    *(CONFIGURED, KIND, RUNNING, PHASE, PROGRESS, AUTOMATIC, LAST_BACKUP, LAST_ATTEMPT, AVAILABLE, USED),
    optional=optional,
    parse=parse,
    cadence=900,
    config=Config,
    publishes=("Kind",),
    privilege="none; Full Disk Access for last_backup, where it is configured",
    unverified=(
        "The file with the dates of backups, read only where `last_backup` is configured, has been seen of OS X 10.9;"
        " of later systems its keys are reported, AttemptDates among them."
    ),
)
def time_machine(reading: TimeMachine, context: Context) -> Iterable[Sample]:
    """Nothing for a question without an answer."""
    if reading.kinds is not None:
        yield from CONFIGURED(float(bool(reading.kinds)))
        for kind in KINDS:
            yield from KIND(reading.kinds.count(kind), kind=kind)
    if reading.session is not None:
        yield from RUNNING(reading.session.running)
        yield from PHASE.one_of(reading.session.state)
        yield from PROGRESS(reading.session.progress)
    yield from AUTOMATIC(reading.automatic)
    yield from _destinations(reading.destinations[:MOST], context)


def _destinations(told: tuple[Destination, ...], context: Context) -> Iterator[Sample]:
    """Labelled by a hash of the identifier; at `strict` by their order."""
    labels = (context.identity(each.identifier) or str(position) for position, each in enumerate(told, 1))
    for each, label in zip(told, numbered(labels), strict=True):
        yield from LAST_BACKUP(each.last_backup, destination=label)
        yield from LAST_ATTEMPT(each.last_attempt, destination=label)
        yield from AVAILABLE(each.available, destination=label)
        yield from USED(each.used, destination=label)
