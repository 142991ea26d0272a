"""Captures of real Macs: each file of Wi-Fi, routes, scutil and networkQuality gives the facts its manifest states."""

import json
import re
from pathlib import Path

import pytest

from exporters.core.context import Context
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.macos import route, scutil
from exporters.macos.network_path import ADDRESSES, network_path, summary_of
from exporters.macos.network_quality import CLOCKS, network_quality
from exporters.macos.wifi import REPORT, WDUTIL, WifiConfig, advance, wifi
from exporters.sources.base import Output
from exporters.sources.replay import Captured, Replay
from macos.looking import NOW, captures, see

FILES = {
    "system_profiler-airport": {"catalina-vmware-intel.json", "macos26-redacted-jp.json"},
    "wdutil": {"cn-wifi-section.txt", "cz-wifi-section.txt"},
    "ipconfig-summary": {"macos15.6-tail.txt"},
    "route": {"default-en0.txt", "default-none.stderr.txt", "host-en0.txt"},
    "scutil-dns": {"macos10.15-ppp-supplemental-excerpt.txt", "macos26-2025-excerpt.txt"},
    "scutil-nc": {"l2tp-ikev2.txt"},
    "scutil-proxy": {"local-proxy.txt"},
    "networkquality": {"macos15.5-summary.txt", "macos27-c.json"},
}
"""All there are; `host-en0` and the summary answer another command and are not read."""
NEVER = b'{"lo0": {"ipv4": ["127.0.0.1"], "ipv6": ["::1"]}}'
KNOWN = b'{"en0": {"ipv4": ["192.168.1.7"], "ipv6": []}}'
RULE = "\u2014" * 100


@pytest.fixture
def macos(corpus: Path) -> Path:
    return corpus / "macos"


@pytest.mark.parametrize("folder", FILES)
def test_every_capture_is_known_here(folder: str, macos: Path) -> None:
    assert {path.name for path in (macos / folder).iterdir()} == FILES[folder]


def test_a_connection_whose_name_is_hidden(macos: Path) -> None:
    printed = (macos / "system_profiler-airport" / "macos26-redacted-jp.json").read_bytes()
    seen = see(wifi, {REPORT: printed, ADDRESSES: KNOWN})
    assert seen.problems == {}
    assert seen.only("macos_wifi_state") == "connected"
    assert {name: value for name, value in seen.values.items() if "{" not in name} == {
        "macos_wifi_rssi_dbm": -51,
        "macos_wifi_noise_dbm": -90,
        "macos_wifi_transmit_rate_bytes_per_second": 1297 * 125_000,
        "macos_wifi_channel": 40,
        "macos_wifi_channel_width_hertz": 160e6,
        "macos_wifi_mcs_index": 6,
        "macos_wifi_roams_total": 0,
    }
    (info,) = (name for name in seen.values if name.startswith("macos_wifi_info"))
    for label in ('band="5GHz"', 'security="wpa3_transition"', 'phy_mode="802.11ax"', 'interface="en0"', 'ssid=""'):
        assert label in info


def test_a_virtual_mac_has_no_hardware(macos: Path) -> None:
    printed = (macos / "system_profiler-airport" / "catalina-vmware-intel.json").read_bytes()
    assert see(wifi, {REPORT: printed, ADDRESSES: NEVER}).only("macos_wifi_state") == "no_hardware"


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        (
            "cn-wifi-section.txt",
            {"rssi_dbm": -24, "noise_dbm": -83, "cca_ratio": 0.36, "channel": 6, "channel_width_hertz": 20e6,
             "mcs_index": 9, "spatial_streams": 2, "guard_interval_seconds": 8e-7,
             "transmit_rate_bytes_per_second": 229 * 125_000},
        ),
        (
            "cz-wifi-section.txt",
            {"rssi_dbm": -79, "noise_dbm": -91, "cca_ratio": 0.16, "channel": 44, "channel_width_hertz": 40e6,
             "mcs_index": 2, "spatial_streams": 2, "guard_interval_seconds": 1.6e-6,
             "transmit_rate_bytes_per_second": 103 * 125_000},
        ),
    ],
)  # fmt: skip
def test_wdutil(name: str, facts: dict[str, float], macos: Path) -> None:
    context = Context(config=WifiConfig(wdutil=True), key=b"fixture")
    told = (macos / "wdutil" / name).read_text()
    for printed in (told, f"{told}{RULE}\nBLUETOOTH\n{RULE}\n    Power                : Off\n"):
        reading = look(wifi, Replay(captures({WDUTIL: printed.encode(), ADDRESSES: KNOWN})), context).reading
        text = render(wifi.metrics(advance(None, reading, NOW, context), context)).decode()
        rows = dict(re.findall(r"^macos_wifi_(\w+) (\S+)$", text, re.MULTILINE))
        rows.pop("roams_total")
        assert {key: float(value) for key, value in rows.items()} == pytest.approx(facts)
        assert 'state="connected"} 1.0' in text
        assert 'security="wpa2_personal"' in text
        private = re.findall(r"(?:SSID|MAC Address|IPv4 Address)\s*: (\S+)", told)
        assert len(private) >= 3
        assert not any(each in text for each in private)


def test_routes(macos: Path) -> None:
    there = route.parse(Output((macos / "route" / "default-en0.txt").read_bytes()))
    assert there == route.Route("en0", "192.168.1.1")
    none = (macos / "route" / "default-none.stderr.txt").read_bytes()
    assert route.parse(Output(b"", none)) is None
    seen = see(network_path, {route.DEFAULT: Captured(b"", none), ADDRESSES: NEVER})
    assert seen.only("macos_network_state") == "offline"


def test_the_kind_of_the_interface_and_nothing_else_of_the_summary(macos: Path) -> None:
    printed = (macos / "ipconfig-summary" / "macos15.6-tail.txt").read_bytes()
    way = (macos / "route" / "default-en0.txt").read_bytes()
    seen = see(network_path, {route.DEFAULT: way, ADDRESSES: KNOWN, summary_of("en0"): printed})
    assert 'macos_network_default_route{interface="en0",kind="wifi"}' in seen.values


def test_name_servers(macos: Path) -> None:
    """The posters cut the list before its second part, whose title says that the first is complete."""
    ppp = (macos / "scutil-dns" / "macos10.15-ppp-supplemental-excerpt.txt").read_bytes()
    assert scutil.dns(Output(ppp)) == {"default": 1}
    assert scutil.dns(Output(ppp + f"\n\n{scutil.SCOPED}\n".encode())) == {"default": 1, "supplemental": 2}
    plain = (macos / "scutil-dns" / "macos26-2025-excerpt.txt").read_bytes()
    assert scutil.dns(Output(plain)) == {"default": 3}
    assert scutil.dns(Output(plain + f"\n\n{scutil.SCOPED}\n".encode())) == {"default": 3, "supplemental": 0}


def test_services(macos: Path) -> None:
    found = scutil.services(Output((macos / "scutil-nc" / "l2tp-ikev2.txt").read_bytes()))
    assert {state: count for state, count in found.items() if count} == {
        "connected": 1,
        "disconnected": 1,
        "disabled": 1,
    }


def test_proxies(macos: Path) -> None:
    found = scutil.proxies(Output((macos / "scutil-proxy" / "local-proxy.txt").read_bytes()))
    assert {kind for kind, on in found.items() if on} == {"http", "https", "socks"}


@pytest.mark.parametrize("name", ["mbp16-apple-silicon-macos14.4.txt", "macos-10.14.6-intel.txt"])
def test_no_mac_has_a_vpn_by_its_own_tunnels(name: str, macos: Path) -> None:
    told = (macos / "ifconfig" / name).read_text()
    known: dict[str, dict[str, list[str]]] = {}
    for line in told.splitlines():
        if found := re.match(r"(\w+): flags", line):
            kinds = known.setdefault(found[1], {"ipv4": [], "ipv6": []})
        elif found := re.match(r"\s+inet(6?) (\S+)", line):
            kinds["ipv6" if found[1] else "ipv4"].append(found[2])
    assert sum(each.startswith("utun") for each in known) >= 2
    way = (macos / "route" / "default-en0.txt").read_bytes()
    seen = see(network_path, {route.DEFAULT: way, ADDRESSES: json.dumps(known).encode()})
    assert seen.only("macos_network_state") == "routed"
    assert not any(value for series, value in seen.values.items() if series.startswith("macos_vpn_tunnels"))


def test_a_result_of_network_quality(macos: Path) -> None:
    result = (macos / "networkquality" / "macos27-c.json").read_bytes()
    given = captures({CLOCKS: json.dumps({"now": NOW}).encode()})
    entry = {"name": "networkquality.json", "size": len(result), "modified": NOW - 60}
    given.listings["/Library/Application Support/Pomona"] = Captured(json.dumps([entry]).encode())
    given.files["/Library/Application Support/Pomona/networkquality.json"] = Captured(result)
    context = Context(config=network_quality.config() if network_quality.config else None)
    found = look(network_quality, Replay(given), context)
    assert found.problems == {}
    (told,) = found.reading.results
    assert told.download == pytest.approx(67181720 / 8)
    assert told.upload == pytest.approx(110664168 / 8)
    assert told.responsiveness == pytest.approx(189.62, abs=0.01)
    assert told.base == pytest.approx(0.01124, abs=1e-5)
    assert told.time == NOW - 60
