"""Values and names as people read them."""

import math
import time

import pytest

from exporters.core.metrics import gauge
from exporters.operate.units import human, short


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("macos_x_bytes", 0, "0 B"),
        ("macos_x_bytes", 1500, "1,500 B"),
        ("macos_x_bytes", 3.5 * 1024**3, "3.5 GiB"),
        ("macos_x_bytes_total", 20 * 1024**2, "20.0 MiB"),
        ("macos_x_bytes_per_second", 5e9 / 8, "596.0 MiB/s"),
        ("macos_x_ratio", 0.875, "87.5 %"),
        ("macos_x_ratio", 1, "100 %"),
        ("macos_x_seconds", 0.25, "0.25 s"),
        ("macos_x_seconds", 9000, "2:30 h"),
        ("macos_x_seconds", -9000, "-2:30 h"),
        ("macos_x_seconds", 59.99, "60 s"),
        ("macos_x_seconds_total", 90061, "1 d 1:01 h"),
        ("macos_x_celsius", 30.29, "30.3 °C"),
        ("macos_x_watts", 7.5, "7.50 W"),
        ("macos_x_amperes", -1.582, "-1.58 A"),
        ("macos_x_coulombs", 18000, "5,000 mAh"),
        ("macos_x_joules_total", 7200, "2 Wh"),
        ("macos_x_hertz", 3.2e9, "3.2 GHz"),
        ("macos_x_rpm", 1999, "1,999 rpm"),
        ("macos_x_cycles", 1234, "1,234"),
        ("macos_x_load1", 0.52, "0.52"),
    ],
)
def test_units_follow_the_name(name: str, value: float, expected: str) -> None:
    assert human(gauge(name, "Something (source)."), value) == expected


@pytest.mark.parametrize("name", ["macos_wake_timestamp_seconds", "pomona_host_time_seconds"])
def test_moments_are_told_in_local_time(name: str) -> None:
    moment = time.mktime((2026, 11, 20, 9, 35, 1, 0, 0, -1))
    assert human(gauge(name, "Something (source)."), moment) == "2026-11-20 09:35:01"


def test_whether_is_answered_with_yes_or_no() -> None:
    family = gauge("macos_x_present", "Whether it is there (source).")
    assert (human(family, 1), human(family, 0)) == ("yes", "no")


@pytest.mark.parametrize("value", [1e300, -1e300, 1e18, math.inf, -math.inf, math.nan])
def test_no_value_is_too_odd(value: float) -> None:
    for unit in ("timestamp_seconds", "seconds", "bytes", "hertz", "ratio", "cycles"):
        assert human(gauge(f"macos_x_{unit}", "Something (source)."), value)


@pytest.mark.parametrize(
    ("name", "topic", "expected"),
    [
        ("macos_battery_charge_ratio", "battery", "charge"),
        ("pomona_host_memory_bytes", "memory", "memory"),
        ("macos_usb_device_info", "usb", "device"),
        ("pomona_host_disk_read_time_seconds_total", "disk", "read time"),
        ("pomona_host_load1", "load", "load1"),
    ],
)
def test_names_lose_prefix_topic_and_unit(name: str, topic: str, expected: str) -> None:
    assert short(gauge(name, "Something (source)."), topic) == expected
