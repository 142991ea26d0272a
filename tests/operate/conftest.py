"""What tests of an operator's commands share: the terminal, routers on loopback, and the engines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from generations import engines
from operate.loopback import router
from sshservers import Server

__all__ = ["engines"]


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn does not depend on the terminal, or the lack of one, that the tests run in."""
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["sshd", "dropbear"])
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    with router(tmp_path / request.param, request.param) as server:
        yield server


@pytest.fixture
def good(tmp_path: Path) -> Iterator[Server]:
    with router(tmp_path / "sshd") as server:
        yield server
