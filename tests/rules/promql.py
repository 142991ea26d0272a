"""What PromQL expressions read and which labels their results can have, from the tree of the parser."""

from collections.abc import Callable, Iterator, Mapping

from promql_parser import (
    AggModifierType,
    AggregateExpr,
    BinaryExpr,
    Call,
    Expr,
    LabelModifierType,
    MatchOp,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    StringLiteral,
    SubqueryExpr,
    UnaryExpr,
    VectorMatchCardinality,
    VectorSelector,
)

Labels = frozenset[str]
LabelsOf = Callable[[str], Labels]
"""The labels that series of a name can have."""

NONE: Labels = frozenset()
SETS = frozenset({"and", "or", "unless"})
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
KEEPING = frozenset({"topk", "bottomk", "limitk"})


def children(expr: Expr) -> Iterator[Expr]:
    """The expressions right below."""
    match expr:
        case AggregateExpr():
            yield expr.expr
            if isinstance(expr.param, Expr):
                yield expr.param
        case BinaryExpr():
            yield from (expr.lhs, expr.rhs)
        case Call():
            yield from expr.args
        case MatrixSelector():
            yield expr.vector_selector
        case ParenExpr() | SubqueryExpr() | UnaryExpr():
            yield expr.expr


def walk(expr: Expr, above: tuple[Expr, ...] = ()) -> Iterator[tuple[Expr, tuple[Expr, ...]]]:
    """Every part with what stands above it, the nearest last."""
    yield expr, above
    for each in children(expr):
        yield from walk(each, (*above, expr))


def selectors(expr: Expr) -> Iterator[tuple[VectorSelector, tuple[Expr, ...]]]:
    """Every selector with what stands above it."""
    for each, above in walk(expr):
        if isinstance(each, VectorSelector):
            yield each, above


def matchers(selector: VectorSelector) -> Mapping[str, tuple[MatchOp, str]]:
    """Label to operator and value."""
    return {each.name: (each.op, each.value) for each in selector.matchers.matchers}


def is_scalar(expr: Expr) -> bool:
    """Whether it is one number without labels."""
    match expr:
        case NumberLiteral() | StringLiteral():
            return True
        case Call():
            return expr.func.name in {"time", "scalar", "pi"}
        case ParenExpr() | UnaryExpr():
            return is_scalar(expr.expr)
        case BinaryExpr():
            return is_scalar(expr.lhs) and is_scalar(expr.rhs)
    return False


def fixed(expr: Expr) -> Labels:
    """Labels that have one value in all results, because a selector or an aggregation below says so."""
    match expr:
        case VectorSelector():
            return frozenset(name for name, (op, _) in matchers(expr).items() if op == MatchOp.Equal)
        case BinaryExpr() if str(expr.op) in {"and", "unless"}:
            return fixed(expr.lhs)
        case BinaryExpr() if str(expr.op) != "or":
            return fixed(expr.lhs) | fixed(expr.rhs)
        case AggregateExpr():
            return fixed(expr.expr)
        case _:
            below = [fixed(each) for each in children(expr) if not is_scalar(each)]
            return frozenset.intersection(*below) if below else NONE


def labels(expr: Expr, of: LabelsOf) -> Labels:
    """Every label that a result can have; the name of the metric is none."""
    match expr:
        case VectorSelector():
            return frozenset.union(NONE, *(of(each) for each in named(expr))) - empty(expr)
        case AggregateExpr():
            return _aggregated(expr, of)
        case Call():
            return _called(expr, of)
        case BinaryExpr():
            return _combined(expr, of)
        case _:
            return frozenset.union(NONE, *(labels(each, of) for each in children(expr)))


def named(selector: VectorSelector) -> list[str]:
    """The names it can read."""
    return [selector.name] if selector.name else matchers(selector).get("__name__", (None, ""))[1].split("|")


def empty(selector: VectorSelector) -> Labels:
    """Labels that it demands to be absent."""
    return frozenset(name for name, told in matchers(selector).items() if told == (MatchOp.Equal, ""))


def _aggregated(expr: AggregateExpr, of: LabelsOf) -> Labels:
    below = labels(expr.expr, of)
    if str(expr.op) in KEEPING:
        return below
    told = frozenset({str(expr.param.val)}) if isinstance(expr.param, StringLiteral) else NONE
    if expr.modifier is None:
        return told
    given = frozenset(expr.modifier.labels)
    return told | (below & given if expr.modifier.type == AggModifierType.By else below - given)


def _called(expr: Call, of: LabelsOf) -> Labels:
    name, args = expr.func.name, expr.args
    if name in {"vector", "time", "scalar"}:
        return NONE
    if name in {"absent", "absent_over_time"}:
        return fixed(args[0])
    below = labels(args[1] if name.startswith(("histogram_quantile", "quantile_over")) else args[0], of)
    if name in {"label_replace", "label_join"} and isinstance(args[1], StringLiteral):
        return below | {args[1].val}
    return below - {"le"} if name == "histogram_quantile" else below


def _combined(expr: BinaryExpr, of: LabelsOf) -> Labels:
    if is_scalar(expr.lhs):
        return labels(expr.rhs, of)
    left = labels(expr.lhs, of)
    if is_scalar(expr.rhs) or str(expr.op) in {"and", "unless"}:
        return left
    right = labels(expr.rhs, of)
    if str(expr.op) == "or":
        return left | right
    modifier = expr.modifier
    if modifier is None or modifier.card == VectorMatchCardinality.OneToOne:
        return _matched(expr, left, right)
    many, one = (left, right) if modifier.card == VectorMatchCardinality.ManyToOne else (right, left)
    return many | (frozenset(modifier.group_labels or ()) & one)


def _matched(expr: BinaryExpr, left: Labels, right: Labels) -> Labels:
    """Of one-to-one matching: with `on` only its labels stay."""
    matching = expr.modifier.matching if expr.modifier else None
    if matching is None:
        return left & right
    given = frozenset(matching.labels)
    return left & given if matching.type == LabelModifierType.Include else left - given
