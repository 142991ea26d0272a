"""What a large answer of nlbw costs: 10,000 records read and accounted, a thousand devices told."""

import statistics
import time
from collections.abc import Callable, Iterator

from bench.home import MANY, crowd, printed
from bench.rows import Row, row
from exporters.core.context import Context
from exporters.core.metrics import render
from exporters.openwrt.nlbw import DATE, SETTINGS, TRAFFIC, UPTIME
from exporters.openwrt.nlbwmon import NlbwmonConfig, nlbwmon
from exporters.sources.base import Output, Replies

LOOKS = 15
DEVICES = 1_000
BEGUN, PERIOD = 1_790_000_000, 30
_SETTINGS = b"config nlbwmon\n\toption database_interval '1'\n\toption refresh_interval '30s'\n"


def rows() -> Iterator[Row]:
    """Every device grows from look to look."""
    what = f"{MANY:,} records of {{:,}} devices: parse and account"
    yield row(what.format(DEVICES), accounting(DEVICES)[0], "{:.0f} ms", 60.0)
    yield row(what.format(MANY), accounting(MANY)[0], "{:.0f} ms")
    yield from exposition()


def accounting(devices: int) -> tuple[float, object, Context]:
    """Milliseconds of a look, the state after the last, and the context."""
    context = Context(config=NlbwmonConfig(max_devices=devices), key=b"bench" * 4)
    state, times = None, []
    for look in range(LOOKS + 1):
        replies = _replies(look, printed(crowd(devices), look))
        begun = time.perf_counter()
        state = _accounted(state, replies, BEGUN + PERIOD * look, context)
        times.append(1e3 * (time.perf_counter() - begun))
    return statistics.median(times[1:]), state, context


def exposition() -> Iterator[Row]:
    """All series of a target: made from its account, and written as text."""
    _, state, context = accounting(DEVICES)
    samples = tuple(nlbwmon.metrics(state, context))
    made = _median(lambda: tuple(nlbwmon.metrics(state, context)))
    what = f"exposition of {DEVICES:,} devices: {len(samples):,} series"
    yield row(f"{what} made", made, "{:.0f} ms")
    yield row(f"{what} written", _median(lambda: render(samples, "openmetrics")), "{:.0f} ms", 30.0)


def _median(work: Callable[[], object]) -> float:
    """Milliseconds."""
    times = []
    for _ in range(LOOKS):
        begun = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - begun))
    return statistics.median(times)


def _accounted(state: object, replies: Replies, now: float, context: Context) -> object:
    if nlbwmon.advance is None:
        raise TypeError("nlbwmon keeps no account")
    return nlbwmon.advance(state, nlbwmon.parse(replies, context), now, context)


def _replies(look: int, traffic: bytes) -> Replies:
    now = BEGUN + PERIOD * look
    return Replies(
        {
            DATE: Output(f"{now} +0000\n".encode()),
            UPTIME: f"{400_000 + PERIOD * look}.00 1.00\n".encode(),
            SETTINGS: _SETTINGS,
            TRAFFIC: Output(traffic),
        }
    )
