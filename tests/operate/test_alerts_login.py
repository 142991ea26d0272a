"""`--http.config.file`: logins and TLS of the way to a real Alertmanager, and what such a file may not ask for."""

import ssl
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import bcrypt
import pytest
import yaml
from cryptography import x509

from core.certificates import Authority, Pair
from exporters.stack.engines import Engines
from operate.alertmanagers import Pomona, Running, alertmanager, says

PASSWORD = "pässword s3cret"


class Guarded(NamedTuple):
    """An Alertmanager that wants TLS, a login and a certificate of the client; its folder has all files."""

    running: Running
    folder: Path
    authority: Authority
    client: Pair


@pytest.fixture(scope="module")
def guarded(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    authority = Authority(folder)
    server, client = authority.sign("server", x509.DNSName("alerts.example.org")), authority.sign("client")
    (folder / "web.yml").write_text(yaml.safe_dump(web(server, authority)))
    (folder / "password").write_text(f"{PASSWORD}\n")
    trust = ssl.create_default_context(cafile=str(authority.file))
    trust.check_hostname = False
    trust.load_cert_chain(client.certificate, client.key)
    login = {"Authorization": f"Basic {b64encode(f'ada:{PASSWORD}'.encode()).decode()}"}
    web_file = f"--web.config.file={folder / 'web.yml'}"
    with alertmanager(engines, folder, web_file, headers=login, trust=trust) as running:
        yield Guarded(running, folder, authority, client)


def web(server: Pair, authority: Authority) -> dict[str, object]:
    return {
        "basic_auth_users": {"ada": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()},
        "tls_server_config": {
            "cert_file": str(server.certificate),
            "key_file": str(server.key),
            "client_auth_type": "RequireAndVerifyClientCert",
            "client_ca_file": str(authority.file),
        },
    }


def config(folder: Path, **content: object) -> str:
    path = folder / "http.yml"
    path.write_text(yaml.safe_dump(content))
    return str(path)


BASIC = {"username": "ada", "password_file": "password"}
TLS = {
    "ca_file": "authority.pem",
    "cert_file": "client.crt",
    "key_file": "client.key",
    "server_name": "alerts.example.org",
}


def test_a_login_over_tls_with_client_certificate_and_another_name(
    guarded: Guarded, capsys: pytest.CaptureFixture[str]
) -> None:
    file = config(guarded.folder, basic_auth=BASIC, tls_config=TLS, enable_http2=False, follow_redirects=False)
    guarded.running.fire("A", instance="mac-1")
    pomona = Pomona(capsys, "--alertmanager.url", guarded.running.url, "--http.config.file", file)
    assert "mac-1" in pomona.good()
    assert pomona.good("ack", "A").startswith("acknowledged warning A of mac-1 ")
    assert pomona.good("unack", "A").startswith("ended silence ")
    guarded.running.clear()


def test_tls_without_verification_is_quiet_when_it_is_asked_for(
    guarded: Guarded, capsys: pytest.CaptureFixture[str]
) -> None:
    basic = {"username": "ada", "password": PASSWORD}
    tls = {"insecure_skip_verify": True, "cert_file": "client.crt", "key_file": "client.key"}
    file = config(guarded.folder, basic_auth=basic, tls_config=tls)
    assert "alert" in Pomona(capsys, "--alertmanager.url", guarded.running.url).good("--http.config.file", file)


def test_a_bad_login_is_told_without_the_password(guarded: Guarded, capsys: pytest.CaptureFixture[str]) -> None:
    pomona = Pomona(capsys, "--alertmanager.url", guarded.running.url)
    basic = {"username": "ada", "password": "wrong s3cret"}
    told = pomona.refused("--http.config.file", config(guarded.folder, basic_auth=basic, tls_config=TLS))
    assert told == f"{guarded.running.url}: 401 Unauthorized; give a login that it knows by --http.config.file FILE"
    assert told == pomona.refused("--http.config.file", config(guarded.folder, tls_config=TLS))


def test_what_tls_refuses_is_told(guarded: Guarded, capsys: pytest.CaptureFixture[str]) -> None:
    pomona = Pomona(capsys, "--alertmanager.url", guarded.running.url)
    told = pomona.refused()
    assert "TLS: " in told
    assert "give its authority as tls_config: {ca_file: FILE} in --http.config.file" in told
    told = pomona.refused("--http.config.file", config(guarded.folder, tls_config={"ca_file": "authority.pem"}))
    assert "TLS: IP address mismatch, certificate is not valid for '127.0.0.1'" in told
    assert "server_name" in told
    mine = {key: value for key, value in TLS.items() if key not in {"cert_file", "key_file"}}
    told = pomona.refused("--http.config.file", config(guarded.folder, basic_auth=BASIC, tls_config=mine))
    wanted = "it wants a certificate that it knows: give tls_config: {cert_file: FILE, key_file: FILE}"
    assert told == f"{guarded.running.url}: TLS: {wanted}"


def test_http_and_https_are_told_apart(guarded: Guarded, capsys: pytest.CaptureFixture[str]) -> None:
    plain = guarded.running.url.replace("https", "http")
    assert Pomona(capsys).refused("--alertmanager.url", plain) == f"{plain}: it speaks TLS; write https://"
    with says(200, b"[]") as url:
        other = url.replace("http", "https")
        assert Pomona(capsys).refused("--alertmanager.url", other) == f"{other}: TLS: it speaks none; write http://"


def test_a_token_is_sent_and_nothing_from_the_environment(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login eve password s3cret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    seen: list[str | None] = []
    with says(200, b"[]", seen=seen) as url:
        Pomona(capsys, "--alertmanager.url", url).good()
        assert set(seen) == {None}
        file = config(tmp_path, authorization={"credentials": "s3cret"})
        Pomona(capsys, "--alertmanager.url", url).good("--http.config.file", file)
        assert seen[-1] == "Bearer s3cret"


FAULTS = (
    ({"basic_auth": {"username": "ada"}}, "basic_auth: give password or password_file"),
    ({"basic_auth": {**BASIC, "password": "s3cret"}}, "basic_auth: give password or password_file, not both"),
    ({"basic_auth": {"username": "ada", "password_file": "none"}}, "basic_auth.password_file: "),
    ({"basic_auth": {"username": "ada", "password": "s3cret\nx"}}, "basic_auth: password is one line of plain text"),
    (
        {"basic_auth": {"username": "ada", "pasword": "s3cret"}},
        "basic_auth.pasword: unknown key; did you mean 'password'?",
    ),
    ({"basic_auth": {"username": "ada", "password": 53127}}, "basic_auth.password: expected text"),
    (
        {"oauth2": {"client_secret": "s3cret"}},
        "oauth2: unknown key; known here: authorization, basic_auth, enable_http2",
    ),
    ({"proxy_url": "http://x:s3cret@y"}, "proxy_url: unknown key; known here: "),
    ({"follow_redirects": True}, "follow_redirects: true cannot be honoured: give the address it redirects to"),
    ({"authorization": {"type": "Basic", "credentials": "s3cret"}}, "authorization: type is one word, not Basic"),
    ({"authorization": {"credentials": "s3crét"}}, "authorization: credentials is one line of plain text"),
    ({"authorization": {"credentials": "x"}, "basic_auth": {}}, "authorization: give basic_auth or authorization, not"),
    ({"tls_config": {"cert_file": "client.crt"}}, "tls_config: cert_file and key_file go together"),
    ({"tls_config": {"ca_file": "nowhere.pem"}}, "tls_config.ca_file: "),
    ({"authorization": "Bearer s3cret"}, "authorization: expected a mapping"),
    ({"basic_auth": "s3cret"}, "basic_auth: expected a mapping"),
    ({"enable_http2": "s3cret"}, "enable_http2: expected true or false"),
    ({"tls_config": {"min_version": "TLS13"}}, "tls_config.min_version: unknown key; known here: "),
)


@pytest.mark.parametrize(("content", "told"), FAULTS)
def test_what_cannot_be_honoured_is_refused_by_name_and_no_secret_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: dict[str, object], told: str
) -> None:
    (tmp_path / "password").write_text("x")
    file = config(tmp_path, **content)
    error = Pomona(capsys).refused("--http.config.file", file)
    assert error.startswith(f"{file}:")
    assert f": {told}" in error
    assert "s3cr" not in error
    assert "53127" not in error


def test_a_certificate_that_is_none_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    file = config(tmp_path, tls_config={"ca_file": "ca.pem"})
    told = Pomona(capsys).refused("--http.config.file", file, "--alertmanager.url", "https://127.0.0.1:1")
    assert told == f"{file}:2: tls_config.ca_file: {tmp_path / 'ca.pem'}: no certificate in PEM form"


def test_a_pair_that_cannot_be_used_is_told_with_its_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one, other = (Authority(made).sign("client") for made in (folder(tmp_path, "a"), folder(tmp_path, "b")))
    locked = tmp_path / "locked.key"
    locked.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")

    def told(certificate: Path, key: Path) -> str:
        file = config(tmp_path, tls_config={"cert_file": str(certificate), "key_file": str(key)})
        return Pomona(capsys).refused("--http.config.file", file).removeprefix(f"{file}:")

    assert f"key_file: {locked}: it is encrypted; give one without a passphrase" in told(one.certificate, locked)
    assert f"cert_file: {one.key}: no certificate in PEM form" in told(one.key, one.key)
    assert f"key_file: {other.key}: no key of the certificate in {one.certificate}" in told(one.certificate, other.key)


def folder(parent: Path, name: str) -> Path:
    made = parent / name
    made.mkdir()
    return made
