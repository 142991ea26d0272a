"""No process outlives the supervisor, whatever it does; ports and deliveries of `pomona up`."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from conftest import ROOT
from exporters.core.errors import PersonError
from exporters.stack import ports
from exporters.stack.receiver import Alert, Delivery, Receiver
from exporters.stack.supervisor import Supervisor, run_to_end

WAIT = "import signal; print('up', flush=True); signal.pause()"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAIT}"
PARENT = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {DEAF!r}]).pid, flush=True)"


SUPERVISING = f"""
import signal, sys
from pathlib import Path
from exporters.stack.supervisor import Supervisor
with Supervisor(Path(sys.argv[1])) as supervisor:
    for name, code in (("deaf", {DEAF!r}), ("parent", {PARENT!r})):
        supervisor.start(name, (sys.executable, "-c", code))
    signal.pause()
"""


def python(code: str, *arguments: object) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *(str(each) for each in arguments))


def until(look: Callable[[], bool]) -> bool:
    """Whether it came true within the patience of a test."""
    deadline = time.monotonic() + 30
    while not (true := look()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return true


def printed(log: Path) -> str:
    """The first line, once it is there."""
    assert until(lambda: log.exists() and "\n" in log.read_text()), f"nothing in {log}"
    return log.read_text().splitlines()[0]


def gone(pid: int) -> bool:
    """Ended; in a container without an init a killed orphan stays as a zombie."""
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_all_children_end_with_the_block(tmp_path: Path) -> None:
    with Supervisor(tmp_path / "logs") as supervisor:
        children = [supervisor.start(name, python(WAIT)) for name in ("one", "other")]
        assert [printed(child.log) for child in children] == ["up", "up"]
        assert not list(supervisor.dead())
    assert [child.process.returncode for child in children] == [-signal.SIGTERM] * 2


def test_a_child_that_hangs_is_killed_after_the_grace(tmp_path: Path) -> None:
    with Supervisor(tmp_path, grace=0.2) as supervisor:
        child = supervisor.start("deaf", python(DEAF))
        assert printed(child.log) == "up"
    assert child.process.returncode == -signal.SIGKILL


def test_what_a_dead_child_left_behind_is_killed(tmp_path: Path) -> None:
    with Supervisor(tmp_path, grace=0.2) as supervisor:
        child = supervisor.start("parent", python(PARENT))
        orphan = int(printed(child.log))
        child.process.wait(30)
        assert psutil.pid_exists(orphan)
    assert until(lambda: gone(orphan))


def test_a_child_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        child = supervisor.start("broken", python("import sys; print('first', flush=True); sys.exit('no such file')"))
        child.process.wait(30)
        assert [each.name for each in supervisor.dead()] == ["broken"]
        assert child.last_words() == f"broken ended with status 1, see {tmp_path / 'broken.log'}: no such file"


def test_a_terminals_interrupt_does_not_reach_the_children(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        child = supervisor.start("one", python(WAIT))
        assert os.getpgid(child.process.pid) != os.getpgid(0)


def test_a_supervisor_that_is_killed_leaves_nothing_running(tmp_path: Path) -> None:
    with subprocess.Popen(python(SUPERVISING, tmp_path), cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}) as process:
        orphan = int(printed(tmp_path / "parent.log"))
        assert printed(tmp_path / "deaf.log") == "up"
        left = [orphan, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
        assert len(left) >= len(("orphan", "guardian", "deaf"))
        process.kill()
    assert until(lambda: all(gone(pid) for pid in left))


def test_a_dead_guardian_is_told(tmp_path: Path) -> None:
    with Supervisor(tmp_path) as supervisor:
        child = supervisor.start("one", python(WAIT))
        os.kill(os.getpgid(child.process.pid), signal.SIGKILL)
        assert until(lambda: [each.name for each in supervisor.dead()] == ["guardian"])
    assert child.process.returncode == -signal.SIGTERM


@pytest.mark.parametrize(("argv", "status"), [(python("raise SystemExit(3)"), 3), (("no-such-program",), 127)])
def test_a_command_that_fails_gives_its_status(argv: tuple[str, ...], status: int) -> None:
    assert run_to_end(argv) == status


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_is_one_clear_line(listening: int) -> None:
    assert ports.taken(listening)
    with pytest.raises(PersonError, match=rf"port {listening} \(agent\) is in use: .*--port-base"):
        ports.chosen(listening)


def test_an_engine_makes_room_for_what_the_system_runs(listening: int) -> None:
    port = ports._free(listening)
    assert port != listening
    assert not ports.taken(port)


def deliver(url: str, body: bytes) -> int:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("POST", "/", body)
    status = connection.getresponse().status
    connection.close()
    return status


def test_deliveries_are_told_and_anything_else_is_refused() -> None:
    told: list[Delivery] = []
    alert = {"status": "firing", "labels": {"alertname": "A"}, "annotations": {"summary": "s"}, "startsAt": "x"}
    with Receiver(0, told.append) as receiver:
        assert (
            deliver(receiver.url, json.dumps({"version": "4", "receiver": "pager", "alerts": [alert, alert]}).encode())
            == 204
        )
        assert [deliver(receiver.url, body) for body in (b"", b"{}", b"[1", b'{"alerts": 3}')] == [400] * 4
    assert told == [Delivery("pager", (Alert("firing", {"alertname": "A"}, {"summary": "s"}),) * 2)]
