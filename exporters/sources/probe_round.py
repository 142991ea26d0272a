"""One round of checks: what they share, and which kind of probe does what."""

import socket
import threading
from collections.abc import Iterable
from typing import Any

from exporters.sources.address import name_of, place
from exporters.sources.base import Failed, Probe, SourceError
from exporters.sources.probe_check import Check, Fault
from exporters.sources.probe_connect import Lookups, connected
from exporters.sources.probe_http import get
from exporters.sources.probe_ping import ping
from exporters.sources.probe_tls import secured, trusted


class Round:
    """Checks that share what is read once, before the first of them is measured."""

    def __init__(self, free: threading.Semaphore, probes: Iterable[Probe]) -> None:
        self._lookups = Lookups(free)
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
                name = name_of(probe.address)
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
