"""Captures in forms that nobody asks a router for: they tell the same as those that are asked."""

import csv
import json
import re
from pathlib import Path

import pytest

from conftest import COLLECTORS, context_for
from exporters.openwrt.nlbw import Counts, parse_traffic
from exporters.openwrt.wireless import parse_stations
from exporters.sources.base import Output

EXITS = {"json-t-missing.json.err": 195, "json-t-current-before-commit.json.err": 195, "unknown-opt.txt.err": 0}
COUNTERS = ("conns", "rx_bytes", "rx_pkts", "tx_bytes", "tx_pkts")
SHOWN = re.compile(r"\)?\s+(\d+)\s+(\d+) B \(\s*(\d+) \)\s+(\d+) B \(\s*(\d+) \)\s*\Z")


def json_total(path: Path) -> Counts:
    total = Counts()
    for each in parse_traffic(path.read_bytes()).devices.values():
        total = total.plus(each)
    return total


def csv_total(text: str, delimiter: str) -> Counts:
    rows = csv.DictReader(text.splitlines(), delimiter=delimiter)
    total = Counts()
    for row in rows:
        total = total.plus(Counts(*(int(row[name]) for name in COUNTERS)))
    return total


@pytest.mark.parametrize(
    ("name", "delimiter", "same"),
    [
        ("home/t0.csv", "\t", "home/t0-mac.json"),
        ("variants/csv-default.csv", "\t", "variants/json-mac.json"),
        ("variants/csv-comma.csv", ",", "variants/json-mac.json"),
        ("variants/csv-mac-noquote.csv", "\t", "variants/json-mac.json"),
        ("empty/empty.csv", "\t", "empty/empty.json"),
    ],
)
def test_tables_have_the_totals_of_the_json_of_the_same_moment(
    corpus: Path, name: str, delimiter: str, same: str
) -> None:
    nlbw = corpus / "router" / "nlbw"
    assert csv_total((nlbw / name).read_text(), delimiter) == json_total(nlbw / same)


def test_what_is_shown_to_a_person_has_the_same_totals(corpus: Path) -> None:
    nlbw = corpus / "router" / "nlbw"
    total = Counts()
    for line in (nlbw / "variants" / "show-n.txt").read_text().splitlines()[1:]:
        found = SHOWN.search(line)
        assert found, line
        total = total.plus(Counts(*map(int, found.groups())))
    assert total == json_total(nlbw / "variants" / "json-mac.json")


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("home/t0.show.txt", "home/t0-default.json"),
        ("variants/show-mac.txt", "variants/json-mac.json"),
        ("empty/empty.show", "empty/empty.json"),
    ],
)
def test_what_is_shown_to_a_person_has_as_many_records(corpus: Path, name: str, same: str) -> None:
    nlbw = corpus / "router" / "nlbw"
    shown = (nlbw / name).read_text().splitlines()[1:]
    assert len(shown) == parse_traffic((nlbw / same).read_bytes()).records


def test_an_unknown_option_changes_nothing(corpus: Path) -> None:
    variants = corpus / "router" / "nlbw" / "variants"
    assert json_total(variants / "unknown-opt.txt") == json_total(variants / "json-default.json")


def test_nobody_writes_to_the_flash_of_a_router(corpus: Path) -> None:
    """`nlbw -c commit` does, and says so."""
    assert (corpus / "router" / "nlbw" / "variants" / "commit.txt").read_text().startswith("0 ok")
    routers = [each for each in COLLECTORS.values() if each.package == "exporters.openwrt"]
    asked = [command for each in routers for command in each.commands(context_for(each, "full"))]
    assert asked
    assert not [each for each in asked if "commit" in each.argv]


def test_failures_print_nothing_that_could_be_counted(corpus: Path) -> None:
    """They stand on stderr, which is never read; their exit status says what it is."""
    told = sorted((corpus / "router" / "nlbw" / "errors").iterdir())
    assert len(told) >= 12
    assert set(EXITS) <= {path.name for path in told}
    for path in told:
        assert not path.read_bytes().startswith(b"{")


def test_neighbours_are_the_same_in_every_form(corpus: Path) -> None:
    folder = corpus / "router" / "neigh"
    text = (folder / "home-t0.ip-4-neigh.txt").read_text() + (folder / "home-t0.ip-6-neigh.txt").read_text()
    lines = {(fields[0], fields[4], fields[5]) for fields in map(str.split, text.splitlines())}
    listed = json.loads((folder / "home-t0.ip-j-neigh.json").read_text())
    assert lines == {(each["dst"], each["lladdr"], each["state"][0]) for each in listed}
    arp = [line.split() for line in (folder / "home-t0.proc-net-arp.txt").read_text().splitlines()[1:]]
    assert {(fields[0], fields[3]) for fields in arp} == {each[:2] for each in lines if ":" not in each[0]}


def test_iw_and_iwinfo_tell_of_the_same_station(corpus: Path) -> None:
    public = corpus / "router" / "public"
    dumped = re.findall(r"^Station (\S+)", (public / "zarhus-iw-station-dump.txt").read_text(), re.MULTILINE)
    stations = parse_stations(Output((public / "zarhus-iwinfo-assoclist.txt").read_bytes()))
    assert stations
    assert [each.mac for each in stations] == dumped
