"""What promtool does not see: rules that cannot fire, read what does not exist, collide, or leave a person alone."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    BinModifier,
    Call,
    Expr,
    LabelModifierType,
    MatchOp,
    MatrixSelector,
    VectorMatchCardinality,
    VectorSelector,
)

from rules.promql import (
    COMPARISONS,
    KEEPING,
    SETS,
    children,
    fixed,
    is_scalar,
    labels,
    matchers,
    named,
    selectors,
    walk,
)
from rules.registry import Series
from rules.rulefiles import Rule, Seen

USERS = {"pomona:threshold": Series(frozenset({"threshold", "tier", "job", "site", "instance"}))}
"""Lines of a user's own have a site or an instance; what a machine forges has a job."""
SEVERITIES = ("info", "warning", "critical")
VALUES: Mapping[str, frozenset[str]] = {
    "severity": frozenset({*SEVERITIES, "none"}),
    "scope": frozenset({"device", "service", "site", "fleet"}),
    "topic": frozenset(
        {"battery", "power", "thermal", "peripherals", "host", "disk", "backup", "posture", "software"}
        | {"endpoints", "components", "router", "fleet", "exporters", "engines"}
    ),
    "team": frozenset({"helpdesk", "operations", "security"}),
}
ANNOTATIONS = frozenset({"summary", "description", "recovery", "runbook_url", "dashboard_url"})
DASHBOARDS = frozenset(
    {"pomona-fleet", "pomona-mac", "pomona-battery", "pomona-peripherals", "pomona-posture", "pomona-network"}
    | {"pomona-components", "pomona-router", "pomona-alerts", "pomona-exporters"}
)
PREFIXES = ("Mac", "Host", "Endpoint", "Component", "Router", "Site", "Fleet", "Exporter", "Prometheus", "Alertmanager")
OF_COUNTERS = frozenset({"rate", "irate", "increase"})
OF_GAUGES = frozenset({"deriv", "delta", "idelta", "predict_linear"})
ANY_KIND = frozenset(
    {"absent", "absent_over_time", "timestamp", "count_over_time", "present_over_time", "changes", "resets"}
    | {"count", "group"}
)
LEAST_RANGE = timedelta(minutes=4)
"""Four scrapes of those who scrape once a minute."""
BY_PYTEST = "ThresholdsMissing"
"""Fires in a test of Python, which takes each line of the file away in turn."""
NOT_IDENTITY = frozenset({"job", "role", "severity", "scope", "topic", "team"})
CLASSIC = re.compile(r"[a-z][a-z0-9_]*(:[a-z0-9_]+)+\Z")
CAMEL = re.compile(r"([A-Z][a-z0-9]+)+\Z")
USED = re.compile(r"\$labels\.(\w+)")
DASHBOARD = re.compile(r"/d/([a-z-]+)(\?.*)?\Z")


@dataclass(frozen=True)
class World:
    """What rules are held against: series by name, what unit tests saw, the inhibitions' `equal`, texts of runbooks."""

    series: Mapping[str, Series]
    seen: Mapping[str, Seen] = field(default_factory=dict)
    equal: frozenset[str] = frozenset()
    runbooks: Mapping[str, str] = field(default_factory=dict)

    def labels_of(self, name: str) -> frozenset[str]:
        """None for a series that nobody knows: that is a fault of its own."""
        return self.series[name].labels if name in self.series else frozenset()


def world_of(rules: Iterable[Rule], known: Mapping[str, Series], **rest: object) -> World:
    """With what the rules record: labels are inferred until nothing is added, for rules that read their own past."""
    series, records = {**known, **USERS}, [rule for rule in rules if not rule.is_alert]
    while True:
        before = dict(series)
        for rule in records:
            found = labels(rule.tree, World(series).labels_of) | set(rule.labels)
            series[rule.name] = Series(found | series.get(rule.name, Series(frozenset())).labels)
        if series == before:
            return World(series, **rest)  # type: ignore[arg-type]


def faults(rules: Iterable[Rule], world: World) -> list[str]:
    """One line each: which rule, what is wrong."""
    everyone = list(rules)
    single = [f"{rule}: {told}" for rule in everyone for check in _checks(rule) for told in check(rule, world)]
    return [*single, *_tiers(everyone)]


def _checks(rule: Rule) -> Iterator[Callable[[Rule, World], Iterator[str]]]:
    yield from (_reads, _counters, _joins, _groups)
    yield from (_alert_names, _condition, _result, _told, _tested) if rule.is_alert else (_recorded,)


def _reads(rule: Rule, world: World) -> Iterator[str]:
    """Every metric, label and state that is read exists."""
    for selector, _ in selectors(rule.tree):
        given = matchers(selector)
        for name in named(selector):
            if name not in world.series:
                yield f"nobody publishes {name}"
                continue
            yield from (each for label in given for each in _matcher(name, label, given[label], world.series[name]))


def _matcher(name: str, label: str, given: tuple[MatchOp, str], series: Series) -> Iterator[str]:
    operator, value = given
    if label not in {*series.labels, "__name__"}:
        yield f"{name} has no label {label}"
    if operator in (MatchOp.Re, MatchOp.NotRe) and re.fullmatch(r"[\w-]*", value):
        yield f"{label}{'=~' if operator == MatchOp.Re else '!~'}{value!r} has no pattern"
    for known in (values for of, values in series.values if of == label):
        alternatives = re.findall(r"[\w-]+", value) if re.fullmatch(r"[\w|-]*", value) else []
        yield from (f"{name} has no {label} {each!r}" for each in alternatives if each not in known)


def _counters(rule: Rule, world: World) -> Iterator[str]:
    """Rates only of counters and over enough scrapes, trends only of gauges, and no counter as it is."""
    for selector, above in selectors(rule.tree):
        name = selector.name or ""
        counts = name in world.series and world.series[name].counter
        functions = {each.func.name for each in above if isinstance(each, Call)} | _counting(above)
        if not counts and functions & OF_COUNTERS and name in world.series:
            yield f"{name} is no counter"
        if counts and functions & OF_GAUGES:
            yield f"{name} is a counter, and deriv or delta are for gauges"
        if counts and not functions & (OF_COUNTERS | ANY_KIND) and not _difference(name, above):
            yield f"{name} is a counter: use rate or increase"
        yield from _short(selector, above, functions)


def _counting(above: tuple[Expr, ...]) -> set[str]:
    return {str(each.op) for each in above if isinstance(each, AggregateExpr)} & ANY_KIND


def _difference(name: str, above: tuple[Expr, ...]) -> bool:
    """Whether it is compared with its own past."""
    return any(
        isinstance(each, BinaryExpr) and len([1 for below, _ in selectors(each) if below.name == name]) > 1
        for each in above
    )


def _short(selector: VectorSelector, above: tuple[Expr, ...], functions: set[str]) -> Iterator[str]:
    if functions & OF_COUNTERS and above and isinstance(above[-1], MatrixSelector) and above[-1].range < LEAST_RANGE:
        yield f"{selector.name}[{above[-1].range}] holds less than four scrapes"


def _joins(rule: Rule, world: World) -> Iterator[str]:
    """The one side of a join is one for each machine whatever a machine publishes: else the rule fails for all."""
    for each, _ in walk(rule.tree):
        if not isinstance(each, BinaryExpr) or str(each.op) in SETS or is_scalar(each.lhs) or is_scalar(each.rhs):
            continue
        matching = each.modifier.matching if each.modifier else None
        if matching is None or matching.type != LabelModifierType.Include:
            continue
        on = frozenset(matching.labels)
        for side in _one_sides(each, each.modifier.card):
            if more := labels(side, world.labels_of) - fixed(side) - on:
                yield f"a join on {_list(on)} with what can differ in {_list(more)}: aggregate it"


def _one_sides(expr: BinaryExpr, card: VectorMatchCardinality) -> list[Expr]:
    if card == VectorMatchCardinality.ManyToOne:
        return [expr.rhs]
    return [expr.lhs] if card == VectorMatchCardinality.OneToMany else [expr.lhs, expr.rhs]


def _groups(rule: Rule, world: World) -> Iterator[str]:
    """Labels in by, on, ignoring and group_left exist: a misspelt one matches everything, or nothing."""
    for each, _ in walk(rule.tree):
        if isinstance(each, AggregateExpr) and each.modifier is not None:
            unknown = frozenset(each.modifier.labels) - labels(each.expr, world.labels_of)
            yield from [f"nothing below {each.op} has the label {_list(unknown)}"] if unknown else []
        if isinstance(each, BinaryExpr) and each.modifier is not None:
            yield from _matched(each, each.modifier, world)


def _matched(expr: BinaryExpr, modifier: BinModifier, world: World) -> Iterator[str]:
    both = labels(expr.lhs, world.labels_of) | labels(expr.rhs, world.labels_of)
    named = frozenset(modifier.matching.labels if modifier.matching else ()) | frozenset(modifier.group_labels or ())
    if unknown := named - both:
        yield f"neither side of {expr.op} has the label {_list(unknown)}"


def _recorded(rule: Rule, _: World) -> Iterator[str]:
    if not CLASSIC.match(rule.name):
        yield "a recorded name is level:metric or level:metric:operation, in small letters"


def _alert_names(rule: Rule, _: World) -> Iterator[str]:
    if not CAMEL.match(rule.name) or not (rule.name.startswith(PREFIXES) or rule.name in {"Watchdog"} | SPECIAL):
        yield f"a name in camel case that begins with one of {', '.join(PREFIXES)}"
    if set(rule.labels) != set(VALUES):
        yield f"labels are {_list(VALUES)}"
    for label, value in rule.labels.items():
        if value not in VALUES.get(label, {value}) or "{{" in str(value):
            yield f"{label} {value!r} is none of {_list(VALUES.get(label, ()))}"


SPECIAL = frozenset({"ServerNotSeen", "ThresholdsMissing", "WarningIgnored", "CustomCheckFailed"})


def _condition(rule: Rule, _: World) -> Iterator[str]:
    """It can be false, it does not depend on one reading, and it is not about a rank."""
    tree = rule.tree
    if rule.labels.get("severity") != "none" and not decides(tree):
        yield "no comparison: it fires always"
    for each, _ in walk(tree):
        if isinstance(each, AggregateExpr) and str(each.op) in KEEPING:
            yield f"{each.op} in an alert: the rank of one changes with the others"
        if isinstance(each, Call) and each.func.name.startswith("absent") and not rule.fields.get("for"):
            yield "absent() without `for` fires at every restart"
    if "$value" in str(rule.labels):
        yield "a value in a label makes each value another alert"


def decides(expr: Expr) -> bool:
    """Whether it can be empty though all of its series are there; of an `or` both sides have to."""
    match expr:
        case BinaryExpr() if str(expr.op) == "or":
            return decides(expr.lhs) and decides(expr.rhs)
        case BinaryExpr() if str(expr.op) in COMPARISONS and not (expr.modifier and expr.modifier.return_bool):
            return True
        case BinaryExpr() if str(expr.op) == "unless":
            return True
        case Call() if expr.func.name.startswith("absent"):
            return True
    return any(decides(each) for each in children(expr))


def _result(rule: Rule, world: World) -> Iterator[str]:
    """Labels of the result: none that the rule sets, those of the machine it is about, all of them inhibited by."""
    found = labels(rule.tree, world.labels_of)
    if lost := found & set(rule.labels):
        yield f"the rule sets {_list(lost)}, which its result has: two results would become one alert"
    if rule.labels.get("scope") == "device" and (absent := {"instance", "site", "role"} - found):
        yield f"about a device, but without {_list(absent)}"
    if unequal := found - world.equal - NOT_IDENTITY:
        yield f"{_list(unequal)} not in `equal` of the inhibitions: one {rule.name} would hide another"
    for text in rule.annotations.values():
        if unknown := set(USED.findall(text)) - found:
            yield f"an annotation uses {_list(unknown)}, which no result has"


def _told(rule: Rule, world: World) -> Iterator[str]:
    """A person knows what, where and what to do."""
    if set(rule.annotations) != ANNOTATIONS:
        yield f"annotations are {_list(ANNOTATIONS)}"
    if rule.annotations.get("runbook_url") != f"runbooks/{rule.name}.md":
        yield f"runbook_url is not runbooks/{rule.name}.md"
    if rule.name not in world.runbooks:
        yield f"there is no runbooks/{rule.name}.md"
    leads = DASHBOARD.match(rule.annotations.get("dashboard_url", ""))
    if not leads or leads[1] not in DASHBOARDS:
        yield f"dashboard_url leads to none of {_list(DASHBOARDS)}"


def _tested(rule: Rule, world: World) -> Iterator[str]:
    seen = world.seen.get(rule.name, Seen())
    if rule.labels.get("severity") not in seen.severities and rule.name != BY_PYTEST:
        yield "no test in which it fires"
    if not seen.silent and rule.labels.get("severity") != "none":
        yield "no test in which it stays silent"
    if more := seen.labels - labels(rule.tree, world.labels_of) - set(rule.labels):
        yield f"a test expects {_list(more)}, which its expression cannot have"


def _tiers(rules: Iterable[Rule]) -> Iterator[str]:
    """Tiers of one name differ in severity, last equally long, and say the same of scope, topic and team."""
    named: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule.is_alert:
            named.setdefault(rule.name, []).append(rule)
    for name, tiers in named.items():
        if len({rule.fields.get("keep_firing_for") for rule in tiers}) > 1:
            yield f"{name}: its tiers have different keep_firing_for: a worse one would hide the end of another"
        for label in ("scope", "topic", "team"):
            if len({rule.labels.get(label) for rule in tiers}) > 1:
                yield f"{name}: its tiers differ in {label}"
        if len({rule.fields.get("expr") for rule in tiers}) < len({rule.labels.get("severity") for rule in tiers}) and (
            len({rule.fields.get("for") for rule in tiers}) == 1
        ):
            yield f"{name}: two tiers with the same expression and the same `for`"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
