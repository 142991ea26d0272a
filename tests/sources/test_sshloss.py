"""The SSH source when the other side refuses, hangs, dies or is not there."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from exporters.sources.base import Command, Denied, File, Output, SourceError, TimedOut, Unreachable
from exporters.sources.ssh import LoginRefused, Ssh, SshTarget
from exporters.sources.sshlink import Ended
from sshservers import Listener, Server, free_port, new_key

ECHO, HANG, LATER = Command(("echo", "ok")), Command(("hang",), timeout=1.5), Command(("echo", "later"))
WHOLE = Command(("hang",), timeout=60)


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    made: list[Listener] = []

    def listener(greet: Callable[[socket.socket], Any]) -> Listener:
        made.append(Listener(greet))
        return made[-1]

    yield listener
    for each in made:
        each.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as made:
        yield made


def hanging(server: Server, before: str = ":") -> Path:
    """A program that writes its number into a FIFO, then hangs; the second time it answers."""
    fifo, flag = server.folder / "fifo", server.folder / "flag"
    os.mkfifo(fifo)
    server.program(
        "hang", f"[ -e {flag} ] && exec echo back; echo > {flag}; echo half; {before}; echo $$ > {fifo}; exec sleep 600"
    )
    return fifo


def outcome(future: Future[Any]) -> Any:
    return future.exception(30) or future.result(30)


def test_a_wrong_key_is_tried_once_and_then_held(server: Server, tmp_path: Path) -> None:
    now = [0.0]
    wrong = replace(server.target, private_key=new_key(tmp_path / "wrong"))
    source = Ssh(wrong, clock=lambda: now[0])
    assert source.login_wait == 0
    for _ in range(4):
        with pytest.raises(LoginRefused, match="refused"):
            source.ask(ECHO)
    assert server.connections() == 1
    assert source.login_wait == 900
    now[0] = 899
    with pytest.raises(Denied, match="in 1 s"):
        source.ask(ECHO)
    now[0] = 900
    with pytest.raises(LoginRefused, match="refused the key"):
        source.ask(ECHO)
    assert server.connections() == 2


def test_a_key_that_is_none_is_told_without_touching_the_network() -> None:
    with pytest.raises(Denied, match="no ed25519, RSA or ECDSA key"):
        Ssh(SshTarget("127.0.0.1", "root", free_port(), private_key="rubbish", fingerprints=("SHA256:A",))).ask(ECHO)


def test_repeated_failures_wait_longer_and_longer_without_touching_the_network(listen: Any) -> None:
    now, listener = [0.0], listen(lambda sock: sock.close())
    source = Ssh(listener.target, clock=lambda: now[0])
    waits = []
    for _ in range(8):
        with pytest.raises(Unreachable):
            source.ask(ECHO)
        waits.append(source.retry_wait)
        before = listener.accepted
        if source.retry_wait:
            with pytest.raises(Unreachable, match="tried again in"):
                source.ask(ECHO)
        assert listener.accepted == before
        now[0] += source.retry_wait
    assert waits == [0, 4, 8, 16, 32, 60, 60, 60]
    assert listener.accepted == 8


def test_an_answer_ends_the_waiting(server: Server) -> None:
    now = [0.0]
    source = Ssh(server.target, clock=lambda: now[0])
    server.kill()
    for _ in range(2):
        with pytest.raises(Unreachable, match="refused"):
            source.ask(ECHO)
    assert source.retry_wait == 4
    server.start()
    now[0] = 4
    assert source.ask(ECHO).stdout == b"ok\n"
    server.kill()
    with pytest.raises(Unreachable):
        source.ask(ECHO)
    assert source.retry_wait == 0, "the first failure after an answer does not wait"
    source.close()


@pytest.mark.parametrize(
    "greet",
    [lambda _: None, lambda sock: sock.sendall(b"HTTP/1.0 400\r\n" * 300), lambda sock: sock.sendall(b"SSH-2.0-x\r\n")],
    ids=["silent", "no SSH", "stops after its greeting"],
)
def test_what_does_not_speak_ssh_is_unreachable_in_time(listen: Any, greet: Any) -> None:
    begin = time.monotonic()
    with pytest.raises(Unreachable):
        Ssh(listen(greet).target).ask(ECHO)
    assert time.monotonic() - begin < 10


def test_a_connection_that_was_lost_is_opened_again_once(server: Server) -> None:
    source = Ssh(server.target)
    assert source.ask(ECHO).stdout == b"ok\n"
    server.kill()
    server.start()
    assert source.ask(ECHO).stdout == b"ok\n"
    assert server.connections() == 1
    source.close()


def test_a_connection_that_dies_in_the_middle_is_asked_once_more(server: Server, pool: Any) -> None:
    fifo, source = hanging(server), Ssh(server.target)
    future = pool.submit(source.ask_many, (ECHO, WHOLE, LATER))
    fifo.read_text()
    server.cut()
    got = outcome(future)
    assert [got[each].stdout for each in (ECHO, WHOLE, LATER)] == [b"ok\n", b"back\n", b"later\n"]
    source.close()


def test_what_came_before_the_death_is_kept_where_nobody_comes_back(server: Server, pool: Any) -> None:
    # The second is for the first answer to travel: nothing outside shows that it has arrived.
    fifo, source = hanging(server, before="sleep 1"), Ssh(server.target)
    future = pool.submit(source.ask_many, (ECHO, WHOLE, LATER))
    fifo.read_text()
    server.kill()
    got = outcome(future)
    assert got[ECHO] == Output(b"ok\n")
    assert isinstance(got[WHOLE], Unreachable)
    assert isinstance(got[LATER], Unreachable)
    source.close()


def test_a_command_that_hangs_loses_itself_and_what_is_behind_it(server: Server) -> None:
    server.program("hang", "echo half; exec sleep 600")
    source = Ssh(server.target)
    got = source.ask_many((ECHO, File("/proc/uptime"), HANG, LATER))
    assert got[ECHO] == Output(b"ok\n")
    assert isinstance(got[File("/proc/uptime")], bytes)
    assert isinstance(got[HANG], TimedOut)
    assert isinstance(got[LATER], TimedOut)
    assert "half" not in str(got[HANG])
    assert source.retry_wait == 0, "the host answered"
    assert source.ask(ECHO).stdout == b"ok\n"
    source.close()


def test_a_hanging_command_does_not_stay_on_the_host(server: Server, pool: Any) -> None:
    fifo, source = hanging(server), Ssh(server.target)
    future = pool.submit(source.ask_many, (HANG,))
    left = psutil.Process(int(fifo.read_text()))
    assert isinstance(outcome(future)[HANG], TimedOut)
    assert psutil.wait_procs([left], timeout=30)[1] == []
    source.close()


def test_endless_output_ends_at_its_time(server: Server) -> None:
    source, flood = Ssh(replace(server.target, limit=100_000)), Command(("yes",), timeout=1.0)
    got = source.ask_many((ECHO, flood))
    assert got[ECHO] == Output(b"ok\n")
    assert isinstance(got[flood], SourceError)
    source.close()


def test_the_end_of_the_exporter_ends_what_hangs(server: Server, pool: Any) -> None:
    fifo, source = hanging(server), Ssh(server.target)
    future = pool.submit(source.ask, WHOLE)
    fifo.read_text()
    begin = time.monotonic()
    source.close()
    assert isinstance(outcome(future), Ended)
    assert time.monotonic() - begin < 2
    with pytest.raises(Ended, match="the exporter ends"):
        source.ask(ECHO)
    assert source.retry_wait == 0


def test_the_end_of_the_exporter_ends_a_handshake_that_hangs(listen: Any, pool: Any) -> None:
    greeted = threading.Event()
    listener = listen(lambda _: greeted.set())
    source = Ssh(replace(listener.target, timeout=60))
    future = pool.submit(source.ask, ECHO)
    assert greeted.wait(10)
    begin = time.monotonic()
    source.close()
    assert isinstance(outcome(future), Ended)
    assert time.monotonic() - begin < 2


def test_a_frozen_server_is_given_up_after_one_more_try(server: Server) -> None:
    source = Ssh(replace(server.target, timeout=1.0))
    source.ask(ECHO)
    frozen = [psutil.Process(server.process.pid if server.process else 0), *server.children()]
    for each in frozen:
        each.suspend()
    begin = time.monotonic()
    with pytest.raises((Unreachable, TimedOut)):
        source.ask(ECHO)
    assert time.monotonic() - begin < 20
    for each in frozen:
        each.resume()
    assert source.ask(ECHO).stdout == b"ok\n"
    source.close()


def test_many_connections_one_after_another_leave_no_thread_and_no_socket(start: Callable[..., Server]) -> None:
    server, process = start("dropbear"), psutil.Process()
    before, sockets = set(threading.enumerate()), process.num_fds()
    for _ in range(40):
        source = Ssh(server.target)
        assert source.ask(ECHO).stdout == b"ok\n"
        source.close()
    left = set(threading.enumerate()) - before
    for each in left:
        each.join(5)
    assert not [each for each in left if each.is_alive()]
    assert process.num_fds() == sockets


def test_a_kept_connection_wakes_once_a_minute_and_not_ten_times_a_second(start: Callable[..., Server]) -> None:
    source = Ssh(start("dropbear").target)
    source.ask(ECHO)
    assert source._link.transport().sock.gettimeout() == 60
    source.close()
