"""The battery controller's node in the I/O registry: the questions that ask for it, and readers that drop sentinels."""

from collections.abc import Mapping
from typing import Any

from exporters.core.read import array, flag, maybe, number, plist, record
from exporters.sources.base import Command, Output

Node = Mapping[str, Any]
BATTERY = Command(("ioreg", "-a", "-r", "-n", "AppleSmartBattery", "-w0"))
PACK = Command(("ioreg", "-a", "-r", "-d", "1", "-c", "AppleSmartBatteryPack"))
MOST = 65534


def first_node(output: Output | None) -> Node:
    """The first node of the list that `ioreg -a` prints; empty where it printed nothing, as virtual machines do."""
    if output is None or not output.stdout.strip():
        return {}
    nodes = array(plist(output.stdout))
    return record(nodes[0]) if nodes else {}


def part(node: Node, key: str) -> Node:
    """A dictionary inside the node; empty where there is none."""
    return maybe(record, node.get(key)) or {}


def measure(node: Node, key: str, low: float, high: float, per: float = 1) -> float | None:
    """A number, `per` of which make one of our unit; None where it is missing or outside the bounds.

    The bounds are in the node's own unit. 65535 is what the controller says for "unknown".
    """
    value = maybe(number, node.get(key))
    return value / per if value is not None and low <= value <= high else None


def says(node: Node, key: str) -> bool | None:
    """Yes or no; None where the node says neither."""
    return maybe(flag, node.get(key))


def installed(node: Node) -> bool:
    """Whether there is a battery: desktops have the node too, with BatteryInstalled 0 and MaxCapacity 0."""
    stated = says(node, "BatteryInstalled")
    return measure(node, "MaxCapacity", 1, MOST) is not None if stated is None else stated


def has_moved(node: Node) -> bool:
    """Whether this is the node of macOS 27, whose gauge readings moved to the nodes of the battery packs."""
    return "Temperature" not in node
