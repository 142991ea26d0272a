"""The router itself: its clock and start, load, memory and tracked connections (`date`, /proc).

Each part stands alone: what the kernel does not tell has no samples, the rest stays.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from exporters.core.collector import Partial, collector, told
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import amount, attempt
from exporters.openwrt.answers import steady, time, whole_lines, words
from exporters.openwrt.nlbw import DATE, NETFILTER, UPTIME
from exporters.sources.base import File, ParseError, Replies

LOADAVG = File("/proc/loadavg")
MEMINFO = File("/proc/meminfo")
COUNT, MAX = NETFILTER["count"], NETFILTER["max"]
STATES = {"MemFree": "free", "Buffers": "buffers", "Cached": "cached"}
SIZE, USABLE = "MemTotal", "MemAvailable"


@dataclass(frozen=True, slots=True)
class Router:
    """Unix times, averages of runnable processes over 1, 5 and 15 minutes, bytes by state, connections."""

    now: float | None = None
    boot: float | None = None
    loads: tuple[float, ...] = ()
    memory: float | None = None
    available: float | None = None
    states: Mapping[str, float] = field(default_factory=dict)
    entries: float | None = None
    limit: float | None = None


def parse(replies: Replies, _: Context) -> Router | Partial:
    """Each part from its own answer; the start is the clock less the seconds that the router is up."""
    faults: list[str] = []
    now = attempt(time, replies.get(DATE), faults)
    uptime = attempt(_first, replies.get(UPTIME), faults)
    memory = attempt(_memory, replies.get(MEMINFO), faults) or {}
    reading = Router(
        now=now,
        boot=None if now is None or uptime is None else float(round(now - uptime)),
        loads=attempt(_loads, replies.get(LOADAVG), faults) or (),
        memory=memory.get(SIZE),
        available=memory.get(USABLE),
        states=_states(memory),
        entries=attempt(_first, replies.get(COUNT), faults),
        limit=attempt(_first, replies.get(MAX), faults),
    )
    return told(reading, faults)


def _first(data: bytes) -> float:
    return amount(next(iter(words(data)), ""))


def _loads(data: bytes) -> tuple[float, ...]:
    """`0.12 0.08 0.05 1/93 4211`."""
    found = tuple(amount(each) for each in words(data)[:3])
    if len(found) != 3:  # noqa: PLR2004 - the averages of 1, 5 and 15 minutes
        raise ParseError("fewer than three load averages")
    return found


def _memory(data: bytes) -> dict[str, float]:
    """Lines `MemTotal:  122880 kB`, in bytes by the kernel's names; those that are not used are passed over."""
    pairs = (line.partition(":")[::2] for line in whole_lines(data))
    found = {name: _size(rest) for name, rest in pairs if name in {SIZE, USABLE, *STATES}}
    if SIZE not in found:
        raise ParseError("no size of the memory")
    return found


def _size(text: str) -> float:
    value, *unit = text.split() or [""]
    if unit != ["kB"]:
        raise ParseError("a size of memory that is not in kB")
    return amount(value) * 1024


def _states(memory: Mapping[str, float]) -> dict[str, float]:
    """The states that do not overlap; `used` is what is left, unless the kernel's figures contradict each other."""
    states = {state: memory[name] for name, state in STATES.items() if name in memory}
    left = memory.get(SIZE, 0.0) - sum(states.values())
    return states | {"used": left} if len(states) == len(STATES) and left >= 0 else states


def advance(state: Router | None, reading: Router, _now: float, _: Context) -> Router:
    """The start stays as it was first reckoned until there is another one."""
    return replace(reading, boot=steady(reading.boot, state.boot if state else None))


BOOT = gauge(
    "openwrt_boot_timestamp_seconds", "Start of the router, Unix time by its own clock (date less /proc/uptime)."
)
TIME = gauge("openwrt_time_seconds", "Clock of the router, Unix time (date).")
LOADS = tuple(
    gauge(f"openwrt_load{minutes}", f"Runnable processes, averaged over {span} (/proc/loadavg).")
    for minutes, span in ((1, "1 minute"), (5, "5 minutes"), (15, "15 minutes"))
)
BYTES = gauge("openwrt_memory_bytes", "Memory by state, no byte in two of them (/proc/meminfo).", "state")
TOTAL = gauge("openwrt_memory_size_bytes", "Memory that the kernel manages (/proc/meminfo MemTotal).")
AVAILABLE = gauge(
    "openwrt_memory_available_bytes", "What programs could still get, by the kernel (/proc/meminfo MemAvailable)."
)
ENTRIES = gauge("openwrt_conntrack_entries", "Connections that the kernel tracks (nf_conntrack_count).")
LIMIT = gauge("openwrt_conntrack_entries_limit", "Connections that it can track at most (nf_conntrack_max).")


@collector(
    "router",
    BOOT,
    TIME,
    *LOADS,
    BYTES,
    TOTAL,
    AVAILABLE,
    ENTRIES,
    LIMIT,
    optional=(DATE, UPTIME, LOADAVG, MEMINFO, COUNT, MAX),
    parse=parse,
    advance=advance,
    cadence=30,
)
def router(state: Router, _: Context) -> Iterable[Sample]:
    """Whatever is known of the router."""
    yield from BOOT(state.boot)
    yield from TIME(state.now)
    for family, value in zip(LOADS, state.loads, strict=False):
        yield from family(value)
    for name, size in state.states.items():
        yield from BYTES(size, state=name)
    yield from TOTAL(state.memory)
    yield from AVAILABLE(state.available)
    yield from ENTRIES(state.entries)
    yield from LIMIT(state.limit)
