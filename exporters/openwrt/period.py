"""Accounting periods of nlbwmon: monthly from local midnight, or a number of days from midnight UTC (its timing.c).

A label is the date that nlbwmon gives a period, `YYYY-MM-DD`, and labels sort by time. Day 31 of a month that has
none is such a label too, as nlbwmon does not mind.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from exporters.sources.base import ParseError

DAY = 86_400
HOUR = 3_600
EPOCH = date(1970, 1, 1)
MOST_DAYS = 400
MOST_PERIODS = 40
_DAYS = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})/(\d{1,4})\Z")
_MONTHLY = re.compile(r"[-+]?\d{1,2}\Z")


@dataclass(frozen=True, slots=True)
class Clock:
    """The router's clock: Unix seconds, and its zone's offset from UTC in seconds."""

    seconds: float
    offset: int = 0

    def later(self, seconds: float) -> "Clock":
        """The same clock some seconds later, or earlier below zero."""
        return Clock(self.seconds + seconds, self.offset)


@dataclass(frozen=True, slots=True)
class Monthly:
    """From one day of the month on; zero and below count from its end: -1 is day 30 of 31."""

    day: int

    def label(self, clock: Clock) -> str:
        """The period at that time."""
        year, month, day = self._begun(clock)
        return f"{year:04}-{month:02}-{day:02}"

    def start(self, clock: Clock) -> int:
        """When that period began, by the zone of today: day 31 of a month that has 30 is the day after."""
        year, month, day = self._begun(clock)
        return ((date(year, month, 1) - EPOCH).days + day - 1) * DAY - clock.offset

    def _begun(self, clock: Clock) -> tuple[int, int, int]:
        today = _day(clock.seconds + clock.offset)
        if today.day < self._start(today.year, today.month):
            today = today.replace(day=1) - timedelta(days=1)
        day = self._start(today.year, today.month)
        return today.year, today.month, day if self.day > 0 else max(1, day)

    def _start(self, year: int, month: int) -> int:
        return self.day if self.day > 0 else self.day + monthrange(year, month)[1]


@dataclass(frozen=True, slots=True)
class Days:
    """A number of days, counted from a first date; it turns at midnight UTC, its label is the local date then."""

    first: date
    length: int

    def label(self, clock: Clock) -> str:
        """The period at that time."""
        return _day(self.start(clock) + clock.offset).isoformat()

    def start(self, clock: Clock) -> int:
        """When that period began. Where the first date lies ahead it is rounded towards it, as C does."""
        today = int(clock.seconds // DAY)
        midnight = (self.first - EPOCH).days * DAY - clock.offset
        passed = today - midnight // DAY
        over = abs(passed) % self.length
        return (today - (over if passed >= 0 else -over)) * DAY


Interval = Monthly | Days


def interval(text: str) -> Interval:
    """Reads uci's `database_interval`: a day of the month such as `1` or `-2`, or `YYYY-MM-DD/DAYS`."""
    days = _DAYS.match(text)
    try:
        if days:
            year, month, day, length = (int(each) for each in days.groups())
            if length == 0:
                raise ParseError("a database interval of 0 days")
            return Days(date(year, month, day), length)
    except ValueError as error:
        raise ParseError("a database interval from a date that does not exist") from error
    if not _MONTHLY.match(text) or not -31 <= int(text) <= 31:  # noqa: PLR2004 - days of the longest month
        raise ParseError("a database interval that is neither a day of the month nor DATE/DAYS")
    return Monthly(int(text))


class Set(Protocol):
    """Settings that know the interval of the periods, or do not."""

    @property
    def interval(self) -> Interval | None:
        """How long a period is, and when it begins."""


def period_start(settings: Set, clock: Clock | None) -> float | None:
    """Unix time at which the running period began; None where interval, clock or label are not known."""
    if settings.interval is None or clock is None or running(settings.interval, clock) is None:
        return None
    return settings.interval.start(clock)


def running(every: Interval, clock: Clock) -> str | None:
    """The period at that time; None where it hangs on summer time.

    nlbwmon counts days from the first date by the offset that its zone had then, which may be an hour off today's.
    """
    label = every.label(clock)
    if isinstance(every, Monthly) or every.length == 1:
        return label
    near = {every.label(Clock(clock.seconds, clock.offset + more)) for more in (-HOUR, HOUR)}
    return label if near == {label} else None


def closed_since(every: Interval, label: str, clock: Clock) -> tuple[str, ...]:
    """`label` and the periods between it and the running one, oldest first; where they are too many, the newest."""
    running = every.label(clock)
    found: dict[str, None] = {}
    for days in range(1, MOST_DAYS):
        each = every.label(clock.later(-days * DAY))
        if each <= label or len(found) == MOST_PERIODS - 1:
            break
        if each != running:
            found[each] = None
    return (label, *reversed(found)) if label < running else ()


def _day(seconds: float) -> date:
    try:
        return datetime.fromtimestamp(seconds, UTC).date()
    except (ValueError, OverflowError, OSError) as error:
        raise ParseError("a clock beyond the calendar") from error
