"""What can be wrong with the constants that alerts compare with, and with the rules that use them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from exporters.core.explain import hint
from exporters.operate.alerts.rulefiles import Placed

RECORD, MACHINE, SITE = "pomona:threshold", "instance:threshold", "site:threshold"
TIERS = ("info", "warning", "critical")
LABELS = ("threshold", "tier", "instance", "site")
_USED = re.compile(r"\b(instance:threshold|site:threshold|pomona:threshold|threshold:\w+)\s*\{([^{}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"')
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\.\d+|Inf|inf)\Z")
Key = tuple[str, str]
"""A threshold's name and a tier."""


@dataclass(frozen=True, slots=True)
class Constant:
    """One line: its name, tier, for whom it holds, and its value; None where that is no plain number."""

    name: str
    tier: str
    instance: str
    site: str
    value: float | None
    placed: Placed = field(compare=False, repr=False)

    @property
    def key(self) -> Key:
        """Name and tier."""
        return self.name, self.tier

    @property
    def owner(self) -> Key:
        """Whom it is for; empty for everybody."""
        return self.instance, self.site


def constants(rules: Iterable[Placed]) -> list[Constant]:
    """The lines of the thresholds."""
    return [_constant(each) for each in rules if each.rule.record == RECORD]


def resolved(rules: Iterable[Placed], level: str) -> set[str]:
    """The names that are worked out for each machine, or for each site."""
    return {each.label("threshold") for each in rules if each.rule.record == level}


def faults(rules: Sequence[Placed], shipped: Sequence[Placed]) -> Iterator[str]:
    """Everything that is wrong; what is shipped is the reference."""
    lines, reference = constants(rules), constants(shipped)
    names = {each.name for each in reference} | resolved(rules, MACHINE) | resolved(rules, SITE)
    for each in lines:
        yield from map(each.placed.fault, _misspelt(each, names))
    yield from _twice(lines)
    yield from _unused(lines, {each.key for each in reference}, [*rules, *shipped])
    yield from _levels([each for each in lines if each.name in names], rules, shipped)
    yield from _missing(lines, reference)
    yield from _uses(rules, {each.key for each in lines if each.owner == ("", "")})


def _constant(placed: Placed) -> Constant:
    text = placed.expression.strip()
    value = float(text) if _NUMBER.match(text) else None
    return Constant(
        placed.label("threshold"), placed.label("tier"), placed.label("instance"), placed.label("site"), value, placed
    )


def _misspelt(line: Constant, names: set[str]) -> Iterator[str]:
    if line.name not in names:
        yield f"unknown threshold {line.name!r}{hint(line.name, names)}"
    if line.tier not in TIERS:
        yield f"unknown tier {line.tier!r}{hint(line.tier, TIERS)}"
    for label in line.placed.rule.labels:
        if label not in LABELS:
            yield f"unknown label {label!r}{hint(label, LABELS)}"
    if line.instance and line.site:
        yield "a line is for a site or for an instance; with both it breaks the alert for all: remove one of the labels"
    if line.value is None:
        yield f"{line.placed.expression.strip()!r} is no plain number; write one such as 0.05, 20 or 10e9"


def _twice(lines: Iterable[Constant]) -> Iterator[str]:
    first: dict[tuple[Key, Key], Constant] = {}
    for each in lines:
        before = first.setdefault((each.key, each.owner), each)
        if before is not each:
            where = f"{before.placed.file.name}:{before.placed.line}"
            yield each.placed.fault(f"{' '.join(each.key)} stands twice for {_whom(each)} (first in {where}); keep one")


def _unused(lines: Iterable[Constant], shipped: set[Key], rules: Iterable[Placed]) -> Iterator[str]:
    """Lines of a tier that no rule compares with, where the threshold's other tiers are compared with."""
    used: dict[str, set[str]] = {}
    for each in rules:
        for series, inside in _USED.findall(each.expression):
            found = {label: (sign, value) for label, sign, value in _MATCHER.findall(inside)}
            sign, tier = found.get("tier", ("", ""))
            if sign == "=" or not series.startswith("threshold:"):
                name = found.get("threshold", ("", ""))[1]
                used.setdefault(name, set()).update((tier,) if sign == "=" else TIERS)
    for line in lines:
        tiers = used.get(line.name, set())
        if tiers and line.tier in TIERS and line.tier not in tiers and line.key not in shipped:
            yield line.placed.fault(
                f"no rule compares {line.name} with tier {line.tier}, so this changes nothing{hint(line.tier, tiers)}"
            )


def _levels(lines: Iterable[Constant], rules: Sequence[Placed], shipped: Sequence[Placed]) -> Iterator[str]:
    """Lines for a machine or a site where no rule asks for them."""
    own = rules if resolved(rules, MACHINE) or resolved(rules, SITE) else shipped
    machines, sites = resolved(own, MACHINE), resolved(own, SITE)
    for each in lines:
        if each.instance and each.name not in machines:
            mend = "give it for a site" if each.name in sites else "change the line for everybody"
            yield each.placed.fault(f"{each.name} is not worked out for a machine, so this changes nothing; {mend}")
        elif each.site and each.name not in machines | sites:
            yield each.placed.fault(
                f"{each.name} is not worked out for a site, so this changes nothing; change the line for everybody"
            )


def _missing(lines: Sequence[Constant], reference: Iterable[Constant]) -> Iterator[str]:
    """Shipped lines for everybody that are gone: what compares with them is silent."""
    there = {each.key for each in lines if each.owner == ("", "")}
    where = lines[0].placed.file if lines else None
    for each in reference:
        if where and each.owner == ("", "") and each.key not in there:
            labels = f"{{ threshold: {each.name}, tier: {each.tier} }}"
            yield (
                f"{where}:1: no line for everybody of {each.name} {each.tier}, so its alerts are silent; "
                f"add - {{ record: {RECORD}, expr: {each.placed.expression}, labels: {labels} }}"
            )


def _uses(rules: Iterable[Placed], there: set[Key]) -> Iterator[str]:
    """Rules that compare with what is not there."""
    names = {name for name, _ in there}
    for each in rules:
        for series, inside in _USED.findall(each.expression):
            found = {label: value for label, sign, value in _MATCHER.findall(inside) if sign == "="}
            name, tier = found.get("threshold", ""), found.get("tier", "")
            title = each.rule.alert or each.rule.record
            if name and name not in names and names:
                yield each.fault(f"{title} uses {series} {name!r}, which has no line{hint(name, names)}")
            elif name and tier and (name, tier) not in there and names:
                tiers = [one for one in TIERS if (name, one) in there]
                yield each.fault(f"{title} uses {name} {tier}, which has no line{hint(tier, tiers)}")


def _whom(line: Constant) -> str:
    return f"instance {line.instance}" if line.instance else f"site {line.site}" if line.site else "everybody"
