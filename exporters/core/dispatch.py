"""From a request to its response: terms, login, route, handler in the pool, compression."""

import asyncio
import gzip
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import Future
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs

from exporters.core.connection import Limits
from exporters.core.exchange import Request, Response, Route, line
from exporters.core.livefile import LiveFile, Terms
from exporters.core.pool import Pool

Scope = MutableMapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
COMPRESSED_FROM = 1024
MAX_FIELDS = 200
CLOSE = ("Connection", "close")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Dispatch:
    """The ASGI application. It lives on the loop; what may take time is handed to the pool."""

    def __init__(
        self, routes: Mapping[str, Route], live: LiveFile, pool: Pool, log: logging.Logger, limits: Limits
    ) -> None:
        self._routes, self._live, self._pool, self._log, self._limits = routes, live, pool, log, limits
        self._under_way: set[Future[Response]] = set()

    async def __call__(self, scope: Scope, _receive: object, send: Send) -> None:
        """Bodies of requests are not read."""
        terms = self._live.current()
        try:
            response = await self._answer(scope, terms)
        except asyncio.CancelledError:  # the server ends, and with it the connection: nobody is there to be answered
            return
        headers = [
            ("Content-Type", response.content_type),
            ("Content-Length", str(len(response.body))),
            ("Date", formatdate(usegmt=True)),
            *terms.headers,
            *response.headers,
        ]
        encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": response.status, "headers": encoded})
        await send({"type": "http.response.body", "body": response.body})

    async def _answer(self, scope: Scope, terms: Terms) -> Response:
        headers = _headers(scope)
        refusal = self._too_large(scope, headers) or await _not_welcome(scope, headers, terms)
        if refusal:
            return refusal
        query = _query(scope["query_string"])
        if query is None:
            return line(400, "The query is not encoded as UTF-8 with valid %-escapes, or has too many fields.")
        return await self._route(Request(scope["method"], _path(scope["path"]), query, headers))

    def _too_large(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        size = sum(len(name) + len(value) for name, value in scope["headers"]) + len(scope["raw_path"])
        if size + len(scope["query_string"]) > self._limits.head_bytes:
            return line(431, f"The head of a request may have {self._limits.head_bytes} bytes.", CLOSE)
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers or not length.isdigit() or int(length) > self._limits.body_bytes:
            return line(413, "No body is read here.", CLOSE)
        return None

    async def _route(self, request: Request) -> Response:
        route = self._routes.get(request.path)
        if route is None:
            return line(404, "Not found.")
        methods = route.methods | ({"HEAD"} if "GET" in route.methods else set())
        if request.method not in methods:
            return line(405, "Method not allowed.", ("Allow", ", ".join(sorted(methods))))
        if route.at_once:
            return self._handle(route, request)
        self._under_way = {job for job in self._under_way if not job.done()}
        if len(self._under_way) >= self._limits.requests:
            return line(503, "Too many requests are under way.", ("Retry-After", "1"))
        job = self._pool.submit(lambda: self._handle(route, request))
        self._under_way.add(job)
        try:
            async with asyncio.timeout(self._limits.answer):
                return await asyncio.wrap_future(job)
        except TimeoutError:
            self._log.error("no answer to %s within %g s", request.path, self._limits.answer)
            return line(503, "The answer took too long.")

    def _handle(self, route: Route, request: Request) -> Response:
        """In a thread of the pool, unless it never waits."""
        try:
            return _compressed(route.handler(request), request)
        except Exception:  # noqa: BLE001 - whatever a handler does, the next request is served
            self._log.exception("a bug: the handler of %s failed", request.path)
            return line(500, "Internal error; the log of this exporter has the details.")


async def _not_welcome(scope: Scope, headers: Mapping[str, str], terms: Terms) -> Response | None:
    if terms.bucket and not terms.bucket.take():
        return line(429, "Too many requests.", ("Retry-After", "1"))
    if terms.login is None:
        return None
    address = (scope["client"] or ("",))[0]
    verdict = await terms.login.check(headers.get("authorization", ""), address)
    if verdict == "refused":
        return line(401, "Unauthorized.", ("WWW-Authenticate", "Basic"))
    return None if verdict == "welcome" else line(429, "Too many failed logins.", ("Retry-After", "5"))


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _path(path: str) -> str:
    """Of an absolute URI only the path."""
    if path.startswith("/") or "://" not in path:
        return path
    return f"/{path.partition('://')[2].partition('/')[2]}"


def _query(raw: bytes) -> dict[str, tuple[str, ...]] | None:
    """The parameters with all their values; None where they cannot be read."""
    if _BAD_ESCAPE.search(raw):
        return None
    try:
        fields = parse_qs(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        return None
    return {name: tuple(values) for name, values in fields.items()}


def _compressed(response: Response, request: Request) -> Response:
    if len(response.body) <= COMPRESSED_FROM or any(name.lower() == "content-encoding" for name, _ in response.headers):
        return response
    varying = (*response.headers, ("Vary", "Accept-Encoding"))
    if not _takes_gzip(request.headers.get("accept-encoding", "")):
        return Response(response.status, response.body, response.content_type, varying)
    body = gzip.compress(response.body, compresslevel=1, mtime=0)
    return Response(response.status, body, response.content_type, (*varying, ("Content-Encoding", "gzip")))


def _takes_gzip(accepted: str) -> bool:
    """Whether gzip is listed with a weight above zero."""
    for each in accepted.lower().split(","):
        name, _, weight = each.partition(";")
        if name.strip() == "gzip":
            return re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", weight) is None
    return False
