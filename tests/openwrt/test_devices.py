"""devices.yml: what a person may write, and the one line that says what is wrong with it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import force_setattr

from exporters.core.errors import PersonError
from exporters.openwrt.devices import Device, DevicesError, Listed, Quota, listed, load_devices

A, B = "3c:22:fb:10:20:01", "b8:27:eb:10:20:05"


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """A collector's configuration that holds devices."""

    devices: dict[str, Device] = {}

    def __post_init__(self) -> None:
        force_setattr(self, "devices", dict(listed(self.devices)))


def load(folder: Path, text: str) -> Listed:
    path = folder / "devices.yml"
    path.write_text(text, encoding="utf-8")
    return load_devices(path)


def refused(folder: Path, text: str) -> str:
    """The one line that a person reads, without the folder."""
    with pytest.raises(DevicesError) as error:
        load(folder, text)
    line = str(error.value)
    assert line.isprintable()
    assert line.startswith(f"{folder}/devices.yml:")
    return line.removeprefix(f"{folder}/")


def test_a_device_has_a_name_a_category_a_group_and_a_quota(tmp_path: Path) -> None:
    line = f'"{A}": {{ name: Anna\'s laptop, category: laptop, group: design, quota: {{ day: 5GB, month: 100GB }} }}'
    quota = Quota(day=5_000_000_000, month=100_000_000_000)
    assert load(tmp_path, line) == {A: Device("Anna's laptop", "laptop", "design", quota)}


def test_what_is_not_said_about_a_device_stays_open(tmp_path: Path) -> None:
    assert load(tmp_path, f'{A}: {{}}\n{B}:\n  name: pi 🥧 "four"\n  quota: {{month: 1GiB}}\n') == {
        A: Device("", "", "", Quota(None, None)),
        B: Device('pi 🥧 "four"', quota=Quota(None, 1_073_741_824)),
    }


@pytest.mark.parametrize("text", ["", "# nobody yet\n", "---\n", "{}"])
def test_an_empty_file_lists_nobody(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text) == {}


@pytest.mark.parametrize("key", [A, A.upper(), A.replace(":", "-"), A.upper().replace(":", "-"), f'"{A}"', f"'{A}'"])
def test_an_address_may_be_written_in_several_ways(tmp_path: Path, key: str) -> None:
    assert list(load(tmp_path, f"{key}: {{}}")) == [A]


def test_an_address_of_digits_alone_is_a_text(tmp_path: Path) -> None:
    assert list(load(tmp_path, "00:11:32:10:20:06: {}")) == ["00:11:32:10:20:06"]


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("1", 1),
        ("5000000000", 5_000_000_000),
        ("500kB", 500_000),
        ("500MB", 500_000_000),
        ("5GB", 5_000_000_000),
        ("1.5TB", 1_500_000_000_000),
        ("2PB", 2_000_000_000_000_000),
        ("1KiB", 1024),
        ("0.5MiB", 524_288),
        ("2GiB", 2_147_483_648),
        ("1TiB", 1_099_511_627_776),
        ("0.1GB", 100_000_000),
        ("0.0001kB", 1),
    ],
)
def test_a_size_is_a_number_of_bytes_or_has_a_unit(tmp_path: Path, written: str, size: int) -> None:
    assert load(tmp_path, f"{A}: {{quota: {{day: {written}}}}}")[A].quota == Quota(size, None)


@pytest.mark.parametrize(
    "written",
    [
        *("0", "-1", "1.5", "9" * 400, "'5000'", "true", "unlimited", "[5GB]", "{at: 5GB}"),
        *("0GB", "0.000MB", "-5GB", ".5GB", "5,5GB", "1e3GB", "1234567890GB", '"\\u0665GB"'),
        *("5gb", "5Gb", "5KB", "5G", "GB", "5 GB", "'5GB '", '"5GB\\n"'),
    ],
)
def test_a_size_that_cannot_be_meant_is_refused_with_its_place(tmp_path: Path, written: str) -> None:
    line = refused(tmp_path, f"{A}:\n  quota:\n    month: 1GB\n    day: {written}\n")
    assert line.startswith(
        f"devices.yml:4: {A}.quota.day: expected a whole number of bytes above 0 or a size such as 500MB, 1.5TB or 2GiB"
    )


def test_a_size_is_also_read_where_no_file_is_and_stays_what_it_is_when_copied() -> None:
    quota = Quota(day="2GB")  # type: ignore[arg-type]
    assert msgspec.structs.replace(quota, month=7) == Quota(2_000_000_000, 7)
    with pytest.raises(ValueError, match="no size such as 500MB"):
        Quota(day="much")  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["name", "category", "group"])
@pytest.mark.parametrize(
    "written", ['"a\\nb"', '"a\\n"', '"\\x07"', '"a\\x7f"', '"\\x85"', '"\\u2028"', "x" * 101, "5"]
)
def test_a_name_is_a_short_line(tmp_path: Path, field: str, written: str) -> None:
    line = refused(tmp_path, f"{B}: {{}}\n{A}:\n  {field}: {written}\n")
    assert line.startswith(f"devices.yml:3: {A}.{field}: expected a text of at most 100 characters without control")


def test_a_name_may_be_a_hundred_characters_long(tmp_path: Path) -> None:
    assert load(tmp_path, f"{A}: {{name: {'é' * 100}}}")[A].name == "é" * 100


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("laptop", "no MAC address"),
        ("3c:22:fb:10:20", "no MAC address"),
        ("3c:22:fb:10:20:01:02", "no MAC address"),
        ("3c22fb102001", "no MAC address"),
        ("3c22.fb10.2001", "no MAC address"),
        ("3c:22-fb:10-20:01", "no MAC address"),
        ("3g:22:fb:10:20:01", "no MAC address"),
        ("192.168.1.20", "no MAC address"),
        ('""', "no MAC address"),
        (f'"{A}\\n"', "no MAC address"),
        ('"a\\nb"', "no MAC address"),
        ("00:00:00:00:00:00", "belongs to no device"),
        ("FF:FF:FF:FF:FF:FF", "belongs to no device"),
        ("01:00:5e:00:00:fb", "belongs to no device"),
        ("33-33-00-00-00-01", "belongs to no device"),
        (A.upper(), f"the same address as {A}"),
        (A.replace(":", "-"), f"the same address as {A}"),
    ],
)
def test_a_key_that_is_no_address_of_one_device_is_refused_with_its_line(tmp_path: Path, key: str, what: str) -> None:
    line = refused(tmp_path, f"{A}: {{}}\n{B}: {{}}\n{key}: {{}}\n")
    assert line.startswith("devices.yml:3: ")
    assert what in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{A}: {{nam: Anna}}", f"devices.yml:1: {A}.nam: unknown key; did you mean 'name'?"),
        (f"{A}: {{quota: {{week: 1GB}}}}", f"devices.yml:1: {A}.quota.week: unknown key; known here: day, month"),
        (f"{A}: Anna", f"devices.yml:1: {A}: expected a mapping, got 'Anna'"),
        (f"{A}: {{quota: 5GB}}", f"devices.yml:1: {A}.quota: expected a mapping, got '5GB'"),
        (f"{A}: {{}}\n{A}: {{}}", f"devices.yml:2: '{A}' stands twice (first in line 1)"),
        (f"{A}: {{name: a: b", "devices.yml:1: "),
        ("- Anna", "devices.yml: expected a mapping, got a list"),
        ("5: {}", "devices.yml: a key is a plain text"),
    ],
)
def test_every_other_mistake_is_one_line_too(tmp_path: Path, text: str, told: str) -> None:
    assert refused(tmp_path, text).startswith(told)


def test_a_file_that_cannot_be_read_is_told_to_a_person(tmp_path: Path) -> None:
    with pytest.raises(PersonError, match=r"devices\.yml: No such file"):
        load_devices(tmp_path / "devices.yml")
    (tmp_path / "devices.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(PersonError, match=r"devices\.yml: no UTF-8 text"):
        load_devices(tmp_path / "devices.yml")


def test_devices_can_be_part_of_a_configuration() -> None:
    tree: dict[str, Any] = {"devices": {A.upper(): {"name": "Anna", "quota": {"day": "1GB"}}}}
    assert msgspec.convert(tree, Config).devices == {A: Device("Anna", quota=Quota(1_000_000_000))}
    with pytest.raises(msgspec.ValidationError, match="'laptop': no MAC address"):
        msgspec.convert({"devices": {"laptop": {}}}, Config)


KEYS = st.text() | st.from_regex(r"\A[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}\Z")


@given(st.dictionaries(KEYS, st.just(Device()), max_size=3))
def test_whatever_the_keys_are_all_are_listed_or_one_line_says_why_not(keys: dict[str, Device]) -> None:
    try:
        found = list(listed(keys))
    except ValueError as error:
        found = [str(error)]
    assert found == [key.lower().replace("-", ":") for key in keys] or (len(found) == 1 and found[0].isprintable())
