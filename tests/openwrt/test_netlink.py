"""/proc/net/netlink: who listens to connection events, and whether some were lost."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.openwrt import nlbw
from exporters.openwrt.netlink import parse_events_lost, parse_listeners
from exporters.sources.base import ParseError, Replies

HEAD = "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"
KERNEL = "00000000c0ffee01 12  0          00000000 0        0        0     2        0        497     \n"
ROUTES = "00000000c0ffee02 0   812        80000551 0        0        0     2        31       1311    \n"
TABLES = "00000000c0ffee03 12  -41932     00000040 0        0        0     2        7        1407    \n"
NLBWMON = "00000000c0ffee04 12  2317       00000005 0        0        0     2        {:<8} 2290    \n"


def listed(*lines: str) -> bytes:
    return "".join((HEAD, *lines)).encode()


@pytest.mark.parametrize(
    ("lines", "lost"),
    [
        ([KERNEL, NLBWMON.format(0)], False),
        ([KERNEL, NLBWMON.format(199)], True),
        ([NLBWMON.format(0), NLBWMON.format(4_294_967_295)], True),
        ([KERNEL, ROUTES, TABLES], None),
        ([KERNEL, ROUTES, TABLES, NLBWMON.format(0)], False),
        ([], None),
    ],
)
def test_only_what_a_listener_to_connections_lost_counts(lines: list[str], lost: bool | None) -> None:
    assert parse_events_lost(listed(*lines)) is lost


def test_a_listener_is_known_by_its_port_and_its_inode() -> None:
    assert parse_listeners(listed(KERNEL, ROUTES, TABLES, NLBWMON.format(3))) == {"2317/2290"}
    assert parse_listeners(listed(KERNEL)) == frozenset()
    again = NLBWMON.format(0).replace("2290", "9120")
    assert parse_listeners(listed(NLBWMON.format(0), again)) == {"2317/2290", "2317/9120"}


def test_a_list_without_ports_or_inodes_names_nobody() -> None:
    assert parse_listeners(b"Drops Groups Inode Eth\n3 00000001 7 12\n") is None
    assert parse_listeners(b"Drops Groups Pid Eth\n3 00000001 7 12\n") is None


def test_the_listeners_are_part_of_the_look() -> None:
    around = nlbw.parse(Replies({nlbw.NETLINK: listed(NLBWMON.format(0))})).circumstances
    assert around.listeners == {"2317/2290"}
    assert nlbw.parse(Replies({})).circumstances.listeners is None


def test_columns_are_found_by_their_names() -> None:
    assert parse_events_lost(b"Drops Groups New Eth\n3 00000001 - 12\n") is True
    assert parse_events_lost(b"Drops Groups New Eth\n3 00000008 - 12\n") is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        HEAD.replace("Drops", "Lost ").encode() + KERNEL.encode(),
        listed(KERNEL, NLBWMON.format(0)[:70]),
        listed(NLBWMON.format("many")),
        listed(KERNEL.replace(" 12 ", " xy ")),
        listed(NLBWMON.format(0).replace("00000005", "0000000z")),
    ],
)
def test_what_is_no_such_list_is_an_error(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_events_lost(data)


@pytest.mark.parametrize("data", [b"", b"Eth\n12\n", listed(KERNEL, "0 12\n"), listed(KERNEL.replace(" 12 ", " xy "))])
def test_no_process_is_known_by_what_is_no_such_list(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_listeners(data)


def test_lost_events_are_a_problem_of_the_look() -> None:
    def look(data: bytes) -> nlbw.Reading:
        return nlbw.parse(Replies({nlbw.NETLINK: data}))

    assert nlbw.NETLINK in nlbw.CIRCUMSTANCES
    assert nlbw.judged(look(listed(NLBWMON.format(2)))) == {"events_lost": True}
    assert nlbw.judged(look(listed(NLBWMON.format(0)))) == {"events_lost": False}
    assert nlbw.judged(look(listed(KERNEL))) == {}
    assert "netlink" in look(b"?").fault


def test_a_machine_with_netlink_writes_this_format() -> None:
    path = Path("/proc/net/netlink")
    known = path.read_bytes() if path.exists() else listed(KERNEL)
    assert parse_events_lost(known) in {None, False, True}


@settings(derandomize=True, deadline=None)
@given(st.binary() | st.lists(st.text(st.sampled_from("019afEthGroupsDrops -+_\n"))).map(lambda t: listed(*t)))
def test_only_parse_errors_leave(data: bytes) -> None:
    for parse in (parse_events_lost, parse_listeners):
        try:
            parse(data)
        except ParseError:
            continue
