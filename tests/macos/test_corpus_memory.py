"""Every capture of memory and displays that counts gives the facts its manifest states."""

from pathlib import Path

import pytest

from exporters.macos.displays import REPORT as DISPLAYS
from exporters.macos.displays import displays
from exporters.macos.memory_modules import REPORT as MODULES
from exporters.macos.memory_modules import memory_modules
from exporters.macos.memory_pages import PAGES, SYSCTL, memory_pages
from macos.looking import facts, see

GIB = 1 << 30
# memory of the Mac; page size, pages: anonymous, purgeable, wired, occupied by and stored in the compressor, swapped
COUNTED = {
    "intel-4k.txt": (32 * GIB, (4096, 3735118, 207521, 986842, 737949, 1909929, 10972484)),
    "macmini-as-2026.txt": (32 * GIB, (16384, 1212532, 21054, 127718, 153447, 358209, 0)),
    "macos27-mte.txt": (48 * GIB, (16384, 821395, 6112, 1254976, 312560, 1021448, 2881340)),
    "macos27-no-mte.txt": (48 * GIB, (16384, 821395, 6112, 1102336, 208844, 690212, 918224)),
}
# internal and external displays, resolutions, what is told of the graphics processor
SEEN: dict[str, tuple[float, float, set[str], str]] = {
    "catalina-vmware-intel.json": (0, 1, {"1920x984"}, 'cores="",gpu="0",metal="",model=""'),
    "m1pro-builtin-plus-2.json": (
        *(1, 2, {"3024x1964", "1080x1920", "1920x1080"}),
        'cores="14",gpu="0",metal="apple7",model="Apple M1 Pro"',
    ),
}


@pytest.fixture
def macos(corpus: Path) -> Path:
    return corpus / "macos"


def test_every_capture_that_counts_is_read_here(macos: Path) -> None:
    assert {path.name for path in (macos / "vm_stat").iterdir()} <= set(COUNTED)
    assert {path.name for path in (macos / "system_profiler-displays").glob("*.json")} <= set(SEEN)
    assert {path.name for path in (macos / "system_profiler-memory").iterdir()} <= {"m5-macos26.6.json"}


@pytest.mark.parametrize("name", COUNTED)
def test_pages(name: str, macos: Path) -> None:
    memory, (page, anonymous, purgeable, wired, occupied, stored, swapped) = COUNTED[name]
    seen = see(memory_pages, {PAGES: (macos / "vm_stat" / name).read_bytes(), SYSCTL: facts(hw__memsize=memory)})
    assert seen.problems == {}
    assert seen.values["macos_memory_used_bytes"] == page * (anonymous - purgeable + wired + occupied)
    assert seen.values["macos_memory_compressed_bytes"] == page * occupied
    assert seen.values["macos_memory_uncompressed_bytes"] == page * stored
    assert seen.values["macos_memory_swapped_out_bytes_total"] == page * swapped
    assert len(seen.values) == 11


def test_modules(macos: Path) -> None:
    seen = see(memory_modules, {MODULES: (macos / "system_profiler-memory" / "m5-macos26.6.json").read_bytes()})
    assert seen.problems == {}
    assert seen.values == {
        'macos_memory_module_info{kind="LPDDR5",manufacturer="Micron",slot="unified",speed="",status=""}': 1,
        'macos_memory_module_size_bytes{slot="unified"}': 24 * GIB,
    }


@pytest.mark.parametrize("name", SEEN)
def test_displays(name: str, macos: Path) -> None:
    internal, external, resolutions, gpu = SEEN[name]
    seen = see(displays, {DISPLAYS: (macos / "system_profiler-displays" / name).read_bytes()})
    assert seen.problems == {}
    assert seen.values['macos_displays{location="internal"}'] == internal
    assert seen.values['macos_displays{location="external"}'] == external
    told = [series for series in seen.values if series.startswith("macos_display_info")]
    assert {series.partition('resolution="')[2].partition('"')[0] for series in told} == resolutions
    assert len(told) == internal + external
    assert seen.values[f"macos_gpu_info{{{gpu}}}"] == 1
