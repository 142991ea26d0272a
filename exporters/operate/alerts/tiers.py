"""Whether the tiers of each threshold stand in order: a worse one must not be reached before a lower one."""

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from exporters.operate.alerts.thresholds import TIERS, Constant, Key

Values = Mapping[str, Constant]
"""The line that holds, by tier."""


def faults(lines: Iterable[Constant], reference: Iterable[Constant]) -> Iterator[str]:
    """Wrong orders, told at a line of the one whom it concerns."""
    directions = {name: _rising(values) for name, values in _by_name(reference, ("", "")).items() if len(values) > 1}
    every = list(lines)
    for owner in dict.fromkeys(each.owner for each in every):
        for name, own in _by_name(every, owner).items():
            if name in directions:
                yield from _order(_holding(every, name, owner, own), own, directions[name])


def _by_name(lines: Iterable[Constant], owner: Key) -> dict[str, dict[str, Constant]]:
    found: dict[str, dict[str, Constant]] = {}
    for each in lines:
        if each.owner == owner and each.value is not None and each.tier in TIERS:
            found.setdefault(each.name, {}).setdefault(each.tier, each)
    return found


def _rising(values: Values) -> bool:
    """Whether worse is more, as in the shipped file."""
    ordered = [values[tier].value or 0.0 for tier in TIERS if tier in values]
    return ordered[0] <= ordered[-1]


def _holding(every: Iterable[Constant], name: str, owner: Key, own: Values) -> dict[str, Constant]:
    """What holds for an owner: the line for everybody where there is no other.

    Which site a machine belongs to is not known here.
    """
    return {**_by_name(every, ("", "")).get(name, {}), **own} if owner != ("", "") else dict(own)


def _order(holding: Values, own: Values, rising: bool) -> Iterator[str]:
    ordered = [holding[tier] for tier in TIERS if tier in holding and not _is_off(holding[tier], rising)]
    for lower, worse in pairwise(ordered):
        if _wrong(lower.value or 0.0, worse.value or 0.0, rising):
            at = own.get(worse.tier) or own.get(lower.tier)
            if at is not None:
                than = "below" if rising else "above"
                yield at.placed.fault(
                    f"{at.name}: {worse.tier} ({worse.placed.expression}) is {than} {lower.tier} "
                    f"({lower.placed.expression}), so the worse comes first; swap them, "
                    f"or switch a tier off by {'+Inf' if rising else '-1'}"
                )


def _wrong(lower: float, worse: float, rising: bool) -> bool:
    return worse < lower if rising else worse > lower


def _is_off(line: Constant, rising: bool) -> bool:
    """A value that is never reached is a tier that nobody wants to hear of."""
    value = line.value or 0.0
    return value == math.inf if rising else value <= 0
