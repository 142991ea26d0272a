"""What the paths answer: metrics of this machine or of a target, health, configuration, a landing page."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Protocol
from urllib.parse import quote

from exporters.core.metrics import CONTENT_TYPE, Format, Sample, render
from exporters.core.runner import Runner
from exporters.core.web import Handler, Request, Response

MARGIN = 0.5
"""Seconds by which an answer comes before Prometheus would give up."""
DEFAULT_TIMEOUT = 10.0
Extras = Callable[[], Iterable[Sample]]


class Probed(Protocol):
    """A machine that a probe scrapes: a Runner, or what tells more than one."""

    @property
    def names(self) -> frozenset[str]:
        """The collectors that can be chosen by `collect[]`."""

    def scrape(
        self, form: Format, chosen: frozenset[str] | None = None, timeout: float = 10.0, *, taken: bool = True
    ) -> bytes:
        """The text of all or the chosen collectors, within `timeout` seconds."""


class Targets(Protocol):
    """The machines that may be probed."""

    def runner(self, target: str, module: str = "") -> Probed | None:
        """A listed target; None for any other. ModuleError for an unknown module, TargetError where it sleeps."""


class ModuleError(Exception):
    """A module that does not exist or is not this target's: answered with 400."""


class TargetError(Exception):
    """A listed target that cannot be asked now: answered with 503."""


def metrics(runner: Callable[[], Runner], extras: Extras) -> Handler:
    """`/metrics`: this machine and, unless `collect[]` names others, the exporter itself; `exclude[]` hides some."""

    def handle(request: Request) -> Response:
        current = runner()
        chosen = _chosen(request, current.names)
        if isinstance(chosen, Response):
            return chosen
        form = negotiate(request.headers.get("accept", ""))
        body = current.scrape(form, chosen, _timeout(request), taken=request.method == "GET")
        itself = b"" if "collect[]" in request.query else render(extras(), form)
        return _exposition(body + itself, form)

    return handle


def own(extras: Extras) -> Handler:
    """`/metrics` of an exporter for other machines: itself alone."""

    def handle(request: Request) -> Response:
        form = negotiate(request.headers.get("accept", ""))
        return _exposition(render(extras(), form), form)

    return handle


def probe(targets: Targets) -> Handler:
    """`/probe?target=NAME&module=NAME`: one listed target; the exporter's own metrics are not among them."""

    def handle(request: Request) -> Response:
        machine = _probed(targets, request)
        if isinstance(machine, Response):
            return machine
        chosen = _chosen(request, machine.names)
        if isinstance(chosen, Response):
            return chosen
        form = negotiate(request.headers.get("accept", ""))
        body = machine.scrape(form, chosen, _timeout(request), taken=request.method == "GET")
        return _exposition(body, form)

    return handle


def _probed(targets: Targets, request: Request) -> Probed | Response:
    names, modules = request.query.get("target", ()), request.query.get("module", ())
    if len(names) != 1 or not names[0] or len(modules) > 1:
        return refuse("give one target, and at most one module: /probe?target=NAME&module=NAME")
    try:
        machine = targets.runner(names[0], *modules)
    except ModuleError as error:
        return refuse(str(error))
    except TargetError as error:
        return Response(503, f"{error}\n".encode())
    return machine or refuse(f"unknown target {names[0][:80]!r}: only those that /targets lists may be probed")


def healthy(_: Request) -> Response:
    """`/-/healthy`: the process answers."""
    return Response(200, b"Healthy.\n")


def ready(check: Callable[[], bool]) -> Handler:
    """`/-/ready`: 503 until every background collector has been tried once."""

    def handle(_: Request) -> Response:
        return (
            Response(200, b"Ready.\n") if check() else Response(503, b"Not ready: first collections are under way.\n")
        )

    return handle


def config(text: Callable[[], str]) -> Handler:
    """`/config`: the configuration that is in force, secrets hidden."""

    def handle(_: Request) -> Response:
        return Response(200, text().encode(), "text/yaml; charset=utf-8")

    return handle


def landing(title: str, about: str, links: Mapping[str, str]) -> Handler:
    """`/`: what this is and where to go; `links` maps a path to what is there."""
    rows = "".join(
        f'<li><a href="{escape(quote(path, safe="/?=&-"))}">{escape(path)}</a> {escape(text)}</li>'
        for path, text in links.items()
    )
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}"
        "a{color:#9b4d00}</style>"
        f"<h1>{escape(title)}</h1><p>{escape(about)}</p><ul>{rows}</ul></html>\n"
    ).encode()

    def handle(_: Request) -> Response:
        return Response(200, page, "text/html; charset=utf-8")

    return handle


def refuse(reason: str) -> Response:
    """400 and one line that says what was wrong."""
    return Response(400, f"{reason}\n".encode())


def negotiate(accept: str) -> Format:
    """OpenMetrics where the client prefers it at least as much as text, else text 0.0.4."""
    weights = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for part in accept.split(","):
        kind, *options = (each.strip() for each in part.split(";"))
        quality = next((_quality(each[2:]) for each in options if each.startswith("q=")), 1.0)
        if kind in weights:
            weights[kind] = max(weights[kind], quality)
    preferred = weights["application/openmetrics-text"]
    return "openmetrics" if preferred and preferred >= weights["text/plain"] else "text"


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _exposition(body: bytes, form: Format) -> Response:
    return Response(200, body + b"# EOF\n" if form == "openmetrics" else body, CONTENT_TYPE[form])


def _timeout(request: Request) -> float:
    """Seconds that the scraper leaves, less a margin; 10 where it does not say."""
    given = _quality(request.headers.get("x-prometheus-scrape-timeout-seconds", ""))
    return max(given - MARGIN, 0.1) if 0 < given < float("inf") else DEFAULT_TIMEOUT


def _chosen(request: Request, names: frozenset[str]) -> frozenset[str] | Response | None:
    """The collectors asked for, None for all; 400 for an unknown name or for both parameters at once."""
    wanted, unwanted = request.query.get("collect[]", ()), request.query.get("exclude[]", ())
    if wanted and unwanted:
        return refuse("collect[] and exclude[] cannot be combined")
    unknown = _unknown((*wanted, *unwanted), names)
    if unknown is not None:
        return refuse(f"unknown collector {unknown[:80]!r}; there are {', '.join(sorted(names))}")
    if wanted:
        return frozenset(wanted)
    return names - frozenset(unwanted) if unwanted else None


def _unknown(asked: Sequence[str], names: frozenset[str]) -> str | None:
    return next((each for each in asked if each not in names), None)
