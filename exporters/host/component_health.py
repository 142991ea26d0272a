"""What an active check of a component found: that it answers, how fast, and what it says of itself."""

from dataclasses import dataclass
from typing import Any

from exporters.core.read import amount, flag, maybe, number, record, text
from exporters.host.component_config import Http
from exporters.host.http_status import is_good
from exporters.sources.base import ParseError

WHOLE = frozenset({"", "status", "body"})
"""Reasons with which the answer came as a whole."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether all is as it should be; seconds and status where an answer came as a whole, the field if it is a number.

    The shape of the answer stands in `exporters.sources.probes`.
    """

    good: bool
    seconds: float | None = None
    status: float | None = None
    value: float | None = None


def connected(reply: Any) -> bool:
    """Whether a connection came about."""
    return _success(reply)[0]


def health(reply: Any, wanted: Http) -> Health:
    """Judged by the status that is wanted, and by the value of the field."""
    success, reason = _success(reply)
    fields = record(reply)
    status = maybe(amount, fields.get("status"))
    if status is None and success:
        raise ParseError("an answer without a status")
    if reason not in WHOLE or status is None:
        return Health(False)
    fits = is_good(wanted.status, status)
    said = fields.get("value")
    good = fits and (wanted.healthy is None or _equal(said, wanted.healthy))
    return Health(good, amount(fields.get("seconds")), status, number(said) if _is_number(said) else None)


def _success(reply: Any) -> tuple[bool, str]:
    fields = record(reply)
    success, reason = flag(fields.get("success")), text(fields.get("reason"))
    if success == bool(reason):
        raise ParseError("success with a reason against it, or a failure without one")
    return success, reason


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _equal(said: Any, wanted: Any) -> bool:
    """In JSON true is not 1, which Python takes as equal."""
    return bool(said == wanted) and isinstance(said, bool) == isinstance(wanted, bool)
