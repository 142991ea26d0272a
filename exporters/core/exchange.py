"""What handlers see and give: a request without its connection, a response without its encoding."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from exporters.core.errors import PersonError

TEXT = "text/plain; charset=utf-8"


class WebError(PersonError):
    """A server that cannot start as it was asked to, or a web file that cannot be honoured: one line."""


@dataclass(frozen=True, slots=True)
class Request:
    """Header names are in lower case; repeated headers are joined by a comma and a blank."""

    method: str
    path: str
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Response:
    """A body that is not compressed yet; lengths, dates and encodings are added by the server."""

    status: int
    body: bytes
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Request], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """A handler and the methods it takes; HEAD comes with GET. One that never waits may be answered `at_once`."""

    handler: Handler
    methods: frozenset[str] = frozenset({"GET"})
    at_once: bool = False


def line(status: int, text: str, *headers: tuple[str, str]) -> Response:
    """A response of one line of text."""
    return Response(status, f"{text}\n".encode(), headers=headers)
