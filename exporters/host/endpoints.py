"""How services look from this machine: HTTP, TCP, TLS, name and ping checks of configured targets (own probes).

Nothing is asked until targets are configured. The name of a target is its `probe` label; its address is published
nowhere. Of a target that could not be asked nothing is told, and one never touches another.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from exporters.core.collector import Partial, Questions, collector, told
from exporters.core.context import Context
from exporters.core.metrics import Distribution, Sample, counter, gauge, histogram
from exporters.host.endpoint_answer import Checked, Reason, checked
from exporters.host.endpoint_config import EndpointsConfig, Target, mistakes
from exporters.host.gateway import QUESTIONS, gateway
from exporters.host.recent import CLOCKS, NEVER, Recent, slept
from exporters.sources.base import ParseError, Replies

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""
NOTHING = Distribution(BOUNDS)


@dataclass(frozen=True, slots=True)
class Round:
    """What came of each target that was asked; `slept` is for how many seconds the machine has slept since its boot."""

    checked: tuple[Checked, ...]
    slept: float | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """All checks of one target since the start of the process."""

    checks: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)
    durations: Distribution = NOTHING
    recent: Recent = NEVER


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The last round, and what was counted by name."""

    last: tuple[Checked, ...]
    counts: Mapping[str, Count]


def questions(context: Context) -> Questions:
    """A probe for each target, the way to the gateway where one is meant, and whether the machine has slept."""
    targets = context.config.all()
    probes = (each.probe() for each in targets)
    route = QUESTIONS if any(each.by_gateway() for each in targets) else ()
    clocks = (CLOCKS,) if targets else ()
    return (*clocks, *route, *(each for each in probes if each is not None))


def by_gateway(replies: Replies, context: Context, _: object) -> Questions:
    """The probes of the gateway, once its address is known."""
    found = gateway(replies)
    probes = (each.probe(found) for each in context.config.all() if each.by_gateway())
    return tuple(each for each in probes if each is not None)


def parse(replies: Replies, context: Context) -> Round | Partial:
    """What came of each target that was asked."""
    good, faults, found = list[Checked](), list[str](), gateway(replies)
    for target in context.config.all():
        probe = target.probe(found)
        reply = replies.get(probe) if probe is not None else None
        try:
            good += [checked(target, reply)] if reply is not None else []
        except ParseError as error:
            faults.append(f"{target.name}: {error}")
    return told(Round(tuple(good), slept(replies)), faults)


def advance(state: Endpoints | None, reading: Round, _now: float, context: Context) -> Endpoints:
    """The last round, counted."""
    names = {each.name for each in context.config.all()}
    counts = {name: count for name, count in (state.counts if state else {}).items() if name in names}
    for each in reading.checked:
        counts[each.target.name] = _counted(counts.get(each.target.name), each, reading.slept)
    return Endpoints(reading.checked, counts)


def _counted(before: Count | None, each: Checked, asleep: float | None) -> Count:
    count = before or Count(failures=dict.fromkeys(_expected(each.target), 0))
    recent = count.recent.then(bool(each.reason), asleep)
    if not each.reason:
        return Count(count.checks + 1, count.failures, count.durations.observe(each.answer.seconds), recent)
    failures = {**count.failures, each.reason: count.failures.get(each.reason, 0) + 1}
    return Count(count.checks + 1, failures, count.durations, recent)


def _expected(target: Target) -> Iterator[Reason]:
    """The reasons to count from 0 on, so that the first failure is seen to grow; rare ones appear when they occur."""
    if not target.by_gateway():
        yield "dns"
    if target.kind != "dns":
        yield from ("unreachable", "timeout")
    if target.kind not in {"dns", "ping"}:
        yield "refused"
    if target.kind == "tls" or target.http[:6].lower() == "https:":
        yield from ("certificate", "tls")
    if target.kind == "http":
        yield from ("reset", "status")
    if target.body:
        yield "body"


SUCCESS = gauge("pomona_endpoint_success", "Whether the last check was good (pomona probe).", "probe")
RECENT = gauge(
    "pomona_endpoint_recent_failures",
    "Bad ones among the last three checks since the exporter began and the machine woke (pomona probe).",
    "probe",
)
DURATION = histogram(
    "pomona_endpoint_duration_seconds", "How long good checks took, from name to last byte (pomona probe).", "probe"
)
CHECKS = counter("pomona_endpoint_checks_total", "Checks, good or not (pomona probe).", "probe")
FAILURES = counter(
    "pomona_endpoint_failures_total", "Checks that were not good, and why (pomona probe).", "probe", "reason"
)
EXPIRY = gauge(
    "pomona_endpoint_certificate_expiry_timestamp_seconds",
    "Until when the certificate of the endpoint itself is valid, also of one that was refused (pomona probe).",
    "probe",
)
STATUS = gauge("pomona_endpoint_http_status_code", "HTTP status of the last answer (pomona probe).", "probe")
PHASE = gauge(
    "pomona_endpoint_phase_seconds",
    "The last check's phases, as far as they ended well (pomona probe).",
    "probe",
    "phase",
)
INFO = gauge(
    "pomona_endpoint_info",
    "Kind of the check and, of a ping, how it was asked; always 1 (pomona probe).",
    "probe",
    "kind",
    "method",
)


@collector(
    "endpoints",
    SUCCESS,
    RECENT,
    DURATION,
    CHECKS,
    FAILURES,
    EXPIRY,
    STATUS,
    PHASE,
    INFO,
    optional=questions,
    then=by_gateway,
    parse=parse,
    advance=advance,
    cadence=60.0,
    config=EndpointsConfig,
    mistakes=mistakes,
    publishes=("reason", "method"),
)
def endpoints(state: Endpoints, _: Context) -> Iterable[Sample]:
    """The last round by target, then what was counted."""
    for each in state.last:
        yield from _told(each)
        yield from RECENT(state.counts[each.target.name].recent.failures, probe=each.target.name)
    for name, count in state.counts.items():
        yield from count.durations.samples(DURATION, probe=name)
        yield from CHECKS(count.checks, probe=name)
        for reason, failures in count.failures.items():
            yield from FAILURES(failures, probe=name, reason=reason)


def _told(each: Checked) -> Iterator[Sample]:
    name, answer = each.target.name, each.answer
    yield from SUCCESS(not each.reason, probe=name)
    yield from INFO(1, probe=name, kind=each.target.kind, method=answer.method)
    yield from STATUS(answer.status, probe=name)
    yield from EXPIRY(answer.certificate_expiry, probe=name)
    for phase, seconds in answer.phases.items():
        yield from PHASE(seconds, probe=name, phase=phase)
