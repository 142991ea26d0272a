"""YAML in which values mean what they look like: no `on` for true, no 10:20 for 620, no duplicate keys."""

import re
from collections.abc import Hashable
from typing import Any

import yaml

from exporters.sources.quoted import quoted

_BOOL = re.compile(r"(true|false)\Z")
_NULL = re.compile(r"(null|~|)\Z")
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]+)?\Z")


class YamlError(Exception):
    """A text that is no strict YAML; says the line."""


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own shape

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._open: list[str] = []

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """A node without a tag of its own; one that holds itself is refused, others may be shared by alias."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        line, anchor = event.start_mark.line + 1, event.anchor or ""
        if isinstance(event, yaml.AliasEvent) and anchor in self._open:
            raise YamlError(f"line {line}: {anchor!r} holds itself")
        if getattr(event, "tag", None) is not None:
            raise YamlError(f"line {line}: tags are not known here")
        self._open.append(anchor)
        node = super().compose_node(parent, index)
        self._open.pop()
        return node

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        """A text that UTF-8 can hold."""
        if any("\ud800" <= char <= "\udfff" for char in node.value):
            raise YamlError(f"line {node.start_mark.line + 1}: half a character")
        return super().construct_scalar(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = True) -> dict[Hashable, Any]:
        """A dictionary; a key that stands twice is refused."""
        seen: dict[Any, int] = {}
        for key, _ in node.value:
            name, line = key.value, key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise YamlError(f"line {line}: a key is a plain text")
            if name in seen:
                raise YamlError(f"line {line}: {quoted(name)} stands twice (first in line {seen[name]})")
            seen[name] = line
        return super().construct_mapping(node, deep=deep)


for _tag, _pattern, _first in (
    ("bool", _BOOL, "tf"),
    ("null", _NULL, ["n", "~", ""]),
    ("int", _INT, "-+0123456789"),
    ("float", _FLOAT, "-+0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, list(_first))


def load_yaml(text: str) -> Any:
    """The document as dictionaries, lists, strings, numbers, booleans and None; YamlError says where it is wrong."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader with fewer types
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise YamlError(f"line {line}: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise YamlError(f"no YAML: {' '.join(str(error).split())}") from error


def lines_of(text: str) -> dict[tuple[str | int, ...], int]:
    """The line of each value, by its path of keys and positions."""
    found: dict[tuple[str | int, ...], int] = {}
    root = yaml.compose(text, Loader=_Loader)
    seen: set[int] = set()
    todo: list[tuple[tuple[str | int, ...], yaml.Node]] = [((), root)] if root else []
    while todo:
        path, node = todo.pop()
        found.setdefault(path, node.start_mark.line + 1)
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                found[(*path, key.value)] = key.start_mark.line + 1
                todo.append(((*path, key.value), value))
        elif isinstance(node, yaml.SequenceNode):
            todo.extend(((*path, position), value) for position, value in enumerate(node.value))
    return found
