"""Active network checks from this machine: the answers to `Probe`, several at once, each within its own time.

An address is `http(s)://HOST[:PORT]/PATH` of kind http, `HOST:PORT` of tcp and tls, a name of dns, `HOST` or
`HOST:PORT` of ping; an IPv6 address with a port stands in brackets. A check that fails is a result; what cannot be
asked at all (an unknown kind, an address without a port or with a password) is a `SourceError`. The answer is JSON:

    {"success": bool,           whether all went well; of http also: status 200 to 299, and `pattern` found
     "reason": str,             "" or why not, the first of them that holds:
                                  "dns"          no address for the name, or none in time
                                  "refused"      nothing listens there
                                  "unreachable"  no route, or a router said so
                                  "denied"       this machine forbids it: a packet filter, a sandbox
                                  "timeout"      the time of the check is over, be it while `pattern` was searched
                                  "reset"        closed or reset before the answer was whole
                                  "certificate"  the certificate is expired, of another name, or of no known authority
                                  "tls"          any other failure of the handshake
                                  "protocol"     the answer is no HTTP
                                  "status"       of http: not 200 to 299
                                  "body"         of http: `pattern` is not in the first 64 KiB
     "seconds": float,          from the begin to the last byte that was read, or to the failure
     "phases": {str: float},    seconds of those that ended well, in this order: "dns" (of names only), "connect" (TCP),
                                "tls", "first_byte" (request sent to first byte), "transfer", "echo" (ICMP)
     "family": "ipv4"|"ipv6",   of the address that answered; of dns, of the first address; absent before
     "method": "icmp"|"tcp",    of ping: how it was asked, TCP (port 443 if none is named) where ICMP is not allowed; a
                                refused connection is an answer
     "status": int,             of http: once the head of the answer was read
     "matched": bool,           of http with `pattern` (searched by `regex`): once the body was read
     "value": scalar,           of http with `field` ("a.b.0.c"), if the body is JSON and a scalar stands there
     "certificate_expiry": float}  of tls and https: Unix time; also of a certificate that was refused, if it can be had

Keys that do not apply are absent. With the reasons "status" and "body" the answer came as a whole: whoever expects
another status judges by `status` and `matched`. No redirect is followed, no proxy asked; a body is read up to 64 KiB.
"""

import math
import threading
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from exporters.sources.base import Failed, Probe, SourceError

if TYPE_CHECKING:
    from exporters.sources.probe_round import Round

AT_ONCE = 8
"""Checks that run beside each other for one asker."""
MOST_LOOKUPS = 32
"""Names that may be looked up at once: nobody can end a lookup that hangs."""


def most_seconds(probes: Iterable[Probe]) -> float:
    """How long one round of them may take: as if each hung for the longest time among them."""
    times = [each.timeout for each in dict.fromkeys(probes)]
    return math.ceil(len(times) / AT_ONCE) * max(times, default=0.0)


class Probing:
    """Runs the checks of one source."""

    def __init__(self) -> None:
        self._lookups = threading.BoundedSemaphore(MOST_LOOKUPS)
        self._changed = threading.Condition()
        self._closed = False

    def ask(self, probe: Probe) -> Any:
        """The answer, or a `SourceError`."""
        answer = self.ask_all((probe,))[probe]
        if isinstance(answer, SourceError):
            raise answer
        return answer

    def ask_all(self, probes: Iterable[Probe]) -> dict[Probe, Any]:
        """Each probe with its answer or its error; the time of a probe runs from when its turn has come."""
        waiting = deque(dict.fromkeys(probes))
        asked, answers = tuple(waiting), dict[Probe, Any]()
        if not asked:
            return answers
        from exporters.sources.probe_round import Round  # noqa: PLC0415 - only for who asks

        one_round = Round(self._lookups, asked)
        for _ in range(min(AT_ONCE, len(asked))):
            self._start(one_round, waiting, answers)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(answers) == len(asked))
            return {each: answers.get(each) or Failed("the exporter ends") for each in asked}

    def close(self) -> None:
        """Lets go whoever waits. Checks under way end by themselves, no other begins."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _start(self, *work: Any) -> None:
        threading.Thread(target=self._work, args=work, name="pomona-probe", daemon=True).start()

    def _work(self, one_round: "Round", waiting: deque[Probe], answers: dict[Probe, Any]) -> None:
        while waiting and not self._closed:
            try:
                probe = waiting.popleft()
            except IndexError:  # another thread has taken the last one
                return
            answer = one_round.outcome(probe)
            with self._changed:
                answers[probe] = answer
                self._changed.notify_all()
