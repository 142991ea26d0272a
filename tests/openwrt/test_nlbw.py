"""nlbw's answers: real captures, the settings around them, and bad input."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.openwrt import nlbw
from exporters.openwrt.nlbw import LARGEST, ZERO, Counts, parse_periods, parse_protocols, parse_traffic, problems
from exporters.openwrt.period import Clock, Monthly
from exporters.sources.base import Output, ParseError, Replies

COLUMNS = ["family", "mac", "ip", "conns", "rx_bytes", "rx_pkts", "tx_bytes", "tx_pkts"]
A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"


def printed(*rows: list[Any], columns: list[str] = COLUMNS) -> bytes:
    return json.dumps({"columns": columns, "data": rows}).encode()


def row(mac: Any = A, rx_bytes: Any = 10, ip: Any = "192.168.1.2") -> list[Any]:
    return [4, mac, ip, 1, rx_bytes, 1, 5, 1]


def look(traffic: bytes | Output | None = None, **more: Any) -> nlbw.Reading:
    """A parsed look; `more` are answers by the name of their question."""
    answers: dict[Any, Any] = {nlbw.NETFILTER.get(name, getattr(nlbw, name, None)): each for name, each in more.items()}
    answers[nlbw.TRAFFIC] = Output(traffic) if isinstance(traffic, bytes) else traffic
    return nlbw.parse(Replies(answers))


def captured(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def total(counts: Any) -> Counts:
    result = Counts()
    for each in counts:
        result = result.plus(each)
    return result


def raw_total(data: bytes) -> Counts:
    """The totals of an answer, added up by the names of its columns."""
    answer = json.loads(data)
    at = [answer["columns"].index(name) for name in ("conns", "rx_bytes", "rx_pkts", "tx_bytes", "tx_pkts")]
    return Counts(*(sum(each[index] for each in answer["data"]) for index in at))


def test_every_capture_with_devices_is_read_and_its_totals_agree(corpus: Path) -> None:
    found = 0
    for path in sorted((corpus / "router" / "nlbw").rglob("*.json*")):
        if path.suffix in {".jsonl", ".err"}:
            continue
        data = captured(path)
        if "mac" not in json.loads(data)["columns"]:
            with pytest.raises(ParseError):
                parse_traffic(data)
            continue
        traffic = parse_traffic(data)
        assert total(traffic.devices.values()) == raw_total(data), path.name
        assert traffic.records == len(json.loads(data)["data"]), path.name
        found += 1
    assert found >= 19


def test_all_groupings_of_one_moment_agree_device_by_device(corpus: Path) -> None:
    home = corpus / "router" / "nlbw" / "home"
    by_mac = parse_traffic((home / "t0-mac.json").read_bytes()).devices
    assert len(by_mac) == 20
    for name, records in (("t0-default.json", 88), ("t0-family-mac-ip.json", None), ("t0-mac-ip.json", None)):
        traffic = parse_traffic((home / name).read_bytes())
        assert traffic.devices == by_mac
        assert records is None or traffic.records == records
    protocols = parse_protocols((home / "t0-mac-layer7.json").read_bytes(), {"HTTPS"})
    assert total(protocols.values()) == total(by_mac.values())
    assert {name for _, name in protocols} == {"HTTPS", "other"}


def test_a_public_capture_of_a_real_router_is_read(corpus: Path) -> None:
    (path,) = (corpus / "router" / "public").glob("ha-openwrt-*.json")
    assert parse_traffic(path.read_bytes()).devices["74:56:3c:00:00:01"].tx_bytes == 4_724_781_821


def test_ten_thousand_routed_records_are_one_device(corpus: Path) -> None:
    large = corpus / "router" / "nlbw" / "large"
    whole = parse_traffic(captured(large / "10000-records-default.json.gz"))
    assert whole.records == 10_000
    assert set(whole.devices) == {ZERO}
    assert whole.devices == parse_traffic(captured(large / "10000-records-mac.json")).devices


def test_lists_of_periods_are_read(corpus: Path) -> None:
    folder = corpus / "router" / "nlbw"
    assert parse_periods((folder / "rollover" / "list.txt").read_bytes()) == ("2026-02-01", "2026-01-01")
    assert parse_periods((folder / "variants" / "list-after-commit.txt").read_bytes()) == ("2026-11-01",)
    assert parse_periods((folder / "variants" / "list-before-commit.txt").read_bytes()) == ()
    assert parse_periods((folder / "empty" / "empty.list").read_bytes()) == ()
    assert parse_periods(b"2026-11-02\n2026-11-02\n2026-11-01\n") == ("2026-11-02", "2026-11-01")


@pytest.mark.parametrize(
    ("name", "exit_", "status"),
    [
        ("daemon-down.stderr.txt", 247, "daemon_down"),
        ("permission-denied.stderr.txt", 247, "daemon_down"),
        ("missing-protocols.stderr.txt", 1, "error"),
        ("not-installed.stderr.txt", 127, "not_installed"),
        ("json-t-missing.json.err", 195, "no_data"),
        ("bad-date.txt.err", 1, "error"),
    ],
)
def test_each_way_to_end_has_its_status(corpus: Path, name: str, exit_: int, status: str) -> None:
    stderr = (corpus / "router" / "nlbw" / "errors" / name).read_bytes()
    reading = look(Output(b"", stderr, exit_))
    assert reading.status == status
    assert reading.traffic is None


def test_a_daemon_that_never_answers_hangs() -> None:
    assert look(None).status == "hang"


def test_captures_of_silent_failures_are_told(corpus: Path) -> None:
    folder = corpus / "router" / "nlbw"
    nothing = look((folder / "misc" / "events-disabled-upstream.json").read_bytes(), count=b"120\n", events=b"0\n")
    assert problems(nothing) == {"no_records", "events_off"}
    assert problems(look((folder / "misc" / "acct-disabled.json").read_bytes())) == {"accounting_off"}
    assert not problems(look((folder / "home" / "t0-mac.json").read_bytes(), count=b"120", acct=b"1", events=b"2"))
    assert not problems(look((folder / "empty" / "empty.json").read_bytes(), count=b"2"))


@pytest.mark.parametrize(
    ("limit", "judged"), [("6", True), ("12", None), ("1000", False), ("0", False), ("", None), ("many", None)]
)
def test_a_database_is_called_full_or_not_only_where_that_is_certain(
    corpus: Path, limit: str, judged: bool | None
) -> None:
    """Each of its 7 records stands for one record of the database or for many."""
    data = (corpus / "router" / "nlbw" / "limit" / "01-limit12.json").read_bytes()
    setting = f"config nlbwmon\n\toption database_limit '{limit}'\n".encode()
    assert nlbw.judged(look(data, SETTINGS=setting)).get("database_nearly_full") is judged


def test_what_nobody_measured_is_not_judged() -> None:
    assert nlbw.judged(look(None)) == {}
    assert nlbw.judged(look(printed())) == {}
    assert nlbw.judged(look(printed(), count=b"4")) == {"no_records": False}
    assert nlbw.judged(look(printed(row()))) == {"no_records": False, "accounting_off": False}
    assert nlbw.judged(look(printed([4, A, "192.168.1.2", 0, 0, 0, 0, 0]))) == {"no_records": False}
    assert nlbw.judged(look(None, acct=b"0", events=b"1")) == {"accounting_off": True, "events_off": False}


def test_closed_periods_are_found_by_their_date_and_no_answer_is_not_no_period() -> None:
    asked = {
        "2026-01-01": Output(printed(row())),
        "2026-01-02": Output(b"", b"No data available", 195),
        "2026-01-03": None,
        "2026-01-04": Output(b"{"),
        "2026-01-05": Output(b"", b"Bad file descriptor", 247),
        "DATE": Output(printed(row())),
    }
    answers = {nlbw.closed_period(label): reply for label, reply in asked.items()}
    reading = nlbw.parse(Replies({**answers, nlbw.TRAFFIC: Output(printed(row(B)))}))
    failed = dict.fromkeys(("2026-01-03", "2026-01-04", "2026-01-05"))
    assert reading.closed == {"2026-01-01": {A: Counts(1, 10, 1, 5, 1)}, **failed}
    assert reading.fault == "no JSON: DecodeError"


def test_a_declaration_can_name_every_closed_period() -> None:
    asked = nlbw.closed_period("2026-01-01")
    assert nlbw.CLOSED.argv[:-1] == asked.argv[:-1]
    assert (nlbw.CLOSED.argv[-1], nlbw.CLOSED.ok_exits, nlbw.CLOSED.timeout) == ("DATE", asked.ok_exits, asked.timeout)


def test_the_outline_of_a_look_is_the_look_without_its_traffic() -> None:
    answers: dict[Any, Any] = {nlbw.TRAFFIC: Output(printed(row())), nlbw.DATE: Output(b"1769900400 +0000\n")}
    outline, whole = nlbw.outline(Replies(answers)), nlbw.parse(Replies(answers))
    assert (outline.status, outline.circumstances) == (whole.status, whole.circumstances)
    assert outline.traffic is None


def test_a_daemon_that_hangs_leaves_time_for_the_rest_of_a_probe() -> None:
    """Nothing is asked after a question that hangs, and a scrape waits 10 s."""
    assert {each.timeout for each in (nlbw.TRAFFIC, nlbw.PROTOCOLS, nlbw.PERIODS, nlbw.CLOSED)} == {4}


def defaults(*options: str) -> bytes:
    """/etc/config/firewall, where other sections have options of the same name."""
    lines = ("config zone", "option flow_offloading 'x'", "config defaults", *options, "config defaults", "config zone")
    return "".join(f"{each}\n" for each in lines).encode()


@pytest.mark.parametrize(
    ("options", "software", "hardware"),
    [
        ((), False, False),
        (("option flow_offloading '0'",), False, False),
        (("option flow_offloading '1'",), True, False),
        (("option flow_offloading 1", "option flow_offloading_hw 1"), True, True),
    ],
)
def test_offloading_is_judged_by_the_first_defaults_and_off_where_it_is_not_set(
    options: tuple[str, ...], software: bool, hardware: bool
) -> None:
    judged = nlbw.judged(look(None, FIREWALL=defaults(*options)))
    assert judged == {"flow_offloading": software, "hardware_flow_offloading": hardware}


@pytest.mark.parametrize(
    "told", [b"", b"config zone\n", b"uci: Entry not found\n", b"config defaults\n\toption flow_offloadi"]
)
def test_offloading_is_not_judged_by_half_an_answer(told: bytes) -> None:
    assert not {"flow_offloading", "hardware_flow_offloading"} & set(nlbw.judged(look(None, FIREWALL=told)))


def test_settings_and_facts_around_are_read() -> None:
    written = b"""
config nlbwmon
	option database_interval '1'
	option database_generations '10'
	option database_directory '/var/lib/nlbwmon'
	option commit_interval 24h
	option refresh_interval "30s"
	option database_limit '10000'
	list local_network '192.168.0.0/16'
	list local_network 'lan'
"""
    around = look(
        None,
        SETTINGS=written,
        DATE=Output(b"1769900400 +0130\n"),
        UPTIME=b"3600.12 7000.00\n",
        count=b"77\n",
        max=b"16384\n",
        acct=b"1\n",
        events=b"2\n",
    ).circumstances
    assert around.settings == nlbw.Settings(Monthly(1), "1", 10, 10_000, 30, 86_400, None, None, "/var/lib/nlbwmon")
    assert around.clock == Clock(1_769_900_400, 5_400)
    assert (around.uptime, around.entries, around.limit) == (3600.12, 77, 16_384)
    assert (around.accounting, around.events, around.events_lost) == (True, True, None)


def test_a_part_that_cannot_be_read_hides_no_other() -> None:
    reading = look(
        printed(row()),
        DATE=Output(b"Thu Nov 20\n"),
        UPTIME=b"",
        SETTINGS=b"config nlbwmon\n\toption database_interval 'm'\n",
        FIREWALL=b"config defaults 'x",
    )
    assert reading.traffic is not None
    assert reading.circumstances.clock is None
    assert reading.circumstances.settings.interval is None
    assert "a date" in reading.fault
    assert "/etc/config/firewall: " in reading.fault


@pytest.mark.parametrize(
    "data",
    [
        b'{"columns":["mac","conns"],"data":[["my "own" protocol"]]}',
        printed(row())[:-9],
        b"",
        b"[]",
        b"null",
        b'{"columns":null,"data":[]}',
        b'{"data":[]}',
        printed(row(), columns=COLUMNS[:-1]),
        printed(row()[:-1]),
        printed(row(), columns=[*COLUMNS[:-1], "rx_pkts"]),
        printed(row(rx_bytes=-1)),
        printed(row(rx_bytes=True)),
        printed(row(rx_bytes=1.5)),
        printed(row(rx_bytes="10")),
        printed(row(rx_bytes=LARGEST + 1)),
        printed(row(rx_bytes=LARGEST), row(rx_bytes=1)),
        printed(row(mac=None)),
        printed(row(mac="192.168.1.1")),
        b'{"columns":' + b"[" * 100_000,
    ],
    ids=lambda data: data[:48].decode(),
)
def test_what_cannot_be_right_is_unparsable_as_a_whole(data: bytes) -> None:
    with pytest.raises(ParseError):
        parse_traffic(data)
    assert look(data).status == "unparsable"


def test_whole_64_bits_upper_case_and_addresses() -> None:
    traffic = parse_traffic(printed(row(rx_bytes=LARGEST), row(B.upper(), ip="fd00::1"), row(B, ip="fd00::2")))
    assert traffic.devices[A].rx_bytes == LARGEST
    assert traffic.devices[B] == Counts(2, 20, 2, 10, 2)
    assert traffic.addresses[B] == ("fd00::1", "fd00::2")


def test_a_protocol_without_a_name_is_other() -> None:
    columns = ["proto", "port", "mac", "conns", "rx_bytes", "rx_pkts", "tx_bytes", "tx_pkts", "layer7"]
    rows = [
        ["TCP", 443, A, 1, 10, 1, 5, 1, "HTTPS"],
        ["IP", 0, A, 1, 3, 1, 2, 1, None],
        ["UDP", 53, A, 1, 4, 1, 3, 1, "DNS"],
    ]
    protocols = parse_protocols(printed(*rows, columns=columns), ["HTTPS"])
    assert protocols == {(A, "HTTPS"): Counts(1, 10, 1, 5, 1), (A, "other"): Counts(2, 7, 2, 5, 2)}
    with pytest.raises(ParseError):
        parse_protocols(printed(row()), ["HTTPS"])


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.sampled_from(["columns", "data"]), inner),
    max_leaves=30,
)
TABLES = st.builds(
    lambda columns, data: {"columns": columns, "data": data},
    st.permutations(COLUMNS) | st.just(COLUMNS) | ANY,
    st.lists(st.just(row()) | st.lists(ANY, min_size=8, max_size=8)) | ANY,
)


@settings(derandomize=True, deadline=None)
@given(st.binary() | (TABLES | ANY).map(lambda tree: json.dumps(tree).encode()))
def test_only_parse_errors_leave(data: bytes) -> None:
    for read in (parse_traffic, parse_periods, lambda each: parse_protocols(each, {"HTTPS"})):
        try:
            read(data)
        except ParseError:
            continue
    output = Output(data)
    answers: dict[Any, Any] = dict.fromkeys((nlbw.TRAFFIC, nlbw.DATE, nlbw.PERIODS), output)
    files = (nlbw.UPTIME, nlbw.NETLINK, nlbw.SETTINGS, nlbw.FIREWALL, *nlbw.NETFILTER.values())
    answers |= dict.fromkeys(files, data)
    problems(nlbw.parse(Replies({**answers, nlbw.closed_period("2026-01-01"): output})))


def test_an_answer_that_is_cut_anywhere_is_unparsable() -> None:
    data = printed(row(), row(B), row(ZERO, 4))
    for end in range(len(data)):
        with pytest.raises(ParseError):
            parse_traffic(data[:end])
