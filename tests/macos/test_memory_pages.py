"""Memory pages: any page size and width, what Activity Monitor calls used, no sum of half the facts."""

import pytest
from hypothesis import given

from exporters.macos.memory_pages import PAGES, SYSCTL, memory_pages
from macos.looking import Seen, facts, see, spoiled_bytes, steadily

GIB = 1 << 30
LINES = {
    "Pages free": 10000,
    "Pages active": 200000,
    "Pages inactive": 190000,
    "Pages speculative": 5000,
    "Pages wired down": 60000,
    "Pages purgeable": 4000,
    '"Translation faults"': 912345678,
    "File-backed pages": 90000,
    "Anonymous pages": 150000,
    "Pages stored in compressor": 150000,
    "Pages occupied by compressor": 50000,
    "Decompressions": 7,
    "Compressions": 9,
    "Swapins": 3,
    "Swapouts": 5,
}


def printed(page: int = 16384, width: int = 30, **more: int) -> bytes:
    lines = {**LINES, **{name.replace("_", " "): value for name, value in more.items()}}
    rows = "".join(f"{label + ':':<{width}}{value:>12}.\n" for label, value in lines.items())
    return f"Mach Virtual Memory Statistics: (page size of {page} bytes)\n{rows}".encode()


def pages(told: bytes, memory: int = 8 * GIB) -> Seen:
    return see(memory_pages, {PAGES: told, SYSCTL: facts(hw__memsize=memory)})


@pytest.mark.parametrize(("page", "width"), [(16384, 30), (16384, 35), (4096, 30)])
def test_pages_become_bytes_whatever_the_layout(page: int, width: int) -> None:
    seen = pages(printed(page, width), 515000 * page)
    assert seen.problems == {}
    assert seen.values["macos_memory_compressed_bytes"] == 50000 * page
    assert seen.values["macos_memory_uncompressed_bytes"] == 150000 * page
    assert seen.values["macos_memory_swapped_in_bytes_total"] == 3 * page
    assert seen.values["macos_memory_swapped_out_bytes_total"] == 5 * page
    assert seen.values["macos_memory_compressions_total"] == 9
    assert seen.values["macos_memory_decompressions_total"] == 7


def test_used_is_what_activity_monitor_shows() -> None:
    assert pages(printed()).values["macos_memory_used_bytes"] == (150000 - 4000 + 60000 + 50000) * 16384


def test_unknown_lines_change_nothing_and_a_missing_one_gives_no_sample_and_no_sum() -> None:
    assert pages(printed(Pages_tagged=7)) == pages(printed())
    seen = pages(printed().replace(b"Pages purgeable", b"Pages of another name"))
    assert {"macos_memory_used_bytes", "macos_memory_purgeable_bytes"}.isdisjoint(seen.values)
    assert seen.values["macos_memory_wired_bytes"] == 60000 * 16384


def test_a_page_size_of_another_process_is_not_believed() -> None:
    assert pages(printed(4096)) == Seen(
        {}, {"unparsable": "the pages of vm_stat do not add up to the memory of this Mac"}
    )


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"vm_stat: failed\n",
        printed(8192),
        printed().replace(b"page size of", b"Seitengr\xc3\xb6\xc3\x9fe"),
        printed().replace(b".\n", b"\n"),
    ],
)
def test_another_text_is_a_problem(told: bytes) -> None:
    assert pages(told).values == {}
    assert pages(told).problems.keys() == {"unparsable"}


def test_without_the_size_of_the_memory_nothing_is_told() -> None:
    assert see(memory_pages, {PAGES: printed(), SYSCTL: facts(hw__model="Mac17,2")}).values == {}


@steadily
@given(spoiled_bytes(printed()))
def test_any_output_is_read_or_unparsable(told: bytes) -> None:
    assert pages(told).problems.keys() <= {"unparsable"}
