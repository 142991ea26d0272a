"""The sockets that listen to a router's connections, as nlbwmon's does, and the events they lost (/proc/net/netlink).

A line is a socket; `Drops` counts what did not fit into its buffer since its program started. The columns are mapped by
name. `Eth` 12 is netfilter, `Groups` is a hexadecimal mask of the events that the program subscribed to.
"""

from collections.abc import Mapping

from exporters.core.read import lines
from exporters.sources.base import File, ParseError

NETLINK = File("/proc/net/netlink")
NETFILTER = 12
CONNTRACK = 0b111
"""The groups of new, changed and ended connections."""
_COLUMNS = {"Eth", "Groups", "Drops"}


def parse_events_lost(data: bytes) -> bool | None:
    """Whether a listener to conntrack events lost some since it started; None where nobody listens."""
    drops = [_number(each["Drops"]) for each in _listening(data)]
    return any(drops) if drops else None


def parse_listeners(data: bytes) -> frozenset[str] | None:
    """Who listens to conntrack events, a word for each socket that no later one has; None where the list lacks it."""
    found = [(each.get("Pid"), each.get("Inode")) for each in _listening(data)]
    if any(None in each for each in found):
        return None
    return frozenset(f"{pid}/{inode}" for pid, inode in found)


def _listening(data: bytes) -> list[Mapping[str, str]]:
    names, *rows = [line.split() for line in lines(data) if line.strip()] or [[]]
    if not set(names) >= _COLUMNS or any(len(row) != len(names) for row in rows):
        raise ParseError("a list of netlink sockets without its columns")
    sockets = (dict(zip(names, row, strict=True)) for row in rows)
    return [each for each in sockets if _listens(each)]


def _listens(socket: Mapping[str, str]) -> bool:
    return _number(socket["Eth"]) == NETFILTER and _number(socket["Groups"], 16) & CONNTRACK != 0


def _number(text: str, base: int = 10) -> int:
    try:
        return int(text, base)
    except ValueError as error:
        raise ParseError("a netlink socket with a number that is none") from error
