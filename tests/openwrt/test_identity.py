"""Names in labels: devices, interfaces and networks by privacy level."""

import pytest

from exporters.core.context import Context, Level
from exporters.openwrt.identity import identify, join_id, named

MAC = "02:00:00:00:00:0a"


def context(level: Level) -> Context:
    return Context(level=level, key=b"key of the fleet")


def test_a_device_is_its_address_and_at_strict_a_hash() -> None:
    assert identify(MAC, context("standard")) == identify(MAC, context("full")) == MAC
    assert identify(MAC, context("strict")) == context("strict").hash(MAC)


def test_both_ends_of_a_link_have_one_join_id_however_they_spell_the_address() -> None:
    assert join_id(MAC.upper(), context("standard")) == join_id(MAC, context("full")) == context("full").hash(MAC)
    assert join_id(MAC, Context(key=b"another key")) != join_id(MAC, context("standard"))
    assert join_id(MAC, context("strict")) == ""


@pytest.mark.parametrize("name", ["br-lan", "eth0.2", "phy0-ap0", "6in4-wan6", "pppoe-wan", "wan_6", "lan1@eth0"])
def test_names_in_the_systems_style_are_shown_at_every_level(name: str) -> None:
    assert {named(name, context(level)) for level in ("standard", "full", "strict")} == {name}


@pytest.mark.parametrize("name", ["wg_anna", "annas-macbook", "eth0-anna", "cameras"])
def test_words_that_are_no_systems_own_are_left_out_at_strict(name: str) -> None:
    assert [named(name, context(level)) for level in ("standard", "full", "strict")] == [name, name, ""]


@pytest.mark.parametrize("name", ["br-Anna", "IoT", "enx0011223344aa", "gäste", "a" * 33, "annas phone"])
def test_other_names_are_hashed_and_at_strict_left_out(name: str) -> None:
    assert named(name, context("standard")) == context("standard").hash(name)
    assert named(name, context("full")) == name
    assert named(name, context("strict")) == ""


def test_a_name_that_could_not_be_decoded_is_none() -> None:
    assert named("br-l\ufffdn", context("full")) == ""
