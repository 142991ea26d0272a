"""How long and until when, as people write and read it."""

import re
from datetime import datetime, timedelta

import click

LONGEST = timedelta(days=366)
UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_TEXT = re.compile("".join(rf"(?:(?P<{unit}>\d{{1,6}}){unit})?" for unit in UNITS) + r"\Z")


def duration(_: click.Context, __: click.Parameter, value: str) -> timedelta:
    """A duration as Prometheus writes it, more than nothing and at most a year."""
    parts = _TEXT.match(value)
    found = timedelta(seconds=sum(int(parts[unit] or 0) * each for unit, each in UNITS.items())) if parts else None
    if not found or found > LONGEST:
        raise click.BadParameter(f"{value!r} is no duration up to a year, such as 30m, 2h, 1d or 1h30m")
    return found


def span(time: timedelta) -> str:
    """Its largest unit and the next, such as `1d 4h`."""
    left = max(0, round(time.total_seconds()))
    units = [each for each in UNITS.items() if each[0] != "w"]
    first = next((at for at, (_, seconds) in enumerate(units) if left >= seconds), len(units) - 1)
    parts: list[str] = []
    for unit, seconds in units[first : first + 2]:
        parts.append(f"{left // seconds}{unit}" if left >= seconds or not parts else "")
        left %= seconds
    return " ".join(filter(None, parts))


def moment(when: datetime, now: datetime) -> str:
    """In the local zone; without the date where it is today."""
    local = when.astimezone()
    return f"{local:%H:%M}" if local.date() == now.astimezone().date() else f"{local:%Y-%m-%d %H:%M}"
