"""Asking real engines over HTTP, and waiting until they say what is expected."""

import json
import socket
import time
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any, TypeVar
from urllib.parse import quote

Value = TypeVar("Value")
PATIENCE = 60.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def until(look: Callable[[], Value], what: str) -> Value:
    """The first answer that is not empty."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {PATIENCE:g} s: {what}")


def get(port: int, path: str) -> Any:
    """JSON."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def series(port: int, expression: str) -> list[tuple[dict[str, str], float]]:
    """Of Prometheus: labels and value of each."""
    result = get(port, f"/api/v1/query?query={quote(expression)}")["data"]["result"]
    return [(each["metric"], float(each["value"][1])) for each in result]


def query(port: int, expression: str) -> dict[str, float]:
    """Of Prometheus: values by instance."""
    return {labels.get("instance", ""): value for labels, value in series(port, expression)}


def targets(port: int) -> dict[str, str]:
    """Of Prometheus: health by instance and job."""
    active = get(port, "/api/v1/targets")["data"]["activeTargets"]
    return {f"{each['labels']['instance']} {each['labels']['job']}": each["health"] for each in active}
