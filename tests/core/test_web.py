"""What a client gets for which request, and what an operator is told when the server cannot start."""

import gzip
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.webserver import BODY, ROUTES, connect, ended, get, metrics, said, serving
from exporters.core.pool import Pool
from exporters.core.web import Limits, Request, Response, Route, Web, WebError

ROOT = Path(__file__).parents[2]
CLOSE = b"Host: x\r\nConnection: close\r\n"


def test_a_scrape_is_compressed_where_the_client_takes_it() -> None:
    with serving() as web:
        plain, packed = get(web), get(web, headers={"Accept-Encoding": "deflate, gzip;q=0.5"})
    assert (plain.status, plain.body) == (200, BODY)
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed.body) == BODY
    assert packed.headers["content-encoding"] == "gzip"
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert int(packed.headers["content-length"]) == len(packed.body) < len(BODY)


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "gzip; q=0.00", "xgzip"])
def test_a_client_that_does_not_take_gzip_gets_none(accepted: str) -> None:
    with serving() as web:
        assert get(web, headers={"Accept-Encoding": accepted}).body == BODY


def test_small_bodies_stay_as_they_are() -> None:
    with serving() as web:
        assert get(web, "/small", headers={"Accept-Encoding": "gzip"}).body == b"small\n"


def test_head_has_the_headers_of_get_and_no_body() -> None:
    with serving() as web:
        full, head = get(web), get(web, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert {**head.headers, "date": ""} == {**full.headers, "date": ""}


def test_only_what_the_file_says_is_added_to_the_headers() -> None:
    with serving() as web:
        assert get(web, "/small").headers.keys() == {"content-type", "content-length", "date"}


def test_methods_that_a_route_does_not_take_are_refused() -> None:
    routes = {**ROUTES, "/-/reload": Route(metrics, frozenset({"POST", "PUT"}))}
    with serving(routes) as web:
        posted, got = get(web, method="POST"), get(web, "/-/reload")
        assert (posted.status, posted.headers["allow"]) == (405, "GET, HEAD")
        assert (got.status, got.headers["allow"]) == (405, "POST, PUT")
        assert get(web, "/-/reload", method="POST").status == 200
        assert get(web, method="OPTIONS").status == 405


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/metrics/", "//metrics", "/./metrics", "/x/../metrics", "/metrics%00", "/metrics%2f", "/%zz", "/%ff"],
)
def test_only_exact_paths_are_answered(path: str) -> None:
    with serving() as web:
        assert get(web, path).status == 404


def test_an_absolute_uri_is_the_path_it_names() -> None:
    with serving() as web:
        assert said(web, b"GET http://any.example/small?a=b HTTP/1.1\r\n" + CLOSE + b"\r\n").endswith(
            b"\r\n\r\nsmall\n"
        )
        assert said(web, b"GET http://any.example HTTP/1.1\r\n" + CLOSE + b"\r\n").startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("query", ["target=%", "target=%zz", "target=%ff%fe", "&".join(["a=1"] * 500)])
def test_a_query_that_cannot_be_read_is_refused(query: str) -> None:
    with serving() as web:
        answer = get(web, f"/metrics?{query}")
    assert answer.status == 400
    assert answer.body.startswith(b"The query is not encoded")


def test_a_handler_sees_all_values_and_headers_by_lower_case_names() -> None:
    seen: list[Request] = []

    def note(request: Request) -> Response:
        seen.append(request)
        return Response(200, b"")

    with serving({"/": note}) as web:
        said(web, b"GET /?collect[]=a&collect[]=b%20c&empty= HTTP/1.1\r\nX-Two: 1\r\nx-two: 2\r\n" + CLOSE + b"\r\n")
    assert seen[0].query == {"collect[]": ("a", "b c"), "empty": ("",)}
    assert seen[0].headers["x-two"] == "1, 2"


def test_a_bug_in_a_handler_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Request) -> Response:
        raise RuntimeError("the inner secret")

    with serving({"/": broken, **ROUTES}) as web:
        answer = get(web, "/")
        assert get(web).status == 200
    assert answer.status == 500
    assert answer.body == b"Internal error; the log of this exporter has the details.\n"
    assert "the inner secret" in caplog.text


def test_large_and_endless_bodies_are_refused_unread() -> None:
    with serving() as web:
        for head in (b"Content-Length: 1000000000\r\n", b"Transfer-Encoding: chunked\r\n"):
            answer = said(web, b"GET /metrics HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
            assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_small_body_is_dropped_and_the_connection_goes_on() -> None:
    request = b"GET /small HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
    with serving() as web:
        text = said(web, request + b"GET /small HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert text.count(b"HTTP/1.1 200 ") == 2


def test_what_is_no_request_is_refused_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with serving() as web:
        assert said(web, b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400 ")
        assert said(web, b"GET /metrics HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert not caplog.records


def test_a_body_that_is_garbage_ends_the_connection_and_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with serving() as web, connect(web) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n\r\n")
        assert ended(client)
        assert get(web).status == 200
    assert not caplog.records


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    free = threading.Event()

    def hang(_: Request) -> Response:
        free.wait(30)
        return Response(200, b"")

    with serving({"/": hang}, limits=Limits(answer=0.2)) as web:
        assert get(web, "/").status == 503
        free.set()


def test_too_many_requests_at_once_are_refused() -> None:
    free, begun = threading.Event(), threading.Semaphore(0)

    def hang(_: Request) -> Response:
        begun.release()
        free.wait(30)
        return Response(200, b"")

    with serving({"/": hang}, limits=Limits(requests=2)) as web:
        clients = [connect(web), connect(web)]
        for each in clients:
            each.sendall(b"GET / HTTP/1.1\r\n" + CLOSE + b"\r\n")
        assert all(begun.acquire(timeout=10) for _ in clients)
        refused = get(web, "/")
        free.set()
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        for each in clients:
            assert each.recv(100).startswith(b"HTTP/1.1 200 ")
            each.close()


def test_several_addresses_are_served() -> None:
    with serving(ROUTES, "127.0.0.1:0", "localhost:0") as web:
        assert web.url.startswith("http://127.0.0.1:")
        assert get(web).status == 200


def test_all_interfaces_include_this_one_and_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with serving(ROUTES, ":0") as web:
        port = int(web.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            assert "open to the network without TLS and without a login or client certificates" in caplog.text


def test_loopback_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with serving() as web:
        assert get(web).status == 200
    assert not caplog.records


def test_a_port_in_use_is_told_in_one_line_and_nothing_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        web = Web(("127.0.0.1:0", address), ROUTES, pool=Pool(1))
        with pytest.raises(WebError, match=f"cannot listen on {address}: .*in use; choose another with --web.listen"):
            web.start()


@pytest.mark.parametrize("address", ["192.0.2.1:0", "no-such-host.invalid:0"])
def test_an_address_that_is_not_ours_is_told(address: str) -> None:
    with pytest.raises(WebError, match=f"cannot listen on {address}: "):
        Web((address,), ROUTES, pool=Pool(1)).start()


@pytest.mark.parametrize(
    "address", ["10220", "127.0.0.1", "::1:10220", "[127.0.0.1]:1", "x:70000", "x:-1", "x:\u00b2", ":", ""]
)
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(WebError, match="is no address to listen on; write"):
        Web((address,), ROUTES, pool=Pool(1)).start()


def test_requests_under_way_are_answered_before_the_end() -> None:
    begun, free = threading.Event(), threading.Event()

    def wait(_: Request) -> Response:
        begun.set()
        free.wait(30)
        return Response(200, BODY)

    with serving({"/": wait}) as web, connect(web) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert begun.wait(10)
        stopping = threading.Thread(target=web.stop, args=(10.0,))
        stopping.start()
        free.set()
        text = b""
        while chunk := client.recv(65536):
            text += chunk
        stopping.join(10)
    assert text.endswith(BODY)


def test_stopping_needs_no_start_and_ends_listening() -> None:
    web = Web(("127.0.0.1:0",), ROUTES, pool=Pool(1))
    web.stop()
    web.start()
    assert get(web).status == 200
    web.stop()
    web.stop()
    with pytest.raises(ConnectionRefusedError):
        get(web)


def test_what_only_some_need_is_not_loaded_for_all() -> None:
    look = "import sys, exporters.core.web; print(*{'bcrypt', 'cryptography', 'rich', 'requests'} & sys.modules.keys())"
    loaded = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout == "\n"
