"""What a simulated Mac tells of its memory, its displays and its chip: vm_stat, system_profiler, macmon."""

from collections.abc import Iterator
from typing import Any

import msgspec

from exporters.sources.base import NotFound
from exporters.sources.replay import Captured
from exporters.stack import facts
from exporters.stack.dynamics import wave
from exporters.stack.facts import SMALL
from exporters.stack.machines import GIB, Model
from exporters.stack.view import Reports, View

WIDE = 27
"""From this macOS on vm_stat has wider columns, and lines about tagged memory on the M5."""
DISPLAYS = (
    ("LG HDR 4K", "1e6d", "7750", "3840 x 2160", "1920 x 1080 @ 60.00Hz"),
    ("DELL U2723QE", "10ac", "d0e7", "3840 x 2160", "2560 x 1440 @ 60.00Hz"),
    ("Studio Display", "610", "ae3a", "5120 x 2880", "2560 x 1440 @ 60.00Hz"),
)
SAMPLES, EVERY = 10, 5
FANLESS = "MacBook Air"


def pages(view: View) -> bytes:
    """`vm_stat`. Only Macs with little memory swap, the more the hotter they run."""
    counts = _counts(view, view.model.memory // view.model.page)
    width = 35 if view.model.major >= WIDE else 30
    rows = "".join(f"{label + ':':<{width}} {count:>16}.\n" for label, count in counts.items())
    return f"Mach Virtual Memory Statistics: (page size of {view.model.page} bytes)\n{rows}".encode()


def _counts(view: View, total: int) -> dict[str, int]:
    tight, held = view.model.memory <= SMALL, facts.pages(view.model, view.heat)
    occupied, queued = held["Pages occupied by compressor"], held["Pages active"] + held["Pages inactive"]
    anonymous = int(queued * min(0.45 + 0.4 * view.heat, 0.9))
    random = view.chance("memory")
    compressed = view.at.counted(wave(random, 600 if tight else 20))
    swapped = view.at.counted(wave(random, 60)) if tight else 0.0
    counts = {
        **held,
        "Pages throttled": 0,
        "Pages purgeable": int(0.01 * total),
        '"Translation faults"': int(view.at.awake * 4000),
        "File-backed pages": queued - anonymous,
        "Anonymous pages": anonymous,
        "Pages stored in compressor": int(2.7 * occupied),
        "Decompressions": int(0.8 * compressed),
        "Compressions": int(compressed),
        "Swapins": int(0.7 * swapped),
        "Swapouts": int(swapped),
    }
    return counts | ({"Pages tagged": total // 20} if view.model.chip == "Apple M5" else {})


def modules(view: View) -> bytes:
    """`system_profiler -json SPMemoryDataType`: part of the chip, or two slots of an Intel Mac."""
    size = view.model.memory // GIB
    if view.model.apple_silicon:
        kind = "LPDDR4" if view.model.chip == "Apple M1" else "LPDDR5"
        item: dict[str, Any] = {"dimm_manufacturer": "Hynix", "dimm_type": kind, "SPMemoryDataType": f"{size} GB"}
    else:
        slots = ("BANK 0/ChannelA-DIMM0", "BANK 2/ChannelB-DIMM0")
        item = {"_items": [_slot(name, size // len(slots)) for name in slots], "_name": "global_name"}
    return msgspec.json.encode({"SPMemoryDataType": [item]})


def _slot(name: str, gigabytes: int) -> dict[str, Any]:
    return {
        "_name": name,
        "dimm_manufacturer": "0x802C",
        "dimm_serial_number": "SIMULATED0001",
        "dimm_size": f"{gigabytes} GB",
        "dimm_speed": "2667 MHz",
        "dimm_status": "ok",
        "dimm_type": "DDR4",
    }


def displays(view: View) -> bytes:
    """`system_profiler -json SPDisplaysDataType`: a laptop has its desk's displays while it is on mains."""
    attached = [*_built_in(view.model), *_desk(view)]
    model = view.model.chip if view.model.apple_silicon else "Intel UHD Graphics 630"
    gpu: dict[str, Any] = {
        "_name": model,
        "spdisplays_mtlgpufamilysupport": "spdisplays_metal4" if view.model.major > 15 else "spdisplays_metal3",  # noqa: PLR2004 - macOS 15
        "sppci_device_type": "spdisplays_gpu",
        "sppci_model": model,
    }
    gpu |= {"sppci_cores": "10"} if view.model.apple_silicon else {}
    return msgspec.json.encode({"SPDisplaysDataType": [gpu | ({"spdisplays_ndrvs": attached} if attached else {})]})


def _built_in(model: Model) -> Iterator[dict[str, Any]]:
    pixels, resolution = model.panel
    if pixels:
        yield {
            "_name": "Color LCD",
            "_spdisplays_display-product-id": "a052",
            "_spdisplays_display-serial-number": "SIMULATED0001",
            "_spdisplays_display-vendor-id": "610",
            "_spdisplays_displayID": "1",
            "_spdisplays_pixels": pixels,
            "_spdisplays_resolution": resolution,
            "spdisplays_connection_type": "spdisplays_internal",
            "spdisplays_main": "spdisplays_yes",
            "spdisplays_online": "spdisplays_yes",
        }


def _desk(view: View) -> Iterator[dict[str, Any]]:
    """None, one or two; they sleep while nobody works."""
    random = view.chance("displays")
    chosen = random.sample(DISPLAYS, random.choice((0, 1, 1, 2)))
    serials = [f"{random.randrange(1 << 32):x}" for _ in chosen]
    for place, (name, vendor, product, pixels, resolution) in enumerate(chosen if view.on_mains else ()):
        yield {
            "_name": name,
            "_spdisplays_display-product-id": product,
            "_spdisplays_display-serial-number": serials[place],
            "_spdisplays_display-vendor-id": vendor,
            "_spdisplays_displayID": str(place + 2),
            "_spdisplays_pixels": pixels,
            "_spdisplays_resolution": resolution,
            "spdisplays_asleep": "spdisplays_yes" if view.heat < 0.2 else "spdisplays_no",  # noqa: PLR2004 - a quiet Mac
            "spdisplays_main": "spdisplays_yes" if view.model.battery is None and not place else "spdisplays_no",
            "spdisplays_online": "spdisplays_yes",
        }


def piped(view: View) -> bytes | Captured:
    """`macmon pipe`, of version 0.8; there is none for Intel. The first sample was not measured."""
    if not view.model.apple_silicon:
        return Captured(error=NotFound)
    return b"".join(msgspec.json.encode(_sample(view, number)) + b"\n" for number in range(SAMPLES))


def _sample(view: View, number: int) -> dict[str, Any]:
    heat = min(max(view.heat, 0.0), 1.0)
    cpu = view.model.watts * (0.1 + 0.8 * heat) * (1 + 0.02 * (number % 5)) if number else 0.0
    gpu, fans = 0.2 * view.model.watts * heat, FANLESS not in view.model.title
    frequencies = {"ecpu": 1000 + int(1500 * heat), "pcpu": 1300 + int(2900 * heat), "gpu": 340 + int(900 * heat)}
    return {
        "ane_power": 0.0,
        "cpu_power": cpu,
        "gpu_power": gpu,
        "all_power": cpu + gpu,
        "sys_power": view.model.watts * (0.5 + heat),
        "temp": {"cpu_temp_avg": 38 + 60 * heat, "gpu_temp_avg": 36 + 45 * heat},
        "fans": [{"max_rpm": 5700, "name": "fan0", "rpm": max(0, int(9000 * (heat - 0.4)))}] if fans else [],
        **{f"{cluster}_usage": [megahertz, 0.6 * heat] for cluster, megahertz in frequencies.items()},
        **{f"{cluster}_active_ratio": 0.8 * heat for cluster in frequencies},
    }


REPORTS = Reports(
    commands={
        "vm_stat": pages,
        "system_profiler -json SPMemoryDataType": modules,
        "system_profiler -json SPDisplaysDataType": displays,
        f"macmon pipe -s {SAMPLES} -i {EVERY * 1000}": piped,
    }
)
