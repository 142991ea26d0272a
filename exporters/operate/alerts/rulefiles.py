"""The rule files of a folder, read strictly; every fault is one line that starts with file and line."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from exporters.core.errors import PersonError
from exporters.core.explain import Place
from exporters.core.yamlfile import YamlFile
from exporters.sources.strictyaml import lines_of

PATTERN = "*.rules.yml"
"""As in `rule_files` of prometheus.yml."""
Scalar = str | int | float | bool


class Rule(Struct, frozen=True, forbid_unknown_fields=True, rename={"duration": "for"}):
    """A rule; `expr` is a number where nothing else is written."""

    expr: Scalar
    alert: str = ""
    record: str = ""
    duration: Scalar = ""
    keep_firing_for: Scalar = ""
    labels: dict[str, Scalar] = {}
    annotations: dict[str, Scalar] = {}


class Group(Struct, frozen=True, forbid_unknown_fields=True):
    """A group, also with what only newer versions know."""

    name: str
    interval: Scalar = ""
    query_offset: Scalar = ""
    limit: int = 0
    labels: dict[str, Scalar] = {}
    rules: tuple[Rule, ...] = ()


class RuleFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    groups: tuple[Group, ...] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """A rule and where it stands."""

    rule: Rule
    file: Path
    line: int

    @property
    def expression(self) -> str:
        """The expression as text."""
        return str(self.rule.expr)

    def label(self, name: str) -> str:
        """A label as Prometheus takes it: one that is empty is absent."""
        return str(self.rule.labels.get(name, ""))

    def fault(self, what: str) -> str:
        """A line about this rule."""
        return f"{self.file}:{self.line}: {what}"


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of the files that can be read, those files, and what is wrong with the others."""

    rules: tuple[Placed, ...]
    files: tuple[Path, ...]
    faults: tuple[str, ...]


def read(folder: Path) -> Rules:
    """All rule files of a folder."""
    paths = sorted(folder.glob(PATTERN))
    if not paths:
        raise PersonError(f"{folder}: no {PATTERN} there; pomona alerts export DIR writes the shipped ones")
    rules: list[Placed] = []
    good: list[Path] = []
    faults: list[str] = []
    for path in paths:
        try:
            rules += _rules(path)
        except PersonError as error:
            faults.append(str(error))
        else:
            good.append(path)
    return Rules(tuple(rules), tuple(good), tuple(faults))


def _rules(path: Path) -> Iterator[Placed]:
    file = YamlFile(path, RuleFile, PersonError)
    lines = lines_of(path.read_text(encoding="utf-8"))
    for number, group in enumerate(file.value.groups):
        for position, rule in enumerate(group.rules):
            place: Place = ("groups", number, "rules", position)
            if bool(rule.alert) == bool(rule.record):
                raise file.fault(place, "a rule has either alert or record")
            yield Placed(rule, path, lines[place])
