"""The files of the distribution: the rules, Alertmanager's configuration, templates, runbooks and tests."""

import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

PACKAGE = "alert_rules"
KINDS = {"": (".yml",), "templates": (".tmpl",), "runbooks": (".md",), "tests": (".test.yml",)}
"""The folders, and how the names of what belongs to them end."""
_ALERT = re.compile(r"^ *- *alert: *([A-Za-z0-9_]+) *$", re.MULTILINE)


def texts() -> Iterator[tuple[str, str]]:
    """Each file by its path below the package, and its text."""
    for folder, ends in KINDS.items():
        place = files(PACKAGE) / folder if folder else files(PACKAGE)
        for file in sorted(_files(place), key=lambda each: each.name):
            if file.name.endswith(ends):
                yield (f"{folder}/{file.name}" if folder else file.name), file.read_text(encoding="utf-8")


def alert_names() -> set[str]:
    """The names of the shipped alerts, read without a YAML parser: completion must be quick."""
    rules = (file for file in _files(files(PACKAGE)) if file.name.endswith(".rules.yml"))
    return {name for file in rules for name in _ALERT.findall(file.read_text(encoding="utf-8"))}


def _files(place: Traversable) -> list[Traversable]:
    return [each for each in place.iterdir() if each.is_file()] if place.is_dir() else []
