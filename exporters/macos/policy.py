"""Which devices are allowed: the rules of `policy`, matched before anything is hidden."""

import re
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from exporters.core.context import Context
from exporters.macos.device import Bus, Device, code, labels, vendor_and_product

Verdict = Literal["true", "false", "unknown"]
VERDICTS: tuple[Verdict, ...] = ("true", "false", "unknown")
_ID = re.compile(r"(0[xX])?[0-9a-fA-F]{1,4}\Z")
_HASH = re.compile(r"[0-9a-f]{12}\Z")


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Allows a device that fits all that the rule names. Ids are hexadecimal, `"0x05ac"` or `"05ac"`.

    `serial_hash` is the keyed hash of a USB serial number, Bluetooth address or Thunderbolt UID, as events show it.
    """

    bus: Bus | None = None
    vendor_id: str | int | None = None
    product_id: str | int | None = None
    class_: str | None = msgspec.field(default=None, name="class")
    builtin: bool | None = None
    apple: bool | None = None
    serial_hash: str | int | None = None

    def __post_init__(self) -> None:
        """Refuses rules that would allow everything, nothing, or something else than they seem to."""
        if all(getattr(self, field) is None for field in self.__struct_fields__):
            raise ValueError(
                "a rule names at least one of bus, vendor_id, product_id, class, builtin, apple, serial_hash"
            )
        _check("vendor_id", self.vendor_id, _ID, 'up to 4 hexadecimal digits in quotes, such as "0x05ac"')
        _check("product_id", self.product_id, _ID, 'up to 4 hexadecimal digits in quotes, such as "0x0267"')
        _check("serial_hash", self.serial_hash, _HASH, "12 lower-case hexadecimal digits in quotes")
        if self.product_id is not None and self.vendor_id is None:
            raise ValueError("product_id needs a vendor_id: other vendors use the same number")

    def allows(self, device: Device, context: Context) -> bool:
        """Whether the device fits everything that the rule names; what the device does not tell fits nothing."""
        wanted: tuple[tuple[Any, Any], ...] = (
            (self.bus, device.bus),
            (_code(self.vendor_id), device.vendor_id),
            (_code(self.product_id), device.product_id),
            (_folded(self.class_), _folded(device.kind)),
            (self.builtin, device.builtin),
            (self.apple, device.apple),
            (self.serial_hash, serial_hash(device, context)),
        )
        return all(rule is None or rule == fact for rule, fact in wanted)


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is allowed; everything else is not."""

    allow: tuple[Rule, ...]


class Peripherals(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of usb, bluetooth, thunderbolt and peripherals. Without a policy every verdict is `unknown`."""

    policy: Policy | None = None


def _check(field: str, value: str | int | None, form: re.Pattern[str], meant: str) -> None:
    # YAML reads 1050 as a number, and nobody knows whether that was meant decimal or hexadecimal
    if value is not None and not (isinstance(value, str) and form.match(value)):
        raise ValueError(f"{field}: {value!r} is not {meant}")


def _code(value: str | int | None) -> str | None:
    return None if value is None else code(str(value))


def _folded(value: str | None) -> str | None:
    return None if value is None else value.strip().casefold()


def serial_hash(device: Device, context: Context) -> str | None:
    """The keyed hash that policies name, or None for a device without a serial."""
    return context.hash(device.serial) if device.serial else None


def verdict(device: Device, policy: Policy | None, context: Context) -> Verdict:
    """Whether a rule allows the device; `unknown` where there is no policy."""
    if policy is None:
        return "unknown"
    return "true" if any(rule.allows(device, context) for rule in policy.allow) else "false"


def facts(devices: Sequence[Device], context: Context) -> tuple[dict[str, str], ...]:
    """All that is told of each device at this privacy level, with the verdict; empty where nothing is known."""
    policy = context.config.policy if isinstance(context.config, Peripherals) else None
    return tuple(
        _facts(device, label, verdict(device, policy, context), context)
        for device, label in zip(devices, labels(devices, context), strict=True)
    )


def _facts(device: Device, label: str, authorized: Verdict, context: Context) -> dict[str, str]:
    vendor, product = vendor_and_product(device, context)
    return {
        "device": label,
        "vendor_id": device.vendor_id or "",
        "product_id": device.product_id or "",
        "vendor": vendor,
        "product": product,
        "name": context.personal(device.name),
        "class": device.kind or "",
        "builtin": _word(device.builtin),
        "apple": _word(device.apple),
        "authorized": authorized,
        "serial_hash": "" if context.level == "strict" else serial_hash(device, context) or "",
    }


def _word(value: bool | None) -> str:
    return "" if value is None else str(value).lower()
