"""The ports of `pomona up` on loopback: the usual ones, or a block that the user chose."""

import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields

from exporters.core.errors import PersonError

LOOPBACK = "127.0.0.1"
FARTHEST = 100
LAST = 65_535


@dataclass(frozen=True, slots=True)
class Ports:
    """Where each part listens; the defaults are those of the shipped configuration."""

    agent: int = 10220
    fleet: int = 10226
    receiver: int = 10229
    prometheus: int = 9090
    alertmanager: int = 9093
    router: int = 10222
    routers: int = 10240
    """The first port of the simulated routers."""


USUAL = Ports()
MOVABLE = ("prometheus", "alertmanager")
"""Where a system's own service may listen already: Debian starts what it installs."""


def address(port: int) -> str:
    """`127.0.0.1:PORT`."""
    return f"{LOOPBACK}:{port}"


def chosen(base: int | None, routers: int = 0) -> Ports:
    """A block from `base` on, or the usual ports; an engine whose port is taken gets the next free one."""
    if base is not None:
        ports = Ports(*range(base, base + len(fields(Ports))))
        if ports.routers + routers - 1 > LAST:
            raise PersonError(f"--port-base {base}: the block would end beyond port {LAST}")
    else:
        ports = Ports(**asdict(USUAL) | {name: _free(getattr(USUAL, name)) for name in MOVABLE})
    for name, port in _used(ports, routers):
        if taken(port):
            raise PersonError(
                f"port {port} ({name}) is in use: end what listens there, or choose others by --port-base"
            )
    return ports


def _used(ports: Ports, routers: int) -> Iterator[tuple[str, int]]:
    """Each port with its name; those of the router exporter only where there are routers."""
    shared = {name: port for name, port in asdict(ports).items() if name not in {"router", "routers"}}
    yield from shared.items()
    if routers:
        yield "router", ports.router
        yield from (("simulated routers", ports.routers + number) for number in range(routers))


def taken(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def _free(usual: int) -> int:
    """The usual port, else one above it that Prometheus and Alertmanager do not use either."""
    used = {USUAL.prometheus, USUAL.alertmanager} - {usual}
    near = (port for port in range(usual, usual + FARTHEST) if port not in used and not taken(port))
    return next(near, usual)
