"""Processes by state, and their threads (psutil `process_iter`).

macOS tells the threads of other users' processes to root only: without root there is no sample for them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import amount, maybe, record
from exporters.sources.base import Replies, System

PROCESSES = System("processes")
STATES: Mapping[str, str] = {
    "running": "running",
    "sleeping": "sleeping",
    "idle": "idle",
    "disk-sleep": "disk_sleep",
    "stopped": "stopped",
    "tracing-stop": "stopped",
    "zombie": "zombie",
}
SHOWN = (*dict.fromkeys(STATES.values()), "other")


@dataclass(frozen=True, slots=True)
class Processes:
    """Numbers by state, all states listed; threads where every process could be asked."""

    states: Mapping[str, float]
    threads: float | None


def parse(replies: Replies, _: Context) -> Processes:
    """Shape: `{states: {psutil's state: count}, threads: count}`."""
    fields = record(replies[PROCESSES])
    counts = dict.fromkeys(SHOWN, 0.0)
    for state, count in record(fields.get("states")).items():
        counts[STATES.get(state, "other")] += amount(count)
    return Processes(counts, maybe(amount, fields.get("threads")))


PROCESS_COUNT = gauge("pomona_host_processes", "Processes by state (psutil process_iter status).", "state")
THREADS = gauge("pomona_host_threads", "Threads of all processes (psutil process_iter num_threads).")


@collector("processes", PROCESS_COUNT, THREADS, required=(PROCESSES,), parse=parse, cadence=30.0)
def processes(reading: Processes, _: Context) -> Iterable[Sample]:
    """Each state, and the threads."""
    for state, count in reading.states.items():
        yield from PROCESS_COUNT(count, state=state)
    yield from THREADS(reading.threads)
