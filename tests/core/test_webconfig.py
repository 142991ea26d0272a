"""The web file: what is honoured, what is refused and how that is said."""

import re
from pathlib import Path

import pytest

from core.webserver import get, serving
from exporters.core.exchange import WebError
from exporters.core.webconfig import WebConfig, read_web_file

HASH = "$2y$10$" + "a" * 53
PAIR = "  cert_file: a.crt\n  key_file: a.key\n"


def read(folder: Path, text: str) -> WebConfig:
    file = folder / "web.yml"
    file.write_text(text)
    return read_web_file(file)


@pytest.mark.parametrize("text", ["", "# nothing\n", "basic_auth_users:\n", "tls_server_config: {}\n"])
def test_a_file_that_asks_for_nothing_gives_nothing(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == WebConfig()


def test_everything_that_can_be_honoured_is_read(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        f"""
tls_server_config:
  cert_file: "certs/a.crt"
  key_file: /etc/a.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [prometheus.example, "10.0.0.1"]
  min_version: TLS12
  max_version: "TLS13"
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
  curve_preferences: [X25519]
  prefer_server_cipher_suites: false
http_server_config:
  http2: false
  headers:
    Strict-Transport-Security: max-age=31536000
    X-Frame-Options: deny
    X-Content-Type-Options: nosniff
    X-XSS-Protection: "1"
    Content-Security-Policy: default-src 'self'
basic_auth_users:
  alice: {HASH}
rate_limit: {{interval: 1m0.5s, burst: 3}}
""",
    )
    assert config.tls is not None
    assert config.paths == (tmp_path / "certs/a.crt", Path("/etc/a.key"), tmp_path / "ca.pem")
    assert config.headers[1] == ("X-Frame-Options", "deny")
    assert config.users == (("alice", HASH),)
    assert (config.interval, config.burst) == (60.5, 3)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("tls_server_confg: {}", 1, "tls_server_confg: unknown key; did you mean 'tls_server_config'?"),
        (
            "\ntls_server_config:\n  cert_fil: a",
            3,
            "tls_server_config.cert_fil: unknown key; did you mean 'cert_file'?",
        ),
        ("http_server_config:\n  http2: true", 2, "http_server_config.http2: true cannot be honoured"),
        ("http_server_config: {http2: 'yes'}", 1, "http_server_config.http2: expected true or false, got 'yes'"),
        (
            "http_server_config:\n  headers:\n    Server: x",
            3,
            "http_server_config.headers.Server: this header cannot be",
        ),
        ("http_server_config: {headers: {X-Frame-Options: no}}", 1, "expected deny or sameorigin, got 'no'"),
        ('http_server_config: {headers: {X-XSS-Protection: "a\\r\\nb: c"}}', 1, "expected one line of plain text"),
        ("basic_auth_users:\n  a: b\n  b: c", 2, "basic_auth_users.a: expected a bcrypt hash"),
        (f"basic_auth_users:\n  'a:b': {HASH}", 2, "a user name is a text without a colon"),
        ("basic_auth_users: [a]", 1, "basic_auth_users: expected a mapping, got a list"),
        ("rate_limit: {interval: 1}", 1, "rate_limit.interval: expected text, got 1"),
        ("rate_limit: {interval: soon, burst: 1}", 1, "rate_limit.interval: expected a duration such as 1s"),
        ("rate_limit:\n  interval: 1s", 1, "rate_limit.burst: at least 1"),
        ("tls_server_config:\n  cert_file: a", 1, "tls_server_config.key_file: is missing"),
        (
            "tls_server_config:\n  min_version: TLS12\n  max_version: TLS12",
            1,
            "tls_server_config.cert_file: is missing",
        ),
        (f"tls_server_config:\n{PAIR}  key: x", 3, "tls_server_config.key_file: give key or key_file, not both"),
        (f"tls_server_config:\n{PAIR}  min_version: TLS10", 4, "TLS10 cannot be honoured: the oldest version"),
        (f"tls_server_config:\n{PAIR}  min_version: TLS11", 4, "TLS11 cannot be honoured: the oldest version"),
        (f"tls_server_config:\n{PAIR}  min_version: SSL3", 4, "expected one of TLS10, TLS11, TLS12, TLS13, got 'SSL3'"),
        (f"tls_server_config:\n{PAIR}  min_version: TLS13\n  max_version: TLS12", 5, "TLS12 is older than min_version"),
        (f"tls_server_config:\n{PAIR}  curve_preferences: [X25519, CurveP256]", 4, "several curves cannot be honoured"),
        (f"tls_server_config:\n{PAIR}  curve_preferences: [X25519MLKEM768]", 4, "X25519MLKEM768 cannot be honoured"),
        (
            f"tls_server_config:\n{PAIR}  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]",
            4,
            "unknown or insecure cipher suite",
        ),
        (f"tls_server_config:\n{PAIR}  cipher_suites: [TLS_AES_128_GCM_SHA256]", 4, "names no suite of TLS 1.2"),
        (f"tls_server_config:\n{PAIR}  client_auth_type: RequestClientCert", 4, "RequestClientCert cannot be honoured"),
        (f"tls_server_config:\n{PAIR}  client_auth_type: RequireAnyClientCert", 4, "RequireAnyClientCert cannot be"),
        (f"tls_server_config:\n{PAIR}  client_auth_type: VerifyClientCertIfGiven", 4, "needs client_ca_file"),
        (f"tls_server_config:\n{PAIR}  client_ca_file: ca.pem", 1, "but no client_auth_type that verifies"),
        (f"tls_server_config:\n{PAIR}  client_allowed_sans: [a]", 4, "needs a client_auth_type that verifies"),
        (
            f"tls_server_config:\n{PAIR}  client_ca_file: a\n  client_ca: b",
            4,
            "give client_ca or client_ca_file, not both",
        ),
        ("a: 1\na: 2", 2, "'a' stands twice"),
        ("a: [", 1, "expected the node content"),
    ],
)
def test_what_cannot_be_honoured_is_told_with_its_line(tmp_path: Path, text: str, line: int, told: str) -> None:
    with pytest.raises(WebError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert re.match(rf"{re.escape(str(tmp_path))}/web\.yml:{line}: ", message), message
    assert told in message
    assert "\n" not in message


def test_no_secret_of_the_file_is_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(WebError) as caught:
        read(tmp_path, "basic_auth_users:\n  alice: plain-password\n")
    assert "plain-password" not in str(caught.value)
    with pytest.raises(WebError) as caught:
        read(tmp_path, "tls_server_config:\n  key: [inner-secret]\n")
    assert "inner-secret" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(WebError, match=r"missing\.yml: No such file"):
        read_web_file(tmp_path / "missing.yml")
    (tmp_path / "latin.yml").write_bytes(b"a: \xe4\n")
    with pytest.raises(WebError, match=r"latin\.yml: no UTF-8 text \(byte 4\)"):
        read_web_file(tmp_path / "latin.yml")


def test_headers_of_the_file_are_on_every_answer(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text("http_server_config: {headers: {X-Frame-Options: deny}}\n")
    with serving(config_file=file) as web:
        assert get(web).headers["x-frame-options"] == "deny"
        assert get(web, "/nothing").headers["x-frame-options"] == "deny"


def test_the_rate_limit_of_the_file_holds(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text("rate_limit: {interval: 1h, burst: 2}\n")
    with serving(config_file=file) as web:
        assert [get(web, "/small").status for _ in range(3)] == [200, 200, 429]


def test_a_changed_file_takes_effect_and_a_bad_one_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "web.yml"
    file.write_text("http_server_config: {headers: {X-Frame-Options: deny}}\n")
    with serving(config_file=file) as web:
        file.write_text("http_server_config: {headers: {X-Frame-Options: sameorigin}}\n")
        assert get(web).headers["x-frame-options"] == "sameorigin"
        file.write_text("http_server_config: {headers: {X-Frame-Option: deny}}\n")
        assert [get(web).headers["x-frame-options"] for _ in range(3)] == ["sameorigin"] * 3
        file.unlink()
        assert get(web).headers["x-frame-options"] == "sameorigin"
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 2
    assert "unknown" in errors[0] or "cannot be set; did you mean 'X-Frame-Options'?" in errors[0]
    assert "No such file" in errors[1]
