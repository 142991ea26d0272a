"""What `powermetrics -f plist` prints: a property list for each sample, with a NUL between them; for root alone."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from exporters.core.read import array, maybe, number, plist, record, text
from exporters.macos.device import numbered
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

CHIP = Command(
    ("powermetrics", "-n", str(SAMPLES), "-i", str(EVERY), "-f", "plist", "--samplers", "cpu_power,gpu_power"),
    timeout=56,
    root=True,
)
SMC = Command(("powermetrics", "-n", "1", "-i", "1000", "-f", "plist", "--samplers", "smc"), timeout=8, root=True)
"""Temperatures and the fan of an Intel Mac; on Apple silicon this sampler is an error."""
END = b"</plist>"
INTEL = b"<key>package_watts</key>"
CLUSTER = re.compile(r"([A-Z][0-9]{0,2})-Cluster\Z")
MILLI, NANO, MHZ = 1e-3, 1e-9, 1e6
LEAST_HERTZ = 1e5
"""Below it a frequency is in MHz: that of the GPU is, in spite of its name."""
MOST_CLUSTERS = 16
LONGEST = 600.0


def intervals(printed: bytes) -> Sequence[Interval]:
    """All samples; fewer than were asked for, or one that is cut, is no run."""
    found = list(_documents(printed))
    if len(found) < SAMPLES:
        raise ParseError("powermetrics ended before it gave all samples")
    return [_interval(each) for each in found]


def sensors(printed: bytes) -> Interval:
    """The one sample of `SMC`: one fan, even where there are two, and temperatures of the dies in Celsius."""
    (sample, *_) = [*_documents(printed), {}]
    smc = maybe(record, sample.get("smc")) or {}
    dies = {"cpu": smc.get("cpu_die"), "gpu": smc.get("gpu_die")}
    return Interval(
        seconds=1.0,
        celsius=told(dies, 1, MOST_CELSIUS, zero=False),
        rpm=told({"0": smc.get("fan")}, 1, MOST_RPM),
    )


def _documents(printed: bytes) -> Iterator[Mapping[str, Any]]:
    whole = (each for each in printed.split(b"\0") if each.rstrip().endswith(END))
    return (record(plist(each.lstrip())) for each in whole)


def _interval(sample: Mapping[str, Any]) -> Interval:
    """Power in mW on Apple silicon, of the whole package in W on Intel; the sample tells how long it lasted."""
    seconds = number(sample.get("elapsed_ns")) * NANO
    if not 0 < seconds < LONGEST:
        raise ParseError("powermetrics does not say how long it measured")
    processor = maybe(record, sample.get("processor")) or {}
    clusters = _clusters(processor)
    gpu = maybe(record, sample.get("gpu")) or {}
    return Interval(
        seconds=seconds,
        # a processor that runs powermetrics draws something: 0 is what it prints where it cannot measure
        watts=told({"cpu": processor.get("cpu_power")}, MILLI, MOST_WATTS, zero=False)
        | told({unit: processor.get(f"{unit}_power") for unit in ("gpu", "ane")}, MILLI, MOST_WATTS)
        | told({"package": processor.get("package_watts")}, 1, MOST_WATTS, zero=False),
        hertz=told({name: _hertz(each) for name, each in {**clusters, "gpu": gpu}.items()}, 1, MOST_HERTZ, zero=False),
        active=told({name: _active(each) for name, each in {**clusters, "gpu": gpu}.items()}, 1, MOST_ACTIVE),
    )


def _clusters(processor: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """By name, `E-Cluster` as e; names of a form that was never seen by position."""
    listed = [record(each) for each in array(processor.get("clusters", ()))][:MOST_CLUSTERS]
    found = [CLUSTER.match(maybe(text, each.get("name")) or "") for each in listed]
    names = (match[1].lower() if match else f"cluster{place}" for place, match in enumerate(found))
    return dict(zip(numbered(names), listed, strict=True))


def _hertz(part: Mapping[str, Any]) -> float | None:
    frequency = maybe(number, part.get("freq_hz"))
    return frequency * MHZ if frequency is not None and frequency < LEAST_HERTZ else frequency


def _active(part: Mapping[str, Any]) -> float | None:
    """Neither idle nor switched off."""
    idle = maybe(number, part.get("idle_ratio"))
    return None if idle is None else max(1 - idle - (maybe(number, part.get("down_ratio")) or 0), 0.0)
