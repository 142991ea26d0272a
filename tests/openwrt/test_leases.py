"""Leases, static hosts, pools and hints: real captures, every way of writing them, and bad input."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.openwrt.leases import (
    HINTS,
    HOSTS,
    LEASES,
    Lease,
    domain,
    hosts,
    names,
    parse_hints,
    parse_leases,
    pools,
)
from exporters.openwrt.uci import Sections, sections
from exporters.sources.base import Output, ParseError

A, B, C = "3c:22:fb:10:20:01", "b8:27:eb:10:20:05", "00:11:32:10:20:06"
LEASE = b"1795202661 3c:22:fb:10:20:01 192.168.1.170 Annas-MacBook-Pro 01:3c:22:fb:10:20:01\n"
CONFIGURED = b"""\
config dnsmasq
	option domainneeded '1'
	option domain 'attic'
	list server '/attic/10.1.0.1'
	list server '9.9.9.9'

config dhcp 'lan'
	option interface 'lan'
	option start '100'
	option limit '200'
	option leasetime '12h'

config dhcp 'wan'
	option interface 'wan'
	option ignore '1'

config dhcp
	option interface 'guest'

config host
	option mac '3C:22:FB:10:20:01'
	option ip '192.168.1.170'
	option name 'Anna'\\''s "Mac"'

config host 'pi'
	list mac 'B8-27-EB-10-20-05'
	list mac '00:11:32:10:20:06'
	option name 'pi'

config odhcpd 'odhcpd'
	option leasefile '/tmp/hosts/odhcpd'
"""


def config(*lines: str) -> Sections:
    return sections("".join(f"{line}\n" for line in lines).encode())


def host(mac: str, name: str = "pi") -> Sections:
    return config("config host", *mac.split(";"), f"option name '{name}'")


def hints(**given: object) -> Output:
    return Output(json.dumps({mac.replace("_", ":"): hint for mac, hint in given.items()}).encode())


def pool(*options: str) -> Sections:
    return config("config dhcp 'lan'", "option interface 'lan'", *(f"option {each}" for each in options))


def test_every_lease_of_a_real_dnsmasq_is_read(corpus: Path) -> None:
    paths = sorted((corpus / "router" / "leases").iterdir())
    assert [path.name for path in paths] == ["home-t0.dhcp.leases"]
    leases = {each.mac: each for each in parse_leases(paths[0].read_bytes())}
    assert len(leases) == 20
    assert leases[A] == Lease(A, "192.168.1.170", "Annas-MacBook-Pro", 1_795_202_659)
    assert leases["00:1b:a9:10:20:0d"] == Lease("00:1b:a9:10:20:0d", "192.168.1.20", "printer", None)
    assert {mac for mac, each in leases.items() if each.name is None} == {
        "5c:cf:7f:10:20:0b",
        "44:65:0d:10:20:07",
        "a6:5e:60:10:20:03",
    }


def test_the_dhcpv6_part_of_a_public_lease_file_is_no_device(corpus: Path) -> None:
    leases = parse_leases((corpus / "router" / "public" / "netdata-dnsmasq.leases").read_bytes())
    assert len(leases) == 12
    assert {(each.mac, each.name, each.expires) for each in leases} == {("08:00:27:61:3c:ee", None, 1_560_300_536.0)}
    assert leases[-1].ip == "192.168.2.3"


def test_real_hints_name_devices_and_leave_the_routers_domain_out(corpus: Path) -> None:
    found = parse_hints(Output((corpus / "router" / "public" / "luci-issue-5126-getHostHints.json").read_bytes()))
    assert found == {"12:37:7f:06:96:90": "margarita", "e4:aa:ea:5a:98:5f": "Tvillanote"}


def test_what_a_router_answers_otherwise_is_not_taken_for_hints(corpus: Path) -> None:
    """getDHCPLeases has other keys than addresses, and lists where records should be."""
    with pytest.raises(ParseError):
        parse_hints(Output((corpus / "router" / "public" / "luci-issue-4159-getDHCPLeases.json").read_bytes()))


def test_an_infinite_lease_never_expires_and_a_star_is_no_name() -> None:
    assert parse_leases(b"0 3C:22:FB:10:20:01 10.0.0.7 * *\n") == (Lease(A, "10.0.0.7", None, None),)


@pytest.mark.parametrize("end", range(1, len(LEASE)))
def test_a_lease_that_is_cut_anywhere_is_none(end: int) -> None:
    second = LEASE.replace(b"10:20:01 ", b"10:20:02 ").replace(b"1.170", b"1.171")
    assert parse_leases(LEASE + second[:end]) == parse_leases(LEASE)


@pytest.mark.parametrize("line", ["# written by hand", "1795202661 3c:22:fb", "soon 3c:22:fb:10:20:01 10.0.0.1 a *"])
def test_a_line_that_is_no_lease_takes_none_of_the_others_with_it(line: str) -> None:
    assert parse_leases(f"{line}\n".encode() + LEASE) == parse_leases(LEASE)
    with pytest.raises(ParseError):
        parse_leases(f"{line}\n".encode())


@pytest.mark.parametrize("ip", ["256.1.1.1", "10.0.0", "10.0.0.1.2", "10.0.0.01", "fe80::1", "*"])
def test_what_is_no_ipv4_address_is_no_lease(ip: str) -> None:
    assert parse_leases(LEASE + LEASE.replace(b"192.168.1.170", ip.encode())) == parse_leases(LEASE)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"duid 00:01\n1560300414 660684014 1230::1 * 00:01\n",
        b"duid 00:01\n1560300414 T66 1230::1 a 00:01\n",
        b"1795202661 20-80:00:02:08:fe:80 192.168.1.9 storage *\n",
    ],
)
def test_a_file_without_leases_of_devices_is_read(data: bytes) -> None:
    assert parse_leases(data) == ()


def test_names_in_leases_stay_on_their_line() -> None:
    """Characters that only some programs take for the end of a line cannot forge a lease."""
    forged = "1 3c:22:fb:10:20:09 10.0.0.9 x *"
    data = f"1 {A} 10.0.0.1 a\u2028{forged.replace(' ', chr(0xA0))}\x0b\x1c\x85 *\n".encode() + LEASE
    assert [each.mac for each in parse_leases(data)] == [A]
    assert {each.mac for each in parse_leases(b"1 3c:22:fb:10:20:01 10.0.0.1 \xff\xfe *\n")} == {A}


def test_static_hosts_are_named_by_each_of_their_addresses() -> None:
    assert hosts(sections(CONFIGURED)) == {A: 'Anna\'s "Mac"', B: "pi", C: "pi"}


@pytest.mark.parametrize(
    ("written", "macs"),
    [
        (f"option mac '{A}'", {A}),
        (f"option mac {A.upper()}", {A}),
        (f"option mac '{A.replace(':', '-')}'", {A}),
        (f"option mac '{A} {B}'", {A, B}),
        (f"list mac '{A}';list mac '{B}';list mac '{C}'", {A, B, C}),
        (f"option mac ' {A}  {B} '", {A, B}),
        ("option mac '3c:22:fb:*:*:*'", set()),
        (f"option mac '06-{A}'", set()),
        ("option mac ''", set()),
        (f"option mac '{A[:-1]}'", set()),
    ],
)
def test_a_static_host_has_the_addresses_that_are_whole(written: str, macs: set[str]) -> None:
    assert set(hosts(host(written))) == macs


def test_a_static_host_without_a_name_names_nothing() -> None:
    assert hosts(config("config host", f"option mac '{A}'")) == {}
    assert hosts(host(f"option mac '{A}'", name="")) == {}


def test_of_two_static_hosts_with_one_address_the_first_names_it() -> None:
    assert hosts((*host(f"option mac '{A}'", "first"), *host(f"option mac '{A}'", "second"))) == {A: "first"}


def test_only_sections_of_hosts_are_hosts() -> None:
    assert hosts(config("config boot", f"option mac '{A}'", "option name 'pi'")) == {}


def test_a_value_over_several_lines_is_one_value() -> None:
    evil = "option note 'a\noption name '\\''evil'\\''\nconfig host\n'"
    assert hosts(config("config host", evil, f"option mac '{A}'", "option name 'good'")) == {A: "good"}


def test_pools_are_those_that_give_addresses_away() -> None:
    assert pools(sections(CONFIGURED)) == {"lan": 200, "guest": 150}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), {"lan": 150}),
        (("start '100'", "limit '50'"), {"lan": 50}),
        (("ignore '0'",), {"lan": 150}),
        (("ignore '1'",), {}),
        (("ignore 'true'",), {}),
        (("dynamicdhcp '0'",), {}),
        (("dhcpv4 'server'",), {"lan": 150}),
        (("dhcpv4 'disabled'",), {}),
        (("limit '0'",), {}),
        (("limit '-5'",), {}),
        (("limit 'many'",), {}),
        (("limit '9999999999'",), {}),
    ],
)
def test_the_size_of_a_pool(options: tuple[str, ...], expected: dict[str, int]) -> None:
    assert pools(pool(*options)) == expected


def test_a_section_that_is_no_pool_or_has_no_interface_has_no_size() -> None:
    assert pools(config("config dhcp", "option limit '10'", "config host", "option interface 'lan'")) == {}


def test_the_domain_is_that_of_dnsmasq_else_lan() -> None:
    assert domain(sections(CONFIGURED)) == "attic"
    assert domain(pool("domain 'other'")) == "lan"


def test_a_configuration_without_sections_has_nothing() -> None:
    assert (hosts(()), pools(()), domain(())) == ({}, {}, "lan")


@pytest.mark.parametrize("status", [3, 4, 127])
def test_no_hints_on_the_router_are_an_empty_answer(status: int) -> None:
    assert status in HINTS.ok_exits
    assert parse_hints(Output(b"", b"Command failed: Not found", status)) == {}


def test_hints_of_an_old_and_of_a_new_luci_are_read() -> None:
    old = {"ipv4": "192.168.1.9", "ipv6": "fd00::9", "name": "old"}
    new = {"ipaddrs": ["192.168.1.9"], "ip6addrs": [], "name": "new", "more": 1}
    nameless = {"ipaddrs": ["192.168.1.8"]}
    answer = {A.upper(): old, B.upper(): new, C.upper(): nameless, "br-lan": {"name": "x"}}
    assert parse_hints(Output(json.dumps(answer).encode())) == {A: "old", B: "new"}


@pytest.mark.parametrize(
    ("told", "domain", "name"),
    [
        ("tv.lan", "lan", "tv"),
        ("tv.hall.LAN", "lan", "tv"),
        ("tv.attic", "attic", "tv"),
        ("tv.attic", "lan", "tv.attic"),
        ("tv.plan", "lan", "tv.plan"),
        ("lan", "lan", "lan"),
    ],
)
def test_a_hint_in_the_routers_domain_is_its_first_part(told: str, domain: str, name: str) -> None:
    assert parse_hints(Output(json.dumps({A: {"name": told}}).encode()), domain) == {A: name}


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b'{"%s": []}' % A.encode(), b'{"%s": {"name": 5}}' % A.encode()]
)
def test_broken_hints_are_an_error(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_hints(Output(data))


def test_a_name_that_is_no_utf8_does_not_hide_the_others() -> None:
    data = b'{"%s": {"name": "caf\xe9"}, "%s": {"name": "tv"}}' % (A.encode(), B.encode())
    assert parse_hints(Output(data)) == {A: "caf\ufffd", B: "tv"}


def test_a_static_host_goes_before_a_lease_and_a_lease_before_a_hint() -> None:
    leases = (Lease(A, "10.0.0.1", "lease"), Lease(B, "10.0.0.2", "lease"))
    assert names(leases, {A: "host"}, {A: "hint", B: "hint", C: "hint"}) == {A: "host", B: "lease", C: "hint"}


@pytest.mark.parametrize("nothing", ["", "*", " ", "\n", "\x00", " * ", "\u202e"])
def test_a_known_name_is_never_replaced_by_nothing(nothing: str) -> None:
    leases = (
        Lease(A, "10.0.0.1", None),
        Lease(A, "10.0.0.2", nothing),
        Lease(A, "10.0.0.3", "known"),
        Lease(B, "10.0.0.4"),
    )
    assert names(leases, {A: nothing}, {A: "hint", B: "hint", C: nothing}) == {A: "known", B: "hint"}


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("a\nb\tc", "a b c"),
        ("a\x00\x1b[31mb\x7f", "a[31mb"),
        ("nom\u202egnp", "nomgnp"),
        ('say "hi" \\ there', 'say "hi" \\ there'),
        ("Müllers 📱", "Müllers 📱"),
        ("x" * 300, "x" * 64),
        ("x" * 63 + " y", "x" * 63),
    ],
)
def test_names_are_one_short_line_that_can_be_seen(given: str, name: str) -> None:
    assert names((), {}, {A: given}) == {A: name}


@pytest.mark.parametrize("mac", ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"])
def test_addresses_of_no_device_have_no_name(mac: str) -> None:
    assert names((Lease(mac, "10.0.0.1", "a"),), {mac: "b"}, {mac: "c"}) == {}


def test_only_the_usual_files_and_a_read_only_command_are_asked() -> None:
    assert (str(LEASES), str(HOSTS), str(HINTS)) == (
        "/tmp/dhcp.leases",
        "/etc/config/dhcp",
        "ubus call luci-rpc getHostHints",
    )


@given(st.binary() | st.lists(st.sampled_from([LEASE, b"duid 1\n", b"0 ", b" * ", b"\n", b"x"])).map(b"".join))
def test_any_lease_file_is_read_or_unreadable(data: bytes) -> None:
    try:
        leases = parse_leases(data)
    except ParseError:
        return
    assert all(len(each.mac) == 17 and each.name != "*" for each in leases)


@given(st.lists(st.sampled_from([*CONFIGURED.splitlines(keepends=True), b"'", b"\n", b"\\", b";"])).map(b"".join))
def test_any_configuration_is_read_or_unreadable(data: bytes) -> None:
    try:
        found = sections(data)
    except ParseError:
        return
    assert all(len(mac) == 17 and name for mac, name in hosts(found).items())
    assert all(size > 0 for size in pools(found).values())


@given(
    st.binary() | st.recursive(st.none() | st.text() | st.integers(), lambda each: st.dictionaries(st.just(A), each))
)
def test_any_hints_are_read_or_unreadable(given: object) -> None:
    data = given if isinstance(given, bytes) else json.dumps(given).encode()
    try:
        found = parse_hints(Output(data))
    except ParseError:
        return
    assert all(name == name.strip() for name in names((), {}, found).values())
