"""What `macmon pipe` prints: a JSON object a line, in every version since the first, on Apple silicon only."""

from collections.abc import Mapping, Sequence
from typing import Any

from exporters.core.read import array, json, maybe, record
from exporters.macos.soc import (
    EVERY,
    MOST_ACTIVE,
    MOST_CELSIUS,
    MOST_HERTZ,
    MOST_RPM,
    MOST_WATTS,
    SAMPLES,
    Interval,
    told,
)
from exporters.sources.base import Command, ParseError

PIPE = Command(("macmon", "pipe", "-s", str(SAMPLES), "-i", str(EVERY)), timeout=56)
SECONDS = EVERY / 1000
MHZ = 1e6
CLUSTERS = {"e": "ecpu", "p": "pcpu", "gpu": "gpu"}
MOST_FANS = 8


def intervals(printed: bytes) -> Sequence[Interval]:
    """All samples but the first, which may say 0 before anything was measured; a cut line is no sample."""
    lines = [line for line in printed.split(b"\n")[:-1] if line.strip()]
    if len(lines) < SAMPLES:
        raise ParseError("macmon ended before it gave all samples")
    return [_interval(record(json(line))) for line in lines[1:]]


def _interval(sample: Mapping[str, Any]) -> Interval:
    """Watts, Celsius, and for each cluster a pair of MHz and use, which is weighted by frequency and not read."""
    pairs = {name: maybe(_pair, sample.get(f"{key}_usage")) for name, key in CLUSTERS.items()}
    temperatures = maybe(record, sample.get("temp")) or {}
    rest = {name: sample.get(f"{name}_power") for name in ("gpu", "ane")}
    return Interval(
        seconds=SECONDS,
        # a processor that runs macmon draws something: 0 is what it prints where it cannot measure
        watts=told({"cpu": sample.get("cpu_power")}, 1, MOST_WATTS, zero=False) | told(rest, 1, MOST_WATTS),
        hertz=told({name: pair and pair[0] for name, pair in pairs.items()}, MHZ, MOST_HERTZ, zero=False),
        active=told({name: sample.get(f"{key}_active_ratio") for name, key in CLUSTERS.items()}, 1, MOST_ACTIVE),
        celsius=told(
            {name: temperatures.get(f"{name}_temp_avg") for name in ("cpu", "gpu")}, 1, MOST_CELSIUS, zero=False
        ),
        rpm=_fans(sample.get("fans")),
    )


def _pair(value: Any) -> Sequence[Any]:
    return array(value, 2)


def _fans(fans: Any) -> Mapping[str, float]:
    """By position; a fan may rest, then 0 is its speed."""
    listed = [record(each).get("rpm") for each in array(fans or ())]
    return told({str(place): rpm for place, rpm in enumerate(listed[:MOST_FANS])}, 1, MOST_RPM)
