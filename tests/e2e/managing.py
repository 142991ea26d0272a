"""Real Alertmanagers with the shipped routes, quicker, and whom they told."""

import json
import re
import signal
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from http.client import HTTPConnection
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

import scaled
from e2e.asking import free_port, get, until
from exporters.stack import configure
from exporters.stack.receiver import Delivery
from exporters.stack.supervisor import Child, Supervisor
from exporters.stack.up import ready

GOSSIP = ("--cluster.gossip-interval=20ms", "--cluster.peer-timeout=1s", "--cluster.reconnect-interval=500ms")
TEMPLATES = f"{files('alert_rules')}/{configure.TEMPLATES}"


def configuration(port: int, factor: float) -> dict[str, Any]:
    """What `pomona up` makes of the shipped file, with its receiver at this port, quicker."""
    document = configure.told_here(configure.shipped(configure.ALERTMANAGER), port)
    return scaled.routes({**document, "templates": [TEMPLATES]}, factor)


class Told:
    """All deliveries, in their order."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []

    def __call__(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)

    def messages(self, receiver: str, status: str = "firing", **labels: str) -> list[Delivery]:
        """Those for this receiver that tell of such an alert."""
        return [
            delivery
            for delivery in self.deliveries
            if delivery.receiver == receiver
            and any(alert.status == status and labels.items() <= alert.labels.items() for alert in delivery.alerts)
        ]

    def message(self, receiver: str, status: str = "firing", **labels: str) -> Delivery:
        """The only one, once it is there."""
        until(lambda: self.messages(receiver, status, **labels), f"{receiver} told of {labels} as {status}")
        (delivery,) = self.messages(receiver, status, **labels)
        return delivery


def instances(delivery: Delivery) -> list[str]:
    return sorted(alert.labels["instance"] for alert in delivery.alerts)


def alert(name: str, severity: str, instance: str, site: str = "north", scope: str = "device", **more: str) -> Any:
    """As Prometheus would send it."""
    labels = {"alertname": name, "severity": severity, "instance": instance, "site": site, "scope": scope, **more}
    return {"labels": labels, "annotations": {"summary": f"{name} of {instance}", "dashboard_url": "/d/pomona-mac"}}


def over(given: Mapping[str, Any]) -> Any:
    return {**given, "endsAt": datetime.now(UTC).isoformat()}


class Manager:
    """One Alertmanager, which may end and begin again with the same data."""

    def __init__(self, supervisor: Supervisor, program: str | None, folder: Path, name: str = "alertmanager") -> None:
        assert program
        self._supervisor, self._program, self._folder, self._name = supervisor, program, folder, name
        self.port, self.cluster = free_port(), free_port()
        self._child: Child | None = None

    def configure(self, document: Mapping[str, Any]) -> None:
        (self._folder / f"{self._name}.yml").write_text(yaml.safe_dump(document))

    def start(self, *cluster: str) -> None:
        argv = (
            self._program,
            f"--config.file={self._folder / self._name}.yml",
            f"--storage.path={self._folder / self._name}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        )
        self._child = self._supervisor.start(self._name, (*argv, *(cluster or ("--cluster.listen-address=",))))
        until(lambda: ready(self.port), f"{self._name} ready")

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        assert self._child
        self._child.process.send_signal(how)
        try:
            self._child.process.wait(30)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(self._child.last_words()) from error

    def reload(self, document: Mapping[str, Any]) -> None:
        self.configure(document)
        self._post("/-/reload", None)

    def raised(self, *alerts: Any) -> None:
        self._post("/api/v2/alerts", list(alerts))

    def silence(self, **labels: str) -> None:
        matchers = [{"name": name, "value": value, "isRegex": False} for name, value in labels.items()]
        times = {"startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z"}
        self._post("/api/v2/silences", {"matchers": matchers, **times, "createdBy": "test", "comment": "seen"})

    def states(self, **labels: str) -> list[str]:
        """Of such alerts: active, suppressed or unprocessed."""
        there = get(self.port, "/api/v2/alerts")
        return [each["status"]["state"] for each in there if labels.items() <= each["labels"].items()]

    def counted(self, metric: str) -> float:
        """Of its own metrics, the sum of the series of that name."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        finally:
            connection.close()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if re.match(rf"{metric}[{{ ]", line))

    def remembers(self, deliveries: int) -> None:
        """Waits until it knows that so many have arrived: what it is ended before it would tell again."""
        finished = "alertmanager_notification_latency_seconds_count"
        until(lambda: self.counted(finished) >= deliveries, f"{deliveries} deliveries finished")

    def _post(self, path: str, body: Any) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
        finally:
            connection.close()


def peered(manager: Manager, other: Manager) -> None:
    own, peer = (f"127.0.0.1:{each.cluster}" for each in (manager, other))
    manager.start(f"--cluster.listen-address={own}", f"--cluster.peer={peer}", *GOSSIP)


def settled(manager: Manager) -> bool:
    cluster = get(manager.port, "/api/v2/status")["cluster"]
    return bool(cluster["status"] == "ready" and len(cluster["peers"]) == 2)
