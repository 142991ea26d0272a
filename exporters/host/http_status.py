"""Which HTTP statuses a configuration calls good: one, or a list of codes and ranges."""

import re

from exporters.sources.quoted import quoted

Status = int | str | tuple[int | str, ...]
USUAL = range(200, 300)
_RANGE = re.compile(r"([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?\Z")


def statuses(given: Status) -> tuple[range, ...]:
    """The ranges that are meant; a ValueError where there is none that an answer can have."""
    return tuple(_range(each) for each in (given if isinstance(given, tuple) else (given,))) or (USUAL,)


def is_good(given: Status, status: float) -> bool:
    """Whether an answer is good; 200 to 299 are where nothing is given."""
    return any(status in each for each in statuses(given))


def _range(given: int | str) -> range:
    found = _RANGE.match(str(given))
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if last < first:
        raise ValueError(f"status is codes and ranges such as 200-299, not {quoted(str(given))}")
    return range(first, last + 1)
