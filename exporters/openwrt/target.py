"""What a probe tells of the way to a router: whether it answered, why not, how long it took."""

from collections.abc import Iterator, Mapping

from exporters.core.metrics import Sample, counter, enum, gauge
from exporters.sources.base import Denied, SourceError, TimedOut, Unreachable
from exporters.sources.named import NameUnknown
from exporters.sources.ssh import HostKeyRefused, Incompatible, LoginRefused, Report, ScriptRefused
from exporters.sources.sshlink import Ended

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
RETRY = gauge(
    "openwrt_ssh_next_try_timestamp_seconds", "When it is tried again after repeated failures, else absent (pomona)."
)
LOGIN = gauge(
    "openwrt_ssh_next_login_timestamp_seconds", "When a login is tried again after a refused one, else absent (pomona)."
)
FAMILIES = (UP, REASON, PROBE, CONNECT, EXEC, CONNECTS, RETRY, LOGIN)


def reason(trouble: SourceError | None) -> str:
    """The word for why a router did not answer; empty where it did."""
    if trouble is None:
        return ""
    return next((word for kind, word in REASONS.items() if isinstance(trouble, kind)), "unreachable")


def known(report: Report) -> bool:
    """Whether the router was asked at all, and an answer waited for."""
    return not isinstance(report.trouble, Ended) and (report.trouble or report.exec_seconds) is not None


def samples(report: Report, seconds: float, retry: float | None, login: float | None) -> Iterator[Sample]:
    """`seconds` of this probe; `retry` and `login`: Unix times until which it is left alone."""
    why = reason(report.trouble)
    if known(report):
        yield from UP(not why)
        for each in REASON.states:
            yield from REASON(each == why, reason=each)
    yield from PROBE(seconds)
    yield from CONNECT(report.connect_seconds)
    yield from EXEC(report.exec_seconds)
    yield from CONNECTS(report.connects)
    yield from RETRY(retry)
    yield from LOGIN(login)
