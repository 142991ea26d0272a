"""Thunderbolt: ports, links, and what is attached, daisy chains and other Macs included (SPThunderboltDataType).

A cable to a plain USB device does not show here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import record, walk
from exporters.macos.device import Device, bytes_per_second, code, first, numbered, report
from exporters.macos.policy import facts
from exporters.sources.base import Command, Replies

REPORT = Command(("system_profiler", "-json", "SPThunderboltDataType"), timeout=30)
_RECEPTACLE = re.compile(r"receptacle_([0-9]{1,3})_tag\Z")
_STATUS = {"receptacle_connected": True, "receptacle_no_devices_connected": False}
_NUMBER = re.compile(r"[0-9]{1,3}\Z")


@dataclass(frozen=True, slots=True)
class Port:
    """A receptacle by the number that macOS gives it; `link` in bytes per second, None while nothing is linked."""

    number: str
    connected: bool | None
    link: float | None


@dataclass(frozen=True, slots=True)
class Thunderbolt:
    """Ports and devices; `complete` where the report names a bus or says that there is no hardware."""

    ports: tuple[Port, ...]
    devices: tuple[Device, ...]
    complete: bool

    def attached(self) -> tuple[Device, ...] | None:
        """The devices; None where the report names not even a bus."""
        return self.devices if self.complete else None


def parse(replies: Replies, _: Context) -> Thunderbolt:
    """Shape: one item a bus with `receptacle_N_tag`, devices in `_items`; without hardware one item that says so."""
    buses = report(replies[REPORT].stdout, "SPThunderboltDataType")
    ports = tuple(port for bus in buses for port in _ports(bus))
    devices = tuple(_device(bus, item) for bus in buses for item in walk(bus.get("_items", ())))
    return Thunderbolt(ports, devices, complete=bool(buses))


def _ports(bus: Mapping[str, Any]) -> Iterator[Port]:
    for key in sorted(bus):
        if found := _RECEPTACLE.match(key):
            receptacle = record(bus[key])
            number = first(receptacle, "receptacle_id_key") or ""
            connected = _STATUS.get(first(receptacle, "receptacle_status_key") or "")
            speed = bytes_per_second(first(receptacle, "current_speed_key")) if connected else None
            yield Port(number if _NUMBER.match(number) else found[1], connected, speed)


def _device(bus: Mapping[str, Any], item: Mapping[str, Any]) -> Device:
    """`_name` is not read: of another Mac it may be the name that its owner gave; `device_name_key` is its model."""
    uid = first(item, "switch_uid_key")
    peer = uid is None and "services_title" in item
    vendor = first(item, "vendor_name_key")
    return Device(
        bus="thunderbolt",
        kind="mac" if peer else "device",
        vendor_id=code(first(item, "vendor_id_key")),
        product_id=code(first(item, "device_id_key")),
        vendor=vendor,
        product=first(item, "device_name_key"),
        apple=None if vendor is None else vendor.lower().startswith("apple"),
        serial=first(item, "domain_uuid_key") if peer else uid,
        place=f"{first(bus, '_name') or ''} {first(item, 'route_string_key') or ''}".strip(),
    )


INFO = gauge(
    "macos_thunderbolt_device_info",
    "An attached device; class mac is another Mac (system_profiler SPThunderboltDataType).",
    *("device", "vendor_id", "product_id", "vendor", "product", "class", "apple", "authorized"),
)
CONNECTED = gauge(
    "macos_thunderbolt_port_connected",
    "1 if a Thunderbolt device is connected to the port (system_profiler receptacle_status_key).",
    "port",
)
LINK = gauge(
    "macos_thunderbolt_link_bytes_per_second",
    "Speed of a link; absent while a port is idle (system_profiler current_speed_key).",
    "port",
)


@collector(
    "thunderbolt",
    *(INFO, CONNECTED, LINK),
    required=(REPORT,),
    parse=parse,
    cadence=60,
    config_of="peripherals",
    publishes=("device_id_key", "device_name_key", "vendor_id_key", "vendor_name_key"),
)
def thunderbolt(reading: Thunderbolt, context: Context) -> Iterable[Sample]:
    """Each device, then each port."""
    for told in facts(reading.devices, context):
        yield from INFO(1, **{label: told[label] for label in INFO.labels})
    for port, number in zip(reading.ports, numbered(port.number for port in reading.ports), strict=True):
        yield from CONNECTED(port.connected, port=number)
        yield from LINK(port.link, port=number)
