"""A host by its name: resolved once, and an error of its own where it cannot be."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from exporters.sources.base import Command, NotFound, Output
from exporters.sources.named import Named, NameUnknown
from exporters.sources.ssh import HostKeyRefused, Report, SshTarget
from sshservers import Server

ECHO, MORE = Command(("echo", "ok")), Command(("echo", "more"))
Start = Callable[..., Server]
NAME = "127.1"
"""A name in that it is not written as the address that it stands for, and needs no file or server to be resolved."""


def named(target: SshTarget, name: str) -> Named:
    return Named(replace(target, address="", host=name), time.monotonic)


def test_a_name_is_asked_at_the_address_that_it_has(start: Start) -> None:
    server = start()
    source = named(server.target, NAME)
    assert source.address == ""
    assert source.report == Report()
    assert source.ask(ECHO) == Output(b"ok\n")
    assert source.address == "127.0.0.1"
    assert (source.report.trouble, source.report.connects) == (None, 1)
    source.close()


def test_nothing_is_resolved_before_the_first_question() -> None:
    source = Named(SshTarget("", "root", host="no-such-name.invalid"), time.monotonic)
    assert source.report == Report()
    assert source.waits == (0.0, 0.0)
    source.close_idle()
    source.close()


@pytest.mark.parametrize("name", ["no-such-name.invalid", "a" * 64 + ".invalid", "..", "\udc80"])
def test_a_name_that_cannot_be_resolved_has_an_error_of_its_own_for_every_question(name: str) -> None:
    source = Named(SshTarget("", "root", host=name, port=1), time.monotonic)
    found = source.ask_many((ECHO, MORE))
    assert list(found) == [ECHO, MORE]
    assert all(isinstance(each, NameUnknown) for each in found.values())
    assert isinstance(source.report.trouble, NameUnknown)
    with pytest.raises(NameUnknown, match="cannot be resolved"):
        source.ask(ECHO)
    source.close()


def test_after_the_name_is_known_it_is_not_asked_for_again(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[object] = []
    resolve = socket.getaddrinfo

    def watched(*args: object, **options: object) -> object:
        looked.append(args)
        return resolve(*args, **options)  # type: ignore[call-overload]

    server = start()
    source = named(server.target, NAME)
    monkeypatch.setattr(socket, "getaddrinfo", watched)
    for _ in range(3):
        source.ask(ECHO)
    assert len(looked) == 1
    server.cut()
    assert source.ask(ECHO) == Output(b"ok\n")
    assert len(looked) == 1
    source.close()


def test_threads_that_resolve_at_once_share_one_connection(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server, together = start(), threading.Barrier(4)
    resolve = socket.getaddrinfo

    def slow(*args: object, **options: object) -> object:
        together.wait(10)
        return resolve(*args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    source = named(server.target, NAME)
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: source.ask(ECHO), range(4))) == {Output(b"ok\n")}
    assert server.connections() == 1
    source.close()


@pytest.mark.parametrize(("listed", "known"), [(NAME, True), ("127.0.0.1", True), ("other", False)])
def test_the_host_key_is_that_of_the_name_or_the_address(listed: str, known: bool, start: Start) -> None:
    server = start()
    file = server.folder / "known_hosts"
    file.write_text(f"[{listed}]:{server.port} {(server.folder / 'host_key.pub').read_text()}")
    source = named(replace(server.target, fingerprints=(), known_hosts=file), NAME)
    assert (source.ask_many((ECHO,))[ECHO] == Output(b"ok\n")) == known
    assert isinstance(source.report.trouble, HostKeyRefused) != known
    source.close()


def test_answers_and_errors_of_the_host_pass_through(start: Start) -> None:
    source = named(start().target, NAME)
    found = source.ask_many((ECHO, Command(("no-such",))))
    assert found[ECHO] == Output(b"ok\n")
    assert isinstance(found[Command(("no-such",))], NotFound)
    with pytest.raises(NotFound):
        source.ask(Command(("no-such",)))
    source.close()


@pytest.mark.parametrize("before", [True, False])
def test_after_the_end_nothing_is_asked(before: bool, start: Start) -> None:
    server = start()
    source = named(server.target, NAME)
    if before:
        source.ask(ECHO)
    source.close()
    assert all(isinstance(each, Exception) for each in source.ask_many((ECHO, MORE)).values())
    assert server.connections() == int(before)


def test_the_wait_after_a_refused_login_is_told(start: Start) -> None:
    server = start()
    server.authorized_keys.write_text("")
    source = named(server.target, NAME)
    source.ask_many((ECHO,))
    retry, login = source.waits
    assert retry == 0
    assert 890 < login <= 900
    source.close()


def test_an_idle_connection_is_closed(start: Start) -> None:
    server = start()
    source = named(replace(server.target, idle=0.0), NAME)
    source.ask(ECHO)
    source.close_idle()
    assert source.ask(ECHO) == Output(b"ok\n")
    assert source.report.connects == 2
    source.close()
