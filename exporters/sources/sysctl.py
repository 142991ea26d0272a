"""The sysctls that the Mac collectors need, read by name through libc; unknown ones are absent.

Shape: `{name: text or number}`. `hw.memsize` is in bytes; `kern.boottime` and `kern.waketime` are Unix times, the
latter 0 while no wake is known; `kern.memorystatus_vm_pressure_level` is 1, 2 or 4; `hw.perflevelN.*` exist for each
level N. Follows Apple's headers and was not tried on a real Mac.
"""

import ctypes
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any

from exporters.sources.base import NotFound

Read = Callable[[str], bytes | None]
MOST = 1024
LEVELS = 8


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", errors="replace")


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def _time(data: bytes) -> float:
    """A `struct timeval` of a 64-bit Darwin: seconds in 8 bytes, microseconds in 4."""
    seconds, microseconds = struct.unpack_from("<qi", data)
    return float(seconds + microseconds / 1_000_000)


KINDS: Mapping[str, Callable[[bytes], Any]] = {
    "hw.model": _text,
    "hw.memsize": _number,
    "hw.optional.arm64": _number,
    "hw.logicalcpu_max": _number,
    "hw.nperflevels": _number,
    "machdep.cpu.brand_string": _text,
    "machdep.xcpm.cpu_thermal_level": _number,
    "machdep.xcpm.gpu_thermal_level": _number,
    "machdep.xcpm.io_thermal_level": _number,
    "kern.osproductversion": _text,
    "kern.osversion": _text,
    "kern.boottime": _time,
    "kern.waketime": _time,
    "kern.memorystatus_vm_pressure_level": _number,
    "sysctl.proc_translated": _number,
}


def sysctls() -> dict[str, Any]:
    """All of them on this Mac; NotFound elsewhere."""
    if sys.platform != "darwin":
        raise NotFound("only macOS has these sysctls")
    return decoded(_reader())


def decoded(read: Read) -> dict[str, Any]:
    """What `read` has of the table and of the performance levels."""
    found = {name: kind(data) for name, kind in KINDS.items() if (data := read(name))}
    for level in range(min(found.get("hw.nperflevels", 0), LEVELS)):
        for part, kind in (("name", _text), ("physicalcpu", _number)):
            name = f"hw.perflevel{level}.{part}"
            if data := read(name):
                found[name] = kind(data)
    return found


def _reader() -> Read:
    call = ctypes.CDLL(None).sysctlbyname
    size_p = ctypes.POINTER(ctypes.c_size_t)
    call.argtypes = (ctypes.c_char_p, ctypes.c_void_p, size_p, ctypes.c_void_p, ctypes.c_size_t)
    call.restype = ctypes.c_int

    def read(name: str) -> bytes | None:
        data, size = ctypes.create_string_buffer(MOST), ctypes.c_size_t(MOST)
        told = call(name.encode(), data, ctypes.byref(size), None, 0) == 0
        return data.raw[: size.value] if told else None

    return read
