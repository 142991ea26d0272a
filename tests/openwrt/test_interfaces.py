"""Interfaces, networks and neighbours: real answers, names that may be shown, each part alone."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.openwrt.interfaces import DUMP, NEIGHBOURS, NETDEV, InterfacesConfig, interfaces, parse_counters
from exporters.openwrt.nlbw import DATE
from exporters.sources.base import ParseError
from macos.looking import spoiled_bytes, spoiled_json, steadily
from openwrt.seeing import NOON, NOW, see

HEADINGS = b"Inter-|   Receive    |  Transmit\n face |bytes    packets errs |bytes\n"
RECEIVED = "openwrt_interface_receive_bytes_total"


def listing(*names: str) -> bytes:
    return HEADINGS + b"".join(f"{name:>6}:       1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n".encode() for name in names)


def network(name: str, **fields: Any) -> dict[str, Any]:
    return {"interface": name, "up": True, "uptime": 60, "l3_device": f"br-{name}", **fields}


def dump(*networks: Any) -> bytes:
    return json.dumps({"interface": networks}).encode()


def shown(*names: str, **config: Any) -> set[str]:
    return {label.split('"')[1] for label in see(interfaces, {NETDEV: listing(*names)}, **config).names(RECEIVED)}


def test_every_counter_has_its_column() -> None:
    assert see(interfaces, {NETDEV: listing("eth0")}).values == {
        f'openwrt_interface_{name}_total{{interface="eth0"}}': value
        for name, value in {
            "receive_bytes": 1,
            "receive_packets": 2,
            "receive_errors": 3,
            "receive_drops": 4,
            "transmit_bytes": 5,
            "transmit_packets": 6,
            "transmit_errors": 7,
            "transmit_drops": 8,
        }.items()
    }


def test_a_real_routers_answers_are_read(corpus: Path) -> None:
    router = corpus / "router"
    neigh = {f"ipv{each}": (router / "neigh" / f"home-t0.ip-{each}-neigh.txt").read_bytes() for each in (4, 6)}
    answers = {NETDEV: (router / "proc" / "home-t0.proc-net-dev.txt").read_bytes()}
    seen = see(interfaces, {**answers, NEIGHBOURS: b"".join(neigh.values())})
    assert not seen.problems
    assert seen[f'{RECEIVED}{{interface="br-lan"}}'] == 15_673_598
    assert seen['openwrt_interface_transmit_bytes_total{interface="br-lan"}'] == 233_555_464
    assert seen['openwrt_interface_transmit_drops_total{interface="br-lan"}'] == 1
    assert seen[f'{RECEIVED}{{interface="wan0"}}'] == 233_537_846
    for family, printed in neigh.items():
        states = [line.split()[-1].decode().lower() for line in printed.splitlines() if b" dev br-lan " in line]
        for state in ("reachable", "stale", "failed"):
            series = f'openwrt_neighbours{{family="{family}",interface="br-lan",state="{state}"}}'
            assert seen[series] == states.count(state)


def test_a_real_dump_of_networks_is_read(corpus: Path) -> None:
    path = corpus / "router" / "public" / "openwrt-1-issue-87-network-interface-dump-2-interfaces.json"
    assert see(interfaces, {**NOW, DUMP: path.read_bytes()}).values == {
        'openwrt_network_up{network="lan"}': 1,
        'openwrt_network_up_timestamp_seconds{network="lan"}': NOON - 33_100,
        'openwrt_network_info{interface="br-lan",network="lan"}': 1,
    }


def test_a_counter_may_touch_the_colon() -> None:
    line = b"eth0:18446744073709551615 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n"
    assert parse_counters(HEADINGS + line)["eth0"][0] == float(2**64 - 1)


def test_the_loopback_and_what_the_kernel_makes_for_itself_is_left_out() -> None:
    assert shown("lo", "veth1a2b", "ifb4wan", "sit0", "gre0", "gretap0", "ip6tnl0", "teql0") == set()
    real = ("eth0", "eth0.2", "lan1", "wan", "br-lan", "phy0-ap0", "wlan0-1", "pppoe-wan", "6in4-wan6", "wg0", "tun0")
    assert shown(*real) == set(real)


def test_the_configuration_chooses() -> None:
    assert shown("lo", "eth0", "br-lan", include="br-.*|lo") == {"br-lan", "lo"}
    assert shown("lo", "eth0", "br-lan", exclude="br-.*") == {"eth0", "lo"}


@pytest.mark.parametrize("key", ["include", "exclude"])
def test_a_bad_expression_is_an_error_of_the_configuration(key: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="no regular expression"):
        msgspec.convert({key: "br-("}, InterfacesConfig)


def test_an_include_for_counters_hides_no_network() -> None:
    seen = see(interfaces, {NETDEV: listing("eth0"), DUMP: dump(network("wan"))}, include="br-lan")
    assert seen.names("openwrt_network_up") == {'{network="wan"}'}


def test_a_name_that_a_person_chose_is_hidden_wherever_it_stands() -> None:
    answers = {
        NETDEV: listing("br-Anna"),
        DUMP: dump(network("Anna")),
        NEIGHBOURS: b"192.168.1.2 dev br-Anna lladdr 02:00:00:00:00:0a STALE\n",
    }
    standard, full, strict = (see(interfaces, answers, level).values for level in ("standard", "full", "strict"))
    assert "Anna" not in "".join(standard)
    assert len(standard) == len(full)
    assert f'{RECEIVED}{{interface="br-Anna"}}' in full
    assert 'openwrt_network_info{interface="br-Anna",network="Anna"}' in full
    assert not strict
    hidden = {series.split('interface="')[1].split('"')[0] for series in standard if 'interface="' in series}
    assert len(hidden) == 1, "counters, networks and neighbours still join"


def test_a_network_that_is_down_has_neither_time_nor_interface() -> None:
    seen = see(interfaces, {**NOW, DUMP: dump({"interface": "wan6", "up": False, "device": "eth1"})})
    assert seen.values == {'openwrt_network_up{network="wan6"}': 0}


def test_without_a_clock_no_network_has_a_time() -> None:
    assert not see(interfaces, {DUMP: dump(network("wan"))}).names("openwrt_network_up_timestamp_seconds")


def test_the_time_of_a_network_stays_until_it_came_up_anew() -> None:
    def at(seconds: int, uptime: int, before: Any = None) -> Any:
        date = {DATE: f"{seconds} +0000\n".encode()}
        return see(interfaces, {**date, DUMP: dump(network("wan", uptime=uptime))}, before=before)

    since = 'openwrt_network_up_timestamp_seconds{network="wan"}'
    first = at(NOON, 100)
    second = at(NOON + 61, 160, first.state)
    third = at(NOON + 121, 9, second.state)
    assert [each[since] for each in (first, second, third)] == [NOON - 100, NOON - 100, NOON + 112]


def test_no_neighbours_at_all_is_no_problem() -> None:
    seen = see(interfaces, {NEIGHBOURS: b""})
    assert not seen.values
    assert not seen.problems


def test_every_state_of_an_interface_that_has_neighbours_is_told() -> None:
    seen = see(interfaces, {NEIGHBOURS: b"192.168.1.2 dev br-lan  FAILED \n"})
    assert seen['openwrt_neighbours{family="ipv4",interface="br-lan",state="failed"}'] == 1
    assert seen['openwrt_neighbours{family="ipv4",interface="br-lan",state="reachable"}'] == 0


@pytest.mark.parametrize(
    "printed",
    [
        b"",
        b"garbage\n",
        HEADINGS,
        listing("eth0")[:-3],
        HEADINGS + b"eth0: 1 2 3\n",
        HEADINGS + b"eth0: 1 2 3 4 0 0 0 0 5 6 x 8 0 0 0 0\n",
        HEADINGS + b"eth0: -1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n",
    ],
)
def test_what_is_no_list_of_interfaces_is_told(printed: bytes) -> None:
    with pytest.raises(ParseError):
        parse_counters(printed)
    seen = see(interfaces, {NETDEV: printed, DUMP: dump(network("wan"))})
    assert seen.problems.keys() == {"unparsable"}
    assert seen.names("openwrt_network_up") == {'{network="wan"}'}


@pytest.mark.parametrize("line", [b"192.168.1.2\n", b"192.168.1.2 dev br-lan\n", b"1 dev br-lan STRANGE\n", b"STALE\n"])
def test_what_is_no_neighbour_is_told(line: bytes) -> None:
    seen = see(interfaces, {NETDEV: listing("eth0"), NEIGHBOURS: line})
    assert seen.problems.keys() == {"unparsable"}
    assert not seen.names("openwrt_neighbours")
    assert seen.names(RECEIVED)


@steadily
@given(printed=spoiled_bytes(listing("lo", "eth0")) | spoiled_json(json.loads(dump(network("wan")))))
def test_spoiled_answers_raise_nothing(printed: bytes) -> None:
    for question in (NETDEV, DUMP, NEIGHBOURS):
        see(interfaces, {**NOW, question: printed})


@steadily
@given(st.text(max_size=12))
def test_any_name_of_an_interface_can_be_told_or_hidden(name: str) -> None:
    see(interfaces, {DUMP: dump(network("wan", l3_device=name), network(name)), NETDEV: listing(name)})
