"""What one probe answered about one target, and whether that is what its configuration calls good."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from exporters.host.endpoint_config import Target
from exporters.sources.base import ParseError

Reason = Literal[
    "",
    "dns",
    "refused",
    "unreachable",
    "denied",
    "timeout",
    "reset",
    "certificate",
    "tls",
    "protocol",
    "status",
    "body",
]
Phase = Literal["dns", "connect", "tls", "first_byte", "transfer", "echo"]
Seconds = Annotated[float, Meta(ge=0, le=3600)]


class Answer(msgspec.Struct, frozen=True):
    """The JSON of a probe, as far as it is published; `certificate_expiry` in Unix time."""

    success: bool
    reason: Reason
    seconds: Seconds
    phases: dict[Phase, Seconds]
    method: Literal["", "icmp", "tcp"] = ""
    status: Annotated[int, Meta(ge=100, le=999)] | None = None
    matched: bool | None = None
    certificate_expiry: Annotated[float, Meta(ge=0, le=1e12)] | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A target, why its last check failed if it did, and what was measured."""

    target: Target
    reason: Reason
    answer: Answer


def checked(target: Target, reply: Any) -> Checked:
    """The answer, judged; its text is repeated nowhere."""
    try:
        answer = msgspec.convert(reply, Answer)
    except (msgspec.ValidationError, OverflowError) as error:
        raise ParseError("the answer of the probe has another shape") from error
    if answer.success != (answer.reason == ""):
        raise ParseError("the answer of the probe contradicts itself")
    return Checked(target, _judged(target, answer), answer)


def _judged(target: Target, answer: Answer) -> Reason:
    """Of HTTP the target says which answers are good."""
    if target.kind != "http" or answer.reason not in {"", "status", "body"}:
        return answer.reason
    if answer.status is None or (target.body and answer.matched is None):
        raise ParseError("the answer of the probe is not whole")
    if not target.expects(answer.status):
        return "status"
    return "body" if target.body and not answer.matched else ""
