"""The agent as a process: it starts, answers, reloads, bears bad surroundings and ends in time."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from core.machines import HandClock
from exporters.core.config import load
from exporters.core.machine import Agent as Runs
from exporters.core.privacy import Key
from exporters.core.selfmetrics import EVENTS
from exporters.core.serve import foreign
from exporters.core.state import FILE
from exporters.sources.replay import Captures, Replay

KEY = "0123456789abcdef"


class Agent:
    """A running `pomona agent` on a free port of loopback, its log in a file."""

    def __init__(self, folder: Path, *flags: str, config: str = "") -> None:
        self.folder = folder
        self.config, self.log = folder / "pomona.yml", folder / "log"
        key = folder / "key"
        key.write_text(KEY)
        key.chmod(0o600)
        self.configure(config)
        argv = ["agent", f"--config.file={self.config}", f"--state.dir={folder / 'state'}"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "exporters", *argv, "--web.listen-address=127.0.0.1:0", *flags],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self.port = int(self.logged(r"listening on 127\.0\.0\.1:(\d+)"))

    def configure(self, more: str) -> None:
        self.config.write_text(f"privacy:\n  key_file: {self.folder / 'key'}\n{more}")

    def logged(self, pattern: str, times: int = 1) -> str:
        """The first group of the last match, once it was logged often enough."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = re.findall(pattern, self.log.read_text())
            if len(found) >= times:
                return str(found[-1])
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def value(self, name: str) -> float:
        return float(re.findall(rf"^{re.escape(name)} (\S+)", self.ask("/metrics")[1], re.MULTILINE)[0])


@contextmanager
def running(folder: Path, *flags: str, config: str = "") -> Iterator[Agent]:
    agent = Agent(folder, *flags, config=config)
    try:
        yield agent
    finally:
        agent.process.kill()
        agent.process.wait(10)


def test_it_serves_this_machine_and_ends_at_once(tmp_path: Path) -> None:
    with running(tmp_path) as agent:
        status, text = agent.ask("/metrics")
        assert status == 200
        assert "pomona_host_cpu_seconds_total" in text
        assert 'pomona_collector_success{collector="cpu"} 1.0' in text
        assert agent.ask("/-/healthy") == (200, "Healthy.\n")
        assert "listen_address" in agent.ask("/config")[1]
        assert agent.ask("/metrics?collect%5B%5D=nonsense")[0] == 400
        assert agent.ask("/-/reload", "POST")[0] == 404
        begun = time.monotonic()
        agent.process.send_signal(signal.SIGTERM)
        assert agent.process.wait(10) == 0
        assert time.monotonic() - begun < 5


def test_reload_by_signal_takes_a_good_file_and_keeps_the_old_for_a_bad_one(tmp_path: Path) -> None:
    with running(tmp_path) as agent:
        agent.configure("collectors:\n  load:\n    enabled: false\n")
        agent.process.send_signal(signal.SIGHUP)
        agent.logged("configuration reloaded")
        text = agent.ask("/metrics")[1]
        assert "pomona_host_load1" not in text
        assert agent.value("pomona_config_last_reload_successful") == 1
        agent.configure("colectors: {}\n")
        agent.process.send_signal(signal.SIGHUP)
        line = agent.logged(r"(.*not reloaded.*)")
        assert "did you mean 'collectors'" in line
        assert agent.value("pomona_config_last_reload_successful") == 0
        assert "pomona_host_cpu" in agent.ask("/metrics")[1]


@pytest.mark.parametrize("text", ["a: !!bool foo", "&a [*a]", 'log: {level: "\\ud800"}', "\x00"])
def test_no_file_ends_the_running_agent(text: str, tmp_path: Path) -> None:
    with running(tmp_path) as agent:
        agent.config.write_text(text)
        agent.process.send_signal(signal.SIGHUP)
        agent.logged("configuration not reloaded")
        assert agent.value("pomona_config_last_reload_successful") == 0


def test_a_reload_that_hangs_does_not_keep_it_alive(tmp_path: Path) -> None:
    with running(tmp_path) as agent:
        agent.config.unlink()
        os.mkfifo(agent.config)
        agent.process.send_signal(signal.SIGHUP)
        assert agent.ask("/-/healthy")[0] == 200
        agent.process.send_signal(signal.SIGTERM)
        assert agent.process.wait(10) == 0


def test_reload_over_http_only_where_it_is_allowed_and_from_here(tmp_path: Path) -> None:
    with running(tmp_path, "--web.enable-lifecycle") as agent:
        assert agent.ask("/-/reload")[0] == 405
        assert agent.ask("/-/reload", "POST") == (200, "Reloaded.\n")
        assert agent.ask("/-/reload", "POST", Origin="https://evil.example")[0] == 403
        assert agent.ask("/-/reload", "POST", Host="evil.example")[0] == 403
        agent.configure("log: {level: loud}\n")
        status, text = agent.ask("/-/reload", "PUT")
        assert status == 500
        assert "expected one of" in text


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"host": "127.0.0.1:10220"}, False),
        ({"host": "[::1]:10220"}, False),
        ({"host": "localhost:10220", "origin": "http://localhost:10220"}, False),
        ({"host": "localhost:10220", "origin": "http://localhost:3000"}, True),
        ({"host": "localhost:10220", "origin": "null"}, True),
        ({"host": "rebound.example:10220"}, True),
        ({"host": "["}, True),
        ({"host": "localhost", "origin": "http://["}, True),
        ({}, True),
    ],
)
def test_foreign_requests(headers: dict[str, str], refused: bool) -> None:
    assert foreign(headers) is refused


def corrupt(state: Path) -> None:
    state.mkdir(mode=0o700)
    (state / FILE).write_bytes(b"no database at all" * 100)


def foreign_file(state: Path) -> None:
    state.mkdir(mode=0o700)
    with sqlite3.connect(state / FILE) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()


def no_folder(state: Path) -> None:
    state.write_text("a file")


def test_nothing_is_written_through_a_refused_directory(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o755)
    (tmp_path / "state").symlink_to(tmp_path / "elsewhere")
    with running(tmp_path) as agent:
        assert agent.value("pomona_state_usable") == 0
        assert agent.value("pomona_event_log_usable") == 0
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("harm", [corrupt, foreign_file, no_folder])
def test_unusable_state_is_told_and_the_exporter_goes_on(harm, tmp_path: Path) -> None:  # noqa: ANN001
    harm(tmp_path / "state")
    with running(tmp_path) as agent:
        assert agent.value("pomona_state_usable") == 0
        assert "pomona_host_load1" in agent.ask("/metrics")[1]
        assert agent.log.read_text().count("mend or move") == 1


def refused(*flags: str, folder: Path) -> str:
    """What a start that cannot succeed says."""
    ended = subprocess.run(
        [sys.executable, "-m", "exporters", "agent", f"--state.dir={folder / 'state'}", *flags],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "POMONA_PRIVACY__KEY_FILE": str(key_of(folder))},
    )
    assert ended.returncode == 2
    return ended.stderr


def key_of(folder: Path) -> Path:
    key = folder / "key"
    key.write_text(KEY)
    key.chmod(0o600)
    return key


def test_port_in_use_is_one_line(tmp_path: Path) -> None:
    with running(tmp_path) as agent:
        told = refused(f"--web.listen-address=127.0.0.1:{agent.port}", folder=tmp_path / "state")
    assert told.splitlines()[-1].startswith(f"pomona: cannot listen on 127.0.0.1:{agent.port}: Address already in use")
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("web", "said"),
    [
        ("tls_server_config: {cert_file: none.pem, key_file: none.pem}\n", "none.pem"),
        ("tls_server_config: {cert_fil: x}\n", "did you mean 'cert_file'"),
        ("basic_auth_users: {ann: not-a-hash}\n", "ann"),
        ("basic_auth_users: [\n", "web.yml"),
    ],
)
def test_web_file_that_cannot_be_honoured_is_one_line(web: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text(web)
    told = refused("--web.listen-address=127.0.0.1:0", f"--web.config.file={tmp_path / 'web.yml'}", folder=tmp_path)
    assert said in told
    assert told.startswith("pomona: ")
    assert len(told.splitlines()) == 1


def test_events_that_cannot_be_written_stay_told_until_one_can(tmp_path: Path) -> None:
    settings = load((), None, {}, {}, lambda _: Key(b"0123456789abcdef"))
    agent = Runs(settings, lambda: settings, Replay(Captures()), tmp_path / "state", HandClock())
    (tmp_path / "state" / "events").write_text("in the way")

    def usable() -> float:
        return next(each.value for each in agent.extras() if each.family is EVENTS)

    agent._record([{"event": "connected"}])
    agent.tick()
    assert usable() == 0
    (tmp_path / "state" / "events").unlink()
    agent.tick()
    assert usable() == 0
    agent._record([{"event": "connected"}])
    assert usable() == 1
    agent.stop()


def test_a_web_file_that_broke_is_a_metric(tmp_path: Path) -> None:
    web = tmp_path / "web.yml"
    web.write_text("http_server_config: {headers: {X-Frame-Options: deny}}\n")
    with running(tmp_path, f"--web.config.file={web}") as agent:
        assert agent.value("pomona_web_config_last_reload_successful") == 1
        web.write_text("foo: 1\n")
        assert agent.value("pomona_web_config_last_reload_successful") == 0
        agent.logged("web file in force stays")
        web.write_text("")
        assert agent.value("pomona_web_config_last_reload_successful") == 1


def test_a_configuration_from_a_pipe_is_read_once(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.write(write, b"collectors: {load: {enabled: false}}\n")
    os.close(write)
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "exporters",
            "agent",
            f"--config.file=/dev/fd/{read}",
            "--web.listen-address=127.0.0.1:0",
        ],
        pass_fds=(read,),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "POMONA_PRIVACY__KEY_FILE": str(key_of(tmp_path)), "POMONA_STATE__DIR": str(tmp_path / "s")},
    )
    os.close(read)
    with process:
        assert process.stderr
        address = next(line for line in process.stderr if "listening on" in line).partition("listening on ")[2]
        connection = HTTPConnection(address.strip().strip('"'), timeout=20)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read()
        connection.close()
        process.terminate()
    assert b"pomona_host_cpus" in text
    assert b"pomona_host_load1" not in text


def test_the_path_of_the_agent_is_light(tmp_path: Path) -> None:
    script = (
        "import sys, threading, os, signal\n"
        "from exporters.core import serve\n"
        "threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()\n"
        "from exporters.cli import main\n"
        f"main(['agent', '--web.listen-address=127.0.0.1:0', '--state.dir={tmp_path / 'state'}'])\n"
        "print(sorted({'rich', 'paramiko', 'cryptography', 'requests', 'bcrypt'} & set(sys.modules)))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "POMONA_PRIVACY__KEY_FILE": str(key_of(tmp_path))},
    )
    assert ended.stdout == "[]\n"
