"""What memory is used for, how much of it is compressed, and what went to swap (`vm_stat`)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, counter, gauge
from exporters.core.read import amount, record
from exporters.sources.base import Command, ParseError, Replies, System

PAGES = Command(("vm_stat",))
SYSCTL = System("sysctl")
HEAD = re.compile(r"Mach Virtual Memory Statistics: \(page size of (4096|16384) bytes\)\n")
LINE = re.compile(r'^"?([A-Z][A-Za-z -]{1,50})"?: +([0-9]{1,19})\.$', re.MULTILINE)
ALL_PAGES = (
    "Pages free",
    "Pages active",
    "Pages inactive",
    "Pages speculative",
    "Pages wired down",
    "Pages occupied by compressor",
)
LEAST_SHARE = 0.5
"""Of the memory that the pages must add up to: a page size of another process would make it a quarter."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes now; bytes swapped and pages compressed since boot."""

    anonymous: float | None
    purgeable: float | None
    wired: float | None
    file_backed: float | None
    compressed: float | None
    uncompressed: float | None
    swapped_in: float | None
    swapped_out: float | None
    compressions: float | None
    decompressions: float | None

    @property
    def used(self) -> float | None:
        """What Activity Monitor calls memory used, in bytes."""
        if self.anonymous is None or self.purgeable is None or self.wired is None or self.compressed is None:
            return None
        used = self.anonymous - self.purgeable + self.wired + self.compressed
        return used if used > 0 else None


def parse(replies: Replies, _: Context) -> Memory:
    """A head with the page size, then `LABEL: NUMBER.` in any order and width; a line that was cut has no point."""
    told = replies[PAGES].stdout.decode("utf-8", errors="replace")
    head = HEAD.match(told)
    if not head:
        raise ParseError("vm_stat does not begin with a page size that is known")
    counts = {label: int(count) for label, count in LINE.findall(told)}
    page = int(head[1])
    _check(counts, page, record(replies[SYSCTL]))
    size = {label: float(count * page) for label, count in counts.items()}
    return Memory(
        anonymous=size.get("Anonymous pages"),
        purgeable=size.get("Pages purgeable"),
        wired=size.get("Pages wired down"),
        file_backed=size.get("File-backed pages"),
        compressed=size.get("Pages occupied by compressor"),
        uncompressed=size.get("Pages stored in compressor"),
        swapped_in=size.get("Swapins"),
        swapped_out=size.get("Swapouts"),
        compressions=counts.get("Compressions"),
        decompressions=counts.get("Decompressions"),
    )


def _check(counts: Mapping[str, int], page: int, facts: Mapping[str, object]) -> None:
    """The page size is believed only where the pages come to the memory of this Mac."""
    found = page * sum(counts.get(label, 0) for label in ALL_PAGES)
    if found < LEAST_SHARE * amount(facts.get("hw.memsize")):
        raise ParseError("the pages of vm_stat do not add up to the memory of this Mac")


USED = gauge(
    "macos_memory_used_bytes",
    "Memory used as Activity Monitor counts it: anonymous less purgeable, wired and compressed memory (vm_stat).",
)
ANONYMOUS = gauge("macos_memory_anonymous_bytes", "Memory of programs that no file backs (vm_stat Anonymous pages).")
PURGEABLE = gauge(
    "macos_memory_purgeable_bytes", "Memory that programs allow to be thrown away (vm_stat Pages purgeable)."
)
WIRED = gauge("macos_memory_wired_bytes", "Memory that can be neither compressed nor swapped (vm_stat Pages wired).")
FILE_BACKED = gauge("macos_memory_file_backed_bytes", "Memory that caches files (vm_stat File-backed pages).")
COMPRESSED = gauge(
    "macos_memory_compressed_bytes",
    "Memory that the compressor occupies (vm_stat Pages occupied by compressor).",
)
UNCOMPRESSED = gauge(
    "macos_memory_uncompressed_bytes",
    "Size before compression of what is compressed, in memory or in swap (vm_stat Pages stored in compressor).",
)
SWAPPED_IN = counter(
    "macos_memory_swapped_in_bytes_total",
    "Memory that came back from swap since boot, as large as before compression (vm_stat Swapins).",
)
SWAPPED_OUT = counter(
    "macos_memory_swapped_out_bytes_total",
    "Memory that went to swap since boot, as large as before compression (vm_stat Swapouts).",
)
COMPRESSIONS = counter("macos_memory_compressions_total", "Pages compressed since boot (vm_stat Compressions).")
DECOMPRESSIONS = counter("macos_memory_decompressions_total", "Pages decompressed since boot (vm_stat Decompressions).")


@collector(
    "memory_pages",
    *(USED, ANONYMOUS, PURGEABLE, WIRED, FILE_BACKED, COMPRESSED, UNCOMPRESSED),
    *(SWAPPED_IN, SWAPPED_OUT, COMPRESSIONS, DECOMPRESSIONS),
    required=(PAGES, SYSCTL),
    parse=parse,
    cadence=60,
)
def memory_pages(reading: Memory, _: Context) -> Iterable[Sample]:
    """One series each; a line that vm_stat does not print gives none."""
    yield from USED(reading.used)
    yield from ANONYMOUS(reading.anonymous)
    yield from PURGEABLE(reading.purgeable)
    yield from WIRED(reading.wired)
    yield from FILE_BACKED(reading.file_backed)
    yield from COMPRESSED(reading.compressed)
    yield from UNCOMPRESSED(reading.uncompressed)
    yield from SWAPPED_IN(reading.swapped_in)
    yield from SWAPPED_OUT(reading.swapped_out)
    yield from COMPRESSIONS(reading.compressions)
    yield from DECOMPRESSIONS(reading.decompressions)
