"""Structured logs for stderr: one line a record, logfmt or JSON, RFC 3339 times in UTC."""

import json
import logging
import math
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from traceback import extract_tb
from typing import Any, Literal, TextIO

LEVELS: Mapping[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_BARE = re.compile(r'[^\s"=\\]+\Z')
_ODD_KEY = re.compile(r"[^A-Za-z0-9_.-]")


def setup(level: str, form: Literal["logfmt", "json"], stream: TextIO | None = None) -> None:
    """Sends all records of a level or above to the stream, stderr by default; a second call replaces the first."""
    root = logging.getLogger()
    for old in [each for each in root.handlers if isinstance(each, _Handler)]:
        root.removeHandler(old)
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Logfmt())
    root.addHandler(handler)
    root.setLevel(LEVELS[level])


def event(log: logging.Logger, level: str, msg: str, **fields: Any) -> None:
    """Logs a fixed text with what varies as fields."""
    log.log(LEVELS[level], "%s", msg, extra={"fields": fields})


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that `setup` can tell it from the handlers of others."""


class _Logfmt(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """`time=… level=… logger=… msg=… key=value`."""
        return " ".join(f"{_ODD_KEY.sub('_', key)}={_quoted(value)}" for key, value in _content(record).items())


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One object."""
        return json.dumps({key: _scalar(value) for key, value in _content(record).items()})


def _content(record: logging.LogRecord) -> dict[str, Any]:
    """Time, level, logger and text first; no field takes the place of one of them."""
    head = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": _level(record.levelno),
        "logger": record.name,
        "msg": record.getMessage(),
    }
    return {**head, **getattr(record, "fields", {}), **dict(_fault(record)), **head}


def _level(number: int) -> str:
    return next((name for name, lowest in reversed(tuple(LEVELS.items())) if number >= lowest), "debug")


def _fault(record: logging.LogRecord) -> Iterator[tuple[str, str]]:
    """Kind and place of an exception without its text, which may hold what must not be told."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        yield "error", type(error).__name__
        places = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in extract_tb(error.__traceback__)]
        yield "trace", " > ".join(places)


def _scalar(value: Any) -> Any:
    """Numbers, booleans and null as they are, all else as text."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return str(value)


def _quoted(value: Any) -> str:
    """As it is where that is clear, else in quotes with everything escaped that could break or disguise a line."""
    value = _scalar(value)
    text = value if isinstance(value, str) else json.dumps(value)
    if _BARE.match(text) and text.isprintable():
        return text
    return f'"{"".join(_escaped(each) for each in text)}"'


def _escaped(char: str) -> str:
    return char if char.isprintable() and char not in '"\\' else json.dumps(char)[1:-1]
