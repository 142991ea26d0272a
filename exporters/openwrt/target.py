"""What a probe tells of the way to a router: whether it answered, why not, how long it took."""

from collections.abc import Iterator, Mapping

from exporters.core.metrics import Sample, counter, enum, gauge
from exporters.sources.base import Denied, SourceError, TimedOut, Unreachable
from exporters.sources.named import NameUnknown
from exporters.sources.ssh import HostKeyRefused, Incompatible, LoginRefused, Report, ScriptRefused

REASONS: Mapping[type[SourceError], str] = {
    NameUnknown: "name_resolution",
    HostKeyRefused: "host_key",
    Incompatible: "incompatible",
    LoginRefused: "login",
    Denied: "login",
    ScriptRefused: "command",
    TimedOut: "timeout",
    Unreachable: "unreachable",
}
"""From the special to the general."""
UP = gauge("openwrt_up", "1 if the router answered the last questions, also if single ones failed (SSH).")
REASON = enum(
    "openwrt_down_reason",
    "1 for why it did not answer, all 0 while it does (SSH).",
    "reason",
    [*dict.fromkeys(REASONS.values())],
)
PROBE = gauge("openwrt_probe_duration_seconds", "Time that this probe took (pomona).")
CONNECT = gauge("openwrt_ssh_connect_duration_seconds", "Time of the last connect, from TCP to login (SSH).")
EXEC = gauge("openwrt_ssh_exec_duration_seconds", "Time of the last batch of questions (SSH).")
CONNECTS = counter("openwrt_ssh_connects_total", "Connections opened since the exporter started (SSH).")
RETRY = gauge("openwrt_ssh_retry_wait_seconds", "Time until it is tried again after repeated failures (pomona).")
LOGIN = gauge("openwrt_ssh_login_wait_seconds", "Time until a login is tried again after a refused one (pomona).")
FAMILIES = (UP, REASON, PROBE, CONNECT, EXEC, CONNECTS, RETRY, LOGIN)


def reason(trouble: SourceError | None) -> str:
    """The word for why a router did not answer; empty where it did."""
    if trouble is None:
        return ""
    return next((word for kind, word in REASONS.items() if isinstance(trouble, kind)), "unreachable")


def samples(report: Report, waits: tuple[float, float], seconds: float) -> Iterator[Sample]:
    """`waits`: seconds of the holds after failures and after a refused login; `seconds` of this probe."""
    why, retry, login = reason(report.trouble), *waits
    yield from UP(not why)
    for each in REASON.states:
        yield from REASON(each == why, reason=each)
    yield from PROBE(seconds)
    yield from CONNECT(report.connect_seconds)
    yield from EXEC(report.exec_seconds)
    yield from CONNECTS(report.connects)
    yield from RETRY(retry)
    yield from LOGIN(login)
