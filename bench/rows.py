"""The lines of the table that `make bench` prints."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `met` is None where there is no limit."""

    what: str
    ours: str
    limit: str = ""
    peer: str = ""
    met: bool | None = None


def row(what: str, value: float, form: str, limit: float | None = None, peer: float | None = None) -> Row:
    """A line of numbers in one form; the limit is ours, not the peer's."""
    told = ["" if each is None else form.format(each) for each in (limit, peer)]
    return Row(what, form.format(value), *told, None if limit is None else value <= limit)
