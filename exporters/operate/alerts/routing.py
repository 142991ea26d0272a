"""What can be wrong with Alertmanager's file and its templates: names that are used and not defined."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from exporters.core.explain import Place, hint
from exporters.sources.strictyaml import YamlError, lines_of, load_yaml

FILE = "alertmanager.yml"
MUTES = ("mute_time_intervals", "active_time_intervals")
_OWN = re.compile(r"__\w+|\w+\.default(\.\w+)?\Z")
"""Templates that Alertmanager itself defines."""
_DEFINED = re.compile(r'\{\{-?\s*(?:define|block)\s+["`]([^"`]+)["`]')
_USED = re.compile(r'\{\{-?\s*template\s+["`]([^"`]+)["`]')
_YAML_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_COMMENT = re.compile(r"\{\{-?\s*/\*.*?\*/\s*-?\}\}", re.DOTALL)


def faults(folder: Path) -> Iterator[str]:
    """Everything that is wrong; nothing where the folder has no such file."""
    path = folder / FILE
    if not path.is_file():
        return
    try:
        text = path.read_text(encoding="utf-8")
        document, lines = load_yaml(text), lines_of(text)
    except YamlError as error:
        told = " ".join(str(error).split())
        yield f"{path}:{told[5:] if told.startswith('line ') else f'1: {told}'}"
    except UnicodeDecodeError as error:
        yield f"{path}:1: no UTF-8 text (byte {error.start + 1})"
    else:
        yield from _faults(path, text, document, lines)


def _faults(path: Path, text: str, document: Any, lines: Mapping[Place, int]) -> Iterator[str]:
    if not isinstance(document, dict):
        yield f"{path}:1: expected a mapping with route and receivers"
        return
    templates, missing = _templates(path.parent, document)
    for place, what in (*_names(document), *missing):
        yield f"{path}:{_line(lines, place)}: {what}"
    yield from _undefined(path, text, templates)


def _names(document: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Receivers and time intervals of the routes."""
    receivers = _named(document.get("receivers"))
    intervals = {*_named(document.get("time_intervals")), *_named(document.get("mute_time_intervals"))}
    root = document.get("route")
    if not isinstance(root, dict) or not root.get("receiver"):
        yield ("route",), "the first route has no receiver; every alert needs one in the end"
    for name in sorted({each for each in receivers if receivers.count(each) > 1}):
        yield ("receivers",), f"receiver {name!r} is defined twice; keep one"
    for place, route in _routes(root, ("route",)):
        receiver = str(route.get("receiver") or "")
        if receiver and receiver not in receivers:
            yield (*place, "receiver"), f"unknown receiver {receiver!r}{hint(receiver, receivers)}"
        for key in MUTES:
            for each in _items(route.get(key)):
                if each not in intervals:
                    yield (*place, key), f"unknown time interval {each!r}{hint(str(each), intervals)}"


def _routes(route: Any, place: Place) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    if isinstance(route, dict):
        yield place, route
        for number, each in enumerate(_items(route.get("routes"))):
            yield from _routes(each, (*place, "routes", number))


def _named(items: Any) -> list[str]:
    return [str(each["name"]) for each in _items(items) if isinstance(each, dict) and "name" in each]


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _templates(folder: Path, document: Mapping[str, Any]) -> tuple[list[Path], list[tuple[Place, str]]]:
    """The template files, and the patterns that find none."""
    found: list[Path] = []
    missing: list[tuple[Place, str]] = []
    for number, pattern in enumerate(map(str, _items(document.get("templates")))):
        at = Path(pattern)
        paths = sorted((at.parent if at.is_absolute() else folder / at.parent).glob(at.name)) if at.name else []
        found += paths
        if not paths:
            missing.append((("templates", number), f"no file matches {pattern!r}; relative paths start at {folder}"))
    return found, missing


def _undefined(path: Path, text: str, templates: Iterable[Path]) -> Iterator[str]:
    """Template names that nothing defines: a notification that uses one is never sent."""
    texts = {
        path: _YAML_COMMENT.sub("", text),
        **{each: each.read_text(encoding="utf-8", errors="replace") for each in templates},
    }
    plain = {each: _without_comments(text) for each, text in texts.items()}
    defined = {name for each in plain.values() for name in _DEFINED.findall(each)}
    for each, content in plain.items():
        for found in _USED.finditer(content):
            if found[1] not in defined and not _OWN.match(found[1]):
                line = content.count("\n", 0, found.start()) + 1
                yield f"{each}:{line}: template {found[1]!r} is not defined{hint(found[1], defined)}"


def _without_comments(text: str) -> str:
    """Every line stays where it is."""
    return _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)


def _line(lines: Mapping[Place, int], place: Place) -> int:
    return next((lines[place[:end]] for end in range(len(place), -1, -1) if place[:end] in lines), 1)
