"""What `scutil` tells of name servers, VPN services and proxies."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from exporters.core.read import lines, whole_lines
from exporters.sources.base import Command, Output, ParseError

DNS = Command(("scutil", "--dns"))
SERVICES = Command(("scutil", "--nc", "list"))
PROXY = Command(("scutil", "--proxy"))
NO_DNS = "No DNS configuration available"
SCOPED = "DNS configuration (for scoped queries)"
SERVICE = re.compile(r"(\* )?\(([A-Za-z]+)\) .*")
SERVICE_STATES = ("connected", "connecting", "disconnecting", "disconnected", "disabled", "unknown")
PROXIES = {
    "HTTPEnable": "http",
    "HTTPSEnable": "https",
    "SOCKSEnable": "socks",
    "FTPEnable": "ftp",
    "ProxyAutoConfigEnable": "pac",
    "ProxyAutoDiscoveryEnable": "wpad",
}
Resolver = Mapping[str, str]


def dns(output: Output) -> Mapping[str, int]:
    """Name servers by scope: `default` asks the first resolver for all names, `supplemental` are for some domains.

    The second only where the part with all of them is complete, which the next part's title shows.
    """
    told = _normal(output)
    if NO_DNS in told:
        return {"default": 0, "supplemental": 0}
    if not told or told[0] != "DNS configuration":
        raise ParseError("scutil printed no DNS configuration")
    end = told.index(SCOPED) if SCOPED in told else None
    resolvers = list(_resolvers(told[1:end]))
    whole = next((each for each in resolvers if _scope(each) == "default"), None)
    servers = {} if whole is None else {"default": len(_servers(whole))}
    if end is None:
        return servers
    beside = (each for each in resolvers if _scope(each) == "supplemental")
    return {"default": 0, **servers, "supplemental": len({server for each in beside for server in _servers(each)})}


def _resolvers(told: Sequence[str]) -> Iterator[Resolver]:
    """Those that are complete: flags come after the servers."""
    fields: dict[str, str] = {}
    for line in told:
        if line.startswith("resolver #"):
            fields = {}
        key, _, value = line.partition(" : ")
        fields[key] = value
        if key == "flags":
            yield fields


def _scope(resolver: Resolver) -> str:
    if resolver.get("options") == "mdns":
        return "local"
    beside = "domain" in resolver or "Supplemental" in resolver["flags"]
    return "supplemental" if beside else "default"


def _servers(resolver: Resolver) -> set[str]:
    return {value for key, value in resolver.items() if key.startswith("nameserver[")}


def services(output: Output) -> Mapping[str, int]:
    """VPN services by state; one that is not enabled cannot be in any other."""
    told = [" ".join(line.split()) for line in whole_lines(output.stdout) if line.strip()]
    if not told or not told[0].startswith("Available network connection services"):
        raise ParseError("scutil printed no list of services")
    found = Counter(_service(line) for line in told[1:])
    return {state: found[state] for state in SERVICE_STATES}


def _service(line: str) -> str:
    """`* (Connected) UUID TYPE "NAME" [TYPE:SUBTYPE]`; the star is for enabled."""
    found = SERVICE.fullmatch(line)
    if not found:
        raise ParseError("scutil printed a line that is no service")
    state = found[2].lower()
    return "disabled" if not found[1] else state if state in SERVICE_STATES else "unknown"


def proxies(output: Output) -> Mapping[str, bool]:
    """Which kinds are on, of a dictionary that is whole; a key that is missing is off."""
    raw = [line for line in lines(output.stdout) if line.strip()]
    told = _normal(output)
    if len(raw) < 2 or told[0] != "<dictionary> {" or raw[-1] != "}":  # noqa: PLR2004 - its first line and its last
        raise ParseError("scutil printed no whole dictionary")
    fields = dict(line.partition(" : ")[::2] for line in told)
    return {kind: fields.get(key) == "1" for key, kind in PROXIES.items()}


def _normal(output: Output) -> list[str]:
    """Whole lines with one blank between words."""
    whole = output.stdout[: output.stdout.rfind(b"\n") + 1]
    return [" ".join(line.split()) for line in lines(whole)]
