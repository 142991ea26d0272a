"""Stations: real answers, which radios are asked, what is unknown, and who may be named."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given

from exporters.openwrt.interfaces import NETDEV
from exporters.openwrt.wireless import MOST, WirelessConfig, parse_stations, stations_of, wireless
from exporters.sources.base import Output, ParseError
from exporters.sources.replay import Captured
from macos.looking import spoiled_bytes, steadily
from openwrt.seeing import see

NOBODY = b"No station connected\n"
MAC = "02:00:00:00:00:0a"
STATION = b"""02:00:00:00:00:0A  -51 dBm / -95 dBm (SNR 44)  120 ms ago
\tRX: 6.0 MBit/s, 20MHz                                     123 Pkts.
\tTX: 866.7 MBit/s, VHT-MCS 9, 80MHz, short GI, VHT-NSS 2   456 Pkts.
\texpected throughput: 300.1 MBit/s

"""


def listing(*names: str) -> bytes:
    return b" face |bytes\n" + b"".join(f"{name}: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n".encode() for name in names)


def asked(*names: str) -> list[str]:
    questions = see(wireless, {NETDEV: listing("lo", *names)}).asked
    return [str(each).split()[1] for each in questions if each != NETDEV]


def one(printed: bytes) -> dict[str, float]:
    seen = see(wireless, {stations_of("wlan0"): printed}, interfaces=["wlan0"])
    return {series.removeprefix("openwrt_wireless_").partition("{")[0]: value for series, value in seen.values.items()}


def test_a_real_answer_is_read(corpus: Path) -> None:
    public = corpus / "router" / "public"
    (station,) = parse_stations(Output((public / "zarhus-iwinfo-assoclist.txt").read_bytes())) or ()
    assert (station.mac, station.signal, station.noise) == ("ae:d0:e6:3c:90:ec", -35, -100)
    assert station.transmit == 390e6 / 8, "what the radio receives"
    assert station.receive is None
    assert parse_stations(Output((public / "zarhus-iwinfo-assoclist-empty.txt").read_bytes())) == ()


def test_a_station_has_signal_and_rates_in_base_units_as_it_sees_them() -> None:
    assert one(STATION) == {
        "stations": 1,
        "noise_dbm": -95,
        "station_signal_dbm": -51,
        "station_receive_rate_bytes_per_second": pytest.approx(866.7e6 / 8),
        "station_transmit_rate_bytes_per_second": 6e6 / 8,
        "station_info": 1,
    }


def test_what_is_unknown_has_no_sample() -> None:
    unknown = STATION.replace(b"-51 dBm / -95 dBm", b"unknown / unknown").replace(
        b"866.7 MBit/s, VHT-MCS 9", b"unknown"
    )
    assert one(unknown) == {"stations": 1, "station_transmit_rate_bytes_per_second": 6e6 / 8, "station_info": 1}


def test_nobody_is_zero_and_a_radio_that_tells_nothing_is_absent() -> None:
    assert one(NOBODY) == {"stations": 0}
    assert one(b"No information available\n") == {}


def test_radios_are_found_by_their_names() -> None:
    radios = ["ath01", "phy0-ap0", "phy0.1-ap2", "phy1-ap10", "ra0", "rai1", "wlan0", "wlan0-1"]
    others = ["apcli0", "br-lan", "eth0", "phy0-mon0", "phy0-sta0", "wan", "wlan0.20", "mon.wlan0"]
    assert asked(*others, *reversed(radios)) == radios


def test_no_more_than_a_few_radios_are_asked_and_the_rest_is_told() -> None:
    names = [f"phy0-ap{number}" for number in range(MOST + 1)]
    answers = {NETDEV: listing(*names), **{stations_of(name): NOBODY for name in names}}
    seen = see(wireless, answers)
    assert len(seen.names("openwrt_wireless_stations")) == MOST
    assert seen.problems == {"unparsable": f"{MOST + 1} radios: name those to ask"}
    configured = see(wireless, answers, interfaces=names)
    assert len(configured.names("openwrt_wireless_stations")) == MOST + 1
    assert not configured.problems


def test_radios_that_are_named_are_asked_at_once_and_each_once() -> None:
    answers = {NETDEV: listing("wlan0"), stations_of("guest"): NOBODY}
    seen = see(wireless, answers, interfaces=["guest", "guest"])
    assert set(seen.asked) == {stations_of("guest")}
    assert seen.values == {'openwrt_wireless_stations{interface="guest"}': 0}


@pytest.mark.parametrize("name", ["", "-h", "a b", "wlan0;reboot", "a" * 16, "wlan0\n", "ü"])
def test_a_configured_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="no name of an interface"):
        msgspec.convert({"interfaces": [name]}, WirelessConfig)


def test_a_router_without_radios_or_without_iwinfo_has_no_samples_and_no_problem() -> None:
    for names in ((), ("phy0-ap0",)):
        seen = see(wireless, {NETDEV: listing("lo", *names)})
        assert not seen.values
        assert not seen.problems


def test_a_radio_that_fails_takes_no_other_with_it() -> None:
    answers = {
        NETDEV: listing("phy0-ap0", "phy1-ap0", "phy2-ap0"),
        stations_of("phy0-ap0"): Captured(b"", exit=1),
        stations_of("phy1-ap0"): b"garbage\n",
        stations_of("phy2-ap0"): NOBODY,
    }
    seen = see(wireless, answers)
    assert seen.values == {'openwrt_wireless_stations{interface="phy2-ap0"}': 0}
    assert seen.problems.keys() == {"failed", "unparsable"}


def test_addresses_are_shown_but_at_strict_and_a_mac_with_the_key_joins() -> None:
    standard, full, strict = (
        see(wireless, {stations_of("wlan0"): STATION}, level, interfaces=["wlan0"])
        for level in ("standard", "full", "strict")
    )
    assert standard.values == full.values
    (info,) = standard.names("openwrt_wireless_station_info")
    assert f'mac="{MAC}"' in info
    assert 'join_id=""' not in info
    assert MAC not in "".join(strict.values)
    (hidden,) = strict.names("openwrt_wireless_station_info")
    assert 'join_id=""' in hidden
    assert len(strict.values) == len(standard.values)


def test_a_station_that_is_listed_twice_is_one() -> None:
    assert one(STATION + STATION.replace(b"-51", b"-60"))["stations"] == 1


@pytest.mark.parametrize(
    "printed",
    [
        b"",
        b"\n",
        NOBODY[:-1],
        STATION[:-40],
        STATION.split(b"\n", 1)[1],
        STATION.replace(b"866.7", b"866,7"),
        STATION.replace(b"02:00", b"02-00"),
        STATION.replace(b"-51 dBm", b"51%"),
        NOBODY + STATION,
    ],
)
def test_what_cannot_be_read_is_told_and_nothing_is_made_up(printed: bytes) -> None:
    with pytest.raises(ParseError):
        parse_stations(Output(printed))
    assert one(printed) == {}


@steadily
@given(spoiled_bytes(STATION + STATION.replace(b"0A", b"0B")))
def test_spoiled_answers_raise_nothing(printed: bytes) -> None:
    one(printed)
    see(wireless, {NETDEV: printed})
