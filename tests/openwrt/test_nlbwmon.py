"""What a person sees of the devices behind a router: look by look, when nlbw fails, at each privacy level."""

import gzip
import json
from calendar import timegm
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st

from exporters.openwrt.leases import LEASES
from exporters.openwrt.nlbw import CLOSED, DATE, FIREWALL, NETFILTER, PROTOCOLS, SETTINGS, TRAFFIC, ZERO, closed_period
from exporters.sources.base import Command, TimedOut, Unreachable
from exporters.sources.replay import Captured
from openwrt.watching import (
    LISTED,
    NLBWMON,
    NOON,
    A,
    B,
    C,
    Watch,
    pairs,
    printed,
    settings,
)

DAY = 86_400.0
FAILURES = {
    "daemon_down": Captured(b"", b"Error while processing command: Bad file descriptor", 247),
    "not_installed": Captured(b"", b"ash: nlbw: not found", 127),
    "no_data": Captured(b"", b"", 195),
    "error": Captured(b"", b"", 1),
    "hang": Captured(error=TimedOut),
    "unparsable": Captured(b'{"columns":["m"ac"],"data":[]}'),
}
OF_TRAFFIC = ("device_receive_bytes_total", "nlbwmon_period_receive_bytes", "device_period_bytes", "devices")


def captured(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def totals(answer: bytes) -> dict[str, int]:
    """The sums of an answer's columns, taken from its raw rows."""
    told = json.loads(answer)
    places = {name: told["columns"].index(name) for name in ("rx_bytes", "tx_bytes", "conns")}
    return {name: sum(row[place] for row in told["data"]) for name, place in places.items()}


def test_the_period_gauges_add_up_to_what_every_capture_holds(corpus: Path) -> None:
    found = 0
    for path in sorted((corpus / "router").rglob("*.json*")):
        data = captured(path) if path.suffix in {".json", ".gz"} else b""
        if b'"columns"' not in data or "mac" not in json.loads(data)["columns"]:
            continue
        watch = Watch(max_devices=10).look(data)
        expected = totals(data)
        assert watch.status() == "ok"
        assert sum(watch.of("nlbwmon_period_receive_bytes").values()) == expected["rx_bytes"], path.name
        assert sum(watch.of("nlbwmon_period_transmit_bytes").values()) == expected["tx_bytes"], path.name
        assert sum(watch.of("nlbwmon_period_connections").values()) == expected["conns"], path.name
        found += 1
    assert found >= 20


def test_a_home_of_twenty_devices_is_shown_by_name_at_full(corpus: Path) -> None:
    folder = corpus / "router"
    watch = Watch("full")
    watch.answers[LEASES] = (folder / "leases" / "home-t0.dhcp.leases").read_bytes()
    watch.look((folder / "nlbw" / "home" / "t0-family-mac-ip.json").read_bytes())
    assert watch.of("devices") == {'known="true"': 0, 'known="false"': 20}
    told = watch.of("device_info")
    assert len(told) == 20
    (pixel,) = (labels for labels in told if 'mac="da:a1:19:10:20:02"' in labels)
    assert 'ipv4="192.168.1.226"' in pixel
    assert 'name="Pixel-8"' in pixel
    assert 'randomized="true",vendor=""' in pixel
    assert not any('name="*"' in labels for labels in told)


def test_a_recorded_month_that_ends_is_counted_once_with_the_rest_of_the_old_one(corpus: Path) -> None:
    folder, first = corpus / "router" / "nlbw" / "rollover", "3c:22:fb:00:00:01"
    midnight = timegm((2026, 2, 1, 0, 0, 0)) - 3_600
    watch = Watch(now=midnight - 37.5)
    watch.answers[SETTINGS] = settings(refresh="5s")
    watch.answers[closed_period("2026-01-01")] = (folder / "json-2026-01-01.json").read_bytes()
    recorded = [json.loads(line) for line in (folder / "monthly-rollover.jsonl").read_text().splitlines()]
    seen: list[float] = []
    for each in [*recorded, {**recorded[-1], "t": 65}]:
        watch.look(json.dumps(each["nlbw_json_g_mac"]).encode(), midnight - 37.5 + each["t"] - watch.now)
        seen.append(watch.by_mac("device_receive_bytes_total")[first])
    assert all(before <= after for before, after in pairwise(seen))
    assert seen[-1] == 13_893_500 - 10_890_380 + 1_501_560
    assert closed_period("2026-01-01") in watch.asked
    assert watch.of("corrections_total")['cause="rollover"'] == 1
    assert watch.values["openwrt_nlbwmon_period_start_timestamp_seconds"] == midnight
    assert watch.by_mac("nlbwmon_period_receive_bytes")[first] == 1_501_560


@pytest.mark.parametrize(
    ("name", "problem"),
    [("misc/acct-disabled.json", "accounting_off"), ("misc/events-disabled-upstream.json", "no_records")],
)
def test_recorded_silent_failures_are_told(corpus: Path, name: str, problem: str) -> None:
    watch = Watch()
    watch.answers[NETFILTER["count"]] = b"240\n"
    watch.look((corpus / "router" / "nlbw" / name).read_bytes())
    assert watch.status() == "ok"
    assert [labels for labels, value in watch.of("nlbwmon_problem").items() if value] == [f'problem="{problem}"']


def test_a_recorded_full_database_counts_what_grew_and_takes_nothing_back(corpus: Path) -> None:
    """Between two looks 7 of 19 records were dropped: the second device lost some, the last one most."""
    rows = ("da:a1:19:00:00:03", 10_000_000), ("b8:27:eb:00:00:02", 1_500_000), ("3c:22:fb:00:00:01", 9_000)
    watch = Watch().look(printed(*rows))
    before = watch.by_mac("device_receive_bytes_total")
    watch.look((corpus / "router" / "nlbw" / "limit" / "01-limit12.json").read_bytes())
    after = watch.by_mac("device_receive_bytes_total")
    assert all(after[mac] >= value for mac, value in before.items())
    assert after["da:a1:19:00:00:03"] == 26_408
    assert after["3c:22:fb:00:00:01"] == 0


def test_the_first_look_counts_nothing_and_the_next_one_what_grew() -> None:
    watch = Watch().look(printed((A, 1_000), (B, 400)))
    assert watch.by_mac("device_receive_bytes_total") == {A: 0, B: 0, "other": 0}
    watch.look(printed((A, 1_600), (B, 400), (C, 50)))
    assert watch.by_mac("device_receive_bytes_total") == {A: 600, B: 0, C: 0, "other": 0}
    assert watch.of("device_period_bytes")[f'mac="{C}",period="day"'] == 75
    watch.look()
    assert watch.by_mac("device_receive_bytes_total") == {A: 600, B: 0, C: 50, "other": 0}
    assert watch.by_mac("device_transmit_bytes_total") == {A: 300, B: 0, C: 25, "other": 0}
    assert watch.by_mac("device_receive_packets_total") == {A: 6, B: 0, C: 0, "other": 0}
    assert watch.by_mac("device_transmit_packets_total") == {A: 3, B: 0, C: 0, "other": 0}
    assert watch.by_mac("device_connections_total") == {A: 0, B: 0, C: 1, "other": 0}


def test_hosts_without_an_address_of_their_own_and_those_beyond_the_cap_are_one() -> None:
    watch = Watch(max_devices=1).look(printed((A, 1_000), (B, 400), (ZERO, 70)))
    watch.look(printed((A, 1_000), (B, 500), (ZERO, 90)))
    assert watch.by_mac("device_receive_bytes_total") == {A: 0, "other": 120}
    assert watch.by_mac("nlbwmon_period_receive_bytes") == {A: 1_000, "other": 590}
    assert watch.of("devices") == {'known="true"': 0, 'known="false"': 1}


def test_activity_is_growth_and_not_presence() -> None:
    watch = Watch().look(printed((A, 1_000), (B, 400)))
    begun = watch.now
    watch.look(printed((A, 2_000), (B, 400)))
    assert watch.by_mac("device_last_activity_timestamp_seconds") == {A: watch.now, B: begun}
    assert watch.by_mac("device_first_seen_timestamp_seconds") == {A: begun, B: begun}


def test_use_is_that_of_the_calendar_since_the_first_look() -> None:
    """By the router's zone, which is one hour ahead; nlbwmon's own period goes on."""
    watch = Watch(now=timegm((2026, 11, 29, 22, 30, 0))).look(printed((A, 1_000)))
    watch.look(printed((A, 1_200)))
    watch.look(printed((A, 1_600)), 3_600)
    assert watch.of("device_period_bytes") == {
        f'mac="{A}",period="day"': 600,
        f'mac="{A}",period="month"': 900,
        'mac="other",period="day"': 0,
        'mac="other",period="month"': 0,
    }


def test_the_time_zone_of_the_configuration_wins() -> None:
    watch = Watch(now=timegm((2026, 11, 29, 14, 30, 0)), time_zone="Asia/Tokyo").look(printed((A, 1_000)))
    watch.look(printed((A, 1_200)))
    watch.look(printed((A, 1_600)), 3_600)
    assert watch.of("device_period_bytes")[f'mac="{A}",period="day"'] == 600


def test_without_any_zone_there_is_no_use() -> None:
    watch = Watch()
    watch.answers[DATE] = Captured(error=TimedOut)
    watch.look(printed((A, 1_000)))
    assert watch.by_mac("device_receive_bytes_total") == {A: 0, "other": 0}
    assert not watch.of("device_period_bytes")


def test_new_and_vanished_devices_are_counted_from_zero_and_not_at_first_contact() -> None:
    watch = Watch(devices=LISTED, hide_after_days=2).look(printed((B, 400)))
    nothing = {f'event="{event}",known="{known}"': 0 for event in ("new", "vanished") for known in ("true", "false")}
    assert watch.of("device_events_total") == nothing
    watch.look(printed((A, 100), (B, 400), (C, 10)))
    new = {**nothing, 'event="new",known="true"': 1, 'event="new",known="false"': 1}
    assert watch.of("device_events_total") == new
    for day in range(1, 4):
        watch.look(printed((A, 100 + day), (B, 400), (C, 10)), DAY)
    assert watch.of("device_events_total") == {**new, 'event="vanished",known="false"': 2}
    assert set(watch.by_mac("device_receive_bytes_total")) == {A, "other"}


def test_a_device_that_came_while_the_exporter_was_down_is_news() -> None:
    watch = Watch().look(printed((A, 100)))
    watch.restart()
    watch.look(printed((A, 150), (B, 30)))
    assert watch.of("device_events_total")['event="new",known="false"'] == 1
    assert watch.by_mac("device_receive_bytes_total") == {A: 0, B: 0, "other": 0}
    assert watch.look().by_mac("device_receive_bytes_total") == {A: 50, B: 30, "other": 0}


def test_a_restart_forgets_no_calendar_and_no_first_look() -> None:
    watch = Watch(protocols=["HTTPS"])
    watch.answers[PROTOCOLS] = pairs((A, "HTTPS", 10))
    watch.look(printed((A, 100))).look(printed((A, 200)))
    first = watch.by_mac("device_first_seen_timestamp_seconds")
    watch.restart()
    watch.answers[PROTOCOLS] = pairs((A, "HTTPS", 15))
    watch.look(printed((A, 240)))
    assert watch.of("device_period_bytes")[f'mac="{A}",period="month"'] == 210
    assert watch.by_mac("device_first_seen_timestamp_seconds") == first
    assert watch.look().of("protocol_receive_bytes_total")[f'mac="{A}",protocol="HTTPS"'] == 5


@pytest.mark.parametrize("status", FAILURES)
def test_while_nlbw_fails_traffic_is_absent_the_rest_stays_and_nothing_is_lost(status: str) -> None:
    watch = Watch(devices=LISTED, protocols=["HTTPS"])
    watch.answers[LEASES] = b"1900000000 %s 192.168.1.30 * *\n" % B.encode()
    watch.answers[PROTOCOLS] = pairs((A, "HTTPS", 10))
    watch.look(printed((A, 1_000), (C, 10))).look(printed((A, 1_500), (C, 10)))
    good = watch.answers[PROTOCOLS]
    watch.answers[PROTOCOLS] = FAILURES[status]
    watch.look(FAILURES[status])
    assert watch.status() == status
    assert set(watch.problems) <= {"unparsable" if status == "unparsable" else "timeout"}
    assert not [family for family in (*OF_TRAFFIC, "protocol_receive_bytes_total") if watch.of(family)]
    assert not {"openwrt_nlbwmon_records", "openwrt_nlbwmon_period_start_timestamp_seconds"} & set(watch.values)
    assert watch.by_mac("device_known") == {A: 1, B: 0}
    assert watch.of("device_quota_bytes") == {f'mac="{A}",period="day"': 5e9}
    assert watch.of("corrections_total")
    assert watch.of("nlbwmon_problem")
    watch.answers[PROTOCOLS] = good
    watch.look(printed((A, 1_800), (C, 10)))
    assert watch.by_mac("device_receive_bytes_total") == {A: 800, C: 0, "other": 0}


def test_a_router_that_answers_nothing_has_no_status() -> None:
    """A dead link says nothing about nlbwmon."""
    watch = Watch(devices=LISTED).look(printed((A, 1_000)))
    watch.answers = dict.fromkeys(NLBWMON.optional_for(watch.context), Captured(error=Unreachable))
    watch.look()
    assert not watch.values
    assert watch.problems


def test_settings_are_told_and_no_limit_is_no_number() -> None:
    watch = Watch()
    watch.answers[SETTINGS] = settings(limit=500, generations=35)
    watch.look(printed((A, 1)))
    told = {name: value for name, value in watch.values.items() if name.startswith("openwrt_nlbwmon_")}
    assert told["openwrt_nlbwmon_records"] == 1
    assert told["openwrt_nlbwmon_records_limit"] == 500
    assert told["openwrt_nlbwmon_periods_kept"] == 35
    assert told["openwrt_nlbwmon_refresh_interval_seconds"] == 30
    assert told["openwrt_nlbwmon_commit_interval_seconds"] == 86_400
    watch.answers[SETTINGS] = settings(limit=0, generations=0)
    watch.look()
    assert not {"openwrt_nlbwmon_records_limit", "openwrt_nlbwmon_periods_kept"} & set(watch.values)


def test_a_problem_that_cannot_be_judged_is_absent() -> None:
    watch = Watch()
    watch.answers[FIREWALL] = b"config defaults\n\toption flow_offloading '1'\n"
    watch.look(printed((A, 1_000)))
    found = watch.of("nlbwmon_problem")
    assert found['problem="flow_offloading"'] == 1
    assert found['problem="accounting_off"'] == 0
    assert 'problem="events_off"' not in found
    watch.answers[NETFILTER["events"]] = b"0\n"
    assert watch.look().of("nlbwmon_problem")['problem="events_off"'] == 1


def test_protocols_are_told_apart_as_far_as_they_are_asked_for() -> None:
    watch = Watch(protocols=["HTTPS", "QUIC"])
    watch.answers[PROTOCOLS] = pairs((A, "HTTPS", 100), (A, "NTP", 10), (A, None, 5), (ZERO, "HTTPS", 7))
    watch.look(printed((A, 115)))
    watch.answers[PROTOCOLS] = pairs((A, "HTTPS", 160), (A, "NTP", 14), (A, None, 6), (ZERO, "HTTPS", 9))
    watch.look(printed((A, 180)))
    assert watch.of("protocol_receive_bytes_total") == {
        f'mac="{A}",protocol="HTTPS"': 60,
        f'mac="{A}",protocol="other"': 5,
        'mac="other",protocol="other"': 2,
    }
    assert watch.of("protocol_transmit_bytes_total")[f'mac="{A}",protocol="HTTPS"'] == 30


def test_each_device_has_room_for_each_protocol() -> None:
    watch = Watch(protocols=["HTTPS"], max_devices=1)
    watch.answers[PROTOCOLS] = pairs((A, "HTTPS", 100), (A, None, 10), (B, "HTTPS", 5))
    watch.look(printed((A, 110), (B, 5)))
    assert {each.split('"')[1] for each in watch.of("protocol_receive_bytes_total")} == {A, "other"}
    assert len(watch.of("protocol_receive_bytes_total")) == 3


def test_without_protocols_nlbw_is_asked_once() -> None:
    watch = Watch().look(printed((A, 115)))
    assert [each for each in watch.asked if isinstance(each, Command) and each.argv[0] == "nlbw"] == [TRAFFIC]
    assert not watch.of("protocol_receive_bytes_total")


def test_other_protocols_begin_anew_and_count_nothing_twice() -> None:
    watch = Watch(protocols=["HTTPS"])
    watch.answers[PROTOCOLS] = pairs((A, "HTTPS", 100), (A, "QUIC", 900))
    watch.look(printed((A, 1_000))).configure(protocols=["HTTPS", "QUIC"])
    watch.look(printed((A, 1_000)))
    assert set(watch.of("protocol_receive_bytes_total").values()) == {0}
    watch.answers[PROTOCOLS] = pairs((A, "HTTPS", 100), (A, "QUIC", 950))
    assert watch.look().of("protocol_receive_bytes_total")[f'mac="{A}",protocol="QUIC"'] == 50


def test_nlbw_is_asked_last_as_it_can_hang() -> None:
    for config in ({}, {"protocols": ["HTTPS"]}):
        questions = NLBWMON.optional_for(Watch(**config).context)
        asks_nlbw = [isinstance(each, Command) and each.argv[0] == "nlbw" for each in questions]
        assert asks_nlbw == sorted(asks_nlbw)


def test_closed_periods_are_asked_for_once_each_and_at_most_forty() -> None:
    watch = Watch()
    watch.answers[SETTINGS] = settings("2026-01-01/1")
    watch.look(printed((A, 1_000)))
    watch.look(printed((A, 10)), 100 * DAY)
    again = [each for each in watch.asked if isinstance(each, Command) and "-t" in each.argv]
    assert len(again) == len(set(again)) == 40
    assert all(NLBWMON.form_of(each, watch.context) for each in again)
    watch.answers |= dict.fromkeys(again, FAILURES["no_data"])
    watch.look()
    assert not [each for each in watch.look().asked if isinstance(each, Command) and "-t" in each.argv]
    assert NLBWMON.then_asks == (CLOSED,)


SIZES = st.dictionaries(st.sampled_from([A, B, C, ZERO]), st.integers(0, 5_000), max_size=4)
STEPS = st.one_of(
    st.tuples(st.just("look"), SIZES),
    st.tuples(st.sampled_from(["restart", *FAILURES]), st.just({})),
)


@rules(derandomize=True, deadline=None, max_examples=100)
@given(steps=st.lists(STEPS, max_size=12), cap=st.integers(1, 4))
def test_whatever_nlbw_prints_no_counter_falls_sums_are_nlbws_and_use_is_what_was_counted(steps: Any, cap: int) -> None:
    watch = Watch(max_devices=cap)
    before: dict[str, float] = {}
    counted = used = 0.0
    for what, sizes in steps:
        if what == "restart":
            if watch.state is not None:
                watch.restart()
            before = {}
            continue
        answer = FAILURES.get(what) or printed(*sizes.items())
        watch.look(answer)
        if not isinstance(answer, bytes):
            continue
        both = watch.by_mac("device_receive_bytes_total"), watch.by_mac("device_transmit_bytes_total")
        after = {name: both[0][name] + both[1][name] for name in both[0]}
        assert all(after.get(name, value) >= value for name, value in before.items())
        counted += sum(after.values()) - sum(before.values())
        before = after
        assert sum(watch.of("nlbwmon_period_receive_bytes").values()) == sum(sizes.values())
        used = month(watch)
        assert counted <= used
    if used:
        watch.look(FAILURES["hang"]).look(printed()).look()
        after = sum(sum(watch.by_mac(f"device_{way}_bytes_total").values()) for way in ("receive", "transmit"))
        assert counted + after - sum(before.values()) == used == month(watch)


def month(watch: Watch) -> float:
    return sum(value for labels_, value in watch.of("device_period_bytes").items() if "month" in labels_)


def test_what_is_stored_is_small(corpus: Path) -> None:
    watch = Watch().look((corpus / "router" / "nlbw" / "home" / "t0-family-mac-ip.json").read_bytes())
    assert NLBWMON.memory
    assert len(msgspec.json.encode(NLBWMON.memory.observe(watch.state))) < 3_000
    assert watch.now > NOON
