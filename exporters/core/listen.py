"""Listening sockets from addresses such as 127.0.0.1:10220, [::1]:10220 and :10220."""

import ipaddress
import re
import socket

from exporters.core.exchange import WebError

BACKLOG = 256
MAX_PORT = 65535
_PORT = re.compile(r"[0-9]{1,5}\Z")


def listen(addresses: tuple[str, ...]) -> tuple[socket.socket, ...]:
    """One socket for each address; WebError, and none stays open, where one cannot be had."""
    found: list[socket.socket] = []
    try:
        for address in addresses:
            found.append(_listen(address))  # noqa: PERF401 - those that are open must be known if one fails
    except WebError:
        for each in found:
            each.close()
        raise
    return tuple(found)


def shown(bound: socket.socket) -> str:
    """`host:port` of a socket; an address of IPv6 in brackets."""
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(bound: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    return ipaddress.ip_address(bound.getsockname()[0].partition("%")[0]).is_loopback


def _listen(address: str) -> socket.socket:
    host, port = _parts(address)
    try:
        if not host:
            return _everywhere(port)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return _tcp(socket.create_server((host, port), family=family, backlog=BACKLOG))
    except socket.gaierror as error:
        raise WebError(f"cannot listen on {address}: {host!r} is not an address of this machine") from error
    except OSError as error:
        reason = str(error.strerror or error).partition(" (while")[0]
        raise WebError(f"cannot listen on {address}: {reason}; choose another with --web.listen-address") from error


def _everywhere(port: int) -> socket.socket:
    """All interfaces, over IPv6 and IPv4 where the machine has both."""
    if socket.has_dualstack_ipv6():
        return _tcp(socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=BACKLOG))
    return _tcp(socket.create_server(("", port), backlog=BACKLOG))


def _tcp(bound: socket.socket) -> socket.socket:
    """Named as TCP: only then asyncio switches off the delay of small packets, which costs 40 ms an answer."""
    return socket.socket(bound.family, bound.type, socket.IPPROTO_TCP, bound.detach())


def _parts(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not _PORT.match(port) or int(port) > MAX_PORT or (":" in bare) != (host != bare):
        raise WebError(f"{address!r} is no address to listen on; write 127.0.0.1:10220, [::1]:10220 or :10220")
    return bare, int(port)
