"""What networkQuality measures on a simulated Mac: when the exporter runs it, and when its operator did some hours ago.

The operator's runs follow the simulation's own time, the exporter's budget is one of real days.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from exporters.stack.dynamics import HOUR
from exporters.stack.endpoint_reports import AWAY, link
from exporters.stack.radio_reports import strength
from exporters.stack.view import Reports, View

FOLDER, NAME = "/Library/Application Support/Pomona", "networkquality.json"
CONFIG: Mapping[str, Any] = {"enabled": True, "runs_per_day": 24, "result_file": f"{FOLDER}/{NAME}"}
"""Of the collector `network_quality`, for the whole fleet."""
ROUND = 5 * HOUR
"""Seconds between two runs of the operator."""
LINES = {"north": (940e6, 480e6), "south": (240e6, 42e6), "west": (98e6, 11e6)}
"""Bits a second that the line of each site brings down and up."""
CABLE, RADIO = 930e6, 600e6
"""Bits a second that a cable and the best Wi-Fi carry."""


def _air(view: View) -> float:
    if view.model.battery is None:
        return CABLE
    return RADIO * max(0.02, min(1.0, (strength(view) + 85) / 30))


def measured(view: View) -> bytes:
    """`networkQuality -c`, as it goes now; no run is begun where there is no network."""
    return _printed(view, 0.7 + 0.3 * view.flicker("quality"), _air(view), link(view))


def left(view: View) -> bytes:
    """The file of the operator's last run, which does not change before the next."""
    random = view.chance(f"quality {_runs(view)[0]:.0f}")
    return _printed(view, random.uniform(0.5, 1), RADIO * random.uniform(0.2, 1), random.uniform(0.002, 0.01))


def _printed(view: View, share: float, air: float, to_gateway: float) -> bytes:
    down, up = (int(share * min(line, air)) for line in LINES[view.site.name])
    trip = 1000 * (to_gateway + AWAY[view.site.name])
    told = {
        "base_rtt": trip,
        "dl_flows": 12,
        "dl_throughput": down,
        "interface_name": "en0",
        "responsiveness": share * 60_000 / (4 * trip),
        "ul_flows": 8,
        "ul_throughput": up,
    }
    return msgspec.json.encode(told)


def _runs(view: View) -> tuple[float, float]:
    """The number of the operator's last run, and its moment of the simulation's own time."""
    offset = view.chance("quality").uniform(0, ROUND)
    number = (view.site.time + offset) // ROUND
    return number, number * ROUND - offset


def listing(view: View) -> list[dict[str, Any]]:
    """The folder in which the file is."""
    return [{"name": NAME, "size": 9120, "modified": view.site.moment(_runs(view)[1])}]


REPORTS = Reports(
    commands={"networkQuality -c": measured}, files={f"{FOLDER}/{NAME}": left}, listings={FOLDER: listing}
)
