"""The readers of parsers: they read what was meant or raise ParseError, nothing else."""

import plistlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.core import read
from exporters.sources.base import ParseError

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
READERS = (read.record, read.array, read.number, read.percent, read.flag, read.text, lambda v: list(read.walk(v)))


@settings(derandomize=True, deadline=None)
@given(ANY)
def test_readers_of_values_are_total(value: Any) -> None:
    for reader in READERS:
        try:
            reader(value)
        except ParseError:
            continue


@settings(derandomize=True, deadline=None)
@given(st.binary())
def test_readers_of_bytes_are_total(data: bytes) -> None:
    for reader in (read.plist, read.json, read.lines, read.whole_lines):
        for prefix in (b"", b"bplist00", b"<?xml version='1.0'?><plist>"):
            try:
                reader(prefix + data)
            except ParseError:
                continue


@pytest.mark.parametrize(("value", "ratio"), [("99%", 0.99), ("100\u00a0%", 1.0), ("83 %", 0.83), (" 7.5%", 0.075)])
def test_percentages_of_any_locale(value: str, ratio: float) -> None:
    assert read.percent(value) == pytest.approx(ratio)


@pytest.mark.parametrize("value", ["3,91%", "%", "99", 99, None, "nan%"])
def test_what_is_no_percentage(value: Any) -> None:
    with pytest.raises(ParseError):
        read.percent(value)


@pytest.mark.parametrize("value", ["TRUE", "Yes", "yes", "attrib_on", 1, True])
def test_yes(value: Any) -> None:
    assert read.flag(value) is True


@pytest.mark.parametrize("value", ["FALSE", "No", "attrib_off", 0, False])
def test_no(value: Any) -> None:
    assert read.flag(value) is False


@pytest.mark.parametrize("value", [2, "maybe", None, "", [], 1.0])
def test_neither_yes_nor_no(value: Any) -> None:
    with pytest.raises(ParseError):
        read.flag(value)


@pytest.mark.parametrize("value", [True, "1e999", float("inf"), "", "1,5", "0x10", 10**400, None])
def test_what_is_no_number(value: Any) -> None:
    with pytest.raises(ParseError):
        read.number(value)


def test_half_a_property_list() -> None:
    whole = plistlib.dumps({"a": [1, 2, {"b": "c"}]})
    assert read.plist(whole) == {"a": [1, 2, {"b": "c"}]}
    with pytest.raises(ParseError):
        read.plist(whole[: len(whole) // 2])


def test_invalid_utf8_is_replaced() -> None:
    assert read.lines(b"a\xff\nb") == ["a\ufffd", "b"]


def test_depth_is_bounded() -> None:
    nested: list[Any] = []
    for _ in range(100):
        nested = [{"_items": nested}]
    with pytest.raises(ParseError, match="deep"):
        list(read.walk(nested))


def test_a_text_that_ends_within_a_line_is_none() -> None:
    assert read.whole_lines(b"") == []
    assert read.whole_lines(b"one\n\ntwo\n") == ["one", "", "two"]
    for cut in (b"one", b"one\ntw"):
        with pytest.raises(ParseError):
            read.whole_lines(cut)


def test_a_part_that_cannot_be_read_is_missing_and_noted() -> None:
    faults: list[str] = []
    assert read.attempt(read.text, " a ", faults, "tool") == "a"
    assert read.attempt(read.text, None, faults, "tool") is None
    assert faults == []
    assert read.attempt(read.text, 7, faults, "tool") is None
    assert read.attempt(read.text, 7, faults) is None
    assert faults == ["tool: a string was expected, not int", "a string was expected, not int"]
