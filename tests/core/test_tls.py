"""TLS as the web file asks for it: versions, client certificates, certificates that change or cannot be used."""

import ipaddress
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from core.certificates import Authority, Pair
from core.webserver import BODY, ROUTES, Answer, connect, ended, get, serving
from exporters.core.pool import Pool
from exporters.core.web import Limits, Web, WebError

VERIFYING = "  client_ca_file: clients.pem\n  client_auth_type: "


class Site:
    """A folder with a web file, the server's certificate, and authorities for servers and clients."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "web.yml"
        self.servers, self.clients = Authority(folder, "servers"), Authority(folder, "clients")
        self.server = self.servers.sign("server")

    def ask_for(self, more: str = "") -> Path:
        self.file.write_text(f"tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n{more}")
        return self.file

    def client(self, pair: Pair | None = None, trusted: Authority | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str((trusted or self.servers).file))
        if pair:
            context.load_cert_chain(pair.certificate, pair.key)
        return context


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def refused(web: Web, context: ssl.SSLContext) -> bool:
    try:
        get(web, context=context)
    except OSError:
        return True
    return False


def scrape(web: Web, context: ssl.SSLContext) -> Answer:
    return get(web, context=context)


def test_a_scrape_over_tls(site: Site) -> None:
    with serving(config_file=site.ask_for()) as web:
        assert web.url.startswith("https://127.0.0.1:")
        assert scrape(web, site.client()).body == BODY


def test_plain_http_is_not_answered_where_tls_is_asked_for(site: Site) -> None:
    with serving(config_file=site.ask_for()) as web, connect(web) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"HTTP" not in received(client)


def received(client: socket.socket) -> bytes:
    try:
        return client.recv(1000)
    except OSError:
        return b""


def test_certificate_and_key_may_stand_in_the_file(site: Site) -> None:
    def text(path: Path) -> str:
        return path.read_text().replace("\n", "\n    ")

    site.file.write_text(
        f"tls_server_config:\n  cert: |\n    {text(site.server.certificate)}\n  key: |\n    {text(site.server.key)}\n"
        f"  client_ca: |\n    {text(site.clients.file)}\n  client_auth_type: RequireAndVerifyClientCert\n"
    )
    with serving(config_file=site.file) as web:
        assert scrape(web, site.client(site.clients.sign("good"))).body == BODY
        assert refused(web, site.client())


def test_required_client_certificates(site: Site) -> None:
    with serving(config_file=site.ask_for(f"{VERIFYING}RequireAndVerifyClientCert\n")) as web:
        assert refused(web, site.client())
        assert refused(web, site.client(site.servers.sign("stranger")))
        assert refused(web, site.client(site.clients.sign("late", expired=True)))
        assert scrape(web, site.client(site.clients.sign("good"))).status == 200


def test_client_certificates_that_may_be_left_out(site: Site) -> None:
    with serving(config_file=site.ask_for(f"{VERIFYING}VerifyClientCertIfGiven\n")) as web:
        assert scrape(web, site.client()).status == 200
        assert refused(web, site.client(site.servers.sign("stranger")))
        assert scrape(web, site.client(site.clients.sign("good"))).status == 200


@pytest.mark.parametrize(
    ("name", "welcome"),
    [
        (x509.DNSName("prometheus.example"), True),
        (x509.DNSName("PROMETHEUS.example"), False),
        (x509.DNSName("other.example"), False),
        (x509.RFC822Name("ops@example.org"), True),
        (x509.UniformResourceIdentifier("spiffe://example/prometheus"), True),
        (x509.IPAddress(ipaddress.ip_address("2001:db8::1")), True),
        (x509.IPAddress(ipaddress.ip_address("192.0.2.9")), False),
    ],
)
def test_only_allowed_names_of_clients(site: Site, name: x509.GeneralName, welcome: bool) -> None:
    allowed = '[prometheus.example, ops@example.org, "spiffe://example/prometheus", "2001:db8::1"]'
    more = f"{VERIFYING}RequireAndVerifyClientCert\n  client_allowed_sans: {allowed}\n"
    with serving(config_file=site.ask_for(more)) as web:
        assert refused(web, site.client(site.clients.sign("client", name))) is not welcome


@pytest.mark.parametrize("version", ["TLS12", "TLS13"])
def test_versions(site: Site, version: str) -> None:
    kinds = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
    with serving(config_file=site.ask_for(f"  min_version: {version}\n  max_version: {version}\n")) as web:
        for name, kind in kinds.items():
            context = site.client()
            context.minimum_version = context.maximum_version = kind
            assert refused(web, context) is (name != version)


def test_suites_and_curve(site: Site) -> None:
    suites = "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]\n"
    with serving(config_file=site.ask_for(f"{suites}  curve_preferences: [CurveP384]\n")) as web:
        context = site.client()
        with context.wrap_socket(connect(web), server_hostname="127.0.0.1") as client:
            assert client.cipher() == ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLSv1.2", 256)
        context.set_ecdh_curve("prime256v1")
        assert refused(web, context)


def test_certificates_are_exchanged_while_it_runs(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    other = Authority(site.folder, "others")
    with serving(config_file=site.ask_for()) as web:
        assert scrape(web, site.client()).status == 200
        site.server.replace_by(other.sign("new"))
        assert scrape(web, site.client(trusted=other)).status == 200
        assert refused(web, site.client())
    assert [record.levelname for record in caplog.records] == []


def test_authorities_of_clients_are_exchanged_while_it_runs(site: Site) -> None:
    with serving(config_file=site.ask_for(f"{VERIFYING}RequireAndVerifyClientCert\n")) as web:
        good = site.client(site.clients.sign("good"))
        assert scrape(web, good).status == 200
        site.clients.file.write_bytes(site.servers.file.read_bytes())
        assert refused(web, good)
        assert scrape(web, site.client(site.servers.sign("other"))).status == 200


def test_a_broken_new_certificate_keeps_the_old_one_and_is_told_once(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(config_file=site.ask_for()) as web:
        good = site.server.key.read_bytes()
        site.server.key.write_bytes(b"no key\n")
        assert [scrape(web, site.client()).status for _ in range(3)] == [200] * 3
        assert len([each for each in caplog.records if "are no pair of certificate and key" in each.message]) == 1
        site.server.key.write_bytes(good)
        assert scrape(web, site.client()).status == 200
        site.server.certificate.unlink()
        assert scrape(web, site.client()).status == 200
    assert caplog.records[-1].message.endswith("server.crt: No such file or directory")


def test_tls_is_not_switched_off_under_way(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with serving(config_file=site.ask_for()) as web:
        site.file.write_text("")
        assert scrape(web, site.client()).status == 200
    assert "TLS cannot be switched on or off" in caplog.text


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda pair: pair.certificate.unlink(), "server.crt: No such file or directory"),
        (lambda pair: (pair.key.unlink(), pair.key.mkdir()), "server.key: Is a directory"),
        (lambda pair: pair.key.write_bytes(b""), "are no pair of certificate and key in PEM"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_told_at_the_start(site: Site, spoil: object, told: str) -> None:
    assert callable(spoil)
    spoil(site.server)
    with pytest.raises(WebError, match=told):
        Web(("127.0.0.1:0",), ROUTES, config_file=site.ask_for(), pool=Pool(1)).start()


def test_a_key_with_a_password_or_of_another_pair_is_told(site: Site) -> None:
    site.server.key.write_bytes(site.servers.sign("sealed", password=b"pear").key.read_bytes())
    with pytest.raises(WebError, match="the key is encrypted"):
        Web(("127.0.0.1:0",), ROUTES, config_file=site.ask_for(), pool=Pool(1)).start()
    site.server.key.write_bytes(site.servers.sign("other").key.read_bytes())
    with pytest.raises(WebError, match="KEY_VALUES_MISMATCH"):
        Web(("127.0.0.1:0",), ROUTES, config_file=site.ask_for(), pool=Pool(1)).start()


def test_a_client_that_never_shakes_hands_is_gone_after_the_deadline(site: Site) -> None:
    with serving(config_file=site.ask_for(), limits=Limits(head=0.3)) as web, connect(web) as client:
        assert ended(client)


def test_a_login_or_client_certificates_are_enough_over_tls(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with serving(ROUTES, ":0", config_file=site.ask_for(f"{VERIFYING}RequireAndVerifyClientCert\n")):
        assert not caplog.records
    with serving(ROUTES, ":0", config_file=site.ask_for()):
        assert caplog.records[0].message.endswith("open to the network without a login or client certificates")
