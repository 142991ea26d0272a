"""What a simulated Mac's tools print of disks: diskutil info and apfs list, system_profiler of NVMe, SATA and storage.

One model has a worn disk; of many Macs a few have a failing one.
"""

import plistlib
from typing import Any

import msgspec

from exporters.stack.backup_reports import attached_size
from exporters.stack.dynamics import HOUR
from exporters.stack.facts import space
from exporters.stack.machines import GB, Model
from exporters.stack.view import Reports, View, has_filevault

DAY = 24 * HOUR
UNIT = 512_000
WORN = "MacBookPro17,1"
FAILING = 0.02
LOG = "SMARTDeviceSpecificKeysMayVaryNotGuaranteed"
PARTS = (("Preboot", 7 * GB), ("Recovery", GB), ("Update", 5_242_880), ("VM", 2 * GB))


def _container(model: Model) -> str:
    return "disk3" if model.apple_silicon else "disk1"


def _free(view: View) -> int:
    """As the system facts tell it of "/"."""
    return space(view.model, view.heat)


def _status(view: View) -> str:
    return "Failing" if view.chance("disk").random() < FAILING else "Verified"


def _ssd(model: Model) -> str:
    return f"APPLE SSD AP{256 * round(model.disk / GB / 256):04}{'Z' if model.apple_silicon else 'N'}"


def root(view: View) -> bytes:
    """`diskutil info -plist /`: with the health log on Apple silicon, with an empty one on Intel."""
    model, container = view.model, _container(view.model)
    told = {
        "APFSContainerFree": _free(view),
        "APFSContainerReference": container,
        "APFSContainerSize": model.disk,
        "APFSPhysicalStores": [{"APFSPhysicalStore": "disk0s2"}],
        "BusProtocol": "Apple Fabric" if model.apple_silicon else "PCI-Express",
        "DeviceIdentifier": f"{container}s1s1",
        "FreeSpace": 0,
        "Internal": True,
        "MediaName": "",
        "MountPoint": "/",
        "ParentWholeDisk": container,
        LOG: _log(view) if model.apple_silicon else {},
        "SMARTStatus": _status(view),
        "SolidState": True,
        "VolumeName": "Macintosh HD",
        "WholeDisk": False,
    }
    return plistlib.dumps(told)


def _log(view: View) -> dict[str, int]:
    """The drive's counters go on with the Mac's own time: some gigabytes an hour."""
    random, worn = view.chance("health log"), view.model.identifier == WORN
    days = random.randint(900, 1500) if worn else random.randint(30, 900)
    hours = days * 9 + int(view.at.time / HOUR)
    pace = random.uniform(20, 30) * GB if worn else random.uniform(0.5, 4) * GB
    written = int((hours + view.at.time % HOUR / HOUR) * pace / UNIT)
    life = view.model.disk * (600 if worn else 1500)
    words = {
        "DATA_UNITS_READ": int(1.6 * written),
        "DATA_UNITS_WRITTEN": written,
        "MEDIA_ERRORS": 2 + int(view.at.time / (12 * HOUR)) if worn else 0,
        "POWER_CYCLES": days // 3 + int(view.at.time / DAY),
        "POWER_ON_HOURS": hours,
        "UNSAFE_SHUTDOWNS": days // (20 if worn else 100),
    }
    return {
        "AVAILABLE_SPARE": 96 if worn else 100,
        "AVAILABLE_SPARE_THRESHOLD": 99,
        "PERCENTAGE_USED": min(100 * written * UNIT // life, 254),
        "TEMPERATURE": round(303 + 18 * view.heat),
        **{f"{name}_0": value for name, value in words.items()},
        **{f"{name}_1": 0 for name in words},
    }


def drives(view: View) -> bytes:
    """`system_profiler -json SPNVMeDataType SPSerialATADataType`: the built-in disk."""
    drive = {
        "_name": _ssd(view.model),
        "bsd_name": "disk0",
        "detachable_drive": "no",
        "device_model": _ssd(view.model),
        "device_serial": "SIMULATED0002",
        "size_in_bytes": view.model.disk,
        "smart_status": _status(view),
        "spnvme_trim_support": "Yes",
    }
    controller = {"_items": [drive], "_name": "Apple SSD Controller"}
    return msgspec.json.encode({"SPNVMeDataType": [controller], "SPSerialATADataType": []})


def containers(view: View) -> bytes:
    """`diskutil apfs list -plist`: the own containers, and that of a backup disk while one is attached."""
    found = [_own(view)]
    if view.model.apple_silicon:
        isc = [_volume("disk1s1", "Preboot", 6_475_776), _volume("disk1s2", "xART", 6_311_936)]
        recovery = [_volume("disk2s1", "Recovery", GB)]
        found = [_apfs("disk1", 524_288_000, 502_136_832, isc), _apfs("disk2", 5 * GB, 4 * GB, recovery), *found]
    if size := attached_size(view):
        used = int(0.7 * size)
        found.append(_apfs("disk5", size, size - used, [_volume("disk5s1", "Backup", used, filevault=True)]))
    return plistlib.dumps({"Containers": found})


def _own(view: View) -> dict[str, Any]:
    """Encrypted by the hardware; FileVault is as the other tools tell it."""
    name, free = _container(view.model), _free(view)
    parts = sum(size for _, size in PARTS)
    filevault = has_filevault(view)
    volumes = [_volume(f"{name}s{place}", role, size) for place, (role, size) in enumerate(PARTS, 2)]
    volumes.append(_volume(f"{name}s1", "System", 12 * GB, filevault=filevault))
    volumes.append(_volume(f"{name}s6", "Data", view.model.disk - free - parts - 12 * GB, filevault=filevault))
    return _apfs(name, view.model.disk, free, volumes)


def _apfs(name: str, size: int, free: int, volumes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "CapacityCeiling": size,
        "CapacityFree": free,
        "ContainerReference": name,
        "Fusion": False,
        "Volumes": volumes,
    }


def _volume(device: str, role: str, used: int, *, filevault: bool = False) -> dict[str, Any]:
    return {
        "CapacityInUse": used,
        "DeviceIdentifier": device,
        "Encryption": True,
        "FileVault": filevault,
        "Locked": False,
        "Name": role,
        "Roles": [role],
    }


def mounted(view: View) -> bytes:
    """`system_profiler -json SPStorageDataType`."""
    name, protocol = _container(view.model), "Apple Fabric" if view.model.apple_silicon else "PCI"
    items = [_mount(f"{name}s6", "yes", protocol), _mount(f"{name}s1s1", "yes", protocol)]
    if attached_size(view):
        items.append(_mount("disk5s1", "no", "USB"))
    return msgspec.json.encode({"SPStorageDataType": items})


def _mount(device: str, internal: str, protocol: str) -> dict[str, Any]:
    drive = {"is_internal_disk": internal, "media_name": "AppleAPFSMedia", "protocol": protocol}
    return {"_name": "Macintosh HD", "bsd_name": device, "file_system": "APFS", "physical_drive": drive}


REPORTS = Reports(
    commands={
        "diskutil info -plist /": root,
        "system_profiler -json SPNVMeDataType SPSerialATADataType": drives,
        "diskutil apfs list -plist": containers,
        "system_profiler -json SPStorageDataType": mounted,
    }
)
