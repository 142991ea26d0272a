"""Transfers of whole disks since boot; partitions, loop, RAM and mapped devices would count them twice (psutil)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Family, Sample, counter
from exporters.core.read import amount, maybe, record
from exporters.sources.base import Replies, System

DISK_IO = System("disk_io")
NOT_WHOLE = re.compile(
    r"(loop|z?ram|sr|fd|dm-|md|bcache)\d+.*"
    r"|([hsv]|xv)d[a-z]+\d+"
    r"|(nvme\d+n\d+|mmcblk\d+)p\d+|mmcblk\d+(boot\d+|rpmb)|nvme\d+c\d+n\d+"
    r"|disk\d+s\d+.*"
)
MILLISECONDS = 1000.0

READ_BYTES = counter("pomona_host_disk_read_bytes_total", "Read since boot (psutil disk_io_counters).", "device")
WRITTEN_BYTES = counter(
    "pomona_host_disk_written_bytes_total", "Written since boot (psutil disk_io_counters).", "device"
)
READS = counter("pomona_host_disk_reads_completed_total", "Reads since boot (psutil disk_io_counters).", "device")
WRITES = counter("pomona_host_disk_writes_completed_total", "Writes since boot (psutil disk_io_counters).", "device")
READ_TIME = counter(
    "pomona_host_disk_read_time_seconds_total", "Time that all reads took together (psutil disk_io_counters).", "device"
)
WRITE_TIME = counter(
    "pomona_host_disk_write_time_seconds_total",
    "Time that all writes took together (psutil disk_io_counters).",
    "device",
)
BUSY_TIME = counter(
    "pomona_host_disk_io_time_seconds_total",
    "Time with at least one transfer under way, Linux only (psutil disk_io_counters busy_time).",
    "device",
)
COUNTERS: Mapping[str, tuple[Family, float]] = {
    "read_bytes": (READ_BYTES, 1),
    "write_bytes": (WRITTEN_BYTES, 1),
    "read_count": (READS, 1),
    "write_count": (WRITES, 1),
    "read_time": (READ_TIME, MILLISECONDS),
    "write_time": (WRITE_TIME, MILLISECONDS),
    "busy_time": (BUSY_TIME, MILLISECONDS),
}


@dataclass(frozen=True, slots=True)
class Disk:
    """Transfers by psutil's names; bytes, numbers and seconds."""

    device: str
    counters: Mapping[str, float | None]


def parse(replies: Replies, _: Context) -> tuple[Disk, ...]:
    """Shape: `{device: {psutil's name: number}}`, times in milliseconds."""
    devices = sorted(record(replies[DISK_IO]).items())
    return tuple(_disk(device, record(fields)) for device, fields in devices if not NOT_WHOLE.fullmatch(device))


def _disk(device: str, fields: Mapping[str, object]) -> Disk:
    found = {name: maybe(amount, fields.get(name)) for name in COUNTERS}
    return Disk(device, {name: None if value is None else value / COUNTERS[name][1] for name, value in found.items()})


@collector("disk", *(family for family, _ in COUNTERS.values()), required=(DISK_IO,), parse=parse)
def disk(reading: tuple[Disk, ...], _: Context) -> Iterable[Sample]:
    """Each counter of each disk."""
    for each in reading:
        for name, value in each.counters.items():
            yield from COUNTERS[name][0](value, device=each.device)
