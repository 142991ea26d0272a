"""What the server bears: idle, silent, half-sent and endless clients, many at once, and a quick end amid them."""

import resource
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from core.certificates import Authority
from core.webserver import BODY, ROUTES, connect, ended, get, serving
from exporters.core.web import Limits, Request, Response, Web

QUICK = Limits(head=0.5, idle=1, linger=0.3)
SOON = 5.0
"""Seconds for a good scrape: a second by contract, with room for a busy machine."""


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    """Both ends of all connections are open in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard) if hard > 0 else 4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def secure(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A web file with TLS, and a client's context that trusts it."""
    authority = Authority(tmp_path)
    authority.sign("server")
    file = tmp_path / "web.yml"
    file.write_text("tls_server_config: {cert_file: server.crt, key_file: server.key}\n")
    return file, ssl.create_default_context(cafile=str(authority.file))


def crowd(web: Web) -> int:
    return len(web._house.crowd)


def beleaguer(web: Web, room: ExitStack, context: ssl.SSLContext | None = None) -> list[socket.socket]:
    """200 idle connections, 100 half-sent requests, 20 heads of 1 MB; over TLS also 50 that never shake hands."""
    found = [room.enter_context(connect(web)) for _ in range(50 if context else 0)]
    for number in range(320):
        client = connect(web)
        if context:
            client = context.wrap_socket(client, server_hostname="127.0.0.1")
        found.append(room.enter_context(client))
        if number >= 300:
            send_all_it_takes(client, b"GET / HTTP/1.1\r\nX: " + b"x" * 1_000_000)
        elif number >= 200:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x")
    return found


def send_all_it_takes(client: socket.socket, data: bytes) -> None:
    try:
        client.sendall(data)
    except OSError:
        assert ended(client)


@pytest.mark.parametrize("over_tls", [False, True])
def test_good_scrapes_get_through_and_the_bad_ones_are_gone_after_their_deadline(
    secure: tuple[Path, ssl.SSLContext], over_tls: bool
) -> None:
    file, trusting = secure
    context = trusting if over_tls else None
    with (
        serving(config_file=file if over_tls else None, limits=Limits(head=4.0, linger=0.3)) as web,
        ExitStack() as room,
    ):
        besiegers = beleaguer(web, room, context)
        threads = threading.active_count()
        begun = time.monotonic()
        assert get(web, context=context).body == BODY
        assert time.monotonic() - begun < SOON
        assert crowd(web) >= 300
        with ThreadPoolExecutor(50) as people:
            answers = list(people.map(lambda _: get(web, context=context).status, range(50)))
        assert answers == [200] * 50
        assert threading.active_count() <= threads + 16
        assert crowd(web) <= 512
        assert all(ended(each) for each in besiegers)
        assert get(web, context=context).body == BODY


@pytest.mark.parametrize("over_tls", [False, True])
def test_the_end_is_quick_with_all_of_them_and_a_handler_that_hangs(
    secure: tuple[Path, ssl.SSLContext], over_tls: bool
) -> None:
    file, trusting = secure
    free, begun = threading.Event(), threading.Event()

    def hang(_: Request) -> Response:
        begun.set()
        free.wait(60)
        return Response(200, b"")

    options = {"config_file": file} if over_tls else {}
    with serving({**ROUTES, "/hang": hang}, **options) as web, ExitStack() as room:
        beleaguer(web, room, trusting if over_tls else None)
        client = room.enter_context(connect(web))
        if over_tls:
            client = room.enter_context(trusting.wrap_socket(client, server_hostname="127.0.0.1"))
        client.sendall(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
        assert begun.wait(10)
        started = time.monotonic()
        web.stop()
        assert time.monotonic() - started < 2
        assert not any(each.name == "pomona-web" for each in threading.enumerate())
        assert ended(client)
        free.set()


def test_when_there_is_no_room_connections_that_never_asked_make_it() -> None:
    with serving(limits=Limits(connections=8)) as web, ExitStack() as room:
        regular = room.enter_context(connect(web))
        ask(regular)
        strangers = [room.enter_context(connect(web)) for _ in range(30)]
        assert get(web).status == 200
        assert crowd(web) <= 8
        assert all(ended(each) for each in strangers[:20])
        ask(regular)


def test_no_busy_connection_is_closed_for_a_new_one() -> None:
    free, begun = threading.Event(), threading.Semaphore(0)

    def hang(_: Request) -> Response:
        begun.release()
        free.wait(30)
        return Response(200, b"done")

    with serving({"/": hang}, limits=Limits(connections=2)) as web, ExitStack() as room:
        busy = [room.enter_context(connect(web)) for _ in range(2)]
        for each in busy:
            each.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert begun.acquire(timeout=10)
        assert ended(room.enter_context(connect(web)))
        free.set()
        assert all(until(each, b"done") for each in busy)


def test_a_head_that_trickles_in_has_one_deadline() -> None:
    with serving(limits=QUICK) as web, connect(web) as client:
        client.settimeout(0.05)
        begun = time.monotonic()
        assert trickle(client)
        assert time.monotonic() - begun < 5


def test_a_second_request_that_trickles_in_has_one_too() -> None:
    with serving(limits=Limits(head=0.5)) as web, connect(web) as client:
        ask(client)
        client.settimeout(0.05)
        assert trickle(client)


def test_an_answered_connection_may_rest_for_a_while_only() -> None:
    with serving(limits=QUICK) as web, connect(web) as client:
        ask(client)
        begun = time.monotonic()
        assert ended(client)
        assert time.monotonic() - begun > QUICK.head


def test_a_client_that_never_reads_its_answer_is_let_go() -> None:
    body = b"x" * 30_000_000
    with serving({"/": lambda _: Response(200, body)}, limits=QUICK) as web, connect(web) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        until = time.monotonic() + 10
        while crowd(web) and time.monotonic() < until:
            threading.Event().wait(0.02)
        assert crowd(web) == 0


def test_requests_sent_ahead_are_answered_in_turn() -> None:
    routes = {"/a": lambda _: Response(200, b"first"), "/b": lambda _: Response(200, b"last")}
    with serving(routes) as web, connect(web) as client:
        client.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 20 + b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n")
        text = until(client, b"last")
    assert text.count(b"first") == 20


def ask(client: socket.socket) -> None:
    client.sendall(b"GET /small HTTP/1.1\r\nHost: x\r\n\r\n")
    assert until(client, b"small\n").startswith(b"HTTP/1.1 200 ")


def until(client: socket.socket, end: bytes) -> bytes:
    text = b""
    while not text.endswith(end):
        more = client.recv(65536)
        assert more, text
        text += more
    return text


def trickle(client: socket.socket) -> bool:
    """One byte after another until the other side closes; False where it never does."""
    for byte in b"GET /metrics HTTP/1.1\r\nX-Long: " + b"x" * 200:
        try:
            client.sendall(bytes([byte]))
            client.recv(1)
        except TimeoutError:
            continue
        except OSError:
            return True
    return False
