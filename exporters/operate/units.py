"""Values as people read them; the unit is what a metric's name ends with."""

import math
import time
from collections.abc import Callable

from exporters.core.metrics import Family

BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
DECIMAL = ("", "k", "M", "G", "T")
MINUTE, HOUR, DAY = 60, 3600, 86400
KIBI, KILO = 1024, 1000
EPOCH = 1e9
"""Seconds from which on they are no duration (31 years) but a Unix time."""


def human(family: Family, value: float) -> str:
    """The value in a unit for people; yes or no where HELP asks "whether"."""
    if not math.isfinite(value):
        return number(value)
    if family.help.startswith("Whether ") and value in {0, 1}:
        return "yes" if value else "no"
    return next((show(value) for suffix, show in UNITS.items() if _ends(family, suffix)), number(value))


def short(family: Family, topic: str) -> str:
    """The name without prefix, topic and unit, in words."""
    name = family.name.removesuffix("_total").removesuffix("_info")
    suffix = next((suffix for suffix in UNITS if name.endswith(suffix)), "")
    words = name.removesuffix(suffix)
    for prefix in ("macos_", "openwrt_", "pomona_", "host_", f"{topic}_", f"{topic.removesuffix('s')}_"):
        words = words.removeprefix(prefix)
    return words.replace("_", " ")


def _ends(family: Family, suffix: str) -> bool:
    return family.name.removesuffix("_total").endswith(suffix)


def number(value: float) -> str:
    """Thousands apart, four digits of a fraction."""
    if not math.isfinite(value):
        return str(value)
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"


def _bytes(value: float) -> str:
    if abs(value) < 10 * KIBI:
        return f"{value:,.0f} B"
    step = 0
    while abs(value) >= KIBI and step < len(BINARY) - 1:
        value, step = value / KIBI, step + 1
    return f"{value:.1f} {BINARY[step]}"


def _seconds(value: float) -> str:
    """Seconds below a minute, h:mm above, with days where there are some."""
    if value >= EPOCH:
        return _moment(value)
    if abs(value) < MINUTE:
        return f"{value:.3g} s"
    sign, minutes = "-" if value < 0 else "", round(abs(value) / MINUTE)
    days, minutes = divmod(minutes, DAY // MINUTE)
    clock = f"{minutes // 60}:{minutes % 60:02d} h"
    return f"{sign}{days} d {clock}" if days else f"{sign}{clock}"


def _moment(value: float) -> str:
    """A Unix time in the local zone."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(value))
    except (OverflowError, OSError, ValueError):  # beyond what the platform's calendar knows
        return number(value)


def _hertz(value: float) -> str:
    step = 0
    while abs(value) >= KILO and step < len(DECIMAL) - 1:
        value, step = value / KILO, step + 1
    return f"{value:.4g} {DECIMAL[step]}Hz"


def _of(unit: str, per: float = 1) -> Callable[[float], str]:
    return lambda value: f"{number(value / per)} {unit}"


UNITS: dict[str, Callable[[float], str]] = {
    "_timestamp_seconds": _moment,
    "_bytes_per_second": lambda value: f"{_bytes(value)}/s",
    "_seconds": _seconds,
    "_bytes": _bytes,
    "_ratio": lambda value: f"{value * 100:.3g} %",
    "_celsius": lambda value: f"{value:.1f} °C",
    "_watts": lambda value: f"{value:.2f} W",
    "_volts": lambda value: f"{value:.2f} V",
    "_amperes": lambda value: f"{value:.2f} A",
    "_coulombs": _of("mAh", per=3.6),
    "_joules": _of("Wh", per=HOUR),
    "_hertz": _hertz,
    "_rpm": _of("rpm"),
}
