"""What a look at nlbwmon sees beside its numbers: which period they are of, and whether nlbwmon was started since.

The router's clock tells the period, /proc/uptime a boot, /proc/net/netlink nlbwmon's process.
"""

from collections.abc import Collection

import msgspec

from exporters.openwrt.nlbw import Counts, Reading
from exporters.openwrt.period import DAY, Clock, running

AGREEMENT = 300.0
"""Seconds by which the router's clock may differ from ours and still prove something."""
REFRESH = 30.0
AHEAD = 10.0
LONGEST_GRACE = 600.0
"""Seconds after a turn, at most, in which nlbwmon's refresh may be awaited."""


class Known(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A device: its counts, when it last grew or else came (Unix time), whether it has series of its own."""

    raw: Counts
    grown: float
    own: bool


class Observations(msgspec.Struct, frozen=True):
    """What outlives the process: what the last look saw, the latest period since the boot or nlbwmon's start and ever.

    `agreed` tells that the router's clock did with ours, `certain` that period and clock are those of this look.
    `listeners` are the sockets that stand for nlbwmon's process. `back` while the clock tells an earlier period than
    before. `doubted` is when something was in doubt last; since the period began, or the first contact, `sure` while
    nothing was, as nlbwmon may have been started by a wrong clock, and `whole` while no number fell either. `unshown`
    is growth that was accounted and not published yet.
    """

    begun: bool = False
    at: float = 0.0
    uptime: float | None = None
    interval: str = ""
    period: str = ""
    latest: str = ""
    highest: str = ""
    agreed: bool = False
    certain: bool = False
    listeners: tuple[str, ...] | None = None
    back: bool = False
    doubted: float = 0.0
    sure: bool = False
    whole: bool = False
    devices: dict[str, Known] = msgspec.field(default_factory=dict)
    unshown: dict[str, Counts] = msgspec.field(default_factory=dict)


def look(before: Observations, reading: Reading, now: float) -> Observations:
    """What this look sees. A period that cannot be told is the last known one, and proves nothing."""
    around, sure = reading.circumstances, _label(reading)
    told = around.settings.interval_text if around.settings.interval else before.interval
    same = told == before.interval
    period = sure if sure is not None else before.period if same else ""
    agreed = around.clock is not None and _agrees(around.clock, now)
    anew = not same or bool(period and is_anew(before, reading, now))
    # a clock that is right again has the last word, however far it had run ahead
    latest = period if anew or (agreed and sure) else max(before.latest, period)
    if not before.begun and (not agreed or _turning(reading, now)):
        period = latest = ""
    return Observations(
        begun=True,
        at=now,
        uptime=around.uptime,
        interval=told,
        period=period,
        latest=latest,
        highest=max(before.highest, sure or ""),
        agreed=agreed,
        certain=agreed and sure is not None,
        listeners=_listeners(before, reading, now),
        back=bool(sure) and not agreed and period < latest,
        doubted=now if before.begun and agreed != before.agreed else before.doubted,
    )


def _label(reading: Reading) -> str | None:
    """The running period: "" where there is no clock or no interval, None where the two do not tell it."""
    every, clock = reading.circumstances.settings.interval, reading.circumstances.clock
    return running(every, clock) if every is not None and clock is not None else ""


def _listeners(before: Observations, reading: Reading, now: float) -> tuple[str, ...] | None:
    """Those of this look; where it tells none, those of before, unless a boot ended them."""
    found = reading.circumstances.listeners
    if found is not None:
        return tuple(sorted(found))
    return None if is_rebooted(before, reading.circumstances.uptime, now) else before.listeners


def is_anew(before: Observations, reading: Reading, now: float) -> bool:
    """Whether the router or nlbwmon was, or may have been, started anew since the look before."""
    return is_rebooted(before, reading.circumstances.uptime, now) or is_restarted(
        before, reading.circumstances.listeners
    )


def is_rebooted(before: Observations, uptime: float | None, now: float) -> bool:
    """Whether it was, or may have been. A look may take some seconds until it hears the uptime."""
    if uptime is None:
        return before.uptime is not None
    return before.uptime is None or uptime < before.uptime or uptime <= now - before.at + AHEAD


def is_restarted(before: Observations, listeners: Collection[str] | None) -> bool:
    """Whether a socket that was there is gone."""
    return listeners is not None and not set(before.listeners or ()) <= set(listeners)


def is_same_process(before: Observations, reading: Reading, now: float) -> bool:
    """Whether nlbwmon is surely the process that it was, and thus holds the database that it held."""
    known = bool(before.listeners) and reading.circumstances.listeners is not None
    return known and not is_anew(before, reading, now)


def is_early(before: Observations, reading: Reading, now: float) -> bool:
    """Whether the next look can tell more, as a period may be turning."""
    return bool(before.period and _turning(reading, now))


def lacks_uptime(before: Observations, reading: Reading) -> bool:
    """Whether the time since the boot, which was known, is missing: the next look may have it again."""
    return before.uptime is not None and reading.circumstances.uptime is None


def _turning(reading: Reading, now: float) -> bool:
    clock = reading.circumstances.clock
    return clock is not None and _agrees(clock, now) and is_at_turn(reading)


def is_at_turn(reading: Reading) -> bool:
    """Nobody can say which period these numbers are of: nlbwmon turns at its next refresh only."""
    settings, clock = reading.circumstances.settings, reading.circumstances.clock
    if settings.interval is None or clock is None or not _label(reading):
        return False
    grace = min(2 * (settings.refresh or REFRESH) + AHEAD, LONGEST_GRACE)
    return settings.interval.label(clock.later(-grace)) != settings.interval.label(clock.later(AHEAD))


def may_have_turned(before: Observations, around: Observations, reading: Reading) -> bool:
    """Whether another period may have begun: soon after a clock was set, and unseen at some midnight UTC."""
    if before.at - before.doubted < LONGEST_GRACE:
        return True
    if _label(reading) is not None:
        return before.period != around.period
    same_day = (before.at - LONGEST_GRACE) // DAY == (around.at + LONGEST_GRACE) // DAY
    return not (same_day and before.agreed and around.agreed)


def _agrees(clock: Clock, now: float) -> bool:
    return abs(clock.seconds - now) <= AGREEMENT
