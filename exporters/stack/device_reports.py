"""What system_profiler prints about the devices of a simulated Mac: USB (both layouts), Bluetooth, Thunderbolt."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec

from exporters.stack.machines import Device, Model

NEW_USB = 26
OLD_SPEEDS = {"full": "full_speed", "high": "high_speed", "super": "super_speed"}
NEW_SPEEDS = {"full": "12 Mb/s", "high": "480 Mb/s", "super": "5 Gb/s"}
APPLE = "0x05ac"
PORTS = 2
LINK = "40 Gb/s"
Placed = tuple[int, Device]
"""A device with its place among all that ever visit its bus: it keeps it while others come and go."""


def _placed(model: Model, bus: str) -> Iterator[Placed]:
    return enumerate(device for device in model.devices if device.bus == bus)


def usb(model: Model, present: Collection[Device]) -> bytes:
    """`system_profiler -json SPUSBHostDataType SPUSBDataType`: from macOS 26 on, the older report is empty."""
    devices = [(place, device) for place, device in _placed(model, "usb") if device in present]
    if model.major >= NEW_USB:
        return msgspec.json.encode({"SPUSBDataType": [], "SPUSBHostDataType": [_new_bus(devices)]})
    return msgspec.json.encode({"SPUSBDataType": [_old_bus(model, devices)]})


def _tree(devices: Sequence[Placed], behind: str, describe: Any) -> list[dict[str, Any]]:
    """The devices behind one hub, each with those behind it."""
    items = []
    for place, device in devices:
        if device.behind == behind:
            item = {"_name": device.product, **describe(device, place)}
            children = _tree(devices, device.product, describe)
            items.append(item | ({"_items": children} if children else {}))
    return items


def _new_bus(devices: Sequence[Placed]) -> dict[str, Any]:
    bus = {
        "_name": "USB 3.1 Bus",
        "Driver": "AppleT8132USBXHCI",
        "USBKeyHardwareType": "Built-in",
        "USBKeyLocationID": "0x02000000",
    }
    items = _tree(devices, "", _new_device)
    return bus | ({"_items": items} if items else {})


def _new_device(device: Device, place: int) -> dict[str, str]:
    return {
        "USBDeviceKeyLinkSpeed": NEW_SPEEDS[device.speed],
        "USBDeviceKeyPowerAllocation": "2.50 W (500 mA)",
        "USBDeviceKeyProductID": device.product_id,
        "USBDeviceKeySerialNumber": f"SIMULATED{place:04}",
        "USBDeviceKeyVendorID": device.vendor_id,
        "USBDeviceKeyVendorName": device.vendor,
        "USBKeyHardwareType": "Removable",
        "USBKeyLocationID": f"0x021{place}0000",
    }


def _old_bus(model: Model, devices: Sequence[Placed]) -> dict[str, Any]:
    controller = "AppleT8132USBXHCI" if model.apple_silicon else "AppleUSBXHCIICL"
    items = _tree(devices, "", _old_device)
    return {"_name": "USB31Bus", "host_controller": controller} | ({"_items": items} if items else {})


def _old_device(device: Device, place: int) -> dict[str, str]:
    return {
        "bcd_device": "1.00",
        "bus_power": "500",
        "bus_power_used": "100",
        "device_speed": OLD_SPEEDS[device.speed],
        "extra_current_used": "0",
        "location_id": f"0x021{place}0000 / {place + 1}",
        "manufacturer": device.vendor,
        "product_id": device.product_id,
        "serial_num": f"SIMULATED{place:04}",
        "vendor_id": "apple_vendor_id" if device.vendor_id == APPLE else f"{device.vendor_id}  ({device.vendor})",
    }


def bluetooth(model: Model, present: Collection[Device], level: int) -> bytes:
    """`system_profiler -json SPBluetoothDataType`, the layout of macOS 12.3 and later; `level` in percent."""
    groups: dict[str, list[dict[str, Any]]] = {"device_connected": [], "device_not_connected": []}
    for place, device in _placed(model, "bluetooth"):
        group = "device_connected" if device in present else "device_not_connected"
        groups[group].append({device.person or device.product: _bluetooth_device(device, place, level)})
    controller = {
        "controller_address": "02:00:00:00:00:01",
        "controller_chipset": "BCM_4388",
        "controller_state": "attrib_on",
    }
    item = {"controller_properties": controller} | {name: found for name, found in groups.items() if found}
    return msgspec.json.encode({"SPBluetoothDataType": [item]})


def _bluetooth_device(device: Device, place: int, level: int) -> dict[str, str]:
    facts = {
        "device_address": f"02:00:00:00:01:{place:02X}",
        "device_minorType": device.kind,
        "device_productID": device.product_id,
        "device_vendorID": device.vendor_id,
    }
    levels = {f"device_batteryLevel{part}": f"{max(1, level - 4 * place)}%" for place, part in enumerate(device.levels)}
    return facts | levels


def thunderbolt(model: Model, present: Collection[Device]) -> bytes:
    """`system_profiler -json SPThunderboltDataType`: one bus a port, with what hangs on it."""
    attached = {place: device for place, device in _placed(model, "thunderbolt") if device in present}
    buses = [_bus(model, port, attached.get(port)) for port in range(PORTS)]
    return msgspec.json.encode({"SPThunderboltDataType": buses})


def _bus(model: Model, port: int, attached: Device | None) -> dict[str, Any]:
    """An idle port tells what it could do, a connected one the speed of its link."""
    name = "thunderboltusb4_bus" if model.apple_silicon else "thunderbolt_bus"
    receptacle = {
        "current_speed_key": LINK if attached else f"Up to {LINK}",
        "link_status_key": "0x2" if attached else "0x100",
        "receptacle_id_key": str(port + 1),
        "receptacle_status_key": "receptacle_connected" if attached else "receptacle_no_devices_connected",
    }
    bus: dict[str, Any] = {
        "_name": f"{name}_{port}",
        "device_name_key": model.title.split(" with")[0].split(",")[0],
        "domain_uuid_key": f"00000000-0000-4000-8000-00000000000{port}",
        "receptacle_1_tag": receptacle,
        "route_string_key": "0",
        "switch_uid_key": f"0x05AC00000000000{port}",
        "vendor_name_key": "Apple Inc.",
    }
    return bus | ({"_items": [_thunderbolt_device(attached)]} if attached else {})


def _thunderbolt_device(device: Device) -> dict[str, Any]:
    return {
        "_name": device.product,
        "device_id_key": device.product_id,
        "device_name_key": device.product,
        "mode_key": "usb_four",
        "receptacle_upstream_ambiguous_tag": {"current_speed_key": LINK},
        "switch_uid_key": "0x003D000000000001",
        "switch_version_key": "40.1",
        "vendor_id_key": device.vendor_id,
        "vendor_name_key": device.vendor,
    }
