"""What an NVMe drive keeps about itself, from the two tools that read its health log: `diskutil` and `smartctl`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exporters.core.read import amount, maybe, number, record, text

DEVICE = re.compile(r"(disk\d{1,4})(?:s\d{1,4})*")
STATES = ("failing", "verified", "not_supported", "unknown")
"""The worst first: of several sources that tell of a disk this one counts."""
UNIT = 512_000
"""Bytes of a data unit: a thousand blocks of 512."""
HOUR = 3600
KELVIN = 273.15
COLDEST, HOTTEST = -40, 150
MOST_USED = 254
"""Percent; the drive says 255 for anything beyond."""
_WORDS = {
    "verified": "verified",
    "failing": "failing",
    "about to fail": "failing",
    "not supported": "not_supported",
}


@dataclass(frozen=True, slots=True)
class Smart:
    """Ratios, bytes, seconds, numbers and celsius; None for what the drive does not tell."""

    wear: float | None = None
    spare: float | None = None
    spare_threshold: float | None = None
    read: float | None = None
    written: float | None = None
    powered: float | None = None
    cycles: float | None = None
    unsafe_shutdowns: float | None = None
    media_errors: float | None = None
    celsius: float | None = None


def whole(identifier: Any) -> str | None:
    """`disk0` from `disk0s2`; None from anything that is no name of the kernel."""
    found = DEVICE.fullmatch(identifier) if isinstance(identifier, str) else None
    return found[1] if found else None


def status(word: Any) -> str:
    """One of `STATES`, from the word of `diskutil` and `system_profiler`; also where there is none."""
    return _WORDS.get((maybe(text, word) or "").lower(), "unknown")


def worst(*states: str) -> str:
    """What counts where several sources tell of one disk."""
    return min(states, key=STATES.index)


def of_diskutil(log: Mapping[str, Any]) -> Smart:
    """`SMARTDeviceSpecificKeysMayVaryNotGuaranteed`: 128-bit numbers in two words, kelvin, hours, percent."""
    kelvin = maybe(number, log.get("TEMPERATURE"))
    return Smart(
        wear=_ratio(log.get("PERCENTAGE_USED"), MOST_USED),
        spare=_ratio(log.get("AVAILABLE_SPARE")),
        spare_threshold=_ratio(log.get("AVAILABLE_SPARE_THRESHOLD")),
        read=_joined(log, "DATA_UNITS_READ", UNIT),
        written=_joined(log, "DATA_UNITS_WRITTEN", UNIT),
        powered=_joined(log, "POWER_ON_HOURS", HOUR),
        cycles=_joined(log, "POWER_CYCLES"),
        unsafe_shutdowns=_joined(log, "UNSAFE_SHUTDOWNS"),
        media_errors=_joined(log, "MEDIA_ERRORS"),
        celsius=None if kelvin is None else _celsius(round(kelvin - KELVIN, 2)),
    )


def of_smartctl(log: Mapping[str, Any]) -> Smart:
    """`nvme_smart_health_information_log`: whole numbers, celsius, hours, percent."""
    return Smart(
        wear=_ratio(log.get("percentage_used"), MOST_USED),
        spare=_ratio(log.get("available_spare")),
        spare_threshold=_ratio(log.get("available_spare_threshold")),
        read=_times(log.get("data_units_read"), UNIT),
        written=_times(log.get("data_units_written"), UNIT),
        powered=_times(log.get("power_on_hours"), HOUR),
        cycles=_times(log.get("power_cycles")),
        unsafe_shutdowns=_times(log.get("unsafe_shutdowns")),
        media_errors=_times(log.get("media_errors")),
        celsius=_celsius(maybe(number, log.get("temperature"))),
    )


def measured(smart: Smart) -> Smart:
    """A drive that runs was powered up once: a log of nothing but zeros is one that nobody filled in."""
    return smart if any(getattr(smart, name) for name in Smart.__slots__) else Smart()


def passed(document: Mapping[str, Any]) -> str:
    """The verdict in a document of `smartctl -j`."""
    verdict = (maybe(record, document.get("smart_status")) or {}).get("passed")
    return {True: "verified", False: "failing"}[verdict] if isinstance(verdict, bool) else "unknown"


def _ratio(percent: Any, most: float = 100) -> float | None:
    value = maybe(number, percent)
    return value / 100 if value is not None and 0 <= value <= most else None


def _joined(log: Mapping[str, Any], name: str, unit: float = 1) -> float | None:
    """`NAME_0` is the low word of 64 bits, `NAME_1` the high one, which may be left out."""
    low, high = maybe(amount, log.get(f"{name}_0")), maybe(amount, log.get(f"{name}_1"))
    return None if low is None else (low + (high or 0) * 2.0**64) * unit


def _times(value: Any, unit: float = 1) -> float | None:
    found = maybe(amount, value)
    return None if found is None else found * unit


def _celsius(value: float | None) -> float | None:
    """0 kelvin is what a drive says that does not measure."""
    return value if value is not None and COLDEST <= value <= HOTTEST else None
