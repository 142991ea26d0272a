"""Alertmanager over HTTP: the few calls of its API v2 that are needed, and errors that a person can act on."""

import time
from collections.abc import Iterable
from typing import TypeVar
from urllib.parse import quote, urlsplit

import msgspec
import requests

from exporters.core.errors import PersonError
from exporters.operate.alerts import trouble
from exporters.operate.alerts.wire import Alert, Group, Made, NewSilence, Silence

CONNECT, READ, WHOLE = 5.0, 15.0, 60.0
"""Seconds: to connect, between two pieces of an answer, and for all of it."""
MOST_BYTES = 64 << 20
PIECE = 1 << 16
Kind = TypeVar("Kind")


class Alertmanager:
    """The first of some addresses that answers; those of a cluster tell each other of silences."""

    def __init__(self, urls: Iterable[str], session: requests.Session) -> None:
        self._urls, self._session = [_checked(url) for url in urls], session
        self.url = ""

    def alerts(self) -> tuple[Alert, ...]:
        """All that fire, also those that are not sent."""
        return self._get("alerts", tuple[Alert, ...])

    def groups(self) -> tuple[Group, ...]:
        """The alerts by route, which alone know which time interval mutes them (since 0.28)."""
        return self._get("alerts/groups", tuple[Group, ...])

    def silences(self) -> tuple[Silence, ...]:
        """Those that hold or are yet to begin."""
        kept = self._get("silences", tuple[Silence, ...])
        return tuple(each for each in kept if each.status.state != "expired")

    def silence(self, wanted: NewSilence) -> str:
        """Makes or changes a silence; its id."""
        body = msgspec.json.encode(wanted)
        return _read(self._ask("POST", "silences", body), Made, self.url).silence_id

    def expire(self, identity: str) -> None:
        """Ends a silence."""
        self._ask("DELETE", f"silence/{quote(identity, safe='')}")

    def _get(self, path: str, kind: type[Kind]) -> Kind:
        return _read(self._ask("GET", path), kind, self.url)

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """The first that answers is asked from then on: what is changed must not be tried at two."""
        if self.url:
            return self._exchange(self.url, method, path, body)
        errors: list[str] = []
        for url in self._urls:
            try:
                answer = self._exchange(url, method, path, body)
            except trouble.Silent as error:
                errors.append(str(error))
                continue
            self.url = url
            return answer
        raise PersonError("; ".join(errors))

    def _exchange(self, url: str, method: str, path: str, body: bytes | None) -> bytes:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        with trouble.told(url):
            began = time.monotonic()
            with self._session.request(
                method,
                f"{url}/api/v2/{path}",
                data=body,
                headers=headers,
                timeout=(CONNECT, READ),
                allow_redirects=False,
                stream=True,
            ) as response:
                content = _content(url, response, began + WHOLE)
        trouble.judge(url, response, content)
        return content


def _content(url: str, response: requests.Response, deadline: float) -> bytes:
    """The body, bounded in size and time: the timeout of `requests` is for each piece."""
    content = bytearray()
    for piece in response.iter_content(PIECE):
        content += piece
        if len(content) > MOST_BYTES:
            raise trouble.Silent(f"{url}: it says more than {MOST_BYTES >> 20} MiB")
        if time.monotonic() > deadline:
            raise requests.Timeout
    return bytes(content)


def _read(content: bytes, kind: type[Kind], url: str) -> Kind:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise trouble.stranger(url, "what it says is not the JSON of API v2") from error


def _checked(url: str) -> str:
    """The address without a slash at its end. A login in it would stand in the list of processes."""
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if "@" in url:
        raise PersonError("--alertmanager.url: a login does not belong in a URL; give it by --http.config.file FILE")
    if not whole or parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise PersonError("--alertmanager.url: expected an address such as http://127.0.0.1:9093")
    return url.rstrip("/")
