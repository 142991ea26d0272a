"""The SSH servers that the tests of the SSH source log in to."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from conftest import missing
from sshservers import DROPBEAR, SHIM, SSHD, PasswordServer, Server, running

Start = Callable[..., Server]


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What makes dropbear look into a folder of the test."""
    if not Path(DROPBEAR).exists() or shutil.which("cc") is None:
        missing("dropbear and a C compiler are not installed (apt install dropbear-bin gcc)")
    built = tmp_path_factory.mktemp("shim") / "passwd_shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(built), str(SHIM), "-ldl"], check=True)
    return built


@pytest.fixture
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Start]:
    """Starts a server of a kind, in a folder of its own."""
    with ExitStack() as stack:

        def started(kind: str = "sshd", **facts: Any) -> Server:
            if kind == "dropbear":
                facts["shim"] = request.getfixturevalue("shim")
            elif not Path(SSHD).exists():
                missing("sshd is not installed (apt install openssh-server)")
            return stack.enter_context(running(Server(kind, tmp_path / kind, **facts)))

        yield started


@pytest.fixture(params=["sshd", "dropbear"])
def server(request: pytest.FixtureRequest, start: Start) -> Server:
    """Each of the two real servers."""
    return start(request.param)


@pytest.fixture
def password_server() -> Iterator[PasswordServer]:
    server = PasswordServer("correct horse")
    yield server
    server.close()
