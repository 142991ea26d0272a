"""Which names a collector shows: regular expressions in its configuration."""

import re
from collections.abc import Callable

from msgspec import Struct

from exporters.sources.quoted import quoted


def check_expression(pattern: str) -> None:
    """A bad regular expression is an error of the configuration."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{quoted(pattern)} is no regular expression: {error}") from error


class Choice(Struct, frozen=True, forbid_unknown_fields=True):
    """Regular expressions for whole names. With `include` only what it matches is shown, else all but `exclude`."""

    include: str = ""
    exclude: str = ""

    def __post_init__(self) -> None:
        """A bad expression is an error of the configuration."""
        for pattern in (self.include, self.exclude):
            check_expression(pattern)

    def shows(self) -> Callable[[str], bool]:
        """Says of a name whether it is shown."""
        include, exclude = re.compile(self.include), re.compile(self.exclude)
        if self.include:
            return lambda name: include.fullmatch(name) is not None
        return lambda name: exclude.fullmatch(name) is None
