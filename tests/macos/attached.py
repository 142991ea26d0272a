"""Reports of the three buses as system_profiler prints them, and looks at them at any privacy level."""

import json
from typing import Any

from exporters.core.collector import Collector
from exporters.core.context import Context, Level
from exporters.core.metrics import render
from exporters.macos import bluetooth, thunderbolt, usb
from exporters.macos.policy import Peripherals, Policy, Rule
from exporters.sources.base import Command, Output, Replies

KEY = b"the key of the tests"
HOST = "SPUSBHostDataType"
OLD = "SPUSBDataType"


def context(level: Level = "standard", *rules: Rule, policy: bool = False) -> Context:
    """With a policy where there are rules, or where an empty one is asked for."""
    return Context(Peripherals(Policy(rules) if rules or policy else None), level, KEY)


def replies(**reports: Any) -> Replies:
    """Documents or bytes for `usb`, `bluetooth` and `thunderbolt`; what is left out was not answered."""
    asked: dict[str, Command] = {
        "usb": usb.REPORT,
        "bluetooth": bluetooth.REPORT,
        "thunderbolt": thunderbolt.REPORT,
    }
    return Replies({asked[bus]: Output(_bytes(report)) for bus, report in reports.items()})


def _bytes(report: Any) -> bytes:
    return report if isinstance(report, bytes) else json.dumps(report).encode()


def shown(declared: Collector, level: Level = "standard", *rules: Rule, **reports: Any) -> list[str]:
    """The lines that one look publishes."""
    where = context(level, *rules)
    reading = declared.parse(replies(**reports), where)
    state = declared.advance(None, reading, 0.0, where) if declared.advance else reading
    return [line for line in render(declared.metrics(state, where)).decode().splitlines() if line[0] != "#"]


def usb_report(*devices: dict[str, Any]) -> dict[str, Any]:
    """One bus of the newer layout."""
    return {OLD: [], HOST: [{"_name": "USB 3.1 Bus", "Driver": "AppleT8132USBXHCI", "_items": list(devices)}]}


def stick(serial: str = "", place: str = "0x02100000", **more: str) -> dict[str, Any]:
    """A flash drive; without a serial unless one is given."""
    own = {"USBDeviceKeySerialNumber": serial} if serial else {}
    return {
        "_name": " Stick",
        "USBDeviceKeyProductID": "0x5581",
        "USBDeviceKeyVendorID": "0x0bad",
        "USBDeviceKeyVendorName": "Example Disks",
        "USBKeyHardwareType": "Removable",
        "USBKeyLocationID": place,
        **own,
        **more,
    }


def old_usb_report(*devices: dict[str, Any]) -> dict[str, Any]:
    """One bus of the layout before macOS 26."""
    return {OLD: [{"_name": "USB31Bus", "host_controller": "AppleT8103USBXHCI", "_items": list(devices)}]}


def bluetooth_report(connected: list[Any], others: list[Any] | None = None, state: str = "attrib_on") -> dict[str, Any]:
    """Headings without devices are left out, as macOS does."""
    item: dict[str, Any] = {"controller_properties": {"controller_state": state}}
    lists = {"device_connected": connected, "device_not_connected": others}
    return {"SPBluetoothDataType": [item | {name: found for name, found in lists.items() if found}]}


def paired(name: str, address: str, **more: str) -> dict[str, Any]:
    """One entry of a list of devices."""
    return {name: {"device_address": address, **more}}


def thunderbolt_report(*devices: dict[str, Any], speed: str = "40 Gb/s", **more: Any) -> dict[str, Any]:
    """One bus with one receptacle."""
    receptacle = {
        "current_speed_key": speed,
        "receptacle_id_key": "1",
        "receptacle_status_key": "receptacle_connected" if devices else "receptacle_no_devices_connected",
    }
    bus = {"_name": "thunderboltusb4_bus_0", "receptacle_1_tag": receptacle, "_items": list(devices), **more}
    return {"SPThunderboltDataType": [bus]}


def dock(uid: str = "0x00F2000000000012", **more: Any) -> dict[str, Any]:
    """A Thunderbolt device that is no Mac."""
    about = {"device_id_key": "0x12", "vendor_id_key": "0xF2", "vendor_name_key": "Example Docks"}
    return {"_name": "Dock 5", "device_name_key": "Dock 5", "switch_uid_key": uid, **about, **more}
