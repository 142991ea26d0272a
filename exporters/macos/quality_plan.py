"""When network quality may be measured: paid for before it begins, within the budget, not on every link."""

import math
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_network

from exporters.core.read import lines
from exporters.macos.route import Route
from exporters.sources.base import Output, ParseError

DAY = 86400.0
STATES = ("waiting", "planned", "metered", "on_battery", "no_route", "switched_off", "unknown")
DRAWING = re.compile(r"Now drawing from '(AC|Battery|UPS) Power'")
CHARGE = re.compile(r"\s*-InternalBattery[^\t]*\t\s*(\d{1,3})%;.*")
FULL = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """`paid`: when the last run was paid for, or the budget begun; `until`: the latest time to make it. Unix times."""

    paid: float
    until: float | None = None

    def spent(self) -> float:
        """When the last run was made at the latest, for whoever does not know whether it was."""
        return self.paid if self.until is None else self.until


def may_start(plan: Plan | None, now: float) -> bool:
    """Whether the run that is paid for may be made; not before the first look, nor if the clock was set back."""
    return plan is not None and plan.until is not None and plan.paid <= now <= plan.until


def planned(plan: Plan, now: float, runs_per_day: int, *, made: bool, free: bool) -> Plan:
    """Pays for the next run one look before it is made, if its time has come and nothing is in the way.

    A time in the future, of a clock that was set back, becomes now: an interval passes again.
    """
    interval = DAY / runs_per_day
    if made or plan.paid > now:
        return Plan(now)
    if may_start(plan, now):
        return plan
    return Plan(now, now + interval) if free and now - plan.paid >= interval else Plan(plan.paid)


def obstacle(way: Route | None, supplies: Output | None, metered: tuple[str, ...], battery_above: float) -> str:
    """Why no run is made here and now, as a word of `STATES`; empty for none. What is not known is an obstacle."""
    if way is None:
        return "no_route"
    if not way.gateway:
        return "unknown"
    if any(_address(way.gateway) in ip_network(each) for each in metered):
        return "metered"
    if supplies is None:
        return "unknown"
    return "" if _charge(supplies) > battery_above else "on_battery"


def _address(gateway: str) -> IPv4Address:
    try:
        return IPv4Address(gateway)
    except ValueError as error:
        raise ParseError("route names a gateway that is no address") from error


def _charge(supplies: Output) -> float:
    """0 to 1 of what the Mac runs on, the least of several; more than 1 on mains, nothing on a UPS."""
    told = lines(supplies.stdout[: supplies.stdout.rfind(b"\n") + 1])
    source = DRAWING.search(told[0]) if told else None
    if source is None:
        raise ParseError("pmset does not say where the power comes from")
    if source[1] != "Battery":
        return math.inf if source[1] == "AC" else 0.0
    charges = [int(found[1]) / FULL for line in told if (found := CHARGE.fullmatch(line))]
    if not charges:
        raise ParseError("pmset does not say how full the battery is")
    return min(charges)
