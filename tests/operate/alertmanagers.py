"""A real Alertmanager on loopback, the alerts that it gets, and servers that are none."""

import json
import socket
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from e2e.asking import free_port, until
from exporters.cli import main
from exporters.stack.engines import Engines
from exporters.stack.supervisor import Supervisor

CONFIG = """
route: { receiver: nobody, group_by: [alertname], group_wait: 1s, group_interval: 1s, routes: [
  { receiver: nobody, matchers: ["team = night"], mute_time_intervals: [always] }] }
receivers: [{ name: nobody }]
time_intervals: [{ name: always, time_intervals: [{ times: [{ start_time: "00:00", end_time: "24:00" }] }] }]
inhibit_rules:
  - source_matchers: [severity = critical]
    target_matchers: ['severity =~ "warning|info"']
    equal: [alertname, instance]
  - source_matchers: [severity = warning]
    target_matchers: [severity = info]
    equal: [alertname, instance]
"""
PAST = "2001-01-01T00:00:00Z"


class Running:
    """An Alertmanager and who asks it; `headers` and `trust` are what the tests themselves log in with."""

    def __init__(self, url: str, headers: Mapping[str, str], trust: ssl.SSLContext | None) -> None:
        self.url, self._headers, self._trust = url, headers, trust

    def ask(self, path: str, document: Any = None, method: str | None = None) -> Any:
        body = None if document is None else json.dumps(document).encode()
        headers = {"Content-Type": "application/json", **self._headers}
        request = urllib.request.Request(f"{self.url}/api/v2/{path}", body, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10, context=self._trust) as answer:  # noqa: S310
            content = answer.read()
        return json.loads(content) if content else None

    def fire(self, name: str, severity: str = "warning", *, summary: str = "", **labels: str) -> None:
        """An alert as the shipped rules make it."""
        own = {"alertname": name, "severity": severity, "scope": "device", "topic": "battery", "team": "helpdesk"}
        annotations = {"summary": summary or f"{name} {severity}"}
        self.ask("alerts", [{"labels": {**own, **labels}, "annotations": annotations}])

    def state(self, severity: str, **labels: str) -> str:
        """Of the one alert with these labels."""
        wanted = {"severity": severity, **labels}
        (found,) = [each for each in self.ask("alerts") if wanted.items() <= each["labels"].items()]
        return str(found["status"]["state"])

    def silences(self) -> list[dict[str, Any]]:
        return [each for each in self.ask("silences") if each["status"]["state"] != "expired"]

    def clear(self) -> None:
        """As if nothing had ever been wrong."""
        for each in self.silences():
            self.ask(f"silence/{each['id']}", method="DELETE")
        ended = [{"labels": each["labels"], "startsAt": PAST, "endsAt": PAST} for each in self.ask("alerts")]
        self.ask("alerts", ended)
        until(lambda: not self.ask("alerts"), "no alerts")


@contextmanager
def alertmanager(
    engines: Engines,
    folder: Path,
    *options: str,
    headers: Mapping[str, str] | None = None,
    trust: ssl.SSLContext | None = None,
) -> Iterator[Running]:
    assert engines.alertmanager
    (folder / "alertmanager.yml").write_text(CONFIG)
    port = free_port()
    running = Running(f"{'https' if trust else 'http'}://127.0.0.1:{port}", headers or {}, trust)
    with Supervisor(folder / "logs") as supervisor:
        supervisor.start(
            "alertmanager",
            (
                engines.alertmanager,
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
                *options,
            ),
        )
        until(lambda: answers(running), "Alertmanager answers")
        yield running
        dead = [child.last_words() for child in supervisor.dead()]
        assert not dead, dead


def answers(running: Running) -> bool:
    try:
        return bool(running.ask("status"))
    except OSError:
        return False


class Pomona:
    """Calls of the command line, against one address unless others are given."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *given: str) -> None:
        self._capsys, self._given = capsys, given

    def run(self, *args: str) -> tuple[int, str, str]:
        status = main(["alerts", *args, *self._given])
        told = self._capsys.readouterr()
        return status, told.out, told.err

    def good(self, *args: str) -> str:
        """What it prints where nothing is wrong."""
        status, out, err = self.run(*args)
        assert (status, err) == (0, "")
        return out

    def refused(self, *args: str) -> str:
        """The one line of an error."""
        status, out, err = self.run(*args)
        assert (status, out) == (2, "")
        assert err.startswith("pomona: ")
        assert err.count("\n") == 1
        return err.removeprefix("pomona: ").rstrip("\n")


@contextmanager
def silent() -> Iterator[str]:
    """The address of a server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def says(status: int, body: bytes, seen: list[str | None] | None = None, **headers: str) -> Iterator[str]:
    """The address of a web server that says always the same; `seen` gets the logins of the requests."""
    logins = [] if seen is None else seen

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            logins.append(self.headers.get("Authorization"))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_DELETE = do_GET  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            """Nothing to tell."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
