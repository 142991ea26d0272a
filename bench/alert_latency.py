"""From a fault that shows in /metrics to the webhook that tells it: real engines, shipped rules and routes."""

import json
import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, quote, urlsplit
from urllib.request import urlopen

import yaml

from bench.measure import answers, running
from bench.rows import Row, row
from exporters.stack import configure
from exporters.stack.engines import Engines, find, folders
from exporters.stack.ports import Ports, address
from exporters.stack.receiver import Delivery, Receiver
from rules.rulefiles import FILES

BASE = 18241
FAULTS = 30
LOOKS = {"an endpoint's default": 60.0, "a component's default": 30.0, "the least": 10.0}
"""Seconds between two looks of the exporter."""
PATIENCE = 240.0


WATCHED = ("endpoints", "components")


@dataclass(frozen=True, slots=True)
class Lane:
    """How often the fast things are scraped and evaluated; faults come within `window` seconds; limits in seconds."""

    name: str
    interval: str
    own_job: bool
    window: float
    p95: float
    slowest: float | None


LANES = (
    Lane("as shipped, every 15 s", "15s", own_job=False, window=60.0, p95=35.0, slowest=None),
    Lane("fast lane, every 2 s by a second job", "2s", own_job=True, window=40.0, p95=5.0, slowest=7.0),
)


@dataclass
class Faults:
    """When each component or endpoint began to fail, and when that was told."""

    begun: dict[str, float] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)

    def text(self, name: str) -> bytes:
        """What the exporter of a machine says: by turns of a component and of an endpoint."""
        bad, number = 3 if name in self.begun else 0, int(name.partition("-")[2])
        if number % 2:
            return f'pomona_endpoint_recent_failures{{probe="{name}"}} {bad}\n'.encode()
        return f'pomona_component_recent_failures{{component="{name}"}} {bad}\n'.encode()

    def latencies(self) -> list[float]:
        """Seconds."""
        return [self.told[name] - begun for name, begun in self.begun.items() if name in self.told]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, faults: Faults) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.faults = faults


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """`/metrics?target=NAME`; with exclude[] what is left for the other job."""
        query = parse_qs(urlsplit(self.path).query)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        told = cast("_Server", self.server).faults.text(query["target"][0])
        self.wfile.write(b"pomona_host_load1 1\n" if "exclude[]" in query else told)

    def log_message(self, *_: object) -> None:
        """Scrapes are no news."""


@contextmanager
def exporters(port: int, faults: Faults) -> Iterator[None]:
    """All of them at one port."""
    with _Server(port, faults) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def rows() -> Iterator[Row]:
    """Nothing where an engine is missing; the newest generation where there are two."""
    complete = [each for each in (find({"PATH": folder}) for folder in folders(os.environ)) if not each.missing()]
    for lane in LANES if complete else ():
        taken = measured(complete[-1], lane)
        yield from _told(lane, taken)


def _told(lane: Lane, taken: list[float]) -> Iterator[Row]:
    what = f"{len(taken)} of {FAULTS} faults told, {lane.name}: from /metrics to webhook"
    p95 = statistics.quantiles(taken, n=20, method="inclusive")[18]
    yield row(f"{what}, p50", statistics.median(taken), "{:.1f} s")
    yield row(f"{what}, p95", p95, "{:.1f} s", lane.p95)
    yield row(f"{what}, slowest", max(taken), "{:.1f} s", lane.slowest)
    for whose, cadence in LOOKS.items():
        told = f"the same p95, with the two looks that it takes to see a fault, {cadence:.0f} s apart ({whose})"
        yield row(told, p95 + 2 * cadence, "{:.1f} s")


def measured(engines: Engines, lane: Lane) -> list[float]:
    """Seconds from each fault to its message; RuntimeError where one did not come."""
    ports, faults = (
        Ports(BASE, BASE + 1, BASE + 2, prometheus=BASE + 3, alertmanager=BASE + 4, router=BASE + 5),
        Faults(),
    )

    def tell(delivery: Delivery) -> None:
        for alert in delivery.alerts:
            failing = alert.labels.get("component") or alert.labels.get("probe", "")
            faults.told.setdefault(failing, time.monotonic())

    with tempfile.TemporaryDirectory() as made, exporters(ports.agent, faults), Receiver(ports.receiver, tell):
        folder = Path(made)
        _configure(folder, ports, lane)
        prometheus = configure.prometheus(str(engines.prometheus), folder, ports)
        alertmanager = configure.alertmanager(str(engines.alertmanager), folder, ports)
        with running(list(alertmanager)), running(list(prometheus)):
            answers(ports.prometheus, "/-/ready")
            _until(lambda: _known(ports.prometheus) == FAULTS, "thresholds of all machines")
            _break(faults, lane)
            _until(lambda: len(faults.latencies()) == FAULTS, "all messages")
    return faults.latencies()


def _configure(folder: Path, ports: Ports, lane: Lane) -> None:
    """The shipped files; in the fast lane with the interval that its page names."""
    configure.write(folder, ports, [])
    for path in FILES:
        document = yaml.safe_load(path.read_text())
        for group in document["groups"]:
            if group["name"] == "fast":
                group["interval"] = lane.interval
            elif group["name"].startswith("resolve"):
                group["interval"] = "15s"  # else the first thresholds are waited for two minutes
        (folder / path.name).write_text(yaml.safe_dump(document, sort_keys=False))
    read = yaml.safe_load((folder / configure.PROMETHEUS).read_text())
    read["rule_files"] = [str(folder / "*.rules.yml")]
    read["scrape_configs"] = list(_jobs(ports.agent, lane))
    (folder / configure.PROMETHEUS).write_text(yaml.safe_dump(read, sort_keys=False))


def _jobs(port: int, lane: Lane) -> Iterator[dict[str, object]]:
    """One for all, or one for what shall be fast and one for the rest."""
    if lane.own_job:
        yield _job("pomona", port, "15s", {"exclude[]": WATCHED})
        yield _job("pomona-fast", port, lane.interval, {"collect[]": WATCHED})
    else:
        yield _job("pomona", port, lane.interval, {})


def _job(title: str, port: int, interval: str, params: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """All machines are at one site: no fault may wait for the message about another."""
    relabel = [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__address__"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": address(port)},
    ]
    return {
        "job_name": title,
        "scrape_interval": interval,
        "scrape_timeout": interval,
        "params": {key: list(values) for key, values in params.items()},
        "static_configs": [
            {"targets": [name(number) for number in range(FAULTS)], "labels": {"site": "north", "role": "server"}}
        ],
        "relabel_configs": relabel,
    }


def name(number: int) -> str:
    """Of a machine."""
    return f"server-{number:02}"


def _break(faults: Faults, lane: Lane) -> None:
    """One after the other, at random moments."""
    pick, begun = random.Random(1), time.monotonic()  # noqa: S311
    for number, moment in enumerate(sorted(pick.uniform(0, lane.window) for _ in range(FAULTS))):
        time.sleep(max(0.0, begun + moment - time.monotonic()))
        faults.begun[name(number)] = time.monotonic()


def _known(port: int) -> int:
    """Machines that have the threshold which they are to break."""
    expr = 'count(instance:threshold{threshold="component_failures_of_three"} and on (instance) up{job="pomona"} == 1)'
    try:
        with urlopen(f"http://{address(port)}/api/v1/query?query={quote(expr)}", timeout=10) as answer:
            found = json.load(answer)["data"]["result"]
    except OSError:
        return 0
    return int(found[0]["value"][1]) if found else 0


def _until(met: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not met():
        if time.monotonic() > deadline:
            raise RuntimeError(f"no {what} within {PATIENCE:.0f} s")
        time.sleep(0.2)
