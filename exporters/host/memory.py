"""Physical memory, in states that do not overlap (psutil `virtual_memory`).

On Linux `used` is what is neither free nor buffers nor cache. On macOS `other` is what is not wired, active, inactive
or free: above all the compressor, and speculative pages.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import amount, maybe, record
from exporters.sources.base import Replies, System

MEMORY = System("memory")
LINUX = ("free", "buffers", "cached")
MACOS = ("wired", "active", "inactive", "free")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes; the states add up to the total, unless the kernel's figures contradict each other."""

    total: float
    available: float | None
    states: Mapping[str, float]


def parse(replies: Replies, _: Context) -> Memory:
    """Shape: `{total, available, free, ...}`; what else there is tells the system."""
    fields = record(replies[MEMORY])
    names, rest = (MACOS, "other") if "wired" in fields else (LINUX, "used")
    total = amount(fields.get("total"))
    states = {name: amount(fields[name]) for name in names if name in fields}
    left = total - sum(states.values())
    if len(states) == len(names) and left >= 0:
        states[rest] = left
    return Memory(total, maybe(amount, fields.get("available")), states)


BYTES = gauge("pomona_host_memory_bytes", "Memory by state, no byte in two of them (psutil virtual_memory).", "state")
TOTAL = gauge("pomona_host_memory_total_bytes", "Physical memory (psutil virtual_memory).")
AVAILABLE = gauge(
    "pomona_host_memory_available_bytes", "What programs could get without swapping (psutil virtual_memory)."
)


@collector("memory", BYTES, TOTAL, AVAILABLE, required=(MEMORY,), parse=parse)
def memory(reading: Memory, _: Context) -> Iterable[Sample]:
    """The states, and the two figures that overlap them."""
    for state, size in reading.states.items():
        yield from BYTES(size, state=state)
    yield from TOTAL(reading.total)
    yield from AVAILABLE(reading.available)
