"""What can go wrong between here and an Alertmanager, in one line that says how to mend it."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import msgspec
import requests

from exporters.core.errors import PersonError

MOST_WORDS = 300
"""Characters of what a server said."""

MISNAMED = {62, 64}
"""OpenSSL's codes for a certificate of another name or address."""


class Silent(PersonError):
    """Nobody answers, or with an error of its own: another member of the cluster may do better."""


@contextmanager
def told(url: str) -> Iterator[None]:
    """Turns what `requests` raises within the block into a line for people."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise Silent(f"{url}: TLS: {_tls(error)}") from error
    except requests.Timeout as error:
        raise Silent(f"{url}: no answer in time; is it Alertmanager that listens there?") from error
    except requests.ConnectionError as error:
        raise Silent(f"{url}: {_reason(error)}; {_start(url)}") from error
    except requests.RequestException as error:
        raise Silent(f"{url}: the answer broke off ({type(error).__name__})") from error
    except OSError as error:  # a file of the login that `requests` opens only now
        raise PersonError(f"--http.config.file: tls_config: {error.strerror or error}") from error


def judge(url: str, response: requests.Response, content: bytes) -> None:
    """Raises for an answer that is not what was asked for."""
    status = response.status_code
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise PersonError(f"{url}: {_phrase(status)}; give a login that it knows by --http.config.file FILE")
    if response.is_redirect:
        raise stranger(url, f"it redirects ({status})")
    words, spoken = _words(content)
    if status == HTTPStatus.NOT_FOUND and not (spoken and words):
        raise stranger(url, _phrase(status))
    if status == HTTPStatus.BAD_REQUEST and "HTTPS server" in words:
        raise PersonError(f"{url}: it speaks TLS; write https://")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise Silent(f"{url}: {_phrase(status)}{f': {words}' if spoken and words else ''}")
    if status >= HTTPStatus.BAD_REQUEST:
        raise PersonError(f"{url}: it refused ({_phrase(status)}){f': {words}' if words else ''}")


def stranger(url: str, what: str) -> Silent:
    """Somebody else answers."""
    return Silent(
        f"{url}: this is not Alertmanager: {what}; check address, port (9093 is usual) and --web.route-prefix"
    )


def _words(content: bytes) -> tuple[str, bool]:
    """What it said, on one line, and whether it was Alertmanager's way: a JSON text, or an object with a message."""
    try:
        said = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return _line(content.decode(errors="replace")), False
    if isinstance(said, dict):
        said = said.get("message", "")
    return (_line(said), True) if isinstance(said, str) else ("", False)


def _line(text: str) -> str:
    shown = "".join(char if char.isprintable() else " " for char in text[: 2 * MOST_WORDS])
    return " ".join(shown.split())[:MOST_WORDS]


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _tls(error: BaseException) -> str:
    found = next((each for each in _causes(error) if isinstance(each, ssl.SSLError) and each.reason), None)
    if isinstance(found, ssl.SSLCertVerificationError):
        misnamed = found.verify_code in MISNAMED
        mend = "tls_config: {server_name: NAME}" if misnamed else "its authority as tls_config: {ca_file: FILE}"
        return f"{found.verify_message.rstrip('.')}; give {mend} in --http.config.file"
    reason = found.reason if found else ""
    if reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
        return "it speaks none; write http://"
    if "CERTIFICATE_REQUIRED" in reason or "BAD_CERTIFICATE" in reason:
        return "it wants a certificate that it knows: give tls_config: {cert_file: FILE, key_file: FILE}"
    return reason.lower().replace("_", " ") or "the connection was refused"


def _reason(error: BaseException) -> str:
    """The words of the system: those of `requests` hold objects and addresses in memory."""
    words = [each.strerror for each in _causes(error) if isinstance(each, OSError) and each.strerror]
    return words[-1] if words else "the connection was closed without an answer"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it, wherever the libraries keep that."""
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        each = todo.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            todo += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]


def _start(url: str) -> str:
    local = "127.0.0.1" in url or "localhost" in url
    return "is Alertmanager running? (pomona up starts one)" if local else "is Alertmanager running there?"
