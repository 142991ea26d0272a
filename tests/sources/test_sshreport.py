"""What a source reports of its last batch of questions."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exporters.sources.base import Command, SourceError, System, TimedOut, Unreachable
from exporters.sources.ssh import (
    HostKeyRefused,
    Incompatible,
    LoginRefused,
    Report,
    ScriptRefused,
    Ssh,
    SshTarget,
    script,
)
from exporters.sources.sshlink import Ended
from sshservers import Server, free_port, new_key

ECHO, HANG = Command(("echo", "ok")), Command(("sleep", "600"), timeout=0.5)


class Clock:
    """Gives a second more each time that it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def troubled(source: Ssh, question: Command = ECHO) -> SourceError | None:
    """What is reported after a question that got no answer."""
    with pytest.raises(SourceError):
        source.ask(question)
    return source.report.trouble


def test_before_the_first_question_nothing_is_reported() -> None:
    source = Ssh(SshTarget("127.0.0.1", "root"))
    assert source.report == Report(trouble=None, connects=0, connect_seconds=None, exec_seconds=None)
    source.ask_many((System("load"),))
    assert source.report == Report(), "nothing was sent"


def test_connects_are_counted_and_the_last_ones_are_timed(server: Server) -> None:
    source = Ssh(server.target, Clock())
    source.ask(ECHO)
    first = source.report
    assert (first.trouble, first.connects) == (None, 1)
    assert first.connect_seconds is not None
    assert first.connect_seconds >= 1
    assert first.exec_seconds == 1
    source.ask(ECHO)
    assert source.report == first
    server.kill()
    server.start()
    source.ask(ECHO)
    assert source.report == replace(first, connects=2)
    source.close()


def test_single_failures_are_no_trouble(server: Server) -> None:
    source = Ssh(server.target)
    assert troubled(source, Command(("false",))) is None
    assert troubled(source, HANG) is None
    assert source.report.exec_seconds is not None
    assert source.report.exec_seconds > 0.4
    source.close()


def test_a_refused_login_stays_the_trouble_while_it_is_held(server: Server, tmp_path: Path) -> None:
    source = Ssh(replace(server.target, private_key=new_key(tmp_path / "wrong")))
    first = troubled(source)
    assert isinstance(first, LoginRefused)
    assert troubled(source) is first
    assert source.report.connects == 0


def test_a_changed_host_key_stays_the_trouble_while_it_is_held(server: Server) -> None:
    source = Ssh(replace(server.target, fingerprints=("SHA256:other",)))
    for _ in range(2):
        last = troubled(source)
        assert isinstance(last, HostKeyRefused)
    assert source.retry_wait > 0
    assert troubled(source) is last, "not the hold, which is only Unreachable"


def test_an_answer_ends_the_trouble(server: Server) -> None:
    source = Ssh(server.target)
    server.kill()
    assert isinstance(troubled(source), Unreachable)
    server.start()
    source.ask(ECHO)
    assert source.report.trouble is None
    source.close()


def test_old_algorithms_are_the_trouble(start: Callable[..., Server]) -> None:
    source = Ssh(start("sshd", extra="KexAlgorithms diffie-hellman-group14-sha1").target)
    assert isinstance(troubled(source), Incompatible)


def test_a_host_that_shuts_the_door_at_a_login_has_refused_it(start: Callable[..., Server], tmp_path: Path) -> None:
    server = start("sshd", extra="MaxAuthTries 1")
    source = Ssh(replace(server.target, private_key=new_key(tmp_path / "wrong")))
    assert isinstance(troubled(source), LoginRefused)
    assert source.login_wait > 0


def test_another_forced_command_is_no_connection_problem(server: Server) -> None:
    server.authorize('command="echo hello"')
    source = Ssh(server.target)
    for _ in range(3):
        assert isinstance(troubled(source), ScriptRefused)
    assert source.retry_wait == 0
    server.authorize()
    assert source.ask(ECHO).stdout == b"ok\n", "a mended authorized_keys counts at once"
    assert source.report.trouble is None
    source.close()


def test_a_script_is_as_long_as_dropbear_takes_it(server: Server) -> None:
    source, spare = Ssh(server.target), 9000 - len(script((Command(("echo", "x")),)).encode())
    assert source.ask(Command(("echo", "x" * (spare + 1)))).stdout == b"x" * (spare + 1) + b"\n"
    with pytest.raises(ScriptRefused, match=r"has 9,001 bytes and dropbear takes 9,000"):
        source.ask(Command(("echo", "x" * (spare + 2))))
    assert isinstance(source.report.trouble, ScriptRefused)
    assert (source.report.connects, source.retry_wait) == (1, 0)
    source.close()


def test_a_host_that_refuses_sessions_is_told_so(start: Callable[..., Server]) -> None:
    source = Ssh(start("sshd", extra="MaxSessions 0").target)
    assert isinstance(troubled(source), ScriptRefused)
    source.close()


def test_nobody_there_is_unreachable_and_a_key_that_is_none_is_told() -> None:
    target = SshTarget("127.0.0.1", "root", free_port(), password="x", fingerprints=("SHA256:A",))
    assert isinstance(troubled(Ssh(target)), Unreachable)
    assert "no ed25519" in str(troubled(Ssh(replace(target, password="", private_key="x"))))


def test_a_silent_script_is_a_timeout(server: Server) -> None:
    server.authorize('command="sleep 600"')
    source = Ssh(replace(server.target, timeout=1.0))
    assert isinstance(troubled(source), TimedOut)
    assert source.report.connects == 2
    source.close()


def test_reading_it_never_waits_for_a_batch_that_runs(server: Server) -> None:
    source = Ssh(server.target)
    source.ask(ECHO)
    before, got = source.report, list[Any]()
    server.program("block", f"echo > {server.folder}/begun; exec sleep 600")
    thread = threading.Thread(target=lambda: got.append(source.ask_many((Command(("block",), timeout=60),))))
    begun = server.fifo("begun")
    thread.start()
    begun.read_text()
    assert source.report == before
    source.close()
    thread.join(10)
    assert isinstance(next(iter(got[0].values())), Ended)
    assert source.report.trouble.__class__ is Ended, "the end of the exporter is not the host's fault"
