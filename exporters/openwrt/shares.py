"""Who has series of its own: first come, while there is room; the others are added up in "other"."""

from collections.abc import Mapping

import msgspec

from exporters.openwrt.looks import Known
from exporters.openwrt.nlbw import NOTHING, ZERO, Counts, Devices
from exporters.openwrt.period import DAY

OTHER = "other"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Devices with series of their own, at most; days without growth after which one is hidden."""

    max_devices: int = 500
    hide_after_days: float = 35


def remembered(before: Mapping[str, Known], devices: Devices, growth: Devices, now: float) -> dict[str, Known]:
    """All bases: in the order in which devices came, as the first ones have series of their own."""
    found: dict[str, Known] = {}
    for mac, known in before.items():
        found[mac] = Known(devices.get(mac, NOTHING), now if mac in growth else known.grown, known.own)
    for mac in (*devices, *growth):
        if mac not in found:
            found[mac] = Known(devices.get(mac, NOTHING), now, own=False)
    return found


def owned(devices: Mapping[str, Known], limits: Limits, now: float) -> dict[str, Known]:
    """Who has series of its own: who had them and was active, then who came or grew while there is room."""
    oldest = now - limits.hide_after_days * DAY
    active = [mac for mac, known in devices.items() if known.own and known.grown >= oldest]
    owners = set(active[: limits.max_devices])
    found: dict[str, Known] = {}
    for mac, known in devices.items():
        own = mac in owners
        if not own and len(owners) < limits.max_devices and mac != ZERO and known.grown == now:
            owners.add(mac)
            own = True
        if own or any(known.raw):
            found[mac] = known if own == known.own else msgspec.structs.replace(known, own=own)
    return found


def added(totals: Mapping[str, Counts], growth: Devices, devices: Mapping[str, Known]) -> Mapping[str, Counts]:
    """The totals with what was grown: of each device that has series of its own, and of "other"."""
    found, rest = dict(totals), [totals.get(OTHER, NOTHING)]
    for mac, counts in growth.items():
        known = devices.get(mac)
        if known is not None and known.own:
            found[mac] = found.get(mac, NOTHING).plus(counts)
        else:
            rest.append(counts)
    if len(rest) > 1:
        found[OTHER] = Counts(*map(sum, zip(*rest, strict=True)))
    return found
