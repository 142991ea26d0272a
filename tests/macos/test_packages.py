"""Packages: the history by source and time; receipts and Homebrew only on request, each failing on its own."""

import json
from typing import Any

import pytest
from hypothesis import given

from exporters.core.context import Context
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.macos.packages import HISTORY, HOMEBREW, RECEIPTS, PackagesConfig, packages
from exporters.sources.base import NotFound
from exporters.sources.replay import Captured, Replay
from macos.looking import Answers, Seen, captures, see, spoiled_bytes, spoiled_json, steadily

ITEM = {
    "_name": "Graft",
    "install_date": "2025-11-18T06:41:59Z",
    "install_version": "3.4",
    "package_source": "package_source_other",
}
BOTH = PackagesConfig(receipts=True, homebrew=True)
ON_REQUEST = ("macos_package_receipts{", "macos_homebrew_packages{")
CELLAR, CASKROOM = "/opt/homebrew/Cellar", "/opt/homebrew/Caskroom"


def report(*items: Any) -> bytes:
    return json.dumps({"SPInstallHistoryDataType": items}).encode()


def dated(date: Any, source: str = "package_source_apple") -> dict[str, Any]:
    return ITEM | {"install_date": date, "package_source": source}


def asked(answers: Answers, config: PackagesConfig = BOTH) -> Seen:
    """What is published besides the history, with a configuration."""
    context = Context(config=config, key=b"fixture")
    told = look(packages, Replay(captures({HISTORY: report(ITEM), **answers})), context)
    assert told.failed is None
    text = render(packages.metrics(told.reading, context)).decode()
    rows = (line.rsplit(" ", 1) for line in text.splitlines() if line.startswith(ON_REQUEST))
    return Seen({series: float(value) for series, value in rows}, dict(told.problems))


def test_the_last_one_of_each_source_counts_in_any_order() -> None:
    items = [
        dated("2025-11-18T06:41:59Z"),
        dated("2024-01-01T00:00:00Z"),
        dated("2025-10-21T08:33:02+02:00", "x"),
        ITEM,
    ]
    for order in (items, items[::-1]):
        assert see(packages, {HISTORY: report(*order)}).values == {
            'macos_package_installs{source="apple"}': 2,
            'macos_package_installs{source="other"}': 1,
            'macos_package_installs{source="unknown"}': 1,
            'macos_package_last_install_timestamp_seconds{source="apple"}': 1763448119,
            'macos_package_last_install_timestamp_seconds{source="other"}': 1763448119,
            'macos_package_last_install_timestamp_seconds{source="unknown"}': 1761028382,
        }


def test_an_empty_history_is_no_sample_and_no_problem() -> None:
    assert see(packages, {HISTORY: report()}) == Seen({}, {})


def test_an_installation_without_a_date_counts_and_has_no_time() -> None:
    assert see(packages, {HISTORY: report(dated(None))}).values == {'macos_package_installs{source="apple"}': 1}


@pytest.mark.parametrize(
    "date", ["", "gestern", "18.11.2025", "2025-11-18", "2025-11-18T06:41:59", "2025-13-01T00:00:00Z", 1763448119, []]
)
def test_a_date_of_another_form_is_a_problem(date: Any) -> None:
    seen = see(packages, {HISTORY: report(ITEM, dated(date))})
    assert (seen.values, seen.problems.keys()) == ({}, {"unparsable"})


@pytest.mark.parametrize("date", ["1970-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59"])
def test_a_clock_that_was_never_set_gives_no_time(date: str) -> None:
    assert see(packages, {HISTORY: report(dated(date))}).values == {'macos_package_installs{source="apple"}': 1}


@pytest.mark.parametrize("printed", [b"", b"{}", b"[]", report(None), report(ITEM)[:-1]])
def test_what_is_no_history_is_a_problem(printed: bytes) -> None:
    assert see(packages, {HISTORY: printed}).problems.keys() == {"unparsable"}


def test_nothing_but_the_history_is_asked_for_by_default() -> None:
    assert packages.optional_for(Context(config=PackagesConfig())) == ()
    assert packages.optional_for(Context(config=PackagesConfig(receipts=True))) == (RECEIPTS,)
    assert packages.optional_for(Context(config=PackagesConfig(homebrew=True))) == (HOMEBREW,)


def test_receipts() -> None:
    printed = b"com.apple.pkg.CLTools_Executables\ncom.orchard-tools.guard\ncom.applesauce.jar\n"
    assert asked({RECEIPTS: printed}).values == {
        'macos_package_receipts{vendor="apple"}': 1,
        'macos_package_receipts{vendor="other"}': 2,
    }


@pytest.mark.parametrize("printed", [b"", b"\n", b"com.apple.pkg.CLTools_Exec"])
def test_receipts_that_cannot_be_read_leave_the_rest(printed: bytes) -> None:
    seen = asked({RECEIPTS: printed, HOMEBREW: f"{CELLAR}:\njq\n".encode()})
    assert seen.values == {'macos_homebrew_packages{kind="formula"}': 1}
    assert seen.problems.keys() == {"unparsable"}


def test_homebrew_of_two_folders_counts_together_and_an_empty_folder_is_none() -> None:
    printed = f"{CASKROOM}:\n\n{CELLAR}:\njq\nopenssl@3\n\n/usr/local/Cellar:\njq\n"
    assert asked({HOMEBREW: Captured(printed.encode(), exit=1)}).values == {
        'macos_homebrew_packages{kind="cask"}': 0,
        'macos_homebrew_packages{kind="formula"}': 3,
    }


def test_without_homebrew_there_is_no_sample_and_no_problem() -> None:
    missing = b"ls: /opt/homebrew/Cellar: No such file or directory\n"
    assert asked({HOMEBREW: Captured(b"", missing, exit=1), RECEIPTS: Captured(error=NotFound)}) == Seen({}, {})


def test_a_folder_of_homebrew_that_may_not_be_listed_is_a_problem_and_no_0() -> None:
    denied = b"ls: /usr/local/Cellar: No such file or directory\nls: /opt/homebrew/Cellar: Permission denied\n"
    seen = asked({HOMEBREW: Captured(f"{CASKROOM}:\n\n{CELLAR}:\n".encode(), denied, exit=1)})
    assert (seen.values, seen.problems.keys()) == ({}, {"unparsable"})


def test_the_last_installation_of_xprotects_data() -> None:
    data = {"_name": "XProtectPlistConfigData", "install_version": "5347"}
    told = (dated("2025-11-18T06:41:59Z"), dated("2025-10-21T08:33:02Z") | data, dated("2025-09-02T08:00:00Z") | data)
    series = "macos_xprotect_last_install_timestamp_seconds"
    assert see(packages, {HISTORY: report(*told)}).values[series] == 1761035582
    others = (dated("2025-11-18T06:41:59Z") | {"_name": name} for name in ("XProtectPayloads", None, 7))
    assert series not in see(packages, {HISTORY: report(*others)}).values


@pytest.mark.parametrize("printed", ["jq\n", f"{CELLAR}:\njq", f"{CELLAR}:\n/opt/other:\njq\n", "/opt/homebrew/Cel\n"])
def test_names_below_no_folder_of_homebrew_are_a_problem(printed: str) -> None:
    seen = asked({HOMEBREW: printed.encode()})
    assert (seen.values, seen.problems.keys()) == ({}, {"unparsable"})


@steadily
@given(spoiled_json({"SPInstallHistoryDataType": [ITEM, dated("2024-01-01T00:00:00Z")]}))
def test_any_history_is_read_or_unparsable(printed: bytes) -> None:
    seen = see(packages, {HISTORY: printed})
    assert seen.problems.keys() <= {"unparsable"}
    assert all(value > 0 for value in seen.values.values())


@steadily
@given(spoiled_bytes(b"com.apple.x\ncom.cider.y\n"), spoiled_bytes(f"{CELLAR}:\njq\n\n{CASKROOM}:\ncider\n".encode()))
def test_any_lists_are_counted_or_unparsable(receipts: bytes, homebrew: bytes) -> None:
    seen = asked({RECEIPTS: receipts, HOMEBREW: homebrew})
    assert seen.problems.keys() <= {"unparsable"}
    assert all(value >= 0 for value in seen.values.values())
