"""TLS as a web file asks for it, and a TLS layer for connections that takes little memory."""

import ipaddress
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from exporters.core.exchange import WebError
from exporters.core.webconfig import CIPHERS, Tls

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}
_MODES = {"VerifyClientCertIfGiven": ssl.CERT_OPTIONAL, "RequireAndVerifyClientCert": ssl.CERT_REQUIRED}


@dataclass(frozen=True, slots=True)
class Guard:
    """The context of new connections, and the names of which a client's certificate must bear one; none for any."""

    context: ssl.SSLContext
    names: frozenset[str] = frozenset()

    def admits(self, connection: ssl.SSLObject) -> bool:
        """Whether the client may speak; where certificates are optional, one that shows none may."""
        shown = connection.getpeercert() if self.names else None
        return not shown or not self.names.isdisjoint(_names(shown))


def guard(tls: Tls) -> Guard:
    """The context for a checked section; WebError names the file that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    context.options |= ssl.OP_NO_RENEGOTIATION
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    suites = [CIPHERS[name] for name in tls.cipher_suites if name in CIPHERS]
    if suites:
        _try("cipher_suites", lambda: context.set_ciphers(":".join(suites)))
    for curve in tls.curve_preferences:
        _try("curve_preferences", partial(context.set_ecdh_curve, _CURVES[curve]))
    _load_pair(context, tls)
    _load_authority(context, tls)
    return Guard(context, frozenset(map(_same, tls.client_allowed_sans)))


def _load_pair(context: ssl.SSLContext, tls: Tls) -> None:
    with TemporaryDirectory(prefix="pomona-tls-") as folder:  # OpenSSL takes certificates and keys from files only
        certificate = tls.cert_file or _written(Path(folder, "cert"), tls.cert)
        key = tls.key_file or _written(Path(folder, "key"), tls.key.reveal())
        for path in (certificate, key):
            _readable(path)
        what = f"{tls.cert_file or 'cert'} and {tls.key_file or 'key'} are no pair of certificate and key in PEM"
        _try(what, lambda: context.load_cert_chain(certificate, key, password=_no_password))


def _load_authority(context: ssl.SSLContext, tls: Tls) -> None:
    if tls.client_ca_file:
        _readable(tls.client_ca_file)
        what = f"{tls.client_ca_file}: no certificates in PEM"
        _try(what, lambda: context.load_verify_locations(cafile=tls.client_ca_file))
    if tls.client_ca:
        _try("client_ca: no certificates in PEM", lambda: context.load_verify_locations(cadata=tls.client_ca))
    context.verify_mode = _MODES.get(tls.client_auth_type, ssl.CERT_NONE)


def _written(path: Path, text: str) -> str:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return str(path)


def _readable(path: str) -> None:
    try:
        with Path(path).open("rb") as file:
            file.read(1)
    except OSError as error:
        raise WebError(f"{path}: {error.strerror}") from error


def _no_password() -> str:
    raise WebError("the key is encrypted; a server has nobody to ask for the password")


def _try(what: str, act: Callable[[], Any]) -> None:
    try:
        act()
    except (ssl.SSLError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error)
        raise WebError(f"{what} ({reason})") from error


def _names(certificate: Any) -> Iterator[str]:
    """The alternative names of all kinds, as exporter-toolkit compares them."""
    for _, name in certificate.get("subjectAltName", ()):
        yield _same(str(name))


def _same(name: str) -> str:
    """Addresses in one spelling; all else as it is."""
    try:
        return str(ipaddress.ip_address(name.strip()))
    except ValueError:
        return name
