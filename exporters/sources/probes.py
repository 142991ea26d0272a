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
                                  "timeout"      the time of the check is over
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
     "matched": bool,           of http with `pattern` (searched with `re`): once the body was read
     "value": scalar,           of http with `field` ("a.b.0.c"), if the body is JSON and a scalar stands there
     "certificate_expiry": float}  of tls and https: Unix time; also of a certificate that was refused, if it can be had

Keys that do not apply are absent. With the reasons "status" and "body" the answer came as a whole: whoever expects
another status judges by `status` and `matched`. No redirect is followed, no proxy asked; a body is read up to 64 KiB.
"""

import socket
import threading
from collections import deque
from collections.abc import Iterable
from typing import Any

from exporters.sources.base import Failed, Probe, SourceError
from exporters.sources.probe_check import Check, Fault, place
from exporters.sources.probe_connect import Lookups, connected
from exporters.sources.probe_http import get
from exporters.sources.probe_ping import ping
from exporters.sources.probe_tls import secured, trusted

AT_ONCE = 8
"""Checks that run beside each other for one asker."""


class Probing:
    """Runs the checks of one source."""

    def __init__(self) -> None:
        self._lookups = Lookups()
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
        one_round = _Round(self._lookups, asked)
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

    def _work(self, one_round: "_Round", waiting: deque[Probe], answers: dict[Probe, Any]) -> None:
        while waiting and not self._closed:
            try:
                probe = waiting.popleft()
            except IndexError:  # another thread has taken the last one
                return
            answer = one_round.outcome(probe)
            with self._changed:
                answers[probe] = answer
                self._changed.notify_all()


class _Round:
    """Checks that share what is read once, before the first of them is measured."""

    def __init__(self, lookups: Lookups, probes: Iterable[Probe]) -> None:
        self._lookups = lookups
        verifies = any(each.kind == "tls" or each.address[:6].lower() == "https:" for each in probes)
        self._trust = trusted() if verifies else None

    def outcome(self, probe: Probe) -> Any:
        """The answer, or the error that came instead."""
        check = Check(probe.timeout)
        try:
            self._run(check, probe)
        except Fault as fault:
            return check.answer(fault.reason)
        except SourceError as error:
            return error.with_traceback(None)
        except Exception as bug:  # noqa: BLE001 - one check must not keep the answers of the others
            return Failed(f"a bug of this check: {type(bug).__name__}")
        return check.answer("")

    def _run(self, check: Check, probe: Probe) -> None:
        match probe.kind:
            case "dns":
                name, _ = place(probe.address, 1)
                check.facts["family"] = self._lookups.addresses(check, name, 0)[0].version()
            case "tcp":
                self._connected(check, probe).close()
            case "tls":
                self._shake_hands(check, probe)
            case "http":
                get(check, probe, self._lookups, self._trust)
            case "ping":
                ping(check, probe, self._lookups)
            case unknown:
                raise Failed(f"there is no check of the kind {unknown!r}")

    def _connected(self, check: Check, probe: Probe) -> socket.socket:
        return connected(check, self._lookups.addresses(check, *place(probe.address)))

    def _shake_hands(self, check: Check, probe: Probe) -> None:
        host, _ = place(probe.address)
        with self._connected(check, probe) as sock:
            secured(check, sock, host, self._trust).close()
