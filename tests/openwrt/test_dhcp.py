"""Leases that hold by the router's clock, pools, and files that cannot be counted."""

from pathlib import Path

import pytest
from hypothesis import given

from exporters.openwrt.dhcp import dhcp
from exporters.openwrt.leases import HOSTS, LEASES
from exporters.openwrt.nlbw import DATE
from exporters.sources.base import Denied
from exporters.sources.replay import Captured
from macos.looking import spoiled_bytes, steadily
from openwrt.seeing import NOON, NOW, see

SETTINGS = b"config dhcp 'lan'\n\toption interface 'lan'\n\toption start '100'\n\toption limit '120'\n"
ACTIVE = "openwrt_dhcp_leases"


def lease(expires: int, last: int = 10) -> bytes:
    return f"{expires} 02:00:00:00:00:{last:02x} 192.168.1.{last} phone 01:02\n".encode()


def test_leases_hold_until_the_routers_clock_says_otherwise() -> None:
    leases = lease(NOON + 1, 10) + lease(NOON, 11) + lease(NOON - 90_000, 12) + lease(0, 13)
    assert see(dhcp, {**NOW, LEASES: leases})[ACTIVE] == 2, "one that runs and one that never ends"
    assert see(dhcp, {DATE: f"{NOON - 90_001} +0000\n".encode(), LEASES: leases})[ACTIVE] == 4


def test_real_lease_files_are_counted(corpus: Path) -> None:
    home = (corpus / "router" / "leases" / "home-t0.dhcp.leases").read_bytes()
    assert see(dhcp, {DATE: b"1795202000 +0000\n", LEASES: home})[ACTIVE] == 20
    assert see(dhcp, {DATE: b"1799999999 +0000\n", LEASES: home})[ACTIVE] == 1, "the one that never ends"
    both = (corpus / "router" / "public" / "netdata-dnsmasq.leases").read_bytes()
    seen = see(dhcp, {DATE: b"1560300000 +0000\n", LEASES: both})
    assert seen[ACTIVE] == 12, "IPv4 only"
    assert not seen.problems


def test_an_empty_file_is_no_lease_and_no_file_is_no_sample() -> None:
    assert see(dhcp, {**NOW, LEASES: b""}).values == {ACTIVE: 0}
    assert see(dhcp, {**NOW, HOSTS: b""}).values == {}


def test_without_a_clock_nobody_knows_which_leases_hold() -> None:
    seen = see(dhcp, {LEASES: lease(NOON), HOSTS: SETTINGS})
    assert seen.values == {'openwrt_dhcp_pool_size{network="lan"}': 120}


def test_nothing_names_a_device() -> None:
    for level in ("standard", "full", "strict"):
        series = "".join(see(dhcp, {**NOW, LEASES: lease(0), HOSTS: SETTINGS}, level).values)
        assert "phone" not in series
        assert "02:00" not in series
        assert "192.168" not in series


def test_the_name_of_a_network_that_a_person_chose_is_hidden() -> None:
    settings = SETTINGS.replace(b"interface 'lan'", b"interface 'Anna'")
    assert see(dhcp, {HOSTS: settings}, "full").names("openwrt_dhcp_pool_size") == {'{network="Anna"}'}
    (hidden,) = see(dhcp, {HOSTS: settings}).names("openwrt_dhcp_pool_size")
    assert "Anna" not in hidden
    assert not see(dhcp, {HOSTS: settings}, "strict").values


@pytest.mark.parametrize(
    "leases",
    [
        lease(0)[:-1],
        lease(0) + lease(0, 11)[:-9],
        lease(0) + b"nonsense\n",
        b"nonsense\n",
        b"\x00\xff\n",
    ],
)
def test_a_file_that_cannot_be_counted_whole_has_no_number(leases: bytes) -> None:
    seen = see(dhcp, {**NOW, LEASES: leases, HOSTS: SETTINGS})
    assert seen.values == {'openwrt_dhcp_pool_size{network="lan"}': 120}
    assert seen.problems.keys() == {"unparsable"}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [(SETTINGS[:-3], "unparsable"), (b"nonsense\n", "unparsable"), (Captured(error=Denied), "denied")],
)
def test_pools_that_cannot_be_read_are_told_and_hide_no_leases(settings: bytes | Captured, problem: str) -> None:
    seen = see(dhcp, {**NOW, LEASES: lease(0), HOSTS: settings})
    assert seen.values == {ACTIVE: 1}
    assert seen.problems.keys() == {problem}
    assert "/etc/config/dhcp" in seen.problems[problem]


def test_a_router_without_a_configuration_has_no_pools_and_no_problem() -> None:
    seen = see(dhcp, {**NOW, LEASES: lease(0)})
    assert (seen.values, seen.problems) == ({ACTIVE: 1}, {})


@steadily
@given(spoiled_bytes(lease(0) + lease(NOON + 5, 11)))
def test_spoiled_answers_raise_nothing(printed: bytes) -> None:
    see(dhcp, {**NOW, LEASES: printed, HOSTS: printed})
