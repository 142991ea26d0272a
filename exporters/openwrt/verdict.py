"""What a look means for nlbwmon's numbers: growth, a new period, a fall, or nothing that could be trusted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal, get_args

from exporters.openwrt.looks import (
    Observations,
    is_rebooted,
    is_restarted,
    is_same_process,
    may_have_turned,
)
from exporters.openwrt.nlbw import NOTHING, Counts, Devices, Reading

Cause = Literal["rollover", "rollback", "eviction", "reboot", "restart", "clock", "settings"]
CAUSES: tuple[Cause, ...] = get_args(Cause)
SETTLED = 600.0
"""Seconds after a boot in which the clock may still be set, and nlbwmon hold the period of a wrong one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What counts: growth above `bases` (None: nothing at all), or `more` in full; the cause of a correction.

    `connections` unless this may be a new period, in which those that stayed open are counted anew. With `wait` the
    look is put off, as a later one can tell more.
    """

    cause: Cause | None
    bases: Devices | None
    more: tuple[Devices, ...] = ()
    connections: bool = True
    wait: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """From one look to the next: the two, the bases and the numbers above them, how many devices fell."""

    before: Observations
    around: Observations
    reading: Reading
    bases: Devices
    devices: Devices
    fell: int

    @property
    def turned(self) -> bool:
        """Whether the period is another one than before, and both are known."""
        return bool(self.before.period and self.around.period) and self.before.period != self.around.period

    @property
    def rebooted(self) -> bool:
        """Whether the router was."""
        return is_rebooted(self.before, self.around.uptime, self.around.at)

    @property
    def anew(self) -> bool:
        """Whether these numbers may have been read from a file since."""
        return self.rebooted or is_restarted(self.before, self.reading.circumstances.listeners)


def judge(before: Observations, around: Observations, reading: Reading, *, patient: bool) -> Verdict:
    """What this look means for the numbers of the one before; `patient` while records of closed periods may come."""
    devices = reading.traffic.devices if reading.traffic else {}
    bases = {mac: known.raw for mac, known in before.devices.items()}
    change = Change(before, around, reading, bases, devices, _fell(devices, bases))
    doubt = _doubt(change)
    if doubt is not None:
        return _doubted(change, doubt)
    if change.turned and patient and None in reading.closed.values():
        return Verdict(None, None, wait=True)
    return _trusted(change)


def _doubt(change: Change) -> Cause | None:
    """Why these numbers may be of another database than the last ones."""
    before, around = change.before, change.around
    if before.interval and around.interval != before.interval:
        return "settings"
    proven = before.certain and around.certain and before.period == before.latest
    if around.back or (change.turned and not proven):
        return "clock"
    empty = change.turned and (around.uptime or 0) >= SETTLED and around.period > before.highest
    if not change.anew or empty:
        return None
    if change.rebooted:
        return "rollback" if change.fell else "reboot"
    return "restart"


def _doubted(change: Change, doubt: Cause) -> Verdict:
    """The bases move. A clock that went back is one correction, and as long as nothing falls all can wait for it."""
    if doubt != "clock" or not change.around.back or change.fell:
        return Verdict(doubt, None)
    wait = is_same_process(change.before, change.reading, change.around.at)
    return Verdict(None if change.before.back else doubt, None, wait=wait)


def _trusted(change: Change) -> Verdict:
    before, around, devices, bases = change.before, change.around, change.devices, change.bases
    same = not may_have_turned(before, around, change.reading)
    if not change.fell:
        return _turned(change) if _is_over(change) else Verdict(None, bases, connections=same)
    goes_on = not change.anew and _goes_on(devices, bases, change.fell, most=not before.sure)
    if change.turned and not goes_on:
        return _turned(change)
    sure = bool(around.period) and before.certain and around.certain and goes_on
    return Verdict(_why_lower(devices, bases), bases, connections=same and sure)


def _goes_on(devices: Devices, bases: Devices, fell: int, *, most: bool = False) -> bool:
    """Whether most devices have the bytes that they had: in a new period, which begins at 0, as good as none has.

    With `most` it is enough that most did not fall.
    """
    busy = [mac for mac, base in bases.items() if base.rx_bytes or base.tx_bytes]
    return (most and len(busy) >= 2 * fell) or sum(devices.get(mac) == bases[mac] for mac in busy) > fell


def _is_over(change: Change) -> bool:
    """Whether a proven turn, after which each number is above its old height, shows all the same.

    The record of the old period goes on where we were, no device stands still, and the running period is lower than
    the newest record.
    """
    old = change.reading.closed.get(change.before.period)
    if not change.turned or change.anew or not change.before.whole or not old:
        return False
    if _goes_on(change.devices, change.bases, 0) or _fell(old, change.bases):
        return False
    newest = max(((label, each) for label, each in _records(change) if each), key=itemgetter(0))[1]
    lower = _fell(change.devices, newest)
    return lower > 0 and not _goes_on(change.devices, newest, lower)


def _fell(devices: Devices, bases: Devices) -> int:
    """How many devices are below their bases."""
    return sum(devices.get(mac, NOTHING).fell(base) for mac, base in bases.items())


def _records(change: Change) -> Iterator[tuple[str, Devices]]:
    """The closed periods that are known, from the old one on."""
    for label, devices in change.reading.closed.items():
        if devices is not None and change.before.period <= label < change.around.period:
            yield label, devices


def _turned(change: Change) -> Verdict:
    """A proven new period: all that it and those skipped hold, and the rest of the old one.

    One that a wrong clock had shown before may hold what was counted then.

    After a start the old one may have gone on from another commit than was last seen, and by a wrong clock in another
    file: its rest is not known.
    """
    before, records = change.before, dict(_records(change))
    rest = records.get(before.period, {}) if before.sure and not change.anew else {}
    skipped = [devices for label, devices in records.items() if label > max(before.period, before.highest)]
    new = tuple(without_connections(devices) for devices in (*skipped, change.devices))
    return Verdict("rollover", {}, (above(rest, change.bases), *new))


def _why_lower(devices: Devices, bases: Devices) -> Cause:
    """A full database drops a record to take another, so that some device has more connections than before."""
    grew = any(counts.connections > bases.get(mac, NOTHING).connections for mac, counts in devices.items())
    return "eviction" if grew else "rollback"


def growth(verdict: Verdict, devices: Devices) -> Devices:
    """What each device grew by, by the verdict on its numbers."""
    if verdict.bases is None:
        return {}
    if verdict.cause != "rollover":
        grown = above(devices, verdict.bases)
        return grown if verdict.connections else without_connections(grown)
    found: dict[str, Counts] = {}
    for part in verdict.more:
        for mac, counts in part.items():
            if counts != NOTHING:
                found[mac] = found.get(mac, NOTHING).plus(counts)
    return found


def without_connections(devices: Devices) -> Devices:
    """The same devices with bytes and packets alone."""
    return {mac: Counts(0, *counts[1:]) for mac, counts in devices.items()}


def above(devices: Mapping[str, Counts], bases: Devices) -> Devices:
    """What lies above the bases, of those devices that have such."""
    grown: dict[str, Counts] = {}
    for mac, counts in devices.items():
        base = bases.get(mac, NOTHING)
        if counts != base and (more := counts.above(base)) != NOTHING:
            grown[mac] = more
    return grown
