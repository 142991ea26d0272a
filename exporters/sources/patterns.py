"""Regular expressions of a configuration, in texts that others send: checked at the start, searched within a time.

`re` would hold every thread of the process for as long as it searches; `regex` lets them run and can be stopped. It is
imported only where there is an expression. Its grammar is that of `re`, with more.

Its time is what all threads of this process spend on processors: on a busy machine more passes on the clock.
"""

import re
from collections.abc import Callable
from typing import Any

from exporters.sources.quoted import quoted

MOST = 1.0
"""Seconds of one search, however long a check may wait."""
LONGEST = 1000
"""Characters of an expression."""
LARGEST = 100_000
"""Signs of an expression when its repetitions are written out, which is what compiling costs."""
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d*)(?:,(\d*))?\}|.", re.DOTALL)


def compiled(pattern: str) -> Any:
    """A pattern of `regex`; a ValueError says what is wrong with the text, in one line."""
    import regex  # noqa: PLC0415 - 16 ms and 2 MB that most agents never need

    if len(pattern) > LONGEST or _size(pattern) > LARGEST:
        what = f"it is longer than {LONGEST} characters, or its repetitions make more than {LARGEST} of it"
        raise ValueError(f"{quoted(pattern)} is no regular expression that is taken: {what}")
    try:
        return regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError, MemoryError) as error:
        raise ValueError(f"{quoted(pattern)} is no regular expression: {error}") from error


def _size(pattern: str) -> int:
    """The signs of an expression when all counted repetitions, also those within each other, are written out."""
    sizes, last = [0], 0
    for token in _TOKEN.finditer(pattern):
        if token[0] == "(":
            sizes.append(1)
            last = 0
            continue
        if token[0] == ")" and len(sizes) > 1:
            last = sizes.pop()
        elif any(token.groups()):
            more = last * (max(int(each or 0) for each in token.groups()) - 1)
            last, sizes[-1] = last + more, sizes[-1] + more
            continue
        else:
            last = 1
        sizes[-1] += last
    return sum(sizes)


def found(search: Callable[..., Any], text: str, seconds: float) -> bool:
    """Whether `search` or `fullmatch` of a pattern finds something; a TimeoutError after that much CPU time (s)."""
    return search(text, timeout=min(max(seconds, 0.001), MOST), concurrent=True) is not None
