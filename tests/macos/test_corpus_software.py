"""Captures of real Macs: applications, the installation history and system extensions give what is in them."""

import json
import plistlib
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exporters.core.context import Context
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.macos.applications import REPORT, applications
from exporters.macos.extensions import LIST, LOADED, ExtensionsConfig, extensions
from exporters.macos.packages import HISTORY, packages
from exporters.sources.replay import Replay
from macos.looking import captures, see

# counts by state, then category, bundle and version of each
EXTENSIONS: dict[str, tuple[dict[str, float], list[tuple[str, str, str]]]] = {
    "endpoint-security-2026.txt": (
        {"activated_enabled": 2},
        [
            ("endpoint_security", "ai.canyonroad.agentsh.SysExt", "1.0"),
            ("endpoint_security", "ai.canyonroad.beacon.sysext", "0.1.0"),
        ],
    ),
    "network-intel-2026.txt": (
        {"activated_enabled": 1},
        [("network", "com.macpaw.clearvpn.macos-setapp.system-network-extension", "3.2.9")],
    ),
    "two-versions-2020.txt": (
        {"waiting_for_user": 1, "activated_enabled": 1},
        [
            ("endpoint_security", "com.google.santa.daemon", "1.13"),
            ("endpoint_security", "com.google.santa.daemon", "1.15"),
        ],
    ),
    "waiting-for-user.txt": (
        {"waiting_for_user": 1},
        [("endpoint_security", "ai.canyonroad.agentsh.SysExt", "1.0")],
    ),
}


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


def test_every_list_of_system_extensions_is_read_here(macos: Path) -> None:
    assert {path.name for path in (macos / "systemextensionsctl").iterdir()} == set(EXTENSIONS)


@pytest.mark.parametrize("name", EXTENSIONS)
def test_system_extensions(name: str, macos: Path) -> None:
    states, listed = EXTENSIONS[name]
    seen = see(extensions, {LIST: (macos / "systemextensionsctl" / name).read_bytes()})
    assert seen.problems == {}
    counts = {series: value for series, value in seen.values.items() if series.startswith("macos_system_extensions{")}
    assert {state: value for state, value in by("state", counts).items() if value} == states
    infos = [dict(re.findall(r'(\w+)="([^"]*)"', series)) for series in seen.values.keys() - counts.keys()]
    assert sorted((each["category"], each["bundle"], each["version"]) for each in infos) == sorted(listed)
    assert all(re.fullmatch(r"[A-Z0-9]{10}", each["team_id"]) for each in infos)


def test_kernel_extensions(macos: Path) -> None:
    """The two lines before the titles are of kextstat and of its errors."""
    context = Context(config=ExtensionsConfig(kernel=True), key=b"fixture")
    printed = (macos / "kextstat" / "macos11-intel-excerpt.txt").read_bytes()
    seen = look(extensions, Replay(captures({LIST: b"0 extension(s)\n", LOADED: printed})), context)
    assert seen.problems == {}
    text = render(extensions.metrics(seen.reading, context)).decode()
    assert 'macos_kernel_extensions{vendor="apple"} 9.0' in text
    assert 'macos_kernel_extensions{vendor="other"} 0.0' in text


def test_history(macos: Path) -> None:
    path = macos / "system_profiler-installhistory" / "catalina-vmware-intel.json"
    items = json.loads(path.read_bytes())["SPInstallHistoryDataType"]
    seen = see(packages, {HISTORY: path.read_bytes()})
    assert seen.problems == {}
    for source in ("apple", "other"):
        dates = [each["install_date"] for each in items if each["package_source"] == f"package_source_{source}"]
        assert seen.values[f'macos_package_installs{{source="{source}"}}'] == len(dates)
        last = seen.values[f'macos_package_last_install_timestamp_seconds{{source="{source}"}}']
        assert datetime.fromtimestamp(last, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") == max(dates)
    own = max(each["install_date"] for each in items if each["_name"] == "XProtectPlistConfigData")
    last = seen.values["macos_xprotect_last_install_timestamp_seconds"]
    assert datetime.fromtimestamp(last, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") == own
    assert len(seen.values) == 5


def by(label: str, values: Any) -> dict[str, float]:
    """Sums over all other labels."""
    sums: Counter[str] = Counter()
    for series, value in values.items():
        sums[series.partition(f'{label}="')[2].partition('"')[0]] += int(value)
    return dict(sums)
