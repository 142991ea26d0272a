"""The way out: route, kind, VPN, name servers, proxies, and what is known of the Internet beyond."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given

from exporters.core.collector import Partial
from exporters.core.context import Context
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.macos import route, scutil
from exporters.macos.network_path import (
    ADDRESSES,
    STATES,
    History,
    NetworkPathConfig,
    Path,
    advance,
    network_path,
    second_round,
    summary_of,
)
from exporters.sources.base import NotFound, Output, ParseError, Probe, Replies
from exporters.sources.replay import Captured, Replay
from macos.looking import NOW, Seen, captures, see, spoiled_bytes, spoiled_json, steadily

URL = "http://captive.apple.com/hotspot-detect.html"
CONTEXT = Context(config=NetworkPathConfig(captive_url=URL), key=b"fixture")
PROBE = Probe("http", URL, pattern="Success")
ROUTE = b"   route to: default\n    gateway: 192.168.7.1\n  interface: en0\n      flags: <UP>\n"
TUNNEL = b"   route to: default\n  interface: utun4\n"
NO_ROUTE = Captured(b"", b"route: writing to routing socket: not in table\n")
WIFI = b"<dictionary> {\n  InterfaceType : WiFi\n  SSID : Orchard\n}\n"
HEADER = "Available network connection services in the current set (*=enabled):\n"
RESOLVER = "resolver #1\n  nameserver[0] : 192.168.7.1\n  flags    : Request A records\n\n"
SCOPED = f"{scutil.SCOPED}\n\nresolver #1\n  nameserver[0] : 192.168.7.1\n  flags : Scoped\n"


def addresses(**more: Any) -> bytes:
    known = {"lo0": ["127.0.0.1", "::1"], "en0": ["192.168.7.21", "fe80::1%en0"], **more}
    shaped = {
        name: {"ipv4": [a for a in found if ":" not in a], "ipv6": [a for a in found if ":" in a]}
        for name, found in known.items()
    }
    return json.dumps(shaped).encode()


def seen(printed: bytes | Captured = ROUTE, known: bytes | None = None) -> Seen:
    return see(network_path, {route.DEFAULT: printed, ADDRESSES: known or addresses(), summary_of("en0"): WIFI})


def state_of(result: Mapping[str, Any] | None) -> str | None:
    """With a page to ask for."""
    given = captures({route.DEFAULT: ROUTE, ADDRESSES: addresses(), summary_of("en0"): WIFI})
    if result is not None:
        given.probes[PROBE.key] = Captured(json.dumps(result).encode())
    found = look(network_path, Replay(given), CONTEXT).reading
    path = found.reading if isinstance(found, Partial) else found
    return path.state if path else None


def test_a_route_alone_is_no_proof_of_the_internet() -> None:
    assert seen().only("macos_network_state") == "routed"
    assert seen().values['macos_network_default_route{interface="en0",kind="wifi"}'] == 1


def test_no_route_and_no_address_are_offline() -> None:
    assert seen(NO_ROUTE).only("macos_network_state") == "offline"
    assert not any(series.startswith("macos_network_default_route") for series in seen(NO_ROUTE).values)
    assert seen(known=addresses(en0=["169.254.3.4", "fe80::1"])).only("macos_network_state") == "offline"


def test_ipv6_alone_is_not_called_offline() -> None:
    assert seen(NO_ROUTE, addresses(en0=["2001:db8::7"])).only("macos_network_state") == "unknown"


@pytest.mark.parametrize(
    "printed", [b"", b"   route to: default\n", b"  interface: en0", b"  interface: Robin's Mac\n"]
)
def test_what_is_no_route_is_a_problem_and_no_sample(printed: bytes) -> None:
    assert (seen(printed).values, seen(printed).problems.keys()) == ({}, {"unparsable"})


@pytest.mark.parametrize(
    ("result", "state"),
    [
        ({"success": True, "reason": "", "status": 200, "matched": True}, "online"),
        ({"success": False, "reason": "status", "status": 302}, "captive"),
        ({"success": False, "reason": "status", "status": 511}, "captive"),
        ({"success": False, "reason": "body", "status": 200, "matched": False}, "captive"),
        ({"success": False, "reason": "status", "status": 503}, "unreachable"),
        ({"success": False, "reason": "dns"}, "unreachable"),
        ({"success": False, "reason": "timeout"}, "unreachable"),
        ({"success": False, "reason": "denied"}, "unknown"),
        ({}, "unknown"),
        (None, "unknown"),
    ],
)
def test_what_the_page_tells(result: Mapping[str, Any] | None, state: str) -> None:
    assert state_of(result) == state


def test_nobody_is_asked_unless_it_is_configured() -> None:
    plain = Context(config=NetworkPathConfig())
    assert not any(isinstance(each, Probe) for each in network_path.optional_for(plain))
    assert PROBE in network_path.optional_for(CONTEXT)


@pytest.mark.parametrize(
    "config",
    [{"captive_url": "captive.apple.com"}, {"captive_pattern": "("}, {"captive_pattern": "a{99999999999999999999}"}],
)
def test_a_page_that_cannot_be_asked_for_is_refused(config: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="captive_"):
        NetworkPathConfig(**config)


def test_the_kind_of_an_interface_is_asked_for_once() -> None:
    replies = Replies({route.DEFAULT: Output(ROUTE), ADDRESSES: {}})
    assert second_round(replies, CONTEXT, None) == (summary_of("en0"),)
    known = advance(None, Path("routed", "en0", "wifi"), NOW, CONTEXT)
    assert second_round(replies, CONTEXT, known) == ()
    later = advance(known, Path("routed", "en0"), NOW + 120, CONTEXT)
    assert 'kind="wifi"' in render(network_path.metrics(later, CONTEXT)).decode()
    assert second_round(replies, CONTEXT, advance(None, Path("offline"), NOW, CONTEXT)) == (summary_of("en0"),)


@pytest.mark.parametrize(
    ("name", "kind"), [("utun4", "tunnel"), ("ppp0", "tunnel"), ("ipsec0", "tunnel"), ("bridge100", "other")]
)
def test_kinds_that_the_name_tells(name: str, kind: str) -> None:
    found = seen(TUNNEL.replace(b"utun4", name.encode()))
    assert found.values[f'macos_network_default_route{{interface="{name}",kind="{kind}"}}'] == 1


def test_an_interface_of_unknown_kind_is_not_shown() -> None:
    found = see(network_path, {route.DEFAULT: ROUTE, ADDRESSES: addresses()})
    assert not any(series.startswith("macos_network_default_route") for series in found.values)
    ethernet = see(
        network_path,
        {route.DEFAULT: ROUTE, ADDRESSES: addresses(), summary_of("en0"): WIFI.replace(b"WiFi", b"Ethernet")},
    )
    assert 'macos_network_default_route{interface="en0",kind="ethernet"}' in ethernet.values


def test_tunnels_of_the_system_are_no_vpn() -> None:
    own = addresses(utun0=["fe80::1%utun0"], utun1=["fd12:3456::1"], utun2=[])
    vpn = addresses(utun0=["fe80::1%utun0"], utun4=["10.75.0.2"], utun5=["2001:db8::2"], ppp0=["10.0.2.1"])
    assert sum(value for name, value in seen(known=own).values.items() if "tunnels" in name) == 0
    assert seen(known=vpn).values['macos_vpn_tunnels{kind="utun"}'] == 2
    assert seen(known=vpn).values['macos_vpn_tunnels{kind="ppp"}'] == 1


def test_services_by_state() -> None:
    listed = f'{HEADER}* (Connected) U VPN "a" [V]\n* (Invalid) U VPN "b" [V]\n  (Disconnected) U PPP "c (x)" [P]\n'
    found = scutil.services(Output(listed.encode()))
    assert {state: count for state, count in found.items() if count} == {"connected": 1, "unknown": 1, "disabled": 1}
    assert not any(scutil.services(Output(HEADER.encode())).values())
    for wrong in ("", "No services\n", f"{HEADER}what is this\n"):
        with pytest.raises(ParseError):
            scutil.services(Output(wrong.encode()))


def test_name_servers_by_scope() -> None:
    beside = "resolver #2\n  domain : corp\n  nameserver[0] : 10.0.0.1\n  flags : Supplemental\n\n"
    local = "resolver #3\n  domain : local\n  options : mdns\n  flags : x\n\n"
    whole = f"DNS configuration\n\n{RESOLVER}{beside}{local}{SCOPED}"
    assert scutil.dns(Output(whole.encode())) == {"default": 1, "supplemental": 1}
    assert scutil.dns(Output(f"DNS configuration\n\n{RESOLVER}{beside}".encode())) == {"default": 1}
    assert scutil.dns(Output(f"{scutil.NO_DNS}\n".encode())) == {"default": 0, "supplemental": 0}


def test_servers_of_a_resolver_that_was_cut_are_not_counted() -> None:
    whole = "DNS configuration\n\nresolver #1\n  nameserver[0] : a\n  nameserver[1] : b\n  flags : x\n"
    assert scutil.dns(Output(whole[:-10].encode())) == {}


def test_proxies() -> None:
    told = (
        b"<dictionary> {\n  Exceptions : <array> {\n    0 : HTTPEnable\n  }\n  HTTPEnable : 0\n  SOCKSEnable : 1\n}\n"
    )
    assert [kind for kind, on in scutil.proxies(Output(told)).items() if on] == ["socks"]
    for end in range(len(told) - 2):
        with pytest.raises(ParseError):
            scutil.proxies(Output(told[:end]))


def test_what_scutil_cannot_tell_is_missing_and_the_rest_stays() -> None:
    found = see(
        network_path,
        {route.DEFAULT: TUNNEL, ADDRESSES: addresses(), scutil.DNS: b"?\n", scutil.PROXY: Captured(error=NotFound)},
    )
    assert found.problems.keys() == {"unparsable"}
    assert found.only("macos_network_state") == "routed"
    assert not any("dns" in series or "proxy" in series for series in found.values)


def test_a_look_without_the_kind_keeps_what_was_learnt() -> None:
    assert advance(History(Path("routed"), {"en0": "wifi"}), Path("offline"), NOW, CONTEXT).kinds == {"en0": "wifi"}


@steadily
@given(spoiled_bytes(ROUTE), spoiled_json(json.loads(addresses(utun4=["10.75.0.2"]))))
def test_any_answer_is_read_or_unparsable(printed: bytes, known: bytes) -> None:
    for found in (seen(printed), seen(known=known)):
        assert found.problems.keys() <= {"unparsable", "failed"}
        assert found.only("macos_network_state") in {None, *STATES}
