"""What an address says: randomised or not, and who made the device."""

import asyncio
import subprocess
import sys
from threading import Barrier, Thread

import aiooui
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import ROOT
from exporters.openwrt import vendor as module
from exporters.openwrt.vendor import is_randomized, is_unicast, vendor

APPLE = "3c:22:fb:10:20:01"
OF_NOBODY = ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:fb", "33:33:00:00:00:01", "03:00:00:00:00:01")
MALFORMED = ("", "other", "3c", "3c:22:fb", "3c22fb102001", "3g:22:fb:10:20:01", f"{APPLE}:01", f"{APPLE}\n")
RANDOM = ("da:a1:19:10:20:02", "02:00:00:00:00:01", "a6:5e:60:10:20:03", "3A:9F:00:10:20:11", "02:07:01:00:00:01")


def run(code: str) -> str:
    """What another Python prints that has imported nothing yet."""
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("mac", "maker"),
    [
        (APPLE, "Apple"),
        (APPLE.upper(), "Apple"),
        ("b8:27:eb:00:00:01", "Raspberry Pi"),
        ("00:11:32:00:00:01", "Synology"),
        ("44:65:0d:00:00:01", "Amazon"),
    ],
)
def test_the_prefix_names_the_maker(mac: str, maker: str) -> None:
    assert vendor(mac).startswith(maker)
    assert not is_randomized(mac)


@pytest.mark.parametrize("mac", RANDOM)
def test_a_chosen_address_has_no_maker_even_where_its_prefix_is_listed(mac: str) -> None:
    assert is_randomized(mac)
    assert vendor(mac) == ""


@pytest.mark.parametrize("mac", [*OF_NOBODY, *MALFORMED])
def test_what_is_no_address_of_one_device_has_no_maker_and_is_not_randomised(mac: str) -> None:
    assert not is_unicast(mac)
    assert not is_randomized(mac)
    assert vendor(mac) == ""


def test_the_addresses_above_that_need_the_rules_are_in_the_table() -> None:
    asyncio.run(aiooui.async_load())
    assert aiooui.get_vendor("00:00:00:00:00:00") == "XEROX CORPORATION"
    assert aiooui.get_vendor("02:07:01:00:00:01") == "RACAL-DATACOM"
    assert aiooui.get_vendor("00:01:01:00:00:01") == "Private"


def test_owners_of_prefixes_who_are_no_makers_are_not_named() -> None:
    asyncio.run(aiooui.async_load())
    owners = {
        (mac := f"00:{high:02x}:{low:02x}:00:00:01"): aiooui.get_vendor(mac)
        for high in range(256)
        for low in range(256)
    }
    owners |= {(mac := f"70:b3:{low:02x}:00:00:01"): aiooui.get_vendor(mac) for low in range(256)}
    assert {"Private", "IEEE Registration Authority"} <= set(owners.values())
    told = {mac: vendor(mac) for mac in owners}
    assert not {"Private", "IEEE Registration Authority"} & set(told.values())
    assert all(len(each) <= 64 and each == each.strip() for each in told.values())
    assert max(len(each or "") for each in owners.values()) > 64
    assert {mac for mac, maker in told.items() if not maker} == {
        mac for mac, owner in owners.items() if owner in {None, "Private", "IEEE Registration Authority"}
    }


def test_a_prefix_that_is_not_listed_has_no_maker() -> None:
    asyncio.run(aiooui.async_load())
    unlisted = next(mac for low in range(256) if not aiooui.get_vendor(mac := f"fc:ff:{low:02x}:00:00:01"))
    assert vendor(unlisted) == ""


def test_the_table_is_loaded_at_its_first_use_and_not_at_import() -> None:
    code = f"import sys; from exporters.openwrt.vendor import vendor; print('aiooui' in sys.modules, vendor({APPLE!r}))"
    assert run(code) == "False Apple, Inc.\n"


def test_without_the_package_no_maker_is_known() -> None:
    code = "import sys; sys.modules['aiooui'] = None; from exporters.openwrt.vendor import is_randomized, vendor; "
    assert run(code + f"print([vendor({APPLE!r}), is_randomized({RANDOM[0]!r})])") == "['', True]\n"


def test_threads_that_come_first_at_once_all_get_the_maker() -> None:
    module._table.cache_clear()
    vendor.cache_clear()
    start, found = Barrier(8), list[str]()

    def ask() -> None:
        start.wait(timeout=30)
        found.append(vendor(APPLE))

    threads = [Thread(target=ask, daemon=True) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=30)
    assert found == ["Apple, Inc."] * 8


@given(st.text() | st.from_regex(r"\A[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}\Z"))
def test_no_address_is_too_strange(mac: str) -> None:
    maker = vendor(mac)
    assert len(maker) <= 64
    assert not (maker and is_randomized(mac))
