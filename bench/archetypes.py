"""A large fleet for a real Prometheus: each simulated model and a crowded router, rendered once, served many times."""

import re
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from bench.records import accounting
from exporters.core.clock import system_clock
from exporters.core.metrics import render
from exporters.openwrt.nlbwmon import nlbwmon
from exporters.stack.machines import MODELS
from exporters.stack.simulate import Targets, settings
from exporters.stack.simulated import Fleet

MACS, ROUTERS, DEVICES = 1000, 10, 1000
SITES = 20
PERIODS = ("day", "month")
NAMED = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def macs() -> list[str]:
    """The exposition of one Mac of each model."""
    fleet = Fleet(len(MODELS), 1, 1.0, system_clock())
    targets = Targets(fleet, settings())
    runners = [targets.runner(name) for name in fleet.names()]
    awake = f"macos_last_wake_timestamp_seconds {time.time() - 86400:.0f}\n"
    return [runner.scrape("text").decode() + awake for runner in runners if runner is not None]


def router() -> str:
    """The exposition of a router with many devices."""
    _, state, context = accounting(DEVICES)
    told = render(tuple(nlbwmon.metrics(state, context)), "text").decode()
    devices = sorted(set(re.findall(r'^openwrt_device_receive_bytes_total\{mac="([^"]+)"', told, re.MULTILINE)))
    quotas = [
        f'openwrt_device_quota_bytes{{mac="{mac}",period="{each}"}} 1e12\n' for mac in devices for each in PERIODS
    ]
    return f"openwrt_up 1\n{told}{''.join(quotas)}"


def only(text: str, names: frozenset[str]) -> bytes:
    """The samples of these names."""
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return "".join(f"{line}\n" for line in lines if (found := NAMED.match(line)) and found[0] in names).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A Prometheus that ends breaks its connections off."""

    def __init__(self, port: int, bodies: Sequence[bytes], crowd: bytes) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.bodies, self.crowd = bodies, crowd


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """`/probe?target=mac-0001` or `router-01`."""
        server, (target,) = cast("_Server", self.server), parse_qs(urlsplit(self.path).query)["target"]
        kind, _, number = target.partition("-")
        body = server.crowd if kind == "router" else server.bodies[int(number) % len(server.bodies)]
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):  # Prometheus ends before its last scrapes do
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Sixteen requests a second are no news."""


@contextmanager
def served(port: int, names: frozenset[str]) -> Iterator[None]:
    """Answers for every Mac and router while the block lasts, with the series that are wanted."""
    with _Server(port, [only(each, names) for each in macs()], only(router(), names)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def jobs(port: int) -> list[dict[str, Any]]:
    """Prometheus' scrape jobs for all of them."""
    fleet = [_target(f"mac-{number:04}", number, "laptop") for number in range(MACS)]
    routers = [_target(f"router-{number:02}", number, "router") for number in range(ROUTERS)]
    return [_job("pomona", port, fleet), _job("pomona-router", port, routers)]


def _target(name: str, number: int, role: str) -> dict[str, Any]:
    return {"targets": [name], "labels": {"site": f"site-{number % SITES:02}", "role": role}}


def _job(name: str, port: int, groups: Iterable[dict[str, Any]]) -> dict[str, Any]:
    relabel = [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__address__"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": f"127.0.0.1:{port}"},
    ]
    return {
        "job_name": name,
        "metrics_path": "/probe",
        "static_configs": list(groups),
        "relabel_configs": relabel,
    }
