"""The processes of a component over time: the CPU time that they used, and how often the oldest was replaced."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from exporters.core.read import amount, array, maybe, record

SAME = 60.0
"""Seconds by which the start of one process may seem to move: it is told by a clock that is corrected."""
ROUNDED = 2.0
"""Seconds by which a start is told too early."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process since `created` (Unix time): CPU seconds, resident bytes and open files, as far as they are told."""

    pid: int
    created: float
    cpu: float | None = None
    resident: float | None = None
    files: float | None = None


class Start(msgspec.Struct, frozen=True):
    """The process of which a component's restarts are counted, at first its oldest, as it is remembered."""

    pid: int
    created: float


@dataclass(frozen=True, slots=True)
class Life:
    """What was there when it was `looked` at (Unix time), CPU seconds and restarts since the exporter began."""

    processes: Sequence[Process] = ()
    oldest: Start | None = None
    looked: float | None = None
    cpu: float = 0.0
    restarts: int = 0


def processes(reply: Any) -> tuple[Process, ...]:
    """The oldest first; the shape stands in `exporters.sources.programs`."""
    return tuple(sorted(map(_process, array(reply)), key=lambda each: (each.created, each.pid)))


def _process(item: Any) -> Process:
    fields = record(item)
    return Process(
        int(amount(fields.get("pid"))),
        amount(fields.get("created")),
        maybe(amount, fields.get("cpu_seconds")),
        maybe(amount, fields.get("rss")),
        maybe(amount, fields.get("open_files")),
    )


def total(seen: Sequence[Process], fact: Callable[[Process], float | None]) -> float | None:
    """The sum over all processes; None where there is none, or one that may not be asked."""
    told = [value for each in seen if (value := fact(each)) is not None]
    return sum(told) if seen and len(told) == len(seen) else None


def lived(before: Life, seen: Sequence[Process], now: float) -> Life:
    """The life after another look: a restart is counted when the oldest ended and another one began since.

    Workers that outlive it were there before, and so are none.
    """
    known = {each.pid: each for each in before.processes}
    oldest = _oldest(before.oldest, seen, known)
    restarted = before.oldest is not None and oldest is not None and _replaced(before.oldest, oldest)
    used = sum(_used(each, known.get(each.pid), before.looked) for each in seen)
    return Life(seen, oldest, now, before.cpu + used, before.restarts + restarted)


def _oldest(before: Start | None, seen: Sequence[Process], known: Mapping[int, Process]) -> Start | None:
    """The same as before while it lives, or one that is older; else the first that was not there before."""
    if before is not None and seen and seen[0].created > before.created:
        same = (each for each in seen if _same(before, each))
        new = (each for each in seen if each.created > before.created and not _known(each, known))
        found = next(same, None) or next(new, None)
    else:
        found = seen[0] if seen else None
    return Start(found.pid, found.created) if found is not None else before


def _known(process: Process, known: Mapping[int, Process]) -> bool:
    return process.pid in known and _same(known[process.pid], process)


def _replaced(before: Start, now: Start) -> bool:
    return now.created > before.created and not _same(before, now)


def _same(one: Start | Process, other: Start | Process) -> bool:
    return one.pid == other.pid and abs(one.created - other.created) <= SAME


def _used(process: Process, known: Process | None, looked: float | None) -> float:
    """CPU seconds since the last look; all that it used where it began after it."""
    if process.cpu is None or looked is None:
        return 0.0
    if known is not None and _same(known, process):
        return 0.0 if known.cpu is None else max(0.0, process.cpu - known.cpu)
    return process.cpu if process.created >= looked - ROUNDED else 0.0
