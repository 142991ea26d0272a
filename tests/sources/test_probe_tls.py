"""TLS probes against servers with good and bad certificates, and servers that speak something else."""

import errno
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from core.certificates import Authority, Pair
from exporters.sources.base import Probe
from exporters.sources.local import Local
from exporters.sources.probe_check import Check, Fault
from exporters.sources.probe_tls import expiry, secured
from sources.probing import answering, page, server, silent


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """One that this process trusts."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    return made


@pytest.fixture
def go() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def context(pair: Pair) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pair.certificate, pair.key)
    return made


def der(pair: Pair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())


def ends(pair: Pair) -> float:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes()).not_valid_after_utc.timestamp()


def told_of(pair: Pair, kind: str = "tls", host: str = "localhost", **fields: Any) -> dict[str, Any]:
    with server(answering(page(b"secret page")), context(pair)) as port:
        address = f"https://{host}:{port}/" if kind == "http" else f"{host}:{port}"
        answer: dict[str, Any] = Local().ask(Probe(kind, address, **fields))  # type: ignore[arg-type]
        return answer


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_good_certificate_tells_when_it_ends(authority: Authority, host: str) -> None:
    pair = authority.sign("server")
    told = told_of(pair, host=host)
    assert (told["success"], told["reason"], told["certificate_expiry"]) == (True, "", ends(pair))
    assert list(told["phases"])[-2:] == ["connect", "tls"]


def test_https_is_measured_in_all_its_phases(authority: Authority) -> None:
    pair = authority.sign("server")
    told = told_of(pair, "http", pattern="secret")
    assert (told["success"], told["status"], told["certificate_expiry"]) == (True, 200, ends(pair))
    assert list(told["phases"]) == ["dns", "connect", "tls", "first_byte", "transfer"]


@pytest.mark.parametrize("kind", ["tls", "http"])
def test_an_expired_certificate_is_refused_and_still_tells_when_it_ended(authority: Authority, kind: str) -> None:
    pair = authority.sign("server", expired=True)
    told = told_of(pair, kind)
    assert (told["success"], told["reason"], told["certificate_expiry"]) == (False, "certificate", ends(pair))
    assert "tls" not in told["phases"]
    assert "status" not in told


def test_a_certificate_of_another_name_is_refused(authority: Authority) -> None:
    told = told_of(authority.sign("server", x509.DNSName("elsewhere.invalid")))
    assert (told["reason"], "certificate_expiry" in told) == ("certificate", True)


def test_a_certificate_of_an_unknown_authority_is_refused(authority: Authority, tmp_path: Path) -> None:
    assert authority.file.exists()
    (tmp_path / "other").mkdir()
    told = told_of(Authority(tmp_path / "other", "stranger").sign("server"), "http")
    assert (told["reason"], "certificate_expiry" in told) == ("certificate", True)


def test_the_name_is_sent_so_that_a_server_of_many_can_choose(authority: Authority) -> None:
    names: list[str | None] = []
    made = context(authority.sign("server"))
    made.sni_callback = lambda _socket, name, _context: names.append(name)
    with server(answering(), made) as port:
        assert Local().ask(Probe("tls", f"localhost:{port}"))["success"]
    assert names == ["localhost"]


def test_a_server_that_speaks_no_tls(authority: Authority) -> None:
    assert authority.file.exists()
    with server(lambda connection: connection.sendall(b"220 mail.invalid ESMTP\r\n")) as port:
        told = Local().ask(Probe("tls", f"127.0.0.1:{port}", 10.0))
    assert told["reason"] == "tls"


def test_a_server_that_hangs_up_in_the_handshake(authority: Authority) -> None:
    assert authority.file.exists()
    with server(lambda connection: connection.recv(65536) and None) as port:
        told = Local().ask(Probe("tls", f"127.0.0.1:{port}", 10.0))
    assert told["reason"] == "tls"


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


@pytest.mark.parametrize("kind", ["tls", "http"])
def test_a_connection_that_is_reset_in_the_handshake(authority: Authority, kind: str) -> None:
    assert authority.file.exists()
    with server(lambda connection: connection.recv(1) and reset(connection)) as port:
        address = f"https://127.0.0.1:{port}/" if kind == "http" else f"127.0.0.1:{port}"
        told = Local().ask(Probe(kind, address, 10.0))  # type: ignore[arg-type]
    assert (told["reason"], list(told["phases"])) == ("reset", ["connect"])


@pytest.mark.parametrize("number", [errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN, errno.EINVAL])
def test_a_connection_that_is_reset_before_the_handshake(number: int) -> None:
    class Gone(socket.socket):
        def getpeername(self) -> None:
            raise OSError(number, "gone")

    with Gone() as gone, pytest.raises(Fault) as caught:
        secured(Check(5), gone, "localhost", ssl.create_default_context())
    assert caught.value.reason == "reset"


def test_a_socket_that_lost_its_connection_is_reset_and_no_bug() -> None:
    """What `getpeername` knew a moment ago, the handshake does not find any more."""

    class Gone(socket.socket):
        def getpeername(self) -> tuple[str, int]:
            return "192.0.2.1", 1

    with Gone() as gone, pytest.raises(Fault) as caught:
        secured(Check(5), gone, "localhost", ssl.create_default_context())
    assert caught.value.reason == "reset"


def test_a_handshake_that_nobody_answers_is_given_up_in_time(go: threading.Event) -> None:
    with server(silent(go)) as port:
        told = Local().ask(Probe("tls", f"127.0.0.1:{port}", 0.3))
    assert (told["reason"], list(told["phases"])) == ("timeout", ["connect"])


def test_the_end_of_any_certificate_is_read_and_of_a_broken_one_none(tmp_path: Path) -> None:
    whole = der(Authority(tmp_path).sign("server", expired=True))
    assert expiry(whole) == ends(Pair(tmp_path / "server.crt", tmp_path / "server.key"))
    found = {expiry(whole[:end]) for end in range(len(whole))}
    assert found == {None}


def test_years_beyond_2049_are_written_otherwise() -> None:
    for year in (1999, 2049, 2051):
        moment = datetime(year, 3, 4, 5, 6, 7, tzinfo=UTC)
        form = b"\x17\x0d%02d0304050607Z" % (year % 100) if year < 2050 else b"\x18\x0f%d0304050607Z" % year
        assert expiry(certificate(form)) == moment.timestamp()


def certificate(end: bytes) -> bytes:
    """Nothing but the fields up to the validity, of version 1."""

    def sequence(content: bytes) -> bytes:
        return b"\x30" + bytes((len(content),)) + content

    begin = b"\x17\x0d990101000000Z"
    return sequence(sequence(b"\x02\x01\x07" + sequence(b"") + sequence(b"") + sequence(begin + end)))
