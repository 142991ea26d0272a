"""What a person asks: since when a device is known, what it used today and this month; who came, who went.

Days and months are those of a calendar, not nlbwmon's periods. Growth belongs to the day of the look that found it.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from itertools import product
from typing import Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

from exporters.openwrt.accumulator import OTHER, State

Change = Literal["new", "vanished"]
Tally = tuple[Change, bool]
"""A change, and whether the device is in devices.yml."""
TALLIES: tuple[Tally, ...] = tuple(product(get_args(Change), (True, False)))
DAY = 86_400.0


class Use(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A device: Unix time of the first look that had it, bytes in both directions in the day and in the month."""

    first: float
    day: int = 0
    month: int = 0


class Ledger(msgspec.Struct, frozen=True):
    """What outlives the process: the day that is being added up, the router's last offset from UTC, who used what.

    `gone` is the use of those that lost their series this month.
    """

    day: str = ""
    offset: int | None = None
    uses: dict[str, Use] = msgspec.field(default_factory=dict)
    gone: dict[str, Use] = msgspec.field(default_factory=dict)


def owners(state: State) -> list[str]:
    """The devices that have series of their own."""
    return [mac for mac, known in state.seen.devices.items() if known.own]


def growth(before: State, after: State) -> dict[str, int]:
    """Bytes in both directions by which each device, and "other", grew in the last look."""
    found: dict[str, int] = {}
    for name, counts in after.totals.items():
        last = before.totals.get(name)
        if counts is not last:
            found[name] = counts.rx_bytes + counts.tx_bytes - (last.rx_bytes + last.tx_bytes if last else 0)
    return found


def names(state: State) -> list[str]:
    """All whose use is added up: nobody before the first contact."""
    return [*owners(state), OTHER] if state.seen.begun else []


def on(before: Ledger, now: float, zone: ZoneInfo | None, offset: int | None) -> Ledger:
    """The ledger at the day of Unix time `now`, in a zone or, without one, at the router's offset from UTC in seconds.

    Without either no day is known, and nothing is added up.
    """
    offset = before.offset if offset is None else offset
    day = _day(before.day, now, zone, offset)
    if day == before.day:
        return Ledger(day, offset, before.uses, before.gone)
    same_month = day[:7] == before.day[:7]
    gone = _new_day(before.gone, same_month=True) if same_month else {}
    return Ledger(day, offset, _new_day(before.uses, same_month=same_month), gone)


def _new_day(uses: Mapping[str, Use], *, same_month: bool) -> dict[str, Use]:
    return {name: Use(use.first, 0, use.month if same_month else 0) for name, use in uses.items()}


def enter(before: Ledger, names: Collection[str], grown: Mapping[str, int], now: float) -> Ledger:
    """Adds the growth of a look at Unix time `now`; of who is not among the names only the month's use is kept."""
    uses: dict[str, Use] = {}
    for name in names:
        use = before.uses.get(name) or _come(before.gone.get(name), now)
        more = grown.get(name, 0) if before.day else 0
        uses[name] = Use(use.first, use.day + more, use.month + more) if more else use
    away = {**before.gone, **before.uses}
    gone = {name: use for name, use in away.items() if use.month and name not in uses}
    return Ledger(before.day, before.offset, uses, gone)


def _come(gone: Use | None, now: float) -> Use:
    return Use(now, gone.day, gone.month) if gone else Use(now)


def _day(before: str, now: float, zone: ZoneInfo | None, offset: int | None) -> str:
    """The date; where the clock goes back over midnight for an hour, as in some zones, the day stays what it was."""
    if zone is None and offset is None:
        return ""
    today = _date(now, zone, offset or 0)
    return before if today < before <= _date(now + DAY, zone, offset or 0) else today


def _date(now: float, zone: ZoneInfo | None, offset: int) -> str:
    local = datetime.fromtimestamp(now, zone) if zone else datetime.fromtimestamp(now + offset, UTC)
    return local.date().isoformat()


def changes(before: State, after: State, listed: Collection[str]) -> Counter[Tally]:
    """Who got series of its own and who lost them for not having grown; the first contact is no news."""
    found = Counter[Tally]()
    if before.seen.begun:
        had, have = set(owners(before)), set(owners(after))
        found.update(("new", mac in listed) for mac in have - had)
        found.update(("vanished", mac in listed) for mac in had - have)
    return found
