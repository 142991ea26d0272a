"""The memory modules: kind, maker, speed and size, and which slots are empty (system_profiler SPMemoryDataType)."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import maybe, text, walk
from exporters.macos.device import first, numbered, report
from exporters.sources.base import Command, Replies

REPORT = Command(("system_profiler", "-json", "SPMemoryDataType"), timeout=30)
State = Literal["filled", "empty", "unknown"]
STATES: tuple[State, ...] = ("filled", "empty", "unknown")
SIZE = re.compile(r"([0-9]{1,5})\s(MB|GB|TB)\Z")
BYTES = {"MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
UNIFIED = "unified"
"""The `slot` of memory that is part of an Apple chip and has none."""
MOST = 64
"""Modules that are told one by one: a Mac Pro has 12 slots, a virtual machine may have 128."""


@dataclass(frozen=True, slots=True)
class Module:
    """Texts as macOS tells them; bytes. No serial and no part number."""

    slot: str
    kind: str | None
    manufacturer: str | None
    speed: str | None
    status: str | None
    size: float | None


@dataclass(frozen=True, slots=True)
class Modules:
    """What is built in, and the slots by state; no slots where the memory is part of the chip."""

    modules: tuple[Module, ...]
    slots: Mapping[State, int] | None


def parse(replies: Replies, _: Context) -> Modules:
    """Intel: an item with the slots in `_items`, the word empty in all of an empty one. Apple silicon: one item.

    There the size stands under a key named like the data type.
    """
    items = report(replies[REPORT].stdout, "SPMemoryDataType")
    unified = tuple(_module(item, UNIFIED) for item in items if "SPMemoryDataType" in item)
    slots = [slot for item in items for slot in walk(item.get("_items", ()))]
    filled = tuple(_module(slot, first(slot, "_name") or "") for slot in slots if _state(slot) != "empty")
    return Modules((*unified, *filled)[:MOST], Counter(_state(slot) for slot in slots) if slots else None)


def _state(slot: Mapping[str, Any]) -> State:
    """What has a size is filled; an empty one says so in place of its size."""
    size = (first(slot, "dimm_size") or "").lower()
    if size == "empty":
        return "empty"
    return "filled" if SIZE.match(size.upper()) else "unknown"


def _module(item: Mapping[str, Any], slot: str) -> Module:
    return Module(
        slot=slot,
        kind=first(item, "dimm_type"),
        manufacturer=first(item, "dimm_manufacturer"),
        speed=first(item, "dimm_speed"),
        status=first(item, "dimm_status"),
        size=_bytes(maybe(text, item.get("SPMemoryDataType", item.get("dimm_size")))),
    )


def _bytes(told: str | None) -> float | None:
    """Memory is made in powers of two, so `8 GB` is 8 GiB; a fraction may be written in two ways and is not read."""
    found = SIZE.match(told or "")
    return float(int(found[1]) * BYTES[found[2]]) if found else None


INFO = gauge(
    "macos_memory_module_info",
    "A memory module; slot is unified where the memory is part of the chip (system_profiler SPMemoryDataType).",
    *("slot", "kind", "manufacturer", "speed", "status"),
)
SIZE_BYTES = gauge(
    "macos_memory_module_size_bytes",
    "Size of a memory module (system_profiler dimm_size, or SPMemoryDataType on Apple silicon).",
    "slot",
)
SLOTS = gauge(
    "macos_memory_slots",
    "Memory slots by state; none where the memory is part of the chip (system_profiler SPMemoryDataType).",
    "state",
)


def _samples(reading: Modules) -> Iterator[Sample]:
    names = numbered(module.slot for module in reading.modules)
    for module, slot in zip(reading.modules, names, strict=True):
        told = {"kind": module.kind, "manufacturer": module.manufacturer}
        yield from INFO(1, slot=slot, **told, speed=module.speed, status=module.status)
        yield from SIZE_BYTES(module.size, slot=slot)
    if reading.slots is not None:
        for state in STATES:
            yield from SLOTS(reading.slots.get(state, 0), state=state)


@collector(
    "memory_modules",
    *(INFO, SIZE_BYTES, SLOTS),
    required=(REPORT,),
    parse=parse,
    cadence=24 * 3600,
    publishes=("_name", "dimm_type", "dimm_manufacturer", "dimm_size", "dimm_speed", "dimm_status"),
    unverified=(
        "Intel: the keys are known from a virtual machine and from other programs; of an Intel Mac with macOS 12 or"
        " later no capture has been seen."
    ),
)
def memory_modules(reading: Modules, _: Context) -> Iterable[Sample]:
    """Each module, and the slots where there are any."""
    return _samples(reading)
