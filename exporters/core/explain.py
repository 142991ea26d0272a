"""Why a value does not fit its schema, in one line: msgspec's errors with places, expectations and nearest names."""

import difflib
import re
from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from exporters.core.options import Secret, custom
from exporters.sources.quoted import quoted

Place = tuple[str | int, ...]
FEW = 12
"""As many names as one line can list."""
SOME_ITEM = "[...]"
_AT = re.compile(r"(?P<what>.*?)(?: - at `(?P<key>key` in `)?\$(?P<place>.*)`)?\Z", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`\Z", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`\Z", re.DOTALL)
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def explain(error: msgspec.ValidationError, kind: Any, value: Any) -> tuple[Place, str]:
    """Where in `value` the error is and what it is, for people; `kind` is the type that was wanted."""
    found = _AT.match(str(error))
    what, text = (found["what"], found["place"] or "") if found else (str(error), "")
    around, unnamed, _ = text.partition(SOME_ITEM)
    place = _place(around)
    if unnamed and (item := next(_faults(list(kinds_at(kind, place)), _value(value, place)), None)):
        return (*place, *item[0]), item[1]
    if found and found["key"]:
        return place, "a key is a plain text"
    if unknown := _UNKNOWN.match(what):
        names = [name for each in kinds_at(kind, place) for name in _names(each)]
        return (*place, unknown[1]), f"unknown key{hint(unknown[1], names)}"
    if missing := _MISSING.match(what):
        return place, f"{missing[1]!r} is missing"
    return place, _misfit(what, list(kinds_at(kind, place)), _value(value, place))


def _faults(kinds: list[Any], value: Any) -> Iterator[tuple[Place, str]]:
    """The items of a mapping that do not fit: msgspec does not say which one it was."""
    kind = next((get_args(_bare(each))[1] for each in kinds if get_origin(_bare(each)) is dict), Any)
    for name, item in value.items() if isinstance(value, dict) else ():
        try:
            msgspec.convert(item, kind, dec_hook=custom)
        except msgspec.ValidationError as error:
            place, what = explain(error, kind, item)
            yield (name, *place), what


def dotted(place: Place) -> str:
    """`web.listen_address[0]`, the way it is written in documentation; a key that is a URL is not shown."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{_key(step)}" for step in place).removeprefix(".")


def _key(step: str) -> str:
    return "(a URL)" if "://" in step else step


def hint(name: str, known: Iterable[str]) -> str:
    """The nearest valid name, or the few that there are."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; known here: {', '.join(names) or 'none'}" if len(names) <= FEW else ""


def kinds_at(kind: Any, place: Place) -> Iterator[Any]:
    """The types that a schema allows at a place."""
    bare = _bare(kind)
    if get_origin(bare) in {Union, UnionType}:
        for each in get_args(bare):
            yield from kinds_at(each, place)
    elif not place:
        yield kind
    elif is_struct(bare):
        for each in msgspec.structs.fields(bare):
            if each.encode_name == place[0]:
                yield from kinds_at(each.type, place[1:])
    elif get_args(bare):
        yield from kinds_at(get_args(bare)[-1 if get_origin(bare) is dict else 0], place[1:])


def is_struct(kind: Any) -> bool:
    """Whether a type is a Struct, with fields of its own."""
    return isinstance(kind, type) and issubclass(kind, Struct)


def is_list(kind: Any) -> bool:
    """Whether a type is a list of whatever length."""
    return get_origin(_bare(kind)) in {tuple, list, frozenset, set}


def _place(text: str) -> Place:
    """`.a.b[0]` as steps."""
    return tuple(name or int(position) for name, position in _STEP.findall(text))


def _value(value: Any, place: Place) -> Any:
    for step in place:
        value = value[step]
    return value


def _names(kind: Any) -> Iterator[str]:
    if is_struct(_bare(kind)):
        yield from _bare(kind).__struct_encode_fields__


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _misfit(what: str, kinds: list[Any], value: Any) -> str:
    """`expected …, got …`; what a validator wrote itself stays as it is."""
    if not what.startswith(("Expected ", "Invalid enum value")):
        return what
    words = dict.fromkeys(word for each in kinds if (word := _expected(each)))
    expected = " or ".join(words) or what.removeprefix("Expected ").replace("`", "")
    return f"expected {expected}, got {'something else' if Secret in kinds else _shown(value)}"


def _expected(kind: Any) -> str:
    bare = _bare(kind)
    for note in getattr(kind, "__metadata__", ()):
        if isinstance(note, Meta):
            return note.description or ""
    if get_origin(bare) is Literal:
        return f"one of {', '.join(map(str, get_args(bare)))}"
    if is_list(bare):
        return "a list"
    if get_origin(bare) is dict or is_struct(bare):
        return "a mapping"
    return _WORDS.get(bare, "")


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "nothing"}[value]
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    return quoted(value)
