"""The facts of the running system of a simulated Mac, in the shapes that `exporters.sources.system` lists."""

from dataclasses import dataclass
from typing import Any

from exporters.stack.dynamics import Wave
from exporters.stack.machines import GIB, Model

DISK = "disk0"
PORTS = {"en0": (1500, 866), "en1": (1500, 0), "lo0": (16384, 0), "awdl0": (1500, 0), "utun0": (1380, 0)}
READ_SIZE = 16384
TIGHT, SHORT = 0.9, 0.97
SMALL = 8 * GIB
"""Bytes of memory with which a Mac must compress and swap."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What its counters grow by: busy share of the cores, bytes a second of the disk and of the network."""

    load: Wave
    reads: Wave
    writes: Wave
    received: Wave
    sent: Wave


@dataclass(frozen=True, slots=True)
class Moment:
    """Unix time, the Mac's own time, seconds since boot with and without sleep, and how fast its own time runs."""

    now: float
    time: float
    uptime: float
    awake: float
    woke: float
    speed: float

    def counted(self, rate: Wave) -> float:
        """What a counter of this rate shows: its own time only shapes the rate, seconds stay real ones."""
        past = self.awake - self.time / self.speed
        return rate.base * max(past, 0.0) + rate.total(self.time) / self.speed


def load(model: Model, rates: Rates, at: Moment) -> list[float]:
    """Runnable processes; the averages lag behind the load."""
    return [round(model.cores * rates.load.at(at.time - lag), 2) for lag in (0, 150, 450)]


def cpu_times(model: Model, rates: Rates, at: Moment) -> dict[str, float]:
    """Seconds by mode, over all cores."""
    busy = at.counted(rates.load) * model.cores
    return {"user": 0.7 * busy, "nice": 0.0, "system": 0.3 * busy, "idle": max(at.awake * model.cores - busy, 0.0)}


def cpu_times_per_core(model: Model, rates: Rates, at: Moment) -> list[dict[str, float]]:
    """The same, spread evenly."""
    whole = cpu_times(model, rates, at)
    return [{mode: spent / model.cores for mode, spent in whole.items()} for _ in range(model.cores)]


def heat(rates: Rates, at: Moment) -> float:
    """How busy it is, as a share of the most that it ever is."""
    return rates.load.at(at.time) / (2 * rates.load.base)


def pages(model: Model, heat: float) -> dict[str, int]:
    """Its memory in pages, by what vm_stat calls them; those of the compressor are told apart from wired ones."""
    total = model.memory // model.page
    small = model.memory <= SMALL
    found = {
        "Pages free": int(0.02 * total),
        "Pages speculative": int(0.01 * total),
        "Pages wired down": int((0.12 + 0.06 * heat) * total),
        "Pages occupied by compressor": int(total * (0.1 + 0.2 * heat if small else 0.02 + 0.05 * heat)),
    }
    queued = total - sum(found.values())
    active = int((0.4 + 0.3 * heat) * queued)
    return found | {"Pages active": active, "Pages inactive": queued - active}


def memory(model: Model, rates: Rates, at: Moment) -> dict[str, int]:
    """In bytes, as psutil makes them of the pages."""
    told = {name: count * model.page for name, count in pages(model, heat(rates, at)).items()}
    wired, active = told["Pages wired down"], told["Pages active"]
    free, inactive = told["Pages free"], told["Pages inactive"]
    return {
        "total": model.memory,
        "available": free + inactive,
        "used": wired + active,
        "free": free,
        "active": active,
        "inactive": inactive,
        "wired": wired,
    }


def space(model: Model, heat: float) -> int:
    """Free bytes of its disk: less while it is busy."""
    return int(model.disk * model.free * (1 - 0.2 * heat))


def pressure(model: Model, rates: Rates, at: Moment) -> int:
    """1 normal, 2 warning, 4 critical: only Macs with little memory get there."""
    busy = heat(rates, at)
    if model.memory > SMALL or busy < TIGHT:
        return 1
    return 2 if busy < SHORT else 4


def swap(model: Model, rates: Rates, at: Moment) -> dict[str, int]:
    """In bytes."""
    used = int(GIB * rates.load.at(at.time)) if model.memory <= SMALL else 0
    total = GIB if used else 0
    return {"total": total, "used": used, "free": total - used}


def disk_io(rates: Rates, at: Moment) -> dict[str, dict[str, int]]:
    """The one built-in disk."""
    read, written = int(at.counted(rates.reads)), int(at.counted(rates.writes))
    reads, writes = read // READ_SIZE, written // READ_SIZE
    return {
        DISK: {
            "read_count": reads,
            "write_count": writes,
            "read_bytes": read,
            "write_bytes": written,
            "read_time": reads // 10,
            "write_time": writes // 20,
        }
    }


def filesystems(model: Model, rates: Rates, at: Moment) -> list[dict[str, Any]]:
    """The sealed system volume and the data volume of one APFS container: they share its space."""
    free = space(model, heat(rates, at))
    shared = {"fstype": "apfs", "size": model.disk, "free": free, "available": free, "files": 4_900_000_000}
    common = shared | {"files_free": 4_899_000_000}
    return [
        {"device": "/dev/disk3s1s1", "mountpoint": "/", "options": "ro,local,rootfs,journaled", **common},
        {"device": "/dev/disk3s5", "mountpoint": "/System/Volumes/Data", "options": "rw,local,journaled", **common},
    ]


def network(rates: Rates, at: Moment) -> dict[str, dict[str, Any]]:
    """Traffic on the Wi-Fi, and the interfaces that every Mac has besides."""
    received, sent = int(at.counted(rates.received)), int(at.counted(rates.sent))
    traffic = {"en0": (received, sent), "lo0": (sent // 10, sent // 10)}
    return {name: _interface(name, *traffic.get(name, (0, 0))) for name in PORTS}


def _interface(name: str, received: int, sent: int) -> dict[str, Any]:
    mtu, speed = PORTS[name]
    return {
        "bytes_recv": received,
        "bytes_sent": sent,
        "packets_recv": received // 900,
        "packets_sent": sent // 300,
        "errin": 0,
        "errout": 0,
        "dropin": 0,
        "up": name != "en1",
        "mtu": mtu,
        "speed": speed,
    }


def processes(model: Model, rates: Rates, at: Moment) -> dict[str, Any]:
    """Counts by state."""
    running = 380 + int(300 * rates.load.at(at.time))
    return {"states": {"running": running, "sleeping": 2 * model.cores, "zombie": 0}, "threads": 5 * running}


def clocks(at: Moment) -> dict[str, float]:
    """The three clocks."""
    return {"now": at.now, "elapsed": at.uptime, "awake": at.awake}


def sysctl(model: Model, rates: Rates, at: Moment) -> dict[str, Any]:
    """Names and values as the Mac collectors ask for them."""
    found: dict[str, Any] = {
        "hw.model": model.identifier,
        "hw.memsize": model.memory,
        "hw.logicalcpu_max": model.cores if model.apple_silicon else 2 * model.cores,
        "machdep.cpu.brand_string": model.chip,
        "kern.osproductversion": model.os_version,
        "kern.osversion": model.os_build,
        "kern.boottime": round(at.now - at.uptime, 3),
        "kern.waketime": round(at.woke, 3),
        "kern.memorystatus_vm_pressure_level": pressure(model, rates, at),
    }
    return found | (_levels(model) if model.apple_silicon else _intel(rates, at))


def _levels(model: Model) -> dict[str, Any]:
    names = (
        ("Super" if model.chip == "Apple M5" else "Performance", model.performance),
        ("Efficiency", model.efficiency),
    )
    found: dict[str, Any] = {"hw.optional.arm64": 1, "hw.nperflevels": len(names), "sysctl.proc_translated": 0}
    for level, (name, cores) in enumerate(names):
        found |= {f"hw.perflevel{level}.name": name, f"hw.perflevel{level}.physicalcpu": cores}
    return found


def _intel(rates: Rates, at: Moment) -> dict[str, int]:
    level = int(100 * heat(rates, at))
    return {"machdep.xcpm.cpu_thermal_level": level, "machdep.xcpm.gpu_thermal_level": level // 2}
