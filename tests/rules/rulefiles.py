"""The shipped rule files and their unit tests, read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import promql_parser
import yaml

from conftest import ROOT

FOLDER = ROOT / "alert_rules"
FILES = sorted(FOLDER.glob("*.rules.yml"))
TESTS = sorted((FOLDER / "tests").glob("*.test.yml"))


@dataclass(frozen=True)
class Rule:
    """One rule; `where` is the file and the group. Not parsed before it is asked."""

    where: str
    fields: Mapping[str, Any]
    interval: str = ""

    @property
    def name(self) -> str:
        """Of the alert or the recorded series."""
        return str(self.fields.get("alert") or self.fields.get("record"))

    @property
    def is_alert(self) -> bool:
        """Else it records."""
        return "alert" in self.fields

    @property
    def labels(self) -> Mapping[str, str]:
        """Those that the rule adds."""
        return self.fields.get("labels") or {}

    @property
    def annotations(self) -> Mapping[str, str]:
        """Of an alert."""
        return self.fields.get("annotations") or {}

    @property
    def tree(self) -> promql_parser.Expr:
        """Its expression."""
        return promql_parser.parse(str(self.fields["expr"]))

    def __str__(self) -> str:
        return f"{self.where}: {self.name} {self.labels.get('severity', '')}".rstrip()


def rules_of(text: str, where: str) -> Iterator[Rule]:
    """The rules of a file's text."""
    for group in yaml.safe_load(text)["groups"]:
        for fields in group["rules"]:
            yield Rule(f"{where}/{group['name']}", fields, str(group.get("interval", "")))


def shipped() -> list[Rule]:
    """All of them."""
    return [rule for path in FILES for rule in rules_of(path.read_text(), path.name)]


@dataclass
class Seen:
    """What unit tests expect of an alert: severities that fire, labels, times at which nothing may."""

    severities: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    silent: int = 0


def seen(paths: list[Path] = TESTS) -> dict[str, Seen]:
    """By name of the alert."""
    found: dict[str, Seen] = {}
    for path in paths:
        for test in yaml.safe_load(path.read_text())["tests"]:
            for check in test.get("alert_rule_test", ()):
                _look(check, found.setdefault(check["alertname"], Seen()))
    return found


def _look(check: Mapping[str, Any], one: Seen) -> None:
    expected = check.get("exp_alerts") or []
    one.silent += not expected
    for each in expected:
        one.severities.add(each["exp_labels"]["severity"])
        one.labels |= set(each["exp_labels"])
