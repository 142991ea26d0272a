"""Swap space, and what moved in and out of it since boot (psutil `swap_memory`).

macOS makes swap files by need: without any both states are 0, and a full swap is no alarm by itself. What moved is
known on Linux only: psutil's figures for macOS count pages of every kind.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, counter, gauge
from exporters.core.read import amount, maybe, record
from exporters.sources.base import Replies, System

SWAP = System("swap")


@dataclass(frozen=True, slots=True)
class Swap:
    """Bytes."""

    used: float
    free: float
    swapped_in: float | None
    swapped_out: float | None


def parse(replies: Replies, _: Context) -> Swap:
    """Shape: `{used, free, sin, sout}`, the last two where they are known."""
    fields = record(replies[SWAP])
    moved = (maybe(amount, fields.get(name)) for name in ("sin", "sout"))
    return Swap(amount(fields.get("used")), amount(fields.get("free")), *moved)


BYTES = gauge("pomona_host_swap_bytes", "Swap space by state (psutil swap_memory).", "state")
IN = counter("pomona_host_swap_in_bytes_total", "Read back from swap since boot (psutil swap_memory sin).")
OUT = counter("pomona_host_swap_out_bytes_total", "Written to swap since boot (psutil swap_memory sout).")


@collector("swap", BYTES, IN, OUT, required=(SWAP,), parse=parse)
def swap(reading: Swap, _: Context) -> Iterable[Sample]:
    """Space and movement."""
    yield from BYTES(reading.used, state="used")
    yield from BYTES(reading.free, state="free")
    yield from IN(reading.swapped_in)
    yield from OUT(reading.swapped_out)
