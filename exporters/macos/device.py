"""What the buses have in common: a device as system_profiler reports it, its identity, what is told of it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from exporters.core.context import Context
from exporters.core.read import array, json, maybe, record, text
from exporters.sources.base import ParseError

Bus = Literal["usb", "bluetooth", "thunderbolt"]
_CODE = re.compile(r"(?:0[xX])?([0-9a-fA-F]{1,4})(?![0-9a-zA-Z])")
_SPEED = re.compile(r"([0-9]{1,4}(?:[.,][0-9]{1,3})?)\s*([KMG])b/s\Z")
_BYTES = {"K": 1e3 / 8, "M": 1e6 / 8, "G": 1e9 / 8}
_POSSESSIVE = re.compile("['\u2019\u02bc\u2018\uff07`\u00b4]")


@dataclass(frozen=True, slots=True)
class Device:
    """One device. Ids read `0x05ac`; `serial` is what no other unit has, `place` where it is plugged in.

    `product` is what its vendor calls it, `name` what a person does; `kind` is the `class` of labels and policies.
    """

    bus: Bus
    kind: str | None = None
    vendor_id: str | None = None
    product_id: str | None = None
    vendor: str | None = None
    product: str | None = None
    name: str | None = None
    builtin: bool | None = None
    apple: bool | None = None
    serial: str | None = None
    place: str | None = None

    @property
    def model(self) -> str:
        """What all units of a model share, without a name in it."""
        return ":".join(part for part in (self.vendor_id, self.product_id or self.kind) if part) or "unknown"

    @property
    def identity(self) -> str:
        """Survives another port where there is a serial, else a new plug into the same port.

        The model belongs to it: the parts of one unit share a serial. Not over Bluetooth, where an address has one
        device, and a report may leave out the ids.
        """
        if self.bus == "bluetooth" and self.serial:
            return self.serial
        model = (self.vendor_id or self.vendor, self.product_id or self.product)
        own = self.serial or self.place or self.name
        return ":".join(part or "" for part in (*model, own))


def numbered(names: Iterable[str]) -> Iterator[str]:
    """The same names, equal ones told apart by their position among them: `a`, `a#2`, `a#3`."""
    used: set[str] = set()
    for name in names:
        candidate, count = name, 1
        while candidate in used:
            count += 1
            candidate = f"{name}#{count}"
        used.add(candidate)
        yield candidate


def keys(devices: Sequence[Device], context: Context) -> tuple[str, ...]:
    """A hash of each identity, at every level: for what is remembered, not for what is told."""
    return tuple(context.hash(each) for each in numbered(device.identity for device in devices))


def labels(devices: Sequence[Device], context: Context) -> tuple[str, ...]:
    """The `device` label: the identity at `full`, its hash at `standard`; at `strict` the model, numbered."""
    if context.level == "full":
        return tuple(numbered(device.identity for device in devices))
    hashes = keys(devices, context)
    return hashes if context.level == "standard" else _models(devices, hashes)


def _models(devices: Sequence[Device], hashes: Sequence[str]) -> tuple[str, ...]:
    """Equal models numbered by their hashes: the order of a report changes, and a number must stay with its device."""
    order = sorted(range(len(devices)), key=lambda position: hashes[position])
    names = dict(zip(order, numbered(devices[position].model for position in order), strict=True))
    return tuple(names[position] for position in range(len(devices)))


def vendor_and_product(device: Device, context: Context) -> tuple[str, str]:
    """What the vendor wrote into the device. Below `full` a text that may hold a person's name is not told.

    The sign is an apostrophe ("Anna's phone"): such a vendor is left out, such a product becomes vendor and kind.
    Names that a person gave for certain are `Device.name` and told only at `full`.
    """
    vendor, product = device.vendor or "", device.product or ""
    if context.level == "full":
        return vendor, product
    vendor = "" if _POSSESSIVE.search(vendor) else vendor
    return vendor, f"{vendor} {device.kind or ''}".strip() if _POSSESSIVE.search(product) else product


def report(stdout: bytes, *types: str) -> Sequence[Mapping[str, Any]]:
    """The items of the first of these types that has any; none of the types at all is no report."""
    document = record(json(stdout))
    found = [array(document[name]) for name in types if name in document]
    if not found:
        raise ParseError(f"no {' or '.join(types)} in the report")
    return [record(item) for item in next(filter(None, found), ())]


def first(item: Mapping[str, Any], *names: str) -> str | None:
    """The first of these texts that is there and not blank."""
    return next(filter(None, (maybe(text, item.get(name)) for name in names)), None)


def code(value: str | None) -> str | None:
    """`0x05ac` from `0x05AC`, `5ac` or `0x05ac  (Apple Inc.)`; None from anything else."""
    found = _CODE.match(value or "")
    return f"0x{found[1].lower():0>4}" if found else None


def bytes_per_second(value: str | None) -> float | None:
    """From `480 Mb/s`; None from "Up to 40 Gb/s", which is what a port could do, and from forms never seen."""
    found = _SPEED.match(value or "")
    return float(found[1].replace(",", ".")) * _BYTES[found[2]] if found else None
