"""The web file of exporter-toolkit; keys and values that cannot be honoured here are refused by name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from msgspec import Struct

from exporters.core.exchange import WebError
from exporters.core.explain import Place, hint
from exporters.core.options import Secret
from exporters.core.yamlfile import YamlFile
from exporters.sources.quoted import quoted

ClientAuth = Literal[
    "NoClientCert", "RequestClientCert", "RequireAnyClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"
]
Version = Literal["TLS10", "TLS11", "TLS12", "TLS13"]
Curve = Literal["CurveP256", "CurveP384", "CurveP521", "X25519", "X25519MLKEM768"]
_VERIFYING = {"VerifyClientCertIfGiven", "RequireAndVerifyClientCert"}
_UNVERIFIED = {"RequestClientCert", "RequireAnyClientCert"}
_OLD = {"TLS10", "TLS11"}
_HEADERS: dict[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}\Z")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|us|ns|h|m|s))+\Z")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|ns|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}

# Go's names of what OpenSSL calls otherwise; those of TLS 1.3 can be listed but not chosen, in Go as here.
CIPHERS = {
    f"TLS_ECDHE_{key}_WITH_{go}": f"ECDHE-{key}-{openssl}"
    for key in ("ECDSA", "RSA")
    for go, openssl in (
        ("AES_128_CBC_SHA", "AES128-SHA"),
        ("AES_256_CBC_SHA", "AES256-SHA"),
        ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
        ("CHACHA20_POLY1305", "CHACHA20-POLY1305"),
    )
}
CIPHERS_13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")


class Tls(Struct, frozen=True, forbid_unknown_fields=True):
    """`tls_server_config`."""

    cert: str = ""
    key: Secret = Secret("")
    cert_file: str = ""
    key_file: str = ""
    client_auth_type: ClientAuth = "NoClientCert"
    client_ca: str = ""
    client_ca_file: str = ""
    client_allowed_sans: tuple[str, ...] = ()
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    curve_preferences: tuple[Curve, ...] = ()
    prefer_server_cipher_suites: bool = True


class Http(Struct, frozen=True, forbid_unknown_fields=True):
    """`http_server_config`."""

    http2: bool = False
    headers: dict[str, str] = {}


class RateLimit(Struct, frozen=True, forbid_unknown_fields=True):
    """`rate_limit`: `burst` requests at once, then one every `interval`; no interval, no limit."""

    interval: str = "0s"
    burst: int = 0


class WebFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; an empty one asks for nothing."""

    tls_server_config: Tls = Tls()
    http_server_config: Http = Http()
    basic_auth_users: dict[str, Secret] = {}
    rate_limit: RateLimit = RateLimit()


@dataclass(frozen=True, slots=True)
class WebConfig:
    """A web file that can be honoured, its paths made whole; `interval` in seconds. `tls` is None for plain HTTP."""

    tls: Tls | None = None
    headers: tuple[tuple[str, str], ...] = ()
    users: tuple[tuple[str, str], ...] = ()
    interval: float = 0.0
    burst: int = 0

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files it names."""
        named = (self.tls.cert_file, self.tls.key_file, self.tls.client_ca_file) if self.tls else ()
        return tuple(Path(each) for each in named if each)


def read_web_file(path: Path) -> WebConfig:
    """The web file at `path`; WebError names file, line and key."""
    file = YamlFile(path, WebFile, WebError)
    for place, what in _faults(file.value):
        raise file.fault(place, what)
    web = file.value
    return WebConfig(
        tls=None if web.tls_server_config == Tls() else _whole(web.tls_server_config, path.parent),
        headers=tuple(web.http_server_config.headers.items()),
        users=tuple((user, secret.reveal()) for user, secret in web.basic_auth_users.items()),
        interval=_seconds(web.rate_limit.interval),
        burst=web.rate_limit.burst,
    )


def _whole(tls: Tls, folder: Path) -> Tls:
    fields = {name: getattr(tls, name) for name in tls.__struct_fields__}
    for name in ("cert_file", "key_file", "client_ca_file"):
        fields[name] = str(folder / fields[name]) if fields[name] else ""
    return Tls(**fields)


def _seconds(duration: str) -> float:
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(duration))


def _faults(web: WebFile) -> Iterator[tuple[Place, str]]:
    """What is wrong, or right for exporter-toolkit but not to be had here."""
    if web.tls_server_config != Tls():
        for key, what in (*_pair(web.tls_server_config), *_protocol(web.tls_server_config)):
            yield ("tls_server_config", key), what
        for key, what in _clients(web.tls_server_config):
            yield ("tls_server_config", key), what
    yield from _http(web.http_server_config)
    for user, secret in web.basic_auth_users.items():
        if ":" in user or not user:
            yield ("basic_auth_users", user), "a user name is a text without a colon"
        if not _BCRYPT.match(secret.reveal()):
            yield ("basic_auth_users", user), "expected a bcrypt hash ($2y$…, as `htpasswd -nBC 10 USER` writes it)"
    yield from _rate(web.rate_limit)


def _pair(tls: Tls) -> Iterator[tuple[str, str]]:
    for name, text, file in (("cert", tls.cert, tls.cert_file), ("key", tls.key.reveal(), tls.key_file)):
        if text and file:
            yield f"{name}_file", f"give {name} or {name}_file, not both"
        if not text and not file:
            yield f"{name}_file", "is missing: TLS needs a certificate and its key"


def _protocol(tls: Tls) -> Iterator[tuple[str, str]]:
    for name, version in (("min_version", tls.min_version), ("max_version", tls.max_version)):
        if version in _OLD:
            yield name, f"{version} cannot be honoured: the oldest version here is TLS12"
    if tls.min_version > tls.max_version:
        yield "max_version", f"{tls.max_version} is older than min_version {tls.min_version}"
    for suite in tls.cipher_suites:
        if suite not in CIPHERS and suite not in CIPHERS_13:
            yield (
                "cipher_suites",
                f"unknown or insecure cipher suite {quoted(suite)}{hint(suite, (*CIPHERS, *CIPHERS_13))}",
            )
    if tls.cipher_suites and tls.min_version == "TLS12" and not CIPHERS.keys() & set(tls.cipher_suites):
        yield "cipher_suites", "names no suite of TLS 1.2; add one, or set min_version: TLS13"
    if len(tls.curve_preferences) > 1:
        yield "curve_preferences", "several curves cannot be honoured: name one, or leave the key out"
    if "X25519MLKEM768" in tls.curve_preferences:
        yield "curve_preferences", "X25519MLKEM768 cannot be honoured: name another, or leave the key out"


def _clients(tls: Tls) -> Iterator[tuple[str, str]]:
    authorities = [text for text in (tls.client_ca, tls.client_ca_file) if text]
    if tls.client_auth_type in _UNVERIFIED:
        yield "client_auth_type", f"{tls.client_auth_type} cannot be honoured: certificates asked for are verified here"
    elif len(authorities) > 1:
        yield "client_ca_file", "give client_ca or client_ca_file, not both"
    elif tls.client_auth_type in _VERIFYING and not authorities:
        yield "client_auth_type", f"{tls.client_auth_type} needs client_ca_file, the authority to trust"
    elif tls.client_auth_type not in _VERIFYING and authorities:
        yield "client_auth_type", "client authorities are given, but no client_auth_type that verifies"
    elif tls.client_auth_type not in _VERIFYING and tls.client_allowed_sans:
        yield "client_allowed_sans", "needs a client_auth_type that verifies"


def _http(http: Http) -> Iterator[tuple[Place, str]]:
    if http.http2:
        yield ("http_server_config", "http2"), "true cannot be honoured: this is HTTP/1.1; set it to false or remove it"
    for name, value in http.headers.items():
        place = ("http_server_config", "headers", name)
        if name not in _HEADERS:
            yield place, f"this header cannot be set{hint(name, _HEADERS)}"
        elif _HEADERS[name] and value not in _HEADERS[name]:
            yield place, f"expected {' or '.join(_HEADERS[name])}, got {quoted(value)}"
        elif not value.isascii() or not value.isprintable():
            yield place, "expected one line of plain text"


def _rate(rate: RateLimit) -> Iterator[tuple[Place, str]]:
    if not _DURATION.match(rate.interval):
        yield ("rate_limit", "interval"), f"expected a duration such as 1s or 500ms, got {quoted(rate.interval)}"
    elif _seconds(rate.interval) and rate.burst < 1:
        yield ("rate_limit", "burst"), "at least 1, else nothing is ever answered"
