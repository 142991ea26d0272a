"""The default route as `route -n get default` tells it: through which interface, by which gateway."""

import re
from dataclasses import dataclass

from exporters.core.read import lines
from exporters.sources.base import Command, Output, ParseError

DEFAULT = Command(("route", "-n", "get", "default"), ok_exits=(0, 1))
INTERFACE = re.compile(r"[a-z]{2,8}\d{1,3}")
GATEWAY = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
NONE = b"not in table"


@dataclass(frozen=True, slots=True)
class Route:
    """The interface, and the address of the gateway; a tunnel has none."""

    interface: str
    gateway: str = ""


def parse(output: Output) -> Route | None:
    """None where there is no route for IPv4, which route tells on stderr with exit status 0."""
    if not output.stdout and NONE in output.stderr:
        return None
    fields: dict[str, str] = {}
    for line in lines(output.stdout[: output.stdout.rfind(b"\n") + 1]):
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    if not INTERFACE.fullmatch(fields.get("interface", "")):
        raise ParseError("route names no interface and does not say that there is none")
    gateway = fields.get("gateway", "")
    return Route(fields["interface"], gateway if GATEWAY.fullmatch(gateway) else "")
