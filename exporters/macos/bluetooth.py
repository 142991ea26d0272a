"""Bluetooth: whether it is on, paired devices, which are connected, their charge (system_profiler SPBluetoothDataType).

The layouts of macOS 12.0 to 12.2 (`devices_list`) and of 12.3 and later; an older one gives no device.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import array, flag, maybe, percent, record
from exporters.macos.device import Device, code, first, report
from exporters.macos.policy import facts
from exporters.sources.base import Command, ParseError, Replies

REPORT = Command(("system_profiler", "-json", "SPBluetoothDataType"), timeout=30)
APPLE = frozenset({"0x004c", "0x05ac"})
"""The company's number for Bluetooth, and its USB number, which its own accessories may give."""
PARTS = ("Main", "Left", "Right", "Case")
LISTS = ("device_connected", "device_not_connected", "devices_list")
LAYOUT = frozenset({"controller_properties", *LISTS})


@dataclass(frozen=True, slots=True)
class Paired:
    """A device that the Mac knows; `levels` are ratios by part, and only of a connected one."""

    device: Device
    connected: bool | None
    levels: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Bluetooth:
    """The controller and the paired devices; not `complete` where the layout is not known."""

    powered: bool | None
    paired: tuple[Paired, ...]
    complete: bool

    def attached(self) -> tuple[Device, ...] | None:
        """The connected devices; None where the report does not tell of each whether it is."""
        if not self.complete or any(each.connected is None for each in self.paired):
            return None
        return tuple(each.device for each in self.paired if each.connected)


def parse(replies: Replies, _: Context) -> Bluetooth:
    """Shape: one item; a list of devices holds `{NAME: facts}`, and two devices may have one name."""
    items = report(replies[REPORT].stdout, "SPBluetoothDataType")
    controllers = [record(item.get("controller_properties", {})) for item in items]
    states = [first(each, "controller_state") for each in controllers]
    powered = next((state == "attrib_on" for state in states if state in {"attrib_on", "attrib_off"}), None)
    paired = tuple(each for item in items for each in _paired(item))
    return Bluetooth(powered, paired, complete=any(LAYOUT & item.keys() for item in items))


def _paired(item: Mapping[str, Any]) -> Iterator[Paired]:
    for heading in LISTS:
        for entry in array(item.get(heading, ())):
            for name, value in record(entry).items():
                about = record(value)
                connected = heading == "device_connected" if heading != "devices_list" else _told(about)
                yield Paired(_device(name, about), connected, dict(_levels(about)) if connected else {})


def _told(about: Mapping[str, Any]) -> bool | None:
    return maybe(flag, about.get("device_isconnected"))


def _device(name: str, about: Mapping[str, Any]) -> Device:
    vendor_id = code(first(about, "device_vendorID"))
    address = first(about, "device_address")
    return Device(
        bus="bluetooth",
        kind=first(about, "device_minorType"),
        vendor_id=vendor_id,
        product_id=code(first(about, "device_productID")),
        name=name.strip(),
        apple=None if vendor_id is None else vendor_id in APPLE,
        serial=address.upper().replace("-", ":") if address else None,
    )


def _levels(about: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Charge by part. Devices send what they like, 255 % among it: that is no level, and no fault of the report."""
    for part in PARTS:
        level = about.get(f"device_batteryLevel{part}")
        try:
            ratio = percent(level)
        except ParseError:
            continue
        if 0 <= ratio <= 1:
            yield part.lower(), ratio


POWERED = gauge("macos_bluetooth_powered", "1 if Bluetooth is switched on (system_profiler controller_state).")
INFO = gauge(
    "macos_bluetooth_device_info",
    "A paired device; its name only at privacy level full (system_profiler SPBluetoothDataType).",
    *("device", "vendor_id", "product_id", "class", "name", "apple", "authorized"),
)
CONNECTED = gauge(
    "macos_bluetooth_device_connected",
    "1 if the paired device is connected (system_profiler device_connected and device_not_connected).",
    "device",
)
BATTERY = gauge(
    "macos_bluetooth_device_battery_ratio",
    "Charge of a connected device, 0 to 1 (system_profiler device_batteryLevelMain, Left, Right, Case).",
    *("device", "part"),
)


@collector(
    "bluetooth",
    *(POWERED, INFO, CONNECTED, BATTERY),
    required=(REPORT,),
    parse=parse,
    cadence=60,
    config_of="peripherals",
    publishes=("device_minorType", "device_productID", "device_vendorID"),
    unverified="how the layout of macOS 12.0 to 12.2 tells a connection; it has not been seen in a full capture.",
)
def bluetooth(reading: Bluetooth, context: Context) -> Iterable[Sample]:
    """The controller, then each paired device."""
    yield from POWERED(reading.powered)
    devices = tuple(each.device for each in reading.paired)
    for told, each in zip(facts(devices, context), reading.paired, strict=True):
        yield from INFO(1, **{label: told[label] for label in INFO.labels})
        yield from CONNECTED(each.connected, device=told["device"])
        for part, ratio in each.levels.items():
            yield from BATTERY(ratio, device=told["device"], part=part)
