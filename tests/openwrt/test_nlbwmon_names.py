"""How the collector nlbwmon names devices, whom it asks for names, and what it makes of bad answers."""

import json
from typing import Any

import msgspec
import pytest

from conftest import COLLECTORS
from exporters.core.context import Level
from exporters.openwrt.leases import HINTS, HOSTS, LEASES
from exporters.openwrt.nlbw import FIREWALL, PROTOCOLS, SETTINGS
from exporters.sources.base import Denied, TimedOut
from exporters.sources.replay import Captured
from openwrt.watching import COLUMNS, LISTED, NLBWMON, OTHERS, A, B, C, Watch, pairs, printed


def told(level: Level, **config: Any) -> Watch:
    watch = Watch(level, devices=LISTED, **config)
    lines = (
        f"1900000000 {mac} {ip} {name} *\n" for mac, ip, name in ((A, "10.0.0.9", "annas-mac"), (B, "10.0.0.7", "pi"))
    )
    watch.answers[LEASES] = "".join(lines).encode()
    return watch.look(printed((A, 1_000), (B, 400), (C, 5)))


def labels(watch: Watch, family: str = "device_info") -> list[dict[str, str]]:
    split = [dict(pair.split("=", 1) for pair in each.split('",')) for each in watch.of(family)]
    return [{name: value.strip('"') for name, value in each.items()} for each in split]


def test_at_standard_addresses_and_listed_names_are_shown_and_names_of_leases_are_not() -> None:
    first, second, third = labels(told("standard"))
    assert (first["mac"], first["name"], first["category"], first["group"]) == (A, "Anna's laptop", "laptop", "design")
    assert (second["mac"], second["name"], second["category"]) == (B, "", "")
    assert third["randomized"] == "true"
    assert {each["ipv4"] for each in (first, second, third)} == {""}


def test_at_full_names_and_addresses_are_shown_and_a_listed_name_wins() -> None:
    first, second, third = labels(told("full"))
    assert (first["name"], first["ipv4"]) == ("Anna's laptop", "10.0.0.9")
    assert (second["name"], second["ipv4"]) == ("pi", "10.0.0.7")
    assert (third["name"], third["ipv4"]) == ("", "192.168.1.12")


def test_at_strict_no_address_and_no_name_leaves() -> None:
    watch = told("strict")
    text = " ".join(watch.values)
    assert not [each for each in (A, B, C, "Anna", "annas", "pi", "10.0.0", "192.168") if f'"{each}' in text]
    first, *_ = labels(watch)
    assert first["group"] == ""
    assert (first["mac"], first["category"], first["vendor"]) == (watch.context.hash(A), "", "Apple, Inc.")
    assert set(watch.by_mac("device_receive_bytes_total")) == {
        *(watch.context.hash(each) for each in (A, B, C)),
        "other",
    }
    assert set(watch.by_mac("device_known")) == {watch.context.hash(each) for each in (A, B, C)}


def test_a_static_name_wins_over_a_lease_and_a_lease_over_a_hint() -> None:
    watch = Watch("full")
    watch.answers[HOSTS] = (
        f"config host\n\toption name 'desk'\n\toption mac '{A.upper()}'\n"
        "config dnsmasq\n\toption domain 'home.example'\n"
    ).encode()
    watch.answers[LEASES] = f"0 {A} 10.0.0.9 other-name *\n0 {B} 10.0.0.7 pi *\n".encode()
    hints = {mac.upper(): {"name": f"{name}.home.example"} for mac, name in ((A, "a"), (B, "b"), (C, "phone"))}
    watch.answers[HINTS] = json.dumps(hints).encode()
    watch.look(printed((A, 1), (B, 1), (C, 1)))
    assert [each["name"] for each in labels(watch)] == ["desk", "pi", "phone"]


def test_what_has_no_series_of_its_own_can_be_joined_with_a_name_too() -> None:
    assert Watch().look(printed((A, 1))).values[OTHERS] == 1
    assert OTHERS not in Watch().look(Captured(error=TimedOut)).values


def test_luci_is_asked_for_names_only_where_they_may_be_shown() -> None:
    assert HINTS in Watch("full").look(printed((A, 1))).asked
    assert HINTS not in Watch().look(printed((A, 1))).asked


def test_what_a_look_notices_is_told_for_the_log() -> None:
    watch = Watch(devices=LISTED).look(printed((A, 1_000)))
    assert NLBWMON.events
    assert NLBWMON.events(watch.state) == ()
    watch.look(printed((A, 1_000), (B, 10)))
    assert NLBWMON.events(watch.state) == ({"event": "new", "known": "false", "devices": "1"},)
    watch.look(printed((A, 10)))
    assert {"event": "correction", "cause": "rollback"} in NLBWMON.events(watch.state)
    assert NLBWMON.events(watch.look(printed((A, 10))).state) == ()


def test_the_lowest_address_of_a_device_is_told() -> None:
    watch = Watch("full")
    watch.answers[LEASES] = f"0 {B} 10.0.0.10 * *\n0 {B} 10.0.0.9 * *\n".encode()
    watch.look(printed((A, 1), (A, 1), (B, 1), ip="192.168.1.{}"))
    assert [each["ipv4"] for each in labels(watch)] == ["192.168.1.10", "10.0.0.9"]
    watch.look(printed((A, 1), ip="fd00::{}"))
    assert labels(watch)[0]["ipv4"] == ""


def test_devices_with_a_lease_are_told_while_there_is_room() -> None:
    watch = Watch(devices=LISTED, max_devices=3)
    watch.answers[LEASES] = f"0 {B} 10.0.0.1 * *\n0 {C} 10.0.0.2 * *\n0 {C[:-1]}d 10.0.0.3 * *\n".encode()
    assert watch.look(printed((B, 1))).by_mac("device_known") == {B: 0, C: 0, f"{C[:-1]}d": 0}


def test_a_listed_device_is_told_by_the_routers_that_know_it() -> None:
    """One devices.yml serves many routers."""
    watch = Watch(devices=LISTED, max_devices=1)
    assert watch.look(printed((B, 1))).by_mac("device_known") == {B: 0}
    watch.answers[LEASES] = f"0 {A} 10.0.0.1 * *\n".encode()
    assert watch.look(printed((B, 1))).by_mac("device_known") == {B: 0, A: 1}


@pytest.mark.parametrize("name", ['a "quote"', "back\\slash", "\N{SNOWMAN} " * 30])
def test_any_name_is_a_label(name: str) -> None:
    watch = Watch(devices={A: {"name": name}}).look(printed((A, 1)))
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    assert f'name="{escaped}"' in next(iter(watch.of("device_info")))


@pytest.mark.parametrize("bad", ["columns", "negative", "beyond", "cut", "no MAC"])
def test_bad_input_is_told_and_counts_nothing(bad: str) -> None:
    whole = printed((A, 1_600), (B, 400))
    answers = {
        "columns": printed((A, 1_600), columns=[*COLUMNS[:-1], "tx_packets"]),
        "negative": whole.replace(b"1600", b"-1"),
        "beyond": whole.replace(b"1600", b"18446744073709551616"),
        "cut": whole[:-20],
        "no MAC": whole.replace(A.encode(), b"Anna"),
    }
    watch = Watch().look(printed((A, 1_000), (B, 400))).look(answers[bad])
    assert watch.status() == "unparsable"
    assert watch.problems["unparsable"]
    assert "Anna" not in watch.problems["unparsable"]
    assert watch.look(whole).by_mac("device_receive_bytes_total") == {A: 600, B: 0, "other": 0}


@pytest.mark.parametrize("question", [LEASES, HOSTS, HINTS, PROTOCOLS, SETTINGS, FIREWALL])
def test_what_cannot_be_read_beside_the_traffic_is_told_and_hides_nothing(question: Any) -> None:
    watch = Watch("full", protocols=["HTTPS"])
    watch.answers[PROTOCOLS] = pairs((A, "HTTPS", 1))
    watch.answers[question] = b"\xff{ no such thing\n"
    watch.look(printed((A, 1_000)))
    assert set(watch.problems) == {"unparsable"}
    assert watch.by_mac("device_receive_bytes_total") == {A: 0, "other": 0}


def test_configuration_that_only_root_may_read_is_told_and_its_part_is_missing() -> None:
    watch = Watch()
    watch.answers |= dict.fromkeys((SETTINGS, FIREWALL, HOSTS), Captured(error=Denied))
    watch.look(printed((A, 1_000)))
    assert set(watch.problems) == {"denied"}
    assert watch.status() == "ok"
    assert "openwrt_nlbwmon_refresh_interval_seconds" not in watch.values
    assert 'problem="flow_offloading"' not in watch.of("nlbwmon_problem")


def test_configuration_that_is_not_there_is_no_fault() -> None:
    watch = Watch()
    watch.answers.clear()
    assert watch.look(printed((A, 1_000))).problems == {}


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"time_zone": "Mars/Olympus"}, "no time zone"),
        ({"time_zone": "../../etc/passwd"}, "no time zone"),
        ({"devices": {"Anna": {}}}, "no MAC address"),
        ({"devices": {A: {}, A.upper(): {}}}, "same address"),
        ({"max_devices": 0}, ">= 1"),
        ({"hide_after_days": 0}, "> 0"),
    ],
)
def test_a_faulty_configuration_is_refused(config: Any, what: str) -> None:
    kind = COLLECTORS["nlbwmon"].config
    assert kind
    with pytest.raises(msgspec.ValidationError, match=what):
        msgspec.convert(config, kind)


def test_devices_are_found_however_their_address_is_written() -> None:
    watch = Watch(devices={A.upper().replace(":", "-"): {"name": "desk"}}).look(printed((A, 1)))
    assert watch.by_mac("device_known") == {A: 1}
