"""How answers of a router are read: whole lines only, each part alone, its clock."""

import re

from exporters.core import read
from exporters.openwrt.period import Clock
from exporters.sources.base import Output, ParseError

_DATE = re.compile(rb"([0-9]{1,11}) ([-+])([0-9]{2})([0-9]{2})\n?")
_WANDERING = 5.0
"""Seconds by which a moment may wander that is reckoned from two answers, each of which is a little late."""


def whole_lines(data: bytes) -> list[str]:
    """Text by line, of an answer that is never empty."""
    if not data:
        raise ParseError("an empty answer")
    return read.whole_lines(data)


def words(data: bytes) -> list[str]:
    """The words of the first line."""
    return whole_lines(data)[0].split()


def clock(output: Output) -> Clock:
    """The router's clock and zone (`date "+%s %z"`)."""
    found = _DATE.fullmatch(output.stdout)
    if not found:
        raise ParseError("a date that is not seconds and zone")
    seconds, sign, hours, minutes = found.groups()
    offset = int(hours) * 3_600 + int(minutes) * 60
    return Clock(float(seconds), -offset if sign == b"-" else offset)


def time(output: Output) -> float:
    """Unix time by that clock."""
    return clock(output).seconds


def steady(moment: float | None, before: float | None) -> float | None:
    """The moment as it was found before, unless it is another one."""
    same = moment is not None and before is not None and abs(moment - before) < _WANDERING
    return before if same else moment
