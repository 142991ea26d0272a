"""Wi-Fi: three kinds of not connected, units, roaming, no name and no address, one id at both ends of a link."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from conftest import context_for
from exporters.core.context import Context, Level
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.macos.radio import STATES, Channel, Link, security
from exporters.macos.wifi import ADDRESSES, REPORT, WDUTIL, History, WifiConfig, advance, wifi
from exporters.openwrt.wireless import Station, wireless
from exporters.sources.replay import Replay
from macos.looking import NOW, Seen, captures, see, spoiled_bytes, spoiled_json, steadily

MAC = "0a:11:22:33:44:55"
CURRENT = {
    "_name": "Orchard Guests",
    "spairport_network_channel": "100 (5GHz, 80MHz)",
    "spairport_network_mcs": 9,
    "spairport_network_phymode": "802.11ax",
    "spairport_network_rate": 864,
    "spairport_security_mode": "spairport_security_mode_wpa2_personal",
    "spairport_signal_noise": "-58 dBm / -93 dBm",
}
CONNECTED = {
    "_name": "en0",
    "spairport_status_information": "spairport_status_connected",
    "spairport_current_network_information": CURRENT,
}
AWDL = {
    "_name": "awdl0",
    "spairport_current_network_information": {"spairport_network_type": "spairport_network_type_station"},
}
KNOWN = json.dumps({"en0": {"mac": MAC, "ipv4": ["192.168.7.21"], "ipv6": []}}).encode()
RULE = "\u2014" * 100
SECTION = {
    "MAC Address": f"{MAC} (hw=00:00:5e:00:53:01)",
    "Interface Name": "en0",
    "Power": "On [On]",
    "SSID": "Orchard Guests",
    "BSSID": "00:00:5e:00:53:99",
    "RSSI": "-49 dBm",
    "CCA": "12 %",
    "Noise": "-95 dBm",
    "Tx Rate": "1921.0 Mbps",
    "Security": "WPA3 Personal",
    "PHY Mode": "11ax",
    "MCS Index": "11",
    "Guard Interval": "800",
    "NSS": "2",
    "Channel": "6g37/160",
}
ROOT = Context(config=WifiConfig(wdutil=True), key=b"fixture")


def report(*interfaces: Any) -> bytes:
    return json.dumps({"SPAirPortDataType": [{"spairport_airport_interfaces": interfaces}]}).encode()


def reported(printed: bytes) -> Seen:
    return see(wifi, {REPORT: printed, ADDRESSES: KNOWN})


def told(**changes: Any) -> Seen:
    current = {**CURRENT, **{f"spairport_{name}": value for name, value in changes.items()}}
    return reported(report({**CONNECTED, "spairport_current_network_information": current}))


def section(**changes: str) -> bytes:
    fields = "".join(f"    {key:<21}: {value}\n" for key, value in {**SECTION, **changes}.items())
    return f"{RULE}\nWIFI\n{RULE}\n{fields}{RULE}\nBLUETOOTH\n{RULE}\n    Power                : Off\n".encode()


def by_wdutil(printed: bytes, level: Level = "standard") -> str:
    context = replace(ROOT, level=level)
    seen = look(wifi, Replay(captures({WDUTIL: printed, ADDRESSES: KNOWN})), context)
    if seen.failed:
        return f"problem {seen.failed}"
    return render(wifi.metrics(advance(None, seen.reading, NOW, context), context)).decode()


def test_a_connection_in_base_units() -> None:
    seen = told()
    assert seen.only("macos_wifi_state") == "connected"
    assert seen.values["macos_wifi_rssi_dbm"] == -58
    assert seen.values["macos_wifi_noise_dbm"] == -93
    assert seen.values["macos_wifi_transmit_rate_bytes_per_second"] == 108e6
    assert seen.values["macos_wifi_channel"] == 100
    assert seen.values["macos_wifi_channel_width_hertz"] == 80e6


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("spairport_status_off", "off"),
        ("spairport_status_disassociated", "not_associated"),
        ("spairport_status_inactive", "not_associated"),
        ("spairport_status_thinking", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_kinds_of_not_connected(status: str | None, state: str) -> None:
    interface = {"_name": "en0"} | ({"spairport_status_information": status} if status else {})
    seen = reported(report(interface, AWDL))
    assert seen.only("macos_wifi_state") == state
    assert {name.partition("{")[0] for name in seen.values} == {"macos_wifi_state", "macos_wifi_roams_total"}


def test_no_hardware_is_a_report_without_interfaces() -> None:
    without = json.dumps({"SPAirPortDataType": [{"spairport_software_information": {}}]}).encode()
    assert reported(without).only("macos_wifi_state") == "no_hardware"
    assert reported(b'{"SPAirPortDataType": [{}]}').problems.keys() == {"unparsable"}


def test_awdl_is_no_connection() -> None:
    full = {**AWDL, "spairport_current_network_information": CURRENT}
    assert reported(report(full)).only("macos_wifi_state") == "unknown"
    assert reported(report(full, CONNECTED)).values["macos_wifi_channel"] == 100


@pytest.mark.parametrize("signal", ["0 dBm / 0 dBm", "1 dBm / 5 dBm", "-128 dBm / -200 dBm"])
def test_what_was_not_measured_gives_no_sample(signal: str) -> None:
    seen = told(signal_noise=signal, network_rate=0, network_mcs=-1)
    assert not any(name in series for series in seen.values for name in ("_dbm", "_rate_", "_mcs_"))
    assert seen.only("macos_wifi_state") == "connected"


@pytest.mark.parametrize(
    "changes", [{"signal_noise": "strong"}, {"network_channel": "many"}, {"network_rate": "x"}, {"network_mcs": "x"}]
)
def test_what_cannot_be_read_is_told_and_takes_nothing_else_with_it(changes: dict[str, str]) -> None:
    seen, whole = told(**changes), told()
    assert seen.problems == {"unparsable": seen.problems["unparsable"]}
    assert seen.only("macos_wifi_state") == "connected"
    lost = {name.partition("{")[0].removeprefix("macos_wifi_") for name in whole.values.keys() - seen.values.keys()}
    assert (
        lost
        == {
            "signal_noise": {"rssi_dbm", "noise_dbm"},
            "network_channel": {"channel", "channel_width_hertz", "info"},
            "network_rate": {"transmit_rate_bytes_per_second"},
            "network_mcs": {"mcs_index"},
        }[next(iter(changes))]
    )


def test_a_signal_without_noise_and_a_channel_with_a_remark() -> None:
    seen = told(signal_noise="-51 dBm", network_channel="36 (5GHz, 80MHz, DFS)")
    assert not seen.problems
    assert seen.values["macos_wifi_rssi_dbm"] == -51
    assert "macos_wifi_noise_dbm" not in seen.values
    assert seen.values["macos_wifi_channel_width_hertz"] == 80e6


@pytest.mark.parametrize(
    ("key", "series"),
    [("CCA", "cca_ratio"), ("Noise", "noise_dbm"), ("MCS Index", "mcs_index"), ("Channel", "channel ")],
)
@pytest.mark.parametrize("value", ["None", "odd"])
def test_one_odd_field_of_wdutil_is_left_out_alone(key: str, series: str, value: str) -> None:
    text = by_wdutil(section(**{key: value}))
    assert 'state="connected"} 1.0' in text
    assert f"macos_wifi_{series}" in by_wdutil(section())
    assert f"macos_wifi_{series}" not in text
    assert "macos_wifi_rssi_dbm -49.0" in text
    seen = look(wifi, Replay(captures({WDUTIL: section(**{key: value}), ADDRESSES: KNOWN})), ROOT)
    assert seen.problems.keys() == (set() if value == "None" else {"unparsable"})


def test_a_network_without_encryption_is_open_by_wdutil_too() -> None:
    assert 'security="open"' in by_wdutil(section(Security="None"))


def test_a_channel_of_wdutil_without_a_band() -> None:
    text = by_wdutil(section(Channel="44/80"))
    assert "macos_wifi_channel 44.0" in text
    assert 'band=""' in text


def test_a_hidden_name_is_a_connection_only_where_an_access_point_is_heard() -> None:
    unheard = by_wdutil(section(SSID="<redacted>", RSSI="0 dBm", Noise="0 dBm", Channel="None"))
    assert 'state="unknown"} 1.0' in unheard


@pytest.mark.parametrize("channel", [44, "44"])
def test_an_old_report_tells_the_channel_alone(channel: object) -> None:
    seen = told(network_channel=channel)
    assert seen.values["macos_wifi_channel"] == 44
    assert "macos_wifi_channel_width_hertz" not in seen.values


@pytest.mark.parametrize(
    ("word", "normal"),
    [
        ("spairport_security_mode_none", "open"),
        ("spairport_security_mode_wep", "wep"),
        ("spairport_security_mode_wpa_personal_mixed", "wpa"),
        ("spairport_security_mode_wpa2_personal", "wpa2_personal"),
        ("pairport_security_mode_wpa3_transition", "wpa3_transition"),
        ("spairport_security_mode_wpa3_personal", "wpa3_personal"),
        ("spairport_security_mode_wpa2_enterprise", "wpa2_enterprise"),
        ("spairport_security_mode_wpa4_quantum", "other"),
        ("WPA2 Personal", "wpa2_personal"),
        ("WPA2/WPA3 Personal", "wpa3_transition"),
        ("None", "open"),
        ("", ""),
    ],
)
def test_security_is_one_of_a_closed_set(word: str, normal: str) -> None:
    assert security(word) == normal


def test_wdutil_tells_more() -> None:
    text = by_wdutil(section())
    for line in (
        "macos_wifi_cca_ratio 0.12",
        "macos_wifi_spatial_streams 2.0",
        "macos_wifi_guard_interval_seconds 8e-07",
        "macos_wifi_transmit_rate_bytes_per_second 240125000.0",
        'band="6GHz"',
    ):
        assert line in text


def test_wdutil_tells_off_and_not_associated() -> None:
    assert 'state="off"} 1.0' in by_wdutil(section(Power="Off [Off]"))
    assert 'state="not_associated"} 1.0' in by_wdutil(section(SSID="None", RSSI="0 dBm", Channel="None"))
    assert 'state="connected"} 1.0' in by_wdutil(section(SSID="<redacted>"))
    assert by_wdutil(b"usage: sudo wdutil\n") == "problem unparsable"


def test_names_leave_at_full_and_addresses_never() -> None:
    for printed in (section(), section(SSID="<redacted>")):
        for level in ("standard", "strict", "full"):
            text = by_wdutil(printed, level)  # type: ignore[arg-type]
            assert MAC not in text
            assert "5e:00:53" not in text
            assert "redacted" not in text
            assert ("Orchard" in text) == (level == "full" and printed == section())


def test_wdutil_alone_is_asked_where_it_is_configured() -> None:
    assert wifi.required_for(ROOT) == (WDUTIL, ADDRESSES)
    assert WDUTIL.root
    assert wifi.required_for(context_for(wifi)) == (REPORT, ADDRESSES)


@pytest.mark.parametrize("level", ["standard", "full", "strict"])
def test_both_ends_of_a_link_have_one_id(level: Level) -> None:
    context = Context(config=WifiConfig(), level=level, key=b"fleet")
    seen = look(wifi, Replay(captures({REPORT: report(CONNECTED), ADDRESSES: KNOWN})), context)
    here = render(wifi.metrics(advance(None, seen.reading, NOW, context), context)).decode()
    at_router = replace(context_for(wireless, level), key=b"fleet")
    there = render(wireless.metrics({"phy0-ap0": (Station(MAC.lower(), -50),)}, at_router)).decode()
    ids = {text.split('join_id="')[1].split('"')[0] for text in (here, there)}
    assert ids == ({""} if level == "strict" else {context.hash(MAC)})


@pytest.mark.parametrize("mac", ["02:00:00:00:00:00", "00:00:00:00:00:00", "<redacted>", ""])
def test_an_address_that_is_none_joins_nothing(mac: str) -> None:
    known = json.dumps({"en0": {"mac": mac}}).encode()
    seen = see(wifi, {REPORT: report(CONNECTED), ADDRESSES: known})
    assert any('join_id=""' in series for series in seen.values)


def link(number: float = 36, **fields: Any) -> Link:
    return Link("connected", "en0", channel=Channel(number, "5GHz", 80e6), **fields)


@pytest.mark.parametrize(
    ("before", "after", "roams"),
    [
        (link(36), link(36), 0),
        (link(36), link(100), 1),
        (link(36, bssid="a"), link(36, bssid="b"), 1),
        (link(36, bssid="a"), link(100, bssid="a"), 0),
        (link(36, bssid="a"), link(100), 1),
        (link(36, ssid="home"), link(100, ssid="work"), 0),
        (Link("not_associated", "en0"), link(100), 0),
        (link(36), Link("off", "en0"), 0),
        (link(36), replace(link(100), interface="en7"), 0),
    ],
)
def test_roaming(before: Link, after: Link, roams: int) -> None:
    assert advance(advance(None, before, 0, ROOT), after, 300, ROOT) == History(after, roams)


@steadily
@given(spoiled_json(json.loads(report(CONNECTED, AWDL))), spoiled_json(json.loads(KNOWN)))
def test_any_report_is_read_or_unparsable(printed: bytes, known: bytes) -> None:
    seen = see(wifi, {REPORT: printed, ADDRESSES: known})
    assert seen.problems.keys() <= {"unparsable", "failed"}
    assert seen.only("macos_wifi_state") in {None, *STATES}
    assert -127 <= seen.values.get("macos_wifi_rssi_dbm", -1) < 0


@steadily
@given(spoiled_bytes(section()))
def test_any_text_of_wdutil_is_read_or_unparsable(printed: bytes) -> None:
    text = by_wdutil(printed)
    assert text == "problem unparsable" or "macos_wifi_state" in text
