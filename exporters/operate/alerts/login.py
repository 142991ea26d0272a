"""The file of `--http.config.file`, which amtool reads as well: logins and TLS of the way to Alertmanager.

A key that cannot be honoured is refused by name. Relative paths start at the folder of the file.
"""

import re
import ssl
import warnings
from pathlib import Path
from typing import Any

import requests
from msgspec import Struct
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3.exceptions import InsecureRequestWarning

from exporters.core.errors import PersonError
from exporters.core.options import Secret
from exporters.core.yamlfile import YamlFile

NOTHING = Secret("")


class Basic(Struct, frozen=True, forbid_unknown_fields=True):
    """`basic_auth`."""

    username: str = ""
    username_file: str = ""
    password: Secret = NOTHING
    password_file: str = ""


class Authorization(Struct, frozen=True, forbid_unknown_fields=True):
    """`authorization`: any scheme but Basic."""

    type: str = "Bearer"
    credentials: Secret = NOTHING
    credentials_file: str = ""


class Tls(Struct, frozen=True, forbid_unknown_fields=True):
    """`tls_config`."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False


class HttpFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `enable_http2` allows what need not be used, so both values hold."""

    basic_auth: Basic | None = None
    authorization: Authorization | None = None
    tls_config: Tls = Tls()
    follow_redirects: bool = False
    enable_http2: bool = True


class _Session(requests.Session):
    """One that says nothing when a person has asked for TLS without verification."""

    def request(self, *args: Any, **fields: Any) -> requests.Response:
        """As it is told by `requests`."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureRequestWarning)
            return super().request(*args, **fields)


class _Named(HTTPAdapter):
    """For a server whose certificate has another name than its address."""

    def __init__(self, name: str) -> None:
        self._name = name
        super().__init__()

    def init_poolmanager(self, *args: Any, **fields: Any) -> None:
        """With the name that is asked for and expected."""
        super().init_poolmanager(*args, **fields, server_hostname=self._name, assert_hostname=self._name)


def session(path: Path | None) -> requests.Session:
    """What the file asks for; nothing of it comes from the environment, as a proxy or a .netrc would."""
    made = _Session()
    made.trust_env = False
    if path is not None:
        _Login(path).apply(made)
    return made


def _quiet(told: str) -> PersonError:
    """An error without the value that was found: where a login is misplaced, that may be a secret."""
    return PersonError(re.sub(r", got .*\Z", "", told, flags=re.DOTALL))


class _Login:
    """A file that can be honoured."""

    def __init__(self, path: Path) -> None:
        self._folder, self._file = path.parent, YamlFile(path, HttpFile, _quiet)
        self._http = self._file.value
        if self._http.follow_redirects:
            raise self._fault("follow_redirects", "true cannot be honoured: give the address it redirects to")
        if self._http.basic_auth and self._http.authorization:
            raise self._fault("authorization", "give basic_auth or authorization, not both")

    def apply(self, made: requests.Session) -> None:
        """Sets up a session."""
        if basic := self._http.basic_auth:
            user = self._one("basic_auth", "username", basic.username, basic.username_file)
            password = self._one("basic_auth", "password", basic.password.reveal(), basic.password_file)
            made.auth = HTTPBasicAuth(user.encode(), password.encode())
        if given := self._http.authorization:
            if given.type.lower() == "basic" or not given.type.isalnum():
                raise self._fault("authorization", "type is one word, not Basic: that is basic_auth")
            token = self._one("authorization", "credentials", given.credentials.reveal(), given.credentials_file)
            made.headers["Authorization"] = f"{given.type} {token}"
        self._tls(self._http.tls_config, made)

    def _tls(self, tls: Tls, made: requests.Session) -> None:
        if bool(tls.cert_file) != bool(tls.key_file):
            raise self._fault("tls_config", "cert_file and key_file go together")
        if tls.ca_file and not tls.insecure_skip_verify:
            made.verify = self._authority(tls.ca_file)
        if tls.insecure_skip_verify:
            made.verify = False
        if tls.cert_file:
            made.cert = self._pair(tls.cert_file, tls.key_file)
        if tls.server_name:
            made.mount("https://", _Named(tls.server_name))

    def _authority(self, name: str) -> str:
        """The whole path of a file with certificates."""
        path = self._pem("ca_file", name, "CERTIFICATE")
        try:
            ssl.create_default_context().load_verify_locations(path)
        except ssl.SSLError as error:
            raise self._fault("tls_config.ca_file", f"{path}: no certificate that can be read") from error
        return path

    def _pair(self, certificate: str, key: str) -> tuple[str, str]:
        """The whole paths of a certificate and the key that belongs to it."""
        pair = self._pem("cert_file", certificate, "CERTIFICATE"), self._pem("key_file", key, "PRIVATE KEY")
        try:
            ssl.create_default_context().load_cert_chain(*pair, password=b"")
        except (ssl.SSLError, ValueError) as error:
            raise self._fault("tls_config.key_file", f"{pair[1]}: no key of the certificate in {pair[0]}") from error
        return pair

    def _pem(self, key: str, name: str, kind: str) -> str:
        path = self._folder / name
        text = self._text(f"tls_config.{key}", path)
        if f"{kind}-----" not in text:
            raise self._fault(f"tls_config.{key}", f"{path}: no {kind.lower()} in PEM form")
        if "ENCRYPTED" in text:
            raise self._fault(f"tls_config.{key}", f"{path}: it is encrypted; give one without a passphrase")
        return str(path)

    def _one(self, section: str, key: str, text: str, file: str) -> str:
        """The text, or the first line of the file; one of both is given. An error never repeats it."""
        if bool(text) == bool(file):
            raise self._fault(section, f"give {key} or {key}_file" + (", not both" if text else ""))
        value = text or self._text(f"{section}.{key}_file", self._folder / file).strip()
        if not value or not value.isprintable() or (not value.isascii() and section == "authorization"):
            raise self._fault(section, f"{key} is one line of plain text")
        return value

    def _text(self, place: str, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
            raise self._fault(place, f"{path}: {why}") from error

    def _fault(self, place: str, what: str) -> Exception:
        return self._file.fault(tuple(place.split(".")), what)
