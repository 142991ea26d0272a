"""A real service that is killed and started again, real folders, a real exporter that is away for a while."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psutil
import pytest

from core.machines import HandClock, samples
from exporters.core.pool import Pool
from exporters.core.runner import Runner
from exporters.core.state import Store
from exporters.sources.local import Local
from exporters.sources.memory import Remembering
from host.answering import context_of
from host.component_looks import DECLARED

SERVICE = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

folder = Path(sys.argv[1])

class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        (folder / "heartbeat").touch()
        body = json.dumps({"state": (folder / "state").read_text(), "queue": {"depth": 3}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

server = HTTPServer(("127.0.0.1", int(sys.argv[2])), Page)
(folder / "pid").write_text(f"{os.getpid()}\\n")
server.serve_forever()
"""
STATES = ("pending", "processing", "done", "failed")


class Service:
    """The component: a health page, a pidfile, a heartbeat, and the folders of its queue."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.program, self.child = folder, folder / "service.py", None
        self.program.write_text(SERVICE)
        self.says("ok")
        for state in STATES:
            (folder / state).mkdir()
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self.port = free.getsockname()[1]

    def says(self, state: str) -> None:
        (self.folder / "state").write_text(state)

    def start(self) -> None:
        """Returns when it takes connections."""
        self.child = subprocess.Popen(
            [sys.executable, self.program, self.folder, str(self.port)], stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while self.written() != str(self.child.pid):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def written(self) -> str:
        return (self.folder / "pid").read_text().strip() if (self.folder / "pid").exists() else ""

    def kill(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child.wait()

    def job(self, name: str, outcome: str) -> None:
        (self.folder / "processing" / name).touch()
        (self.folder / "processing" / name).rename(self.folder / outcome / name)


class Exporter:
    """One process of the exporter: what it was shown is stored in `state`."""

    def __init__(self, service: Service, state: Path) -> None:
        url = f"http://127.0.0.1:{service.port}/health"
        component = {
            "name": "shop",
            "process": {"pidfile": str(service.folder / "pid")},
            "tcp": f"127.0.0.1:{service.port}",
            "http": {"url": url, "field": "state", "healthy": "ok"},
            "heartbeat": str(service.folder / "heartbeat"),
            "queue": {each: str(service.folder / each) for each in STATES},
        }
        depth = {"name": "depth", "http": {"url": url, "field": "queue.depth"}}
        self.clock, self.store, self.pool = HandClock(wall=time.time()), Store(state), Pool(8)
        context = context_of("components", components=[component, depth])
        source = Remembering(Local(), self.clock.elapsed)
        self.runner = Runner(
            (DECLARED,), source, {"components": context}, clock=self.clock, pool=self.pool, store=self.store
        )

    def look(self) -> dict[str, float]:
        """The samples of a new look."""
        self.clock.move(31)
        self.runner.tick()
        for cell in self.runner._background:
            cell._flight.result(60)
        return samples(self.runner.scrape("text"))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    (tmp_path / "service").mkdir()
    with ExitStack() as stack:
        made = Service(tmp_path / "service")
        stack.callback(made.kill)
        yield made


def of(seen: dict[str, float], name: str, component: str = "shop", **labels: str) -> float | None:
    told = ",".join(f'{key}="{value}"' for key, value in sorted({"component": component, **labels}.items()))
    return seen.get(f"pomona_component_{name}{{{told}}}")


def checks(seen: dict[str, float]) -> list[float | None]:
    return [of(seen, "up"), *(of(seen, "check_success", check=check) for check in ("process", "tcp", "http"))]


def test_a_service_that_is_killed_is_down_and_its_restart_is_counted(service: Service, tmp_path: Path) -> None:
    service.start()
    exporter = Exporter(service, tmp_path / "state")
    seen = exporter.look()
    assert seen['pomona_collector_success{collector="components"}'] == 1
    assert checks(seen) == [1, 1, 1, 1]
    assert of(seen, "start_timestamp_seconds") == pytest.approx(psutil.Process(service.child.pid).create_time(), abs=2)
    assert of(seen, "http_status_code") == 200
    assert of(seen, "http_value", "depth") == 3
    assert of(seen, "http_value") is None
    assert (of(seen, "restarts_total"), of(seen, "processes")) == (0, 1)
    assert of(exporter.look(), "heartbeat_timestamp_seconds") == pytest.approx(time.time(), abs=60)
    service.says("degraded")
    assert checks(exporter.look()) == [0, 1, 1, 0]
    service.says("ok")
    service.kill()
    seen = exporter.look()
    assert checks(seen) == [0, 0, 0, 0]
    assert (of(seen, "restarts_total"), of(seen, "processes")) == (0, 0)
    assert of(seen, "resident_memory_bytes") is of(seen, "http_duration_seconds") is None
    service.start()
    seen = exporter.look()
    assert checks(seen) == [1, 1, 1, 1]
    assert of(seen, "restarts_total") == 1
    assert of(exporter.look(), "restarts_total") == 1
    exporter.store.close()


def test_what_happens_while_the_exporter_is_away_is_counted_after_its_zeros(service: Service, tmp_path: Path) -> None:
    service.start()
    exporter = Exporter(service, tmp_path / "state")
    service.job("old", "done")
    assert of(exporter.look(), "queue_processed_total", outcome="done") == 0
    service.job("first", "done")
    seen = exporter.look()
    assert of(seen, "queue_processed_total", outcome="done") == 1
    assert [of(seen, "queue_items", state=state) for state in STATES] == [0, 0, 2, 0]
    exporter.store.close()

    service.job("second", "done")
    service.job("third", "failed")
    (service.folder / "done" / "old").unlink()
    service.kill()
    service.start()

    exporter = Exporter(service, tmp_path / "state")
    counted = [
        (
            of(seen, "queue_processed_total", outcome="done"),
            of(seen, "queue_processed_total", outcome="failed"),
            of(seen, "restarts_total"),
        )
        for seen in (exporter.look(), exporter.look(), exporter.look())
    ]
    assert counted == [(0, 0, 0), (1, 1, 1), (1, 1, 1)]
    exporter.store.close()


def test_a_folder_that_vanishes_is_told_and_the_rest_goes_on(service: Service, tmp_path: Path) -> None:
    service.start()
    exporter = Exporter(service, tmp_path / "state")
    exporter.look()
    (service.folder / "failed").rmdir()
    seen = exporter.look()
    assert seen['pomona_collector_problem{collector="components",problem="unparsable"}'] == 1
    assert seen['pomona_collector_success{collector="components"}'] == 0
    assert of(seen, "queue_items", state="failed") is of(seen, "queue_processed_total", outcome="failed") is None
    assert of(seen, "queue_processed_total", outcome="done") == 0
    assert checks(seen) == [1, 1, 1, 1]
    exporter.store.close()
