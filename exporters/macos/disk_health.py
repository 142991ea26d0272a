"""Health of the disks: SMART status, wear, what the drive wrote in its life (diskutil, system_profiler, smartctl).

`diskutil` tells the health log of the disk that the Mac started from, `system_profiler` the status of every NVMe and
SATA disk; `smartctl`, where it is configured, is asked for disk0 and then tells that disk's log instead of `diskutil`.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import msgspec

from exporters.core.collector import Partial, Questions, collector, told
from exporters.core.context import Context
from exporters.core.metrics import Family, Sample, counter, enum, gauge
from exporters.core.read import array, attempt, flag, json, maybe, plist, record, text, walk
from exporters.macos.smart import STATES, Smart, measured, of_diskutil, of_smartctl, passed, status, whole, worst
from exporters.sources.base import Command, Output, ParseError, Replies

START_DISK = Command(("diskutil", "info", "-plist", "/"))
REPORT = Command(("system_profiler", "-json", "SPNVMeDataType", "SPSerialATADataType"), timeout=30)
BUILT_IN = "disk0"
NO_FAILURE = tuple(range(0, 256, 4))
"""Bits 0 and 1 of its exit status say that it failed; the others tell of the disk, bit 2 of healthy Apple ones."""
SMARTCTL = Command(("smartctl", "-x", "-j", BUILT_IN), ok_exits=NO_FAILURE, timeout=30, root=True)
LOG = "SMARTDeviceSpecificKeysMayVaryNotGuaranteed"
BUSES = {"SPNVMeDataType": ("NVMe", "spnvme_trim_support"), "SPSerialATADataType": ("SATA", "spsata_trim_support")}
MOST = 16


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`smartctl`: whether to ask smartmontools' smartctl, as root, for disk0."""

    smartctl: bool = False


@dataclass(frozen=True, slots=True)
class Disk:
    """What is known of a disk; `source` is the tool that told the most about it, "" if only its status is known."""

    status: str = "unknown"
    model: str = ""
    protocol: str = ""
    internal: bool | None = None
    trim: bool | None = None
    source: str = ""
    smart: Smart = Smart()  # noqa: RUF009 - frozen


Disks = Mapping[str, Disk]
"""By the kernel's names, such as disk0."""


def optional(context: Context) -> Questions:
    """Without smartctl, which needs root, unless it is configured."""
    return (START_DISK, REPORT, SMARTCTL) if context.config.smartctl else (START_DISK, REPORT)


def parse(replies: Replies, _: Context) -> Disks | Partial:
    """Every disk once. Where an answer cannot be read nobody can say who would have told what: no source is named."""
    faults: dict[Command, list[str]] = {question: [] for question in READERS}
    found: dict[str, Disk] = {}
    for question, read in READERS.items():
        disks = attempt(read, replies.get(question), faults[question], question) or {}
        found |= {device: _joined(found[device], disk) if device in found else disk for device, disk in disks.items()}
    unread = [question for question, fault in faults.items() if fault]
    kept = {device: _doubted(device, found[device], unread) for device in sorted(found)[:MOST]}
    return told(kept, chain.from_iterable(faults.values()))


def _joined(before: Disk, disk: Disk) -> Disk:
    """The later source has the better numbers, if any; the worse status counts, the rest fills gaps."""
    better = before if disk.smart == Smart() else disk
    return Disk(
        status=worst(before.status, disk.status),
        model=before.model or disk.model,
        protocol=before.protocol or disk.protocol,
        internal=disk.internal if before.internal is None else before.internal,
        trim=before.trim,
        source=better.source,
        smart=better.smart,
    )


def _doubted(device: str, disk: Disk, unread: Collection[Command]) -> Disk:
    """What is left of a disk: another source's numbers do not stand in for those that smartctl cannot be read for."""
    lost = SMARTCTL in unread and device == BUILT_IN
    return replace(disk, source="" if unread else disk.source, smart=Smart() if lost else disk.smart)


def _reported(output: Output) -> Disks:
    """Disks lie below their controllers; a port without one, and a drive for discs, has no disk's name."""
    document = record(json(output.stdout))
    if BUSES.keys().isdisjoint(document):
        raise ParseError("neither NVMe nor SATA disks in the report")
    return dict(_listed(document))


def _listed(document: Mapping[str, Any]) -> Iterator[tuple[str, Disk]]:
    for kind, (protocol, trim) in BUSES.items():
        for item in walk(document.get(kind, ())):
            if device := whole(item.get("bsd_name")):
                yield (
                    device,
                    Disk(
                        status=status(item.get("smart_status")),
                        model=maybe(text, item.get("device_model")) or "",
                        protocol=protocol,
                        trim=maybe(flag, item.get(trim)),
                        source="system_profiler",
                    ),
                )


def _started_from(output: Output) -> Disks:
    """The volume "/" lies in a container, which lies on a disk: that is the one whose health is told."""
    volume = record(plist(output.stdout))
    devices = set(_below(volume))
    if len(devices) != 1:
        return {}
    disk = Disk(
        status=status(volume.get("SMARTStatus")),
        protocol=maybe(text, volume.get("BusProtocol")) or "",
        internal=maybe(flag, volume.get("Internal")),
        source="diskutil",
        smart=measured(of_diskutil(maybe(record, volume.get(LOG)) or {})),
    )
    return {devices.pop(): disk}


def _below(volume: Mapping[str, Any]) -> Iterator[str]:
    """The physical disks of the volume: two of a Fusion drive. Without APFS the parent is no container."""
    if "APFSContainerReference" not in volume and (device := whole(volume.get("ParentWholeDisk"))):
        yield device
    for store in array(volume.get("APFSPhysicalStores", ())):
        if device := whole(record(store).get("APFSPhysicalStore")):
            yield device


def _asked(output: Output) -> Disks:
    """The NVMe log of a disk; of others only the verdict is read."""
    document = record(json(output.stdout))
    if "smart_status" not in document:
        raise ParseError("no SMART status in the answer")
    log = maybe(record, document.get("nvme_smart_health_information_log")) or {}
    model = maybe(text, document.get("model_name")) or ""
    return {BUILT_IN: Disk(passed(document), model, source="smartctl", smart=measured(of_smartctl(log)))}


READERS = {REPORT: _reported, START_DISK: _started_from, SMARTCTL: _asked}
"""Each answer's reader; of the health logs the last one that was read counts."""
NAMES = "diskutil SMARTDeviceSpecificKeys or smartctl"


def _gauge(name: str, what: str, key: str) -> Family:
    return gauge(f"macos_disk_{name}", f"{what} ({NAMES} {key}).", "device")


def _counter(name: str, what: str, key: str) -> Family:
    return counter(f"macos_disk_{name}_total", f"{what}, as the drive counts it ({NAMES} {key}).", "device")


INFO = gauge(
    "macos_disk_info",
    "A disk; internal is empty where no source tells it, source is who told the most"
    " (system_profiler SPNVMeDataType and SPSerialATADataType, diskutil info /, smartctl).",
    *("device", "model", "protocol", "internal", "source"),
)
STATUS = enum(
    "macos_disk_smart_status",
    "What the drive says of itself; unknown: nothing or another word (diskutil SMARTStatus, system_profiler"
    " smart_status, smartctl smart_status; of several the worst).",
    "state",
    STATES,
    "device",
)
TRIM = gauge(
    "macos_disk_trim_supported",
    "Whether macOS trims the disk (system_profiler spnvme_trim_support or spsata_trim_support).",
    "device",
)
SMART: Mapping[str, Family] = {
    "wear": _gauge("wear_ratio", "Rated life that is used up; may pass 1", "PERCENTAGE_USED"),
    "spare": _gauge("spare_ratio", "Spare blocks that are left, of those the drive was made with", "AVAILABLE_SPARE"),
    "spare_threshold": _gauge(
        "spare_threshold_ratio", "Below this the drive warns of its spare", "AVAILABLE_SPARE_THRESHOLD"
    ),
    "read": _counter("lifetime_read_bytes", "Read from the drive in its life", "DATA_UNITS_READ"),
    "written": _counter("lifetime_written_bytes", "Written to the drive in its life", "DATA_UNITS_WRITTEN"),
    "powered": _counter("power_on_seconds", "Time under power", "POWER_ON_HOURS"),
    "cycles": _counter("power_cycles", "Times that the drive was powered up", "POWER_CYCLES"),
    "unsafe_shutdowns": _counter("unsafe_shutdowns", "Times that power went without notice", "UNSAFE_SHUTDOWNS"),
    "media_errors": _counter("media_errors", "Errors that could not be corrected", "MEDIA_ERRORS"),
    "celsius": _gauge("temperature_celsius", "Temperature of the drive", "TEMPERATURE"),
}


@collector(
    "disk_health",
    *(INFO, STATUS, TRIM, *SMART.values()),
    optional=optional,
    parse=parse,
    cadence=3600,
    config=Config,
    privilege="none; root for smartctl, where it is configured",
    publishes=(
        *("bsd_name", "device_model", "smart_status", "model_name"),
        *("APFSContainerReference", "APFSPhysicalStore", "ParentWholeDisk", "BusProtocol", "SMARTStatus"),
    ),
    unverified=(
        "system_profiler's report of NVMe and SATA disks together, which have been seen apart; any failing disk; with"
        " `smartctl: true` an answer for disk0 by that name, and one through sudo."
    ),
)
def disk_health(reading: Disks, _: Context) -> Iterable[Sample]:
    """Nothing for what a disk does not tell."""
    for device, disk in reading.items():
        if disk.source:
            internal = "" if disk.internal is None else str(disk.internal).lower()
            told = {"model": disk.model, "protocol": disk.protocol, "internal": internal, "source": disk.source}
            yield from INFO(1, device=device, **told)
        yield from STATUS.one_of(disk.status, device=device)
        yield from TRIM(disk.trim, device=device)
        for name, family in SMART.items():
            yield from family(getattr(disk.smart, name), device=device)
