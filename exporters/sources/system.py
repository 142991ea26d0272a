"""Facts of the running system as JSON: one table of their names, each with its function and its shape.

Bytes, seconds and Unix times unless told otherwise:

- `load`: `[1 minute, 5 minutes, 15 minutes]`
- `cpu_times`: `{mode: seconds}` summed over the cores; on Linux `user` holds `guest`, and `nice` holds `guest_nice`
- `cpu_times_per_core`: a list of such dictionaries, in the order of the cores
- `cpu_count`: logical processors
- `memory`: `{total, available, free, ...}`, on Linux with `buffers, cached`, on macOS with `active, inactive, wired`
- `swap`: `{total, used, free}`, on Linux with `sin, sout` since boot
- `disk_io`: `{device: {read_count, write_count, read_bytes, write_bytes, read_time, write_time}}`, times in ms;
  partitions and virtual devices stand beside whole disks
- `filesystems`: `[{device, mountpoint, fstype, options, size, free, available, files, files_free}]`, with `error` in
  place of the numbers where they cannot be had; only mounts that are local by their type
- `network`: `{interface: {bytes_recv, bytes_sent, packets_recv, packets_sent, errin, errout, dropin, dropout, up, mtu,
  speed}}`; `speed` in Mbit/s, 0 when unknown; no `dropout` on macOS, where nobody counts them
- `addresses`: `{interface: {mac: text, ipv4: [text], ipv6: [text]}}`; `mac` in lower case with colons and only where
  there is one; IPv6 addresses may end in `%interface`
- `console`: `{uid: number}`, the user who sits at the screen, 0 where nobody is logged in; macOS only
- `processes`: `{states: {state: count}, threads: count}`; no `threads` unless every process could be asked
- `boot_time`: a Unix time
- `clocks`: `{now, elapsed, awake}`: Unix time, seconds since boot with and without sleep
- `sysctl`: macOS only, see `exporters.sources.sysctl`

The macOS side of this table follows psutil's code and documentation and was not tried on a real Mac.
"""

import os
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from exporters.sources.base import Denied, Failed, NotFound, SourceError
from exporters.sources.clocks import clock_ids
from exporters.sources.sysctl import sysctls

LOCAL = frozenset(
    {"apfs", "hfs", "exfat", "msdos", "ntfs", "ufs", "udf"}
    | {"ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "bcachefs", "vfat", "ntfs3"}
)
IN_MEMORY = frozenset({"tmpfs", "ramfs", "devtmpfs", "devfs", "overlay", "squashfs", "proc", "sysfs"})


class Mount(NamedTuple):
    """One line of the table of mounts, as psutil's `disk_partitions` gives it."""

    device: str
    mountpoint: str
    fstype: str
    opts: str


def facts(name: str) -> Any:
    """The fact of that name, never None; NotFound where this system has none."""
    fact = FACTS.get(name)
    if fact is None:
        raise NotFound(f"no fact is called {name!r}")
    return told(fact)


def told(fact: Callable[[], Any]) -> Any:
    """What it returns; all that it raises as the typed errors of a source."""
    try:
        value = fact()
    except SourceError:
        raise
    except (PermissionError, psutil.AccessDenied) as error:
        raise Denied(str(error)) from error
    except FileNotFoundError as error:
        raise NotFound(f"this system does not tell: {error}") from error
    except Exception as error:  # psutil lets OSError, RuntimeError, SystemError and ValueError through
        # by a subclass of RuntimeError it says that a system has no such fact
        unsupported = isinstance(error, RuntimeError) and type(error) is not RuntimeError
        raise (NotFound if unsupported else Failed)(f"{type(error).__name__}: {error}") from error
    if value is None:
        raise NotFound("this system does not tell")
    return value


def _load() -> list[float]:
    return list(psutil.getloadavg())


def _cpu_times() -> dict[str, float]:
    return psutil.cpu_times()._asdict()


def _cpu_times_per_core() -> list[dict[str, float]]:
    return [each._asdict() for each in psutil.cpu_times(percpu=True)]


def _memory() -> dict[str, int]:
    return _without(psutil.virtual_memory()._asdict(), "percent")


def _swap() -> dict[str, int]:
    """On Darwin psutil's `sin` and `sout` are page-ins and page-outs of every kind, so they are left out there."""
    swap = _without(psutil.swap_memory()._asdict(), "percent")
    return _without(swap, "sin", "sout") if sys.platform == "darwin" else swap


def _disk_io() -> dict[str, dict[str, int]]:
    """Plain counters: psutil's own handling of wraps would keep them for ever and add what Prometheus sees anyway."""
    devices = psutil.disk_io_counters(perdisk=True, nowrap=False)
    return {_text(device): counters._asdict() for device, counters in devices.items()}


def _filesystems() -> list[dict[str, Any]]:
    return [_measured(mount) for mount in touchable(psutil.disk_partitions(all=True))]


def touchable(mounts: Iterable[Any]) -> Iterator[Mount]:
    """The mounts that may be asked for their sizes: local by type, on top, and not below one that may hang."""
    top = {mount.mountpoint: Mount(mount.device, mount.mountpoint, mount.fstype, mount.opts) for mount in mounts}
    foreign = (path for path, mount in top.items() if mount.fstype not in LOCAL | IN_MEMORY)
    hanging = tuple(f"{path}/" for path in foreign if path != "/")
    for mount in top.values():
        if mount.fstype in LOCAL and not mount.mountpoint.startswith(hanging):
            yield mount


def _measured(mount: Mount) -> dict[str, Any]:
    described = {
        "device": _text(mount.device),
        "mountpoint": _text(mount.mountpoint),
        "fstype": _text(mount.fstype),
        "options": _text(mount.opts),
    }
    try:
        found = os.statvfs(mount.mountpoint)
    except OSError as error:
        return {**described, "error": error.strerror or str(error)}
    sizes = {"size": found.f_blocks, "free": found.f_bfree, "available": found.f_bavail}
    files = {"files": found.f_files, "files_free": found.f_ffree}
    return described | {name: blocks * found.f_frsize for name, blocks in sizes.items()} | files


def _network() -> dict[str, dict[str, Any]]:
    stats = psutil.net_if_stats()
    counters = psutil.net_io_counters(pernic=True, nowrap=False)
    unknown = ("dropout",) if sys.platform == "darwin" else ()
    return {_text(name): _without(each._asdict(), *unknown) | _link(stats.get(name)) for name, each in counters.items()}


def _link(stats: Any) -> dict[str, Any]:
    return {} if stats is None else {"up": stats.isup, "mtu": stats.mtu, "speed": stats.speed}


def _addresses() -> dict[str, dict[str, Any]]:
    return {_text(name): _by_kind(found) for name, found in psutil.net_if_addrs().items()}


def _by_kind(found: Iterable[Any]) -> dict[str, Any]:
    kinds: dict[int, list[str]] = {}
    for each in found:
        kinds.setdefault(each.family, []).append(_text(each.address))
    link = kinds.get(psutil.AF_LINK, ())
    mac = {"mac": link[0].lower().replace("-", ":")} if link else {}
    return {**mac, "ipv4": kinds.get(socket.AF_INET, []), "ipv6": kinds.get(socket.AF_INET6, [])}


def _console() -> dict[str, int]:
    """Whoever logs in at the screen owns the console."""
    if sys.platform != "darwin":
        raise NotFound("only macOS tells")
    return {"uid": Path("/dev/console").stat().st_uid}


def _processes() -> dict[str, Any]:
    """Counts by state; a process that ends while it is asked does not count. PID 0 is the kernel of a Mac."""
    states: Counter[str] = Counter()
    threads: int | None = 0
    for process in psutil.process_iter(["status", "num_threads"]):
        state, each = process.info["status"] or "unknown", process.info["num_threads"]
        states[state] += 1
        if state != psutil.STATUS_ZOMBIE and process.pid:
            threads = None if threads is None or each is None else threads + each
    psutil.process_iter.cache_clear()
    return {"states": dict(states)} | ({} if threads is None else {"threads": threads})


def _clocks() -> dict[str, float]:
    elapsed, awake = clock_ids()
    return {"now": time.time(), "elapsed": time.clock_gettime(elapsed), "awake": time.clock_gettime(awake)}


def _without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def _text(name: str) -> str:
    """Names of mounts and interfaces are bytes to the kernel; what is no UTF-8 is replaced."""
    return os.fsencode(name).decode("utf-8", errors="replace")


FACTS: Mapping[str, Callable[[], Any]] = {  # the one table; the shapes stand above
    "load": _load,
    "cpu_times": _cpu_times,
    "cpu_times_per_core": _cpu_times_per_core,
    "cpu_count": psutil.cpu_count,
    "memory": _memory,
    "swap": _swap,
    "disk_io": _disk_io,
    "filesystems": _filesystems,
    "network": _network,
    "addresses": _addresses,
    "console": _console,
    "processes": _processes,
    "boot_time": psutil.boot_time,
    "clocks": _clocks,
    "sysctl": sysctls,
}
