"""APFS containers, each once, and the volumes in them by role (`diskutil apfs list`, `system_profiler`).

All volumes of a container share its free space, so nothing is told of it by volume. Left out: the small containers
that hold nothing but parts of the system (iSC and Recovery of Apple silicon), and what may be a disk image.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporters.core.collector import Partial, collector, told
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import amount, array, attempt, flag, json, maybe, plist, record, text
from exporters.macos.smart import whole
from exporters.sources.base import Command, Output, ParseError, Replies

CONTAINERS = Command(("diskutil", "apfs", "list", "-plist"), timeout=30)
MOUNTED = Command(("system_profiler", "-json", "SPStorageDataType"), timeout=30)
ROLES = ("system", "data", "preboot", "recovery", "vm", "update", "backup", "other", "none")
HELPERS = frozenset({"preboot", "recovery", "vm", "update", "other"})
"""Roles of which no container is made that people fill."""
FILLED = ("data", "backup", "other", "none")
"""Roles of volumes that hold what people want to keep from others."""
STARTED = frozenset({"system", "data"})
"""Images have one of them at most."""
BUSES = frozenset(
    {
        "apple fabric",
        "ata",
        "firewire",
        "nvme",
        "pci",
        "pci-express",
        "sas",
        "sata",
        "secure digital",
        "thunderbolt",
        "usb",
    }
)
"""How a disk is connected that is not internal: an image has another word, in whatever language."""
MOST = 16


@dataclass(frozen=True, slots=True)
class Volume:
    """One of `ROLES`, bytes in use, whether it is encrypted, whether by FileVault, and whether it is locked now."""

    role: str
    used: float | None
    encrypted: bool | None
    filevault: bool | None
    locked: bool | None


@dataclass(frozen=True, slots=True)
class Drive:
    """What lies below a container that is mounted: inside the Mac or not, and how it is connected."""

    internal: bool | None
    protocol: str


@dataclass(frozen=True, slots=True)
class Container:
    """Bytes; `drive` is None where no volume of it is mounted."""

    name: str
    size: float | None
    free: float | None
    volumes: tuple[Volume, ...]
    drive: Drive | None = None

    @property
    def roles(self) -> frozenset[str]:
        """Those of its volumes."""
        return frozenset(each.role for each in self.volumes)


def parse(replies: Replies, _: Context) -> tuple[Container, ...] | Partial:
    """Without a report on what is mounted a disk image looks like a disk: then only the Mac's own containers count."""
    listed = array(record(plist(replies[CONTAINERS].stdout)).get("Containers"))
    faults: list[str] = []
    drives = attempt(_drives, replies.get(MOUNTED), faults, "system_profiler")
    return told(_published(listed, drives), faults)


def _published(listed: Iterable[Any], drives: Mapping[str, Drive] | None) -> tuple[Container, ...]:
    found = {each.name: each for each in (_container(record(item), drives or {}) for item in listed)}
    kept = (each for each in found.values() if not each.roles <= HELPERS and _is_disk(each, drives is not None))
    return tuple(sorted(kept, key=lambda each: each.name))[:MOST]


def _is_disk(container: Container, reported: bool) -> bool:
    """Shown by both of its roles, by what it is connected by, or by waiting for its password."""
    drive = container.drive
    if container.roles >= STARTED:
        return True
    if drive is None:
        return reported and any(volume.locked for volume in container.volumes)
    return bool(drive.internal) or drive.protocol.casefold() in BUSES


def _container(item: Mapping[str, Any], drives: Mapping[str, Drive]) -> Container:
    name = item.get("ContainerReference")
    if name is None or whole(name) != name:
        raise ParseError("an APFS container without the name of its disk")
    size, free = maybe(amount, item.get("CapacityCeiling")), maybe(amount, item.get("CapacityFree"))
    volumes = tuple(_volume(record(each)) for each in array(item.get("Volumes", ())))
    possible = free is None or size is None or free <= size
    return Container(name, size or None, free if possible else None, volumes, drives.get(name))


def _volume(item: Mapping[str, Any]) -> Volume:
    return Volume(
        role=_role(array(item.get("Roles", ()))),
        used=maybe(amount, item.get("CapacityInUse")),
        encrypted=maybe(flag, item.get("Encryption")),
        filevault=maybe(flag, item.get("FileVault")),
        locked=maybe(flag, item.get("Locked")),
    )


def _role(words: Sequence[Any]) -> str:
    """The first role that is known here; volumes that people make have none."""
    if not words:
        return "none"
    return next((role for role in (text(word).lower() for word in words) if role in ROLES[:-2]), "other")


def _drives(output: Output) -> Mapping[str, Drive]:
    """By container: the volume disk3s5 lies in disk3."""
    return dict(_below(output.stdout))


def _below(stdout: bytes) -> Iterator[tuple[str, Drive]]:
    for item in map(record, array(record(json(stdout)).get("SPStorageDataType"))):
        below, name = maybe(record, item.get("physical_drive")), whole(item.get("bsd_name"))
        if below is not None and name is not None:
            protocol = " ".join((maybe(text, below.get("protocol")) or "").split())
            yield name, Drive(maybe(flag, below.get("is_internal_disk")), protocol)


SIZE = gauge(
    "macos_storage_container_size_bytes", "Size of an APFS container (diskutil apfs list CapacityCeiling).", "container"
)
FREE = gauge(
    "macos_storage_container_free_bytes",
    "Space that none of its volumes takes, for all of them together (diskutil apfs list CapacityFree).",
    "container",
)
INFO = gauge(
    "macos_storage_container_info",
    "An APFS container of which a volume is mounted (system_profiler SPStorageDataType physical_drive).",
    *("container", "internal", "protocol"),
)
VOLUMES = gauge("macos_storage_volumes", "Volumes by role (diskutil apfs list Roles).", "container", "volume_role")
USED = gauge(
    "macos_storage_volume_used_bytes",
    "Space that the volumes of a role take (diskutil apfs list CapacityInUse).",
    *("container", "volume_role"),
)
ENCRYPTED = gauge(
    "macos_storage_volume_encrypted",
    "Whether all volumes of a role are encrypted, which some hardware does without a password"
    " (diskutil apfs list Encryption).",
    *("container", "volume_role"),
)
FILEVAULT = gauge(
    "macos_storage_volume_filevault",
    "Whether all volumes of a role ask for a password before they can be read (diskutil apfs list FileVault).",
    *("container", "volume_role"),
)


@collector(
    "storage",
    *(SIZE, FREE, INFO, VOLUMES, USED, ENCRYPTED, FILEVAULT),
    required=(CONTAINERS,),
    optional=(MOUNTED,),
    parse=parse,
    cadence=900,
    publishes=("ContainerReference", "bsd_name", "protocol"),
    unverified=(
        "Of `diskutil apfs list` only the part for one container of an Apple silicon Mac has been seen; which roles"
        " the volumes of the start container have is known from reports."
    ),
)
def storage(reading: tuple[Container, ...], _: Context) -> Iterable[Sample]:
    """What a container does not tell has no sample."""
    for each in reading:
        yield from SIZE(each.size, container=each.name)
        yield from FREE(each.free, container=each.name)
        if each.drive is not None:
            internal = "" if each.drive.internal is None else str(each.drive.internal).lower()
            yield from INFO(1, container=each.name, internal=internal, protocol=each.drive.protocol)
        for role in (role for role in ROLES if role in each.roles):
            yield from _of_role([volume for volume in each.volumes if volume.role == role], each.name, role)


def _of_role(volumes: Sequence[Volume], container: str, role: str) -> Iterator[Sample]:
    used = [each.used for each in volumes if each.used is not None]
    yield from VOLUMES(len(volumes), container=container, volume_role=role)
    yield from USED(sum(used) if len(used) == len(volumes) else None, container=container, volume_role=role)
    if role in FILLED:
        yield from ENCRYPTED(_all(each.encrypted for each in volumes), container=container, volume_role=role)
        yield from FILEVAULT(_all(each.filevault for each in volumes), container=container, volume_role=role)


def _all(told: Iterable[bool | None]) -> bool | None:
    """One that says no is enough; one that says nothing leaves it open."""
    answers = set(told)
    return False if False in answers else None if None in answers else True
