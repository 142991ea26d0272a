"""Total readers for parsers: they give what was asked for or raise ParseError, whatever comes in."""

import math
import plistlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from exporters.sources.base import ParseError

Given = TypeVar("Given")
Value = TypeVar("Value")
MAX_DEPTH = 32
_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?\Z")
_TRUE = frozenset({"true", "yes", "attrib_yes", "attrib_on", "spdisplays_yes", "on"})
_FALSE = frozenset({"false", "no", "attrib_no", "attrib_off", "spdisplays_no", "off"})


def plist(data: bytes) -> Any:
    """A property list, XML or binary."""
    try:
        return plistlib.loads(data)
    except Exception as error:  # plistlib lets many kinds through: expat, struct, index, recursion
        raise ParseError(f"no property list: {type(error).__name__}") from error


def json(data: bytes, kind: Any = Any) -> Any:
    """A JSON document; with a Struct as `kind` only its fields are kept, which spares memory in long reports."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"no JSON: {type(error).__name__}") from error


def lines(data: bytes) -> list[str]:
    """Text by line; bytes that are no UTF-8 are replaced, never an error."""
    return data.decode("utf-8", errors="replace").splitlines()


def whole_lines(data: bytes) -> list[str]:
    """Text by line, none for no text. A last line without its newline was cut, and cut words are other words."""
    if data and not data.endswith(b"\n"):
        raise ParseError("a text that ends within a line")
    return lines(data)


def record(value: Any) -> Mapping[str, Any]:
    """A dictionary."""
    if isinstance(value, Mapping):
        return value
    raise ParseError(f"a dictionary was expected, not {type(value).__name__}")


def array(value: Any, length: int | None = None) -> Sequence[Any]:
    """A list, of one length where that is given."""
    if not isinstance(value, list | tuple) or (length is not None and len(value) != length):
        raise ParseError(f"a list was expected, not {type(value).__name__}")
    return value


def number(value: Any) -> float:
    """A finite number; digits in a string count, booleans do not."""
    if isinstance(value, str) and _NUMBER.match(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ParseError(f"a number was expected, not {type(value).__name__}")
    try:
        result = float(value)
    except OverflowError as error:
        raise ParseError("a number was expected, not one beyond all bounds") from error
    if not math.isfinite(result):
        raise ParseError("a number was expected, not infinity or NaN")
    return result


def amount(value: Any) -> float:
    """A number that cannot be negative: a size, a count, a time that passed."""
    result = number(value)
    if result < 0:
        raise ParseError("a number below zero makes no sense here")
    return result


def percent(value: Any) -> float:
    """A ratio from `99%` or `100 %`, whatever blank stands before the sign."""
    if not isinstance(value, str) or not value.rstrip().endswith("%"):
        raise ParseError("a percentage was expected")
    return number("".join(value.split()).removesuffix("%")) / 100


def flag(value: Any) -> bool:
    """A boolean, or one of the words and numbers that Apple's tools use for it."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and value in {0, 1}:
        return bool(value)
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ParseError("yes or no was expected")


def text(value: Any) -> str:
    """A string without blanks at its ends."""
    if isinstance(value, str):
        return value.strip()
    raise ParseError(f"a string was expected, not {type(value).__name__}")


def maybe(read: Callable[[Any], Value], value: Any) -> Value | None:
    """None where there is nothing to read: a missing key is normal, a wrong type is not."""
    return None if value is None else read(value)


def attempt(read: Callable[[Given], Value], given: Given | None, faults: list[str], name: object = "") -> Value | None:
    """One part of several: what cannot be read is missing, its fault is noted by `name`, and the other parts stay."""
    try:
        return None if given is None else read(given)
    except ParseError as error:
        faults.append(f"{name}: {error}" if name else str(error))
        return None


def walk(items: Any, key: str = "_items", depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Every dictionary of a nested list, parents before their children."""
    if depth > MAX_DEPTH:
        raise ParseError(f"nested more than {MAX_DEPTH} deep")
    for item in array(items):
        yield record(item)
        yield from walk(item.get(key, ()), key, depth + 1)
