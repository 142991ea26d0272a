"""Captures of real Macs: applications, the installation history and system extensions give what is in them."""

import json
import plistlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from exporters.macos.applications import REPORT, applications
from macos.looking import see


@pytest.fixture
def macos(corpus: Path) -> Path:
    return corpus / "macos"


def listed(path: Path) -> list[dict[str, Any]]:
    """The items of a report that was captured as a property list."""
    items: list[dict[str, Any]] = plistlib.loads(path.read_bytes())[0]["_items"]
    return items


def test_applications(macos: Path) -> None:
    """The capture is XML; JSON has the same keys, and dates as texts."""
    items = listed(macos / "system_profiler-applications" / "macos-2024-a.xml")
    printed = json.dumps({"SPApplicationsDataType": items}, default=lambda date: date.isoformat() + "Z").encode()
    seen = see(applications, {REPORT: printed})
    assert seen.problems == {}
    assert sum(seen.values.values()) == len(items)
    assert by("source", seen.values) == {
        "apple": 262, "identified_developer": 57, "mac_app_store": 6, "unknown": 42,
    }  # fmt: skip
    assert by("architecture", seen.values) == {
        "universal": 283, "intel": 44, "intel_32": 30, "apple_silicon": 1, "other": 9,
    }  # fmt: skip
    assert by("signed", seen.values) == {"true": 325, "false": 42}


def by(label: str, values: Any) -> dict[str, float]:
    """Sums over all other labels."""
    sums: Counter[str] = Counter()
    for series, value in values.items():
        sums[series.partition(f'{label}="')[2].partition('"')[0]] += int(value)
    return dict(sums)
