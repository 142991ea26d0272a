"""USB devices: ids, link speed, the current allotted to them (system_profiler SPUSBHostDataType, SPUSBDataType).

From macOS 26 on the older report is empty; both are asked for in one command and the one that has items counts.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import flag, maybe, walk
from exporters.macos.device import Device, bytes_per_second, code, first, report
from exporters.macos.policy import facts
from exporters.sources.base import Command, Replies

REPORT = Command(("system_profiler", "-json", "SPUSBHostDataType", "SPUSBDataType"), timeout=30)
APPLE = "0x05ac"
SPEEDS = {"low_speed": "1.5 Mb/s", "full_speed": "12 Mb/s", "high_speed": "480 Mb/s", "super_speed": "5 Gb/s"}
"""Tokens of the older report; super_speed_plus is left out: it stands for more than one speed."""
_MILLIAMPERES = re.compile(r"(?:[0-9.,]{1,8}\s*W\s*\(([0-9]{1,6})\s*mA\)|([0-9]{1,6}))\Z")
_BRACKETS = re.compile(r"\(([^()]+)\)\Z")


@dataclass(frozen=True, slots=True)
class Plugged:
    """A device on the bus; `link` in bytes per second, `current` in amperes."""

    device: Device
    link: float | None
    current: float | None


@dataclass(frozen=True, slots=True)
class Usb:
    """How many buses there are, and what hangs on them, hubs included."""

    buses: int
    plugged: tuple[Plugged, ...]

    def attached(self) -> tuple[Device, ...] | None:
        """The devices; None where no bus is reported, because such a report is not complete."""
        return tuple(each.device for each in self.plugged) if self.buses else None


def parse(replies: Replies, _: Context) -> Usb:
    """Shape: `{TYPE: [bus, …]}`, devices in `_items`, nested behind hubs."""
    buses = report(replies[REPORT].stdout, "SPUSBHostDataType", "SPUSBDataType")
    return Usb(len(buses), tuple(_plugged(item) for bus in buses for item in walk(bus.get("_items", ()))))


def _plugged(item: Mapping[str, Any]) -> Plugged:
    speed = first(item, "USBDeviceKeyLinkSpeed", "device_speed")
    allotted = _MILLIAMPERES.match(first(item, "USBDeviceKeyPowerAllocation", "bus_power_used") or "")
    current = int(allotted[1] or allotted[2]) / 1000 if allotted else None
    return Plugged(_device(item), bytes_per_second(SPEEDS.get(speed or "", speed)), current)


def _device(item: Mapping[str, Any]) -> Device:
    vendor = first(item, "USBDeviceKeyVendorID", "vendor_id") or ""
    vendor = f"{APPLE} (Apple Inc.)" if vendor == "apple_vendor_id" else vendor
    vendor_id = code(vendor)
    owner = _BRACKETS.search(vendor)
    name = first(item, "_name")
    serial = first(item, "USBDeviceKeySerialNumber", "serial_num")
    place = first(item, "USBKeyLocationID", "location_id")
    return Device(
        bus="usb",
        kind=_kind(item, name or ""),
        vendor_id=vendor_id,
        product_id=code(first(item, "USBDeviceKeyProductID", "product_id")),
        vendor=owner[1].strip() if owner else first(item, "USBDeviceKeyVendorName", "manufacturer"),
        product="Hub" if name == "hub_device" else name,
        builtin=_builtin(item),
        apple=None if vendor_id is None else vendor_id == APPLE,
        serial=None if serial == "Not Provided" else serial,
        # behind the slash stands the address on the bus, which every new plug changes
        place=place.split("/")[0].strip() if place else None,
    )


def _kind(item: Mapping[str, Any], name: str) -> str:
    """`hub` where something hangs on it or it is called one."""
    return "hub" if item.get("_items") or "hub" in re.split(r"[^a-z]+", name.lower()) else "device"


def _builtin(item: Mapping[str, Any]) -> bool | None:
    """What macOS says: parts of an Apple display say so, too. The older report marks only what is built in."""
    hardware = first(item, "USBKeyHardwareType")
    if hardware is not None:
        return {"Built-in": True, "Removable": False}.get(hardware)
    marked = maybe(flag, item.get("Built-in_Device"))
    return False if marked is None and "location_id" in item else marked


BUSES = gauge("macos_usb_buses", "USB buses (system_profiler SPUSBHostDataType or SPUSBDataType).")
DEVICES = gauge("macos_usb_devices", "USB devices, hubs apart (system_profiler _items of the buses).", "class")
INFO = gauge(
    "macos_usb_device_info",
    "A USB device; builtin is what macOS says (system_profiler SPUSBHostDataType or SPUSBDataType).",
    *("device", "vendor_id", "product_id", "vendor", "product", "class", "builtin", "apple", "authorized"),
)
LINK = gauge(
    "macos_usb_device_link_bytes_per_second",
    "Speed of the link as agreed on (system_profiler USBDeviceKeyLinkSpeed or device_speed).",
    "device",
)
CURRENT = gauge(
    "macos_usb_device_allocated_amperes",
    "Current that the bus allots to the device (system_profiler USBDeviceKeyPowerAllocation or bus_power_used).",
    "device",
)


@collector(
    "usb",
    *(BUSES, DEVICES, INFO, LINK, CURRENT),
    required=(REPORT,),
    parse=parse,
    cadence=60,
    config_of="peripherals",
    publishes=(
        *("_name", "manufacturer", "product_id", "vendor_id"),
        *("USBDeviceKeyProductID", "USBDeviceKeyVendorID", "USBDeviceKeyVendorName"),
        *("device_speed", "USBKeyHardwareType"),
    ),
)
def usb(reading: Usb, context: Context) -> Iterable[Sample]:
    """One info and at most two numbers a device; nothing where not even a bus is reported."""
    devices = reading.attached()
    if devices is None:
        return
    yield from BUSES(reading.buses)
    for kind in ("hub", "device"):
        yield from DEVICES(sum(device.kind == kind for device in devices), **{"class": kind})
    for told, each in zip(facts(devices, context), reading.plugged, strict=True):
        yield from INFO(1, **{label: told[label] for label in INFO.labels})
        yield from LINK(each.link, device=told["device"])
        yield from CURRENT(each.current, device=told["device"])
