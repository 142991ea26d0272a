"""Memory modules: sizes only from whole binary units, empty slots told, serials never."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.macos.memory_modules import REPORT, memory_modules
from macos.looking import Seen, see, spoiled_json, steadily

GIB = float(1 << 30)


def dimm(name: str, size: str, **more: str) -> dict[str, Any]:
    return {"_name": name, "dimm_size": size, "dimm_type": "DDR4", "dimm_serial_number": "0xS3CR3T", **more}


INTEL = {"_name": "global_name", "_items": [dimm("DIMM1", "8 GB", dimm_status="ok"), dimm("DIMM2", "empty")]}
UNIFIED = {"dimm_manufacturer": "Micron", "dimm_type": "LPDDR5", "SPMemoryDataType": "24 GB"}


def modules(*items: Any) -> Seen:
    return see(memory_modules, {REPORT: json.dumps({"SPMemoryDataType": items}).encode()})


def test_apple_silicon_has_one_module_and_no_slots() -> None:
    assert modules(UNIFIED).values == {
        'macos_memory_module_info{kind="LPDDR5",manufacturer="Micron",slot="unified",speed="",status=""}': 1,
        'macos_memory_module_size_bytes{slot="unified"}': 24 * GIB,
    }


def test_slots_are_counted_and_only_filled_ones_are_modules() -> None:
    seen = modules(INTEL)
    assert seen.values['macos_memory_slots{state="filled"}'] == 1
    assert seen.values['macos_memory_slots{state="empty"}'] == 1
    assert seen.values['macos_memory_slots{state="unknown"}'] == 0
    assert [series for series in seen.values if "_info" in series] == [
        'macos_memory_module_info{kind="DDR4",manufacturer="",slot="DIMM1",speed="",status="ok"}'
    ]


@pytest.mark.parametrize(
    ("told", "size"),
    [("8 GB", 8 * GIB), ("8\u00a0GB", 8 * GIB), ("512 MB", GIB / 2), ("1 TB", 1024 * GIB), ("1,5 GB", None)]
    + [(each, None) for each in ("1.5 GB", "8 Go", "8GB", "-8 GB", "8 GB (2 x 4)", "", "8")],
)
def test_sizes(told: str, size: float | None) -> None:
    assert (
        modules({**UNIFIED, "SPMemoryDataType": told}).values.get('macos_memory_module_size_bytes{slot="unified"}')
        == size
    )


def test_a_size_that_is_none_makes_a_slot_unknown_and_not_empty() -> None:
    seen = modules({"_items": [dimm("DIMM1", "1,5 GB"), {"_name": "DIMM2"}]})
    assert seen.values['macos_memory_slots{state="unknown"}'] == 2
    assert seen.values['macos_memory_slots{state="empty"}'] == 0


def test_slots_of_one_name_are_told_apart_and_a_crowd_is_cut() -> None:
    seen = modules({"_items": [dimm("DIMM", "1 GB")] * 128})
    assert seen.values['macos_memory_slots{state="filled"}'] == 128
    assert len([series for series in seen.values if "_size_bytes" in series]) == 64


def test_an_empty_report_says_nothing_and_another_one_is_a_problem() -> None:
    assert modules() == Seen({}, {})
    assert see(memory_modules, {REPORT: b'{"SPOtherDataType": []}'}).problems.keys() == {"unparsable"}


@steadily
@given(st.one_of(spoiled_json({"SPMemoryDataType": [INTEL]}), spoiled_json({"SPMemoryDataType": [UNIFIED]})))
def test_any_report_is_read_or_unparsable(told: bytes) -> None:
    seen = see(memory_modules, {REPORT: told})
    assert seen.problems.keys() <= {"unparsable"}
    assert not any("S3CR3T" in series for series in seen.values)
