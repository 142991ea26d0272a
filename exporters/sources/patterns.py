"""Regular expressions of a configuration, in texts that others send: checked at the start, searched within a time.

`re` would hold every thread of the process for as long as it searches; `regex` lets them run and can be stopped. It is
imported only where there is an expression. Its grammar is that of `re`, with more.

Its time is what all threads of this process spend on processors: on a busy machine more passes on the clock.
"""

from collections.abc import Callable
from typing import Any

from exporters.sources.quoted import quoted

MOST = 1.0
"""Seconds of one search, however long a check may wait."""


def compiled(pattern: str) -> Any:
    """A pattern of `regex`; a ValueError says what is wrong with the text, in one line."""
    import regex  # noqa: PLC0415 - 16 ms and 2 MB that most agents never need

    try:
        return regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{quoted(pattern)} is no regular expression: {error}") from error


def found(search: Callable[..., Any], text: str, seconds: float) -> bool:
    """Whether `search` or `fullmatch` of a pattern finds something; a TimeoutError after that much CPU time (s)."""
    return search(text, timeout=min(max(seconds, 0.001), MOST), concurrent=True) is not None
