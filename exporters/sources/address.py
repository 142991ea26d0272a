"""The grammar of what a probe is sent to: one for the configuration and for the probes themselves."""

import re
import socket
from typing import NamedTuple

from exporters.sources.base import Failed

HIGHEST_PORT = 65535
LONGEST_NAME = 254
"""With a point at its end."""
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?\Z")
_NUMBER = re.compile(r"(?:.*\.)?[0-9]+\.?\Z")
"""What ends like this is no name, so it must be an IPv4 address."""
_PLACE = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<host>[^\[\]:]*))(?::(?P<port>[0-9]{1,5}))?\Z")
_ZONE = re.compile(r"(?P<address>[^%]*)(?:%[A-Za-z0-9._-]+)?\Z")
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<place>[^/?#]*)(?P<path>/[!-~]*)?(?P<query>\?[!-~]*)?\Z",
    re.IGNORECASE,
)


class NoAddress(Failed, ValueError):
    """Not what is wanted. The text is not repeated: it may hold a password."""


def name_of(text: str) -> str:
    """A name or an IPv4 address; other alphabets are written as they are asked for (`xn--...`)."""
    is_name = len(text) <= LONGEST_NAME and _NAME.match(text)
    if not is_name or (_NUMBER.match(text) and not _is(socket.AF_INET, text)):
        raise NoAddress("the address is no name in ASCII")
    return text


def place(text: str, port: int | None = None) -> tuple[str, int]:
    """Host and port of `HOST:PORT`; of `HOST` too where `port` says which one is meant."""
    if port is not None and text.count(":") > 1 and not text.startswith("["):
        return _v6(text), port
    found = _PLACE.match(text)
    number = int(found["port"]) if found and found["port"] else port
    if found is None or number is None or not 0 < number <= HIGHEST_PORT:
        raise NoAddress("the address is not HOST:PORT")
    return name_of(found["host"]) if found["v6"] is None else _v6(found["v6"]), number


def _v6(text: str) -> str:
    """An IPv6 address; one of this link alone may name its interface."""
    found = _ZONE.match(text)
    if found is None or not _is(socket.AF_INET6, found["address"]):
        raise NoAddress("the address is no IPv6 address")
    return text


def _is(family: socket.AddressFamily, text: str) -> bool:
    try:
        socket.inet_pton(family, text)
    except (OSError, ValueError):  # also what is no ASCII
        return False
    return True


class Url(NamedTuple):
    """The parts of an address; `target` and `named` are what stands in the request and in its Host header."""

    tls: bool
    host: str
    port: int
    named: str
    target: str

    @classmethod
    def of(cls, text: str) -> "Url":
        """Of `http(s)://HOST[:PORT]/PATH`; no login, nothing of another alphabet."""
        found = _URL.match(text.partition("#")[0])
        if found is None or "@" in found["place"] or "%" in found["place"]:
            raise NoAddress("the address is not http(s)://HOST[:PORT]/PATH, in ASCII and without a user name")
        tls = found["scheme"].lower() == "https"
        host, port = place(found["place"], 443 if tls else 80)
        if ":" in host and not found["place"].startswith("["):
            raise NoAddress("an IPv6 address in a URL stands in brackets")
        return cls(tls, host, port, found["place"], (found["path"] or "/") + (found["query"] or ""))
