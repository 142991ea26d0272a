"""Space of local file systems (psutil `disk_partitions`, `statvfs`).

One line for each store: bind mounts of one device are one, and so are the APFS volumes of one container, which share
its space; "/" stands for the container that a Mac starts from. Left out: network volumes, snapshots, macOS's system
volumes, cryptexes and simulator images. Mountpoints that people name are hashed, and left out at privacy `strict`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Family, Sample, gauge
from exporters.core.read import amount, array, maybe, record, text
from exporters.sources.base import Replies, System

FILESYSTEMS = System("filesystems")
SNAPSHOT = re.compile(r".*@.*|com\.apple\.TimeMachine\..*")
SYSTEM_PART = re.compile(
    r"/System/Volumes/.*|/private/var/vm|/Volumes/Recovery"
    r"|.*/(com\.apple\.TimeMachine\.[^/]*|\.timemachine|CoreSimulator|[^/]*[Cc]ryptex[^/]*)(/.*)?"
)
CONTAINER = re.compile(r"/dev/disk\d+(?=s\d)")
PERSONAL = re.compile(r"(/Volumes|/run/media|/media|/home|/Users)/(.+)", re.DOTALL)


def _gauge(name: str, what: str, source: str = "statvfs") -> Family:
    return gauge(f"pomona_host_filesystem_{name}", f"{what} ({source}).", "fstype", "mountpoint")


NUMBERS: Mapping[str, Family] = {
    "size": _gauge("size_bytes", "Size; of the container on APFS"),
    "free": _gauge("free_bytes", "Free space, what is reserved for root included"),
    "available": _gauge("available_bytes", "Space that any user can fill"),
    "files": _gauge("files", "File nodes, where their number is limited"),
    "files_free": _gauge("files_free", "Free file nodes, where their number is limited"),
}
READONLY = _gauge("readonly", "1 if it can only be read; on APFS, if that is so for every volume", "psutil options")
ERROR = _gauge("error", "1 if it did not tell its size")


@dataclass(frozen=True, slots=True)
class Filesystem:
    """One mount; bytes and numbers, None where it does not tell or has no limit."""

    device: str
    mountpoint: str
    fstype: str
    readonly: bool
    failed: bool
    numbers: Mapping[str, float | None]

    @property
    def store(self) -> str:
        """What shares its space: the container of an APFS volume, else the device."""
        container = CONTAINER.match(self.device) if self.fstype == "apfs" else None
        return container.group() if container else self.device or self.mountpoint


def parse(replies: Replies, _: Context) -> tuple[Filesystem, ...]:
    """Shape: `[{device, mountpoint, fstype, options, size, free, available, files, files_free}]`, or `error`."""
    found = (_filesystem(record(each)) for each in array(replies[FILESYSTEMS]))
    stores: dict[str, list[Filesystem]] = {}
    for each in {each.mountpoint: each for each in found}.values():
        if not SNAPSHOT.fullmatch(each.device):
            stores.setdefault(each.store, []).append(each)
    return tuple(_published(stores.values()))


def _filesystem(fields: Mapping[str, object]) -> Filesystem:
    numbers = {name: maybe(amount, fields.get(name)) for name in NUMBERS}
    if not numbers["files"]:
        numbers |= {"files": None, "files_free": None}
    return Filesystem(
        device=text(fields.get("device")),
        mountpoint=text(fields.get("mountpoint")),
        fstype=text(fields.get("fstype")),
        readonly="ro" in text(fields.get("options")).split(","),
        failed=fields.get("error") is not None,
        numbers=numbers,
    )


def _published(stores: Iterable[Sequence[Filesystem]]) -> Iterator[Filesystem]:
    """The mount with the shortest path of each store, unless all of them are parts of macOS."""
    for mounts in stores:
        named = [each for each in mounts if not SYSTEM_PART.fullmatch(each.mountpoint)]
        if named:
            best = min(named, key=lambda each: (len(each.mountpoint), each.mountpoint))
            readonly = all(each.readonly for each in mounts)
            yield Filesystem(best.device, best.mountpoint, best.fstype, readonly, best.failed, best.numbers)


@collector(
    "filesystem",
    *NUMBERS.values(),
    READONLY,
    ERROR,
    required=(FILESYSTEMS,),
    parse=parse,
    publishes=("mountpoint", "fstype"),
)
def filesystem(reading: tuple[Filesystem, ...], context: Context) -> Iterable[Sample]:
    """Each store that may be named."""
    for each in reading:
        mountpoint = _public(each.mountpoint, context)
        if mountpoint:
            labels = {"fstype": each.fstype, "mountpoint": mountpoint}
            for name, value in each.numbers.items():
                yield from NUMBERS[name](value, **labels)
            yield from READONLY(each.readonly, **labels)
            yield from ERROR(each.failed, **labels)


def _public(mountpoint: str, context: Context) -> str:
    personal = PERSONAL.fullmatch(mountpoint)
    if personal is None:
        return mountpoint
    hidden = context.identity(personal[2])
    return f"{personal[1]}/{hidden}" if hidden else ""
