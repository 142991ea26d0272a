"""The person's own list of devices: `devices.yml` with name, category, group and quota by MAC address.

"3c:22:fb:10:20:01": { name: Anna's laptop, category: laptop, group: design, quota: { day: 5GB, month: 100GB } }
"""

import math
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct, field
from msgspec.structs import force_setattr

from exporters.core.errors import PersonError
from exporters.core.yamlfile import YamlFile
from exporters.openwrt.vendor import is_unicast

_DECIMAL = {f"{letter}B": 1000**power for power, letter in enumerate("kMGTP", 1)}
_BINARY = {f"{letter}iB": 1024**power for power, letter in enumerate("KMGTP", 1)}
_UNITS = _DECIMAL | _BINARY
_SIZE = rf"^(?=[0.]*[1-9])([0-9]{{1,9}}(?:\.[0-9]{{1,9}})?)({'|'.join(_UNITS)})\Z"
_MAC = re.compile(r"[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2}){4}", re.IGNORECASE)

Name = Annotated[
    str,
    Meta(
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z",
        description="a text of at most 100 characters without control characters",
    ),
]
if TYPE_CHECKING:
    Size = int | None
else:  # what may be written; Quota makes a number of it
    Size = (
        Annotated[int, Meta(gt=0, le=10**18, description="a whole number of bytes above 0")]
        | Annotated[str, Meta(pattern=_SIZE, description="a size such as 500MB, 1.5TB or 2GiB")]
        | None
    )


class DevicesError(PersonError):
    """A list of devices that cannot be used; says file, line and key."""


class Quota(Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes, both directions together, that a device may use in a calendar day and month; None for no limit."""

    day: Size = None
    month: Size = None

    def __post_init__(self) -> None:
        """What is written with a unit becomes bytes."""
        for period in self.__struct_fields__:
            force_setattr(self, period, _bytes(getattr(self, period)))


class Device(Struct, frozen=True, forbid_unknown_fields=True):
    """What a person says about a device; "" for what is not said."""

    name: Name = ""
    category: Name = ""
    group: Name = ""
    quota: Quota = field(default_factory=Quota)


Listed = Mapping[str, Device]
"""Devices by MAC address, in small letters and with colons."""


def listed(given: Mapping[str, Device]) -> Listed:
    """The devices by the one way of writing an address; ValueError, in one line, for what is none."""
    for key, what in _faults(given):
        raise ValueError(f"{key!r}: {what}")
    return {_plain(key): device for key, device in given.items()}


def load_devices(path: Path) -> Listed:
    """The list of the file; DevicesError names file, line and key. An empty file lists nobody."""
    wanted: type[Any] = dict[str, Device]
    file = YamlFile(path, wanted, _error)
    for key, what in _faults(file.value):
        raise file.fault((key,), what)
    return listed(file.value)


def _faults(given: Mapping[str, Device]) -> Iterator[tuple[str, str]]:
    seen: dict[str, str] = {}
    for key in given:
        mac = _plain(key)
        if not _MAC.fullmatch(key):
            yield key, "no MAC address; one is written 3c:22:fb:10:20:01"
        elif not is_unicast(mac):
            yield key, "a zero, multicast or broadcast address belongs to no device"
        elif mac in seen:
            yield key, f"the same address as {seen[mac]}"
        seen[mac] = key


def _plain(key: str) -> str:
    return key.lower().replace("-", ":")


def _bytes(size: int | str | None) -> int | None:
    """Part of a byte is a whole one, so that no limit becomes 0."""
    if not isinstance(size, str):
        return size
    found = re.match(_SIZE, size)
    if not found:
        raise ValueError(f"{size!r} is no size such as 500MB, 1.5TB or 2GiB")
    exact: Fraction = Fraction(found[1]) * _UNITS[found[2]]
    return math.ceil(exact)


def _error(text: str) -> DevicesError:
    """One line, whatever a key holds."""
    return DevicesError("".join(char if char.isprintable() else "?" for char in text))
