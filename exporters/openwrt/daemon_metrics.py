"""What nlbwmon itself tells: whether it answers, what makes its counts too small, its settings, what was corrected."""

from collections.abc import Iterator, Mapping

from exporters.core.metrics import Family, Sample, counter, enum, gauge
from exporters.openwrt.accumulator import CAUSES, Cause
from exporters.openwrt.ledger import TALLIES, Tally
from exporters.openwrt.nlbw import PROBLEMS, STATUSES, Reading, Settings, judged
from exporters.openwrt.period import period_start

STATUS = enum("openwrt_nlbwmon_status", "How nlbwmon answered (nlbw -c json, its exit status).", "status", STATUSES)
PROBLEM = gauge(
    "openwrt_nlbwmon_problem",
    f"1 where counts are too small though nlbw says nothing, 0 where not, absent where it cannot be judged: "
    f"{', '.join(PROBLEMS)} (nlbw, /etc/config and /proc).",
    "problem",
)
CORRECTIONS = counter(
    "openwrt_corrections_total",
    f"Looks at which nlbwmon's counts fell or could not be trusted: {', '.join(CAUSES)} "
    "(nlbw -c json, /etc/config/nlbwmon, date).",
    "cause",
)
EVENTS = counter(
    "openwrt_device_events_total",
    "Devices that got series of their own (new) or lost them for not having grown (vanished), since the first contact "
    "(nlbw -c json compared with the look before).",
    *("event", "known"),
)
PERIOD = gauge(
    "openwrt_nlbwmon_period_start_timestamp_seconds",
    "Start of the running period by the zone that the router is in now "
    "(/etc/config/nlbwmon database_interval and date).",
)
RECORDS = gauge(
    "openwrt_nlbwmon_records",
    "Records that nlbw printed, one for each address of a device; the database has more (nlbw -c json).",
)
LIMIT = gauge(
    "openwrt_nlbwmon_records_limit",
    "Records that the database holds at most, absent without a limit (/etc/config/nlbwmon database_limit).",
)
KEPT = gauge(
    "openwrt_nlbwmon_periods_kept",
    "Periods that the router keeps, absent where it keeps all (/etc/config/nlbwmon database_generations).",
)
REFRESH = gauge(
    "openwrt_nlbwmon_refresh_interval_seconds", "How often counts move on (/etc/config/nlbwmon refresh_interval)."
)
COMMIT = gauge(
    "openwrt_nlbwmon_commit_interval_seconds",
    "How often counts are written to disk (/etc/config/nlbwmon commit_interval).",
)
FAMILIES: tuple[Family, ...] = (
    *(STATUS, PROBLEM, CORRECTIONS, EVENTS, PERIOD, RECORDS),
    *(LIMIT, KEPT, REFRESH, COMMIT),
)


def samples(reading: Reading, corrections: Mapping[Cause, int], changes: Mapping[Tally, int]) -> Iterator[Sample]:
    """What is told at every look; the counters from the start."""
    yield from STATUS.one_of(reading.status)
    for problem, there in judged(reading).items():
        yield from PROBLEM(there, problem=problem)
    for cause in CAUSES:
        yield from CORRECTIONS(corrections.get(cause, 0), cause=cause)
    for event, known in TALLIES:
        yield from EVENTS(changes.get((event, known), 0), event=event, known=str(known).lower())
    yield from _settings(reading.circumstances.settings)


def _settings(settings: Settings) -> Iterator[Sample]:
    """A limit of 0 is none, and 0 periods are all."""
    yield from LIMIT(settings.limit or None)
    yield from KEPT(settings.generations or None)
    yield from REFRESH(settings.refresh)
    yield from COMMIT(settings.commit)


def traffic(reading: Reading) -> Iterator[Sample]:
    """What is told while nlbw answers."""
    if reading.traffic is not None:
        yield from RECORDS(reading.traffic.records)
    yield from PERIOD(period_start(reading.circumstances.settings, reading.circumstances.clock))
