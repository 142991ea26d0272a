"""Accounting periods of nlbwmon: monthly from local midnight, or a number of days from midnight UTC (its timing.c).

A label is the date that nlbwmon gives a period, `YYYY-MM-DD`, and labels sort by time. Day 31 of a month that has
none is such a label too, as nlbwmon does not mind.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from exporters.sources.base import ParseError

DAY = 86_400
MOST_DAYS = 400
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
        today = _day(clock.seconds + clock.offset)
        if today.day < self._start(today.year, today.month):
            today = today.replace(day=1) - timedelta(days=1)
        day = self._start(today.year, today.month)
        if self.day <= 0:
            day = max(1, day)
        return f"{today.year:04}-{today.month:02}-{day:02}"

    def _start(self, year: int, month: int) -> int:
        return self.day if self.day > 0 else self.day + monthrange(year, month)[1]


@dataclass(frozen=True, slots=True)
class Days:
    """A number of days, counted from a first date; it turns at midnight UTC, its label is the local date then."""

    first: date
    length: int

    def label(self, clock: Clock) -> str:
        """The period at that time. Where the first date lies ahead it is rounded towards it, as C does."""
        today = int(clock.seconds // DAY)
        midnight = (self.first - date(1970, 1, 1)).days * DAY - clock.offset
        passed = today - midnight // DAY
        over = abs(passed) % self.length
        start = today - (over if passed >= 0 else -over)
        return _day(start * DAY + clock.offset).isoformat()


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


def closed_since(every: Interval, label: str, clock: Clock, most: int = 40) -> tuple[str, ...]:
    """`label` and the periods between it and the running one, oldest first; the newest `most` of them."""
    running = every.label(clock)
    found: list[str] = []
    for days in range(1, MOST_DAYS):
        each = every.label(clock.later(-days * DAY))
        if each <= label or len(found) >= most:
            break
        if each != running and each not in found:
            found.append(each)
    return (label, *reversed(found)) if label < running else ()


def _day(seconds: float) -> date:
    try:
        return datetime.fromtimestamp(seconds, UTC).date()
    except (ValueError, OverflowError, OSError) as error:
        raise ParseError("a clock beyond the calendar") from error
