"""The table of all alerts, from the rule files and the first sentence of each runbook."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).parent.parent / "alert_rules"
SEVERITIES = ("none", "info", "warning", "critical")
THRESHOLD = re.compile(r'threshold="(\w+)"')
RECORD = re.compile(r"\b[a-z_]+(?::[a-z0-9_]+)+")
MANY = 20
MEANING = re.compile(r"## Meaning\n\n(.+?[.:])(?:\s|$)", re.DOTALL)
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


def records() -> dict[str, str]:
    """The expressions of each recorded name, but for the thresholds themselves."""
    found: dict[str, str] = {}
    for path in sorted(RULES.glob("*.rules.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in (each for each in group["rules"] if "record" in each and "threshold" not in each["record"]):
                found[rule["record"]] = f"{found.get(rule['record'], '')} {rule['expr']}"
    return found


def compared(expr: str, recorded: Mapping[str, str], seen: frozenset[str] = frozenset()) -> list[str]:
    """The thresholds that an expression compares with, also by way of what it reads."""
    told = THRESHOLD.findall(expr)
    for name in (each for each in RECORD.findall(expr) if each in recorded and each not in seen):
        told += compared(recorded[name], recorded, seen | {name})
    return list(dict.fromkeys(told))


def topics() -> dict[str, dict[str, list[Mapping[str, Any]]]]:
    """The tiers of each alert, by topic and name, in the order of the files."""
    found: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for path in sorted(RULES.glob("*.rules.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in (each for each in group["rules"] if "alert" in each):
                found.setdefault(rule["labels"]["topic"], {}).setdefault(rule["alert"], []).append(rule)
    return found


def table() -> str:
    """One section a topic, one row an alert."""
    recorded = records()
    return "\n".join(f"## {topic}\n\n{_rows(alerts, recorded)}" for topic, alerts in sorted(topics().items()))


def _rows(alerts: Mapping[str, list[Mapping[str, Any]]], recorded: Mapping[str, str]) -> str:
    head = "| Alert | What it means | Severity | About | Team | Thresholds |\n|---|---|---|---|---|---|\n"
    return head + "".join(f"| {' | '.join(_row(name, tiers, recorded))} |\n" for name, tiers in alerts.items())


def _row(name: str, tiers: list[Mapping[str, Any]], recorded: Mapping[str, str]) -> Iterator[str]:
    labels = tiers[0]["labels"]
    yield f"[{name}](../alert_rules/runbooks/{name}.md)"
    yield meaning(name)
    yield ", ".join(_sorted(tier["labels"]["severity"] for tier in tiers))
    yield labels["scope"]
    yield labels["team"]
    used = dict.fromkeys(found for tier in tiers for found in compared(str(tier["expr"]), recorded))
    yield ", ".join(f"`{each}`" for each in used) if len(used) < MANY else "all"


def _sorted(severities: Iterable[str]) -> list[str]:
    return sorted(set(severities), key=SEVERITIES.index)


def meaning(name: str) -> str:
    """The first sentence of its runbook, without links."""
    found = MEANING.search((RULES / "runbooks" / f"{name}.md").read_text())
    told = found[1] if found else ""
    return " ".join(LINK.sub(r"\1", told).split()).removesuffix(":").replace("|", "\\|")
