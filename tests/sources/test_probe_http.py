"""HTTP probes against servers that answer well, wrongly, slowly, too much or not at all."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from exporters.sources.base import Failed, Probe
from exporters.sources.local import Local
from exporters.sources.probe_http import MOST_RECEIVED
from sources.probing import Serve, answering, head_of, page, server, silent

SOON = 20.0
PHASES = ["connect", "first_byte", "transfer"]


@pytest.fixture
def go() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def asked(serve: Serve, path: str = "/", host: str = "127.0.0.1", **fields: Any) -> dict[str, Any]:
    with server(serve) as port:
        answer: dict[str, Any] = Local().ask(Probe("http", f"http://{host}:{port}{path}", **fields))
        return answer


def test_a_good_answer_tells_its_status_and_its_phases() -> None:
    told = asked(answering(page(b"all is well")))
    assert (told["success"], told["reason"], told["status"]) == (True, "", 200)
    assert list(told["phases"]) == PHASES
    assert sum(told["phases"].values()) <= told["seconds"] < SOON
    assert not {"matched", "value", "certificate_expiry", "method"} & set(told)


def test_the_request_is_that_of_a_plain_client() -> None:
    heads: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        heads.append(head_of(connection))
        connection.sendall(page(b""))

    told = asked(serve, "/a/b?c=d&e=%20#part", host="localhost")
    assert told["success"]
    first, *headers = heads[0].decode().split("\r\n")
    assert first == "GET /a/b?c=d&e=%20 HTTP/1.1"
    assert "User-Agent: pomona" in headers
    assert [each for each in headers if each.startswith("Host: localhost:")]
    assert "Connection: close" in headers


@pytest.mark.parametrize(("path", "target"), [("", "/"), ("?a=b", "/?a=b")])
def test_a_url_without_a_path_asks_for_the_root(path: str, target: str) -> None:
    heads: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        heads.append(head_of(connection))
        connection.sendall(page(b""))

    assert asked(serve, path)["success"]
    assert heads[0].decode().split()[1] == target


@pytest.mark.parametrize("status", ["404 Not Found", "503 Service Unavailable", "300 Many"])
def test_a_status_that_is_not_good_is_told_with_the_answer(status: str) -> None:
    told = asked(answering(page(b"no", status)), pattern="no")
    assert (told["reason"], told["status"], told["matched"]) == ("status", int(status[:3]), True)
    assert list(told["phases"]) == PHASES


@pytest.mark.parametrize("interim", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_what_comes_before_the_answer_is_not_its_status(interim: str) -> None:
    before = f"HTTP/1.1 {interim}\r\nLink: </style.css>; rel=preload\r\n\r\n".encode()
    told = asked(answering(before, before + page(b"all is well")), pattern="^all is well$")
    assert (told["success"], told["status"], told["matched"]) == (True, 200, True)


def test_hints_without_an_answer_are_reset() -> None:
    assert asked(answering(b"HTTP/1.1 103 Early Hints\r\n\r\n"))["reason"] in {"reset", "protocol"}


def test_a_redirect_is_not_followed() -> None:
    told = asked(answering(page(b"", "302 Found", "Location: http://192.0.2.1/")), timeout=5.0)
    assert (told["reason"], told["status"]) == ("status", 302)


def test_a_body_is_searched_for_a_pattern() -> None:
    good = answering(page(b"first\nstatus: good\n"))
    assert asked(good, pattern=r"status: go+d")["matched"] is True
    told = asked(good, pattern="status: bad")
    assert (told["success"], told["reason"], told["matched"]) == (False, "body", False)


def test_a_pattern_that_takes_too_long_is_given_up_in_time_and_holds_nobody_up() -> None:
    """`re` would hold every thread, for longer than anybody lives."""
    moments: list[float] = []
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.01):
            moments.append(time.monotonic())

    thread = threading.Thread(target=beat)
    thread.start()
    told = asked(answering(page(b"x" * 65536)), pattern="(x+x+)+y", timeout=1.0)
    ended.set()
    thread.join()
    assert (told["reason"], told["status"]) == ("timeout", 200)
    assert 0.9 <= told["seconds"] < SOON
    assert len(moments) > 10


@pytest.mark.parametrize("pattern", ["(", "a{99999999999999999999}", "(" * 5000 + ")" * 5000])
def test_a_pattern_that_no_library_can_read_cannot_be_asked(pattern: str) -> None:
    with pytest.raises(Failed, match="no regular expression"):
        asked(answering(page(b"")), pattern=pattern)


@pytest.mark.parametrize(
    ("field", "value"), [("a.b", 7.5), ("a.list.1.c", "x"), ("up", True), ("a.none", None), ("a", None), ("z.z", None)]
)
def test_one_value_of_a_json_body_is_told(field: str, value: object) -> None:
    body = b'{"a": {"b": 7.5, "list": [0, {"c": "x"}], "none": null}, "up": true}'
    assert asked(answering(page(body)), field=field).get("value") == value


@pytest.mark.parametrize("body", [b"", b"<html>", b"[" * 30000, b'{"a": 1', b"\xff"])
def test_a_body_that_is_no_json_has_no_value_and_is_no_fault(body: bytes) -> None:
    told = asked(answering(page(body)), field="a")
    assert told["success"]
    assert "value" not in told


def test_only_the_begin_of_a_large_body_is_read() -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 65535 + b"bc")
        while True:  # until the client has left
            connection.sendall(b"c" * 65536)

    told = asked(serve, pattern="ab$", timeout=SOON)
    assert (told["success"], told["matched"]) == (True, True)


@pytest.mark.parametrize("size", [b"-1", b"-ffffffff"])
def test_a_chunk_of_negative_size_fills_no_memory(size: bytes, go: threading.Event) -> None:
    """The client would read until the connection ends."""
    sent: list[int] = []

    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n")
        while not go.is_set():
            sent.append(connection.send(b"a" * 65536))

    told = asked(serve, timeout=3.0)
    assert told["reason"] == "protocol"
    assert told["seconds"] < 3
    assert sum(sent) < 100 * MOST_RECEIVED


def test_a_body_in_the_smallest_chunks_is_whole() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    told = asked(answering(head, b"1\r\na\r\n" * 65536, b"0\r\n\r\n"), pattern="^a{65536}$", timeout=SOON)
    assert (told["reason"], told["matched"]) == ("", True)


def test_a_chunked_body_is_joined() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert asked(answering(head, b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"), pattern="^abcdef$")["success"]


@pytest.mark.parametrize(
    "sent",
    [
        (),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",),
    ],
)
def test_an_answer_that_ends_too_early_is_reset(sent: tuple[bytes, ...]) -> None:
    assert asked(answering(*sent))["reason"] == "reset"


def test_a_connection_that_is_reset() -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    assert asked(serve)["reason"] == "reset"


@pytest.mark.parametrize(
    "sent", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 OK\r\n\r\n", b"\x15\x03\x03\0\2\2\x28", b"HTTP/7 200 OK\r\n\r\n"]
)
def test_an_answer_that_is_no_http(sent: bytes) -> None:
    told = asked(answering(sent))
    assert told["reason"] == "protocol"
    assert list(told["phases"]) == ["connect", "first_byte"]


def test_endless_headers_are_no_http() -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X-More: and more\r\n" * 1000)

    assert asked(serve, timeout=SOON)["reason"] == "protocol"


def test_a_server_that_keeps_silent_is_given_up_in_time(go: threading.Event) -> None:
    begun = time.monotonic()
    told = asked(silent(go), timeout=0.2)
    assert (told["success"], told["reason"], list(told["phases"])) == (False, "timeout", ["connect"])
    assert 0.2 <= told["seconds"] <= time.monotonic() - begun < SOON


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "])
def test_a_server_that_sends_a_byte_now_and_then_is_given_up_in_time(head: bytes, go: threading.Event) -> None:
    def serve(connection: socket.socket) -> None:
        head_of(connection)
        connection.sendall(head)
        while not go.wait(0.02):
            connection.sendall(b"a")

    told = asked(serve, timeout=0.5)
    assert told["reason"] == "timeout"
    assert 0.5 <= told["seconds"] < SOON
