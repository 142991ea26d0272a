"""Load averages: runnable processes, as the kernel averages them (psutil `getloadavg`)."""

from collections.abc import Iterable
from dataclasses import dataclass

from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import array, number
from exporters.sources.base import Replies, System

LOADS = System("load")


@dataclass(frozen=True, slots=True)
class Load:
    """Runnable processes, averaged over 1, 5 and 15 minutes."""

    one: float
    five: float
    fifteen: float


def parse(replies: Replies, _: Context) -> Load:
    """Shape: `[1 minute, 5 minutes, 15 minutes]`."""
    one, five, fifteen = (number(each) for each in array(replies[LOADS], 3))
    return Load(one, five, fifteen)


LOAD1 = gauge("pomona_host_load1", "Runnable processes, averaged over 1 minute (psutil getloadavg).")
LOAD5 = gauge("pomona_host_load5", "Runnable processes, averaged over 5 minutes (psutil getloadavg).")
LOAD15 = gauge("pomona_host_load15", "Runnable processes, averaged over 15 minutes (psutil getloadavg).")


@collector("load", LOAD1, LOAD5, LOAD15, required=(LOADS,), parse=parse)
def load(reading: Load, _: Context) -> Iterable[Sample]:
    """The three averages."""
    yield from LOAD1(reading.one)
    yield from LOAD5(reading.five)
    yield from LOAD15(reading.fifteen)
