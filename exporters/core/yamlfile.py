"""A strict YAML file read into a Struct; every error is one line that starts with file and line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from exporters.core.explain import Place, dotted, explain
from exporters.core.options import custom
from exporters.sources.strictyaml import YamlError, lines_of, load_yaml

Kind = TypeVar("Kind", bound=Struct)


class YamlFile(Generic[Kind]):
    """The `value` of a file, and its `tree` for a merge; `fault` makes an error that names a place in it."""

    def __init__(self, path: Path, kind: type[Kind], error: Callable[[str], Exception]) -> None:
        self._path, self._error = path, error
        self._text = self._read()
        try:
            self.tree: Any = _without_nothing(load_yaml(self._text))
        except YamlError as problem:
            told = " ".join(str(problem).split())
            raise error(f"{path}:{told[5:] if told.startswith('line ') else f' {told}'}") from problem
        try:
            self.value: Kind = msgspec.convert(self.tree, kind, dec_hook=custom)
        except msgspec.ValidationError as problem:
            raise self.fault(*explain(problem, kind, self.tree)) from problem

    def fault(self, place: Place, what: str) -> Exception:
        """An error about the value at a place, or about the nearest thing around it."""
        lines = lines_of(self._text)
        line = next((lines[place[:end]] for end in range(len(place), -1, -1) if place[:end] in lines), 1)
        return self._error(f"{self._path}:{line}: {dotted(place)}: {what}" if place else f"{self._path}: {what}")

    def _read(self) -> str:
        try:
            return self._path.read_text(encoding="utf-8")
        except OSError as problem:
            raise self._error(f"{self._path}: {problem.strerror}") from problem
        except UnicodeDecodeError as problem:
            raise self._error(f"{self._path}: no UTF-8 text (byte {problem.start + 1})") from problem


def _without_nothing(tree: object) -> object:
    """Keys without a value are absent, as in Go; an empty document is an empty mapping."""
    if tree is None:
        return {}
    if isinstance(tree, dict):
        return {name: _without_nothing(value) for name, value in tree.items() if value is not None}
    return tree
