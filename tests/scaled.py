"""Rules and routes with every duration scaled by one factor: what takes minutes takes seconds, in the same order.

Thresholds stay as they are, also those in seconds: they are about what is measured, not about when it is told.
"""

import re
from collections.abc import Mapping
from typing import Any

UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}
DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
PART = re.compile(r"(\d+)(ms|[smhdwy])")
SPANS = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\[[^\]]*\]|\boffset\s+-?[0-9a-z]+""")
"""Strings, which stay; ranges, subqueries and offsets."""
OF_GROUPS, OF_RULES = ("interval",), ("for", "keep_firing_for")
OF_ROUTES = ("group_wait", "group_interval", "repeat_interval")


def duration(text: str, factor: float) -> str:
    """A duration in milliseconds; one that is not zero is at least one of them, because zero means something else."""
    whole = sum(int(number) * UNITS[unit] for number, unit in PART.findall(text))
    return f"{max(1, round(whole * factor)) if whole else 0}ms"


def expression(text: str, factor: float) -> str:
    """PromQL with other ranges, steps and offsets."""

    def span(match: re.Match[str]) -> str:
        found = match[0]
        return found if found[0] in "\"'" else DURATION.sub(lambda each: duration(each[0], factor), found)

    return SPANS.sub(span, text)


def rules(document: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """A rule file."""
    return {**document, "groups": [_group(group, factor) for group in document["groups"]]}


def _group(group: Mapping[str, Any], factor: float) -> dict[str, Any]:
    scaled = [{**_durations(rule, OF_RULES, factor), "expr": _expr(rule["expr"], factor)} for rule in group["rules"]]
    return {**_durations(group, OF_GROUPS, factor), "rules": scaled}


def _expr(value: Any, factor: float) -> Any:
    """A constant is a number in YAML."""
    return expression(value, factor) if isinstance(value, str) else value


def routes(document: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """A configuration of Alertmanager."""
    return {**document, "route": _route(document["route"], factor)}


def _route(route: Mapping[str, Any], factor: float) -> dict[str, Any]:
    below = [_route(each, factor) for each in route.get("routes", ())]
    return {**_durations(route, OF_ROUTES, factor), **({"routes": below} if below else {})}


def _durations(given: Mapping[str, Any], names: tuple[str, ...], factor: float) -> dict[str, Any]:
    return {name: duration(value, factor) if name in names else value for name, value in given.items()}
