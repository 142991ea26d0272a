"""Physical interfaces by default, others on request; hardware addresses in names stay at home."""

import msgspec
import pytest

from conftest import COLLECTORS
from host.answering import answering, context_of, lines

VIRTUAL = [
    *("lo", "lo0", "awdl0", "llw0", "utun", "utun12", "bridge0", "bridge100", "gif0", "stf0", "anpi1", "ap1", "p2p0"),
    *("veth1a2b", "docker0", "br-0a1b", "br0", "virbr0", "tun0", "tap3", "wg0", "wg-home", "ipsec0", "ppp0", "bond0"),
    *("eth0.20", "tailscale0", "vmenet0", "ifb0", "dummy0"),
]
PHYSICAL = ["en0", "en12", "eth0", "eno1", "enp3s0f1", "ens18", "wlan0", "wlp2s0", "wwan0", "ib0", "usb0"]


def names(*interfaces: str, **config: str) -> list[str]:
    source = answering(network={name: {"bytes_recv": 1} for name in interfaces})
    return [line.split('"')[1] for line in lines("network", source, context_of("network", **config))]


def test_physical_interfaces_are_shown_and_virtual_ones_are_not() -> None:
    assert names(*VIRTUAL, *PHYSICAL) == sorted(PHYSICAL)


def test_include_alone_decides() -> None:
    assert names("utun3", "en0", "lo0", include="utun.*|lo0") == ["lo0", "utun3"]


def test_exclude_replaces_the_default() -> None:
    assert names("utun3", "en0", "en5", exclude="en5") == ["en0", "utun3"]


@pytest.mark.parametrize("pattern", ["en(", "a{99999999999}", "(" * 5000 + ")" * 5000])
@pytest.mark.parametrize("key", ["include", "exclude"])
def test_a_bad_expression_is_an_error_of_the_configuration(key: str, pattern: str) -> None:
    config = COLLECTORS["network"].config
    assert config
    with pytest.raises(msgspec.ValidationError, match="no regular expression"):
        msgspec.convert({key: pattern}, config)


def test_a_hardware_address_in_a_name_is_hashed() -> None:
    source = answering(network={"enx0011223344aa": {"bytes_recv": 1}})
    (line,) = lines("network", source)
    assert "0011223344aa" not in line
    assert 'interface="enx' in line
    assert "enx0011223344aa" in lines("network", source, context_of("network", "full"))[0]
    assert not lines("network", source, context_of("network", "strict"))


def test_speed_is_in_bytes_and_absent_when_unknown() -> None:
    source = answering(network={"en0": {"speed": 2500, "up": True}, "en1": {"speed": 0, "up": False}})
    assert lines("network", source) == [
        'pomona_host_network_up{interface="en0"} 1.0',
        'pomona_host_network_up{interface="en1"} 0.0',
        'pomona_host_network_speed_bytes_per_second{interface="en0"} 312500000.0',
    ]
