"""What simulated Macs are configured to check, and how it looks from each: by site, Wi-Fi, and what is out of order.

At each site one of the services is out of order now and then, for all Macs of the site alike.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from random import Random
from typing import Any

from exporters.stack.dynamics import HOUR, MINUTE
from exporters.stack.radio_reports import GATEWAY, offline, strength
from exporters.stack.view import Fact, Reports, View

DAY = 24 * HOUR
INTRANET = "intranet.orchard.example"
CONFIG: Mapping[str, Any] = {
    "presets": ("microsoft365", "slack"),
    "targets": (
        {"name": "gateway", "ping": "gateway"},
        {"name": "site-dns", "tcp": "gateway:53"},
        {"name": "intranet-name", "dns": INTRANET},
        {"name": "intranet", "http": f"https://{INTRANET}/"},
    ),
}
"""Of the collector `endpoints`, for the whole fleet."""
SERVICES: Mapping[str, tuple[str, ...]] = {
    "microsoft365": (
        "http https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration",
        "tls outlook.office365.com:443",
        "tls teams.microsoft.com:443",
        "tls graph.microsoft.com:443",
    ),
    "slack": ("http https://slack.com/api/api.test", "tls wss-primary.slack.com:443"),
}
"""The targets of the presets, as their probes are asked."""
AWAY = {"north": 0.012, "south": 0.028, "west": 0.075}
"""Seconds of a round trip from each site to the Internet."""
ROUND, OUTAGE = 11 * HOUR, 80 * MINUTE
"""Seconds in which a site meets one outage, and how long it lasts."""
WEAK = -70
"""Signal in dBm below which answers are late, and some are lost."""
LOST = 0.06
RENEWED, EXPIRES = 90 * DAY, 6 * DAY
"""Real seconds for which the services' certificates are valid, and that of the intranet."""
TIMEOUT = 5.0


def outage(view: View) -> str:
    """The service that is out of order at the Mac's site, if any."""
    number, into = divmod(view.site.time, ROUND)
    random = Random(f"{view.site.seed}/outage/{number}")  # noqa: S311 - a simulation
    service, begins = random.choice(sorted(SERVICES)), random.uniform(0, ROUND - OUTAGE)
    return service if begins <= into < begins + OUTAGE else ""


def link(view: View) -> float:
    """Seconds of a round trip to the gateway: a cable, or Wi-Fi that is the slower the weaker it is."""
    jitter = view.flicker("link")
    if view.model.battery is None:
        return 0.0005 + 0.0004 * jitter
    weak = max(0, -55 - strength(view))
    return (0.002 + 0.0015 * weak) * (0.7 + jitter)


def _lost(view: View, what: str) -> bool:
    return view.model.battery is not None and strength(view) < WEAK and view.flicker(f"lost {what}") < LOST


def _good(phases: Mapping[str, float], **more: Any) -> dict[str, Any]:
    return {"success": True, "reason": "", "seconds": sum(phases.values()), "phases": phases, "family": "ipv4", **more}


def _bad(reason: str, seconds: float, phases: Mapping[str, float], **more: Any) -> dict[str, Any]:
    return {"success": False, "reason": reason, "seconds": seconds, "phases": phases, **more}


def _gateway(kind: str, view: View) -> dict[str, Any]:
    trip = link(view)
    how = {"method": "icmp"} if kind == "ping" else {}
    if _lost(view, "gateway"):
        return _bad("timeout", TIMEOUT, {}, **how)
    return _good({"echo" if kind == "ping" else "connect": trip}, **how)


def _looked_up(view: View, what: str) -> dict[str, float]:
    """The name server of the site remembers most names."""
    asked = 0.0 if view.flicker(f"name {what}") < 0.8 else AWAY[view.site.name]  # noqa: PLR2004 - a share
    return {"dns": link(view) + asked}


def _name(view: View) -> dict[str, Any]:
    return _bad("dns", 0.01, {}) if offline(view) else _good(_looked_up(view, INTRANET))


def _intranet(view: View) -> dict[str, Any]:
    """Within the site; nobody has renewed its certificate."""
    if offline(view):
        return _bad("dns", 0.01, {})
    expiry = view.site.begun // HOUR * HOUR + EXPIRES
    trip, before = link(view) + 0.002, _looked_up(view, INTRANET)
    if view.at.now > expiry:
        return _bad("certificate", 4 * trip, {**before, "connect": trip}, certificate_expiry=expiry)
    return _served({**before, "connect": trip, "tls": 2 * trip}, trip, certificate_expiry=expiry)


def _served(phases: Mapping[str, float], trip: float, **more: Any) -> dict[str, Any]:
    return _good({**phases, "first_byte": trip + 0.03, "transfer": trip / 4}, status=200, matched=True, **more)


def _service(service: str, probe: str, view: View) -> dict[str, Any]:
    kind = probe.partition(" ")[0]
    if offline(view):
        return _bad("dns", 0.01, {})
    out = outage(view) == service
    if _lost(view, probe) or (out and kind != "http"):
        return _bad("timeout", TIMEOUT, _looked_up(view, probe))
    trip = (link(view) + AWAY[view.site.name]) * (0.9 + 0.3 * view.flicker(probe))
    phases = {**_looked_up(view, probe), "connect": trip, "tls": 1.5 * trip}
    expiry = {"certificate_expiry": view.site.begun // DAY * DAY + RENEWED}
    if kind == "tls":
        return _good(phases, **expiry)
    return _refused(phases, trip, **expiry) if out else _served(phases, trip, **expiry)


def _refused(phases: Mapping[str, float], trip: float, **more: Any) -> dict[str, Any]:
    """The front of the service answers that there is nobody behind it."""
    whole = {**phases, "first_byte": 1.2 + trip, "transfer": trip / 4}
    return _bad("status", sum(whole.values()), whole, family="ipv4", status=503, matched=False, **more)


def _probes() -> Iterator[tuple[str, Fact]]:
    yield f"ping {GATEWAY}", partial(_gateway, "ping")
    yield f"tcp {GATEWAY}:53", partial(_gateway, "tcp")
    yield f"dns {INTRANET}", _name
    yield f"http https://{INTRANET}/", _intranet
    for service, probes in SERVICES.items():
        yield from ((probe, partial(_service, service, probe)) for probe in probes)


REPORTS = Reports(probes=dict(_probes()))
