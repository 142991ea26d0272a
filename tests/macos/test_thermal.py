"""Thermal: the tool that fits the processor, levels read strictly, limits only where there are any."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.macos.thermal import KEY, LIMITS, PRESSURE, SYSCTL, thermal
from exporters.sources.base import NotFound, TimedOut
from exporters.sources.replay import Captured
from macos.looking import Seen, facts, see, spoiled_bytes, steadily

APPLE = facts(hw__optional__arm64=1, sysctl__proc_translated=0)
INTEL = facts(hw__optional__arm64=0, machdep__xcpm__cpu_thermal_level=60)
NOTES = "Note: No thermal warning level has been recorded\nNote: No performance warning level has been recorded\n"
BLOCK = "2026-09-22 14:03:11 +0200 CPU Power notify\n\tCPU_Speed_Limit \t= 43\n\tCPU_Available_CPUs \t= 16\n"
LIMIT_SERIES = {"macos_cpu_speed_limit_ratio", "macos_cpu_scheduler_limit_ratio", "macos_cpu_available"}


def pressure(printed: bytes) -> Seen:
    return see(thermal, {SYSCTL: APPLE, PRESSURE: printed})


def limits(printed: str) -> Seen:
    return see(thermal, {SYSCTL: INTEL, LIMITS: printed.encode()})


def told(seen: Seen) -> dict[str, float]:
    """All but what is derived."""
    return {series: value for series, value in seen.values.items() if not series.startswith("macos_throttling")}


def test_the_key_is_the_one_that_exists() -> None:
    assert KEY == "com.apple.system.thermalpressurelevel"


@pytest.mark.parametrize(("level", "word"), list(enumerate(("nominal", "moderate", "heavy", "trapping", "sleeping"))))
def test_pressure(level: int, word: str) -> None:
    assert pressure(f"{KEY} {level}\n".encode()).only("macos_thermal_pressure") == word


@pytest.mark.parametrize(
    "printed",
    [
        b"",
        b"0\n",
        f"{KEY}\n".encode(),
        f"{KEY} \n".encode(),
        f"{KEY} 5\n".encode(),
        f"{KEY} 10\n".encode(),
        f"{KEY} -1\n".encode(),
        f"{KEY} ٣\n".encode(),
        f"{KEY}  0\n".encode(),
        f"{KEY}: Failed with code 9\n".encode(),
        f"warning\n{KEY} 0\n".encode(),
        f"{KEY} 0\n{KEY} 0\n".encode(),
        b"com.apple.system.thermalpressure 0\n",
    ],
)
def test_what_is_no_level_is_a_problem_and_no_sample(printed: bytes) -> None:
    seen = pressure(printed)
    assert seen.values == {}
    assert seen.problems.keys() == {"unparsable"}


def test_apple_silicon_is_known_from_under_rosetta_too() -> None:
    seen = see(thermal, {SYSCTL: facts(sysctl__proc_translated=1), PRESSURE: f"{KEY} 1\n".encode()})
    assert seen.only("macos_thermal_pressure") == "moderate"


def test_intel_publishes_no_pressure_and_apple_silicon_no_limits() -> None:
    both = {PRESSURE: f"{KEY} 0\n".encode(), LIMITS: (NOTES + BLOCK).encode()}
    assert see(thermal, {SYSCTL: INTEL, **both}).only("macos_thermal_pressure") is None
    assert not LIMIT_SERIES & see(thermal, {SYSCTL: APPLE, **both}).values.keys()


def test_limits_in_any_order() -> None:
    for block in (BLOCK, "\tCPU_Available_CPUs \t= 16\n\tCPU_Speed_Limit \t= 43\n"):
        assert told(limits(NOTES + block)) == {
            "macos_cpu_speed_limit_ratio": 0.43,
            "macos_cpu_available": 16,
            "macos_cpu_thermal_level": 60,
        }


def test_notes_alone_give_no_limits() -> None:
    seen = limits(f"{NOTES}Note: No CPU power status has been recorded\n")
    assert (told(seen), seen.problems) == ({"macos_cpu_thermal_level": 60}, {})


@pytest.mark.parametrize("printed", ["", NOTES, "Error:Failed to get thermal warning level with error code 0xe\n", "="])
def test_neither_limits_nor_the_note_is_unparsable(printed: str) -> None:
    assert limits(printed).problems.keys() == {"unparsable"}


def test_a_limit_that_was_cut_is_not_taken_for_a_smaller_one() -> None:
    assert (
        "macos_cpu_speed_limit_ratio"
        not in limits(f"{NOTES}\tCPU_Available_CPUs \t= 8\n\tCPU_Speed_Limit \t= 10").values
    )


def test_limits_beyond_all_give_no_sample() -> None:
    seen = limits("\tCPU_Speed_Limit \t= 255\n\tCPU_Scheduler_Limit \t= 101\n\tCPU_Available_CPUs \t= 0\n")
    assert not LIMIT_SERIES & seen.values.keys()


def test_no_thermal_level_without_the_sysctl() -> None:
    assert told(see(thermal, {SYSCTL: facts(hw__model="iMac19,1"), LIMITS: (NOTES + BLOCK).encode()})) == {
        "macos_cpu_speed_limit_ratio": 0.43,
        "macos_cpu_available": 16,
    }


def test_a_tool_that_hangs_is_told() -> None:
    seen = see(thermal, {SYSCTL: APPLE, PRESSURE: Captured(error=TimedOut)})
    assert (told(seen), seen.problems) == ({}, {"timeout": f"{PRESSURE}: as captured"})
    assert seen.only("macos_throttling") == "unknown"
    assert see(thermal, {SYSCTL: Captured(error=NotFound)}).problems.keys() == {"not_found"}


@steadily
@given(spoiled_bytes(f"{KEY} 2\n".encode()), spoiled_bytes((NOTES + BLOCK).encode()))
def test_any_output_is_read_or_unparsable(told: bytes, limited: bytes) -> None:
    assert pressure(told).problems.keys() <= {"unparsable"}
    seen = see(thermal, {SYSCTL: INTEL, LIMITS: limited})
    assert seen.problems.keys() <= {"unparsable"}
    assert 0 <= seen.values.get("macos_cpu_speed_limit_ratio", 0) <= 1


@steadily
@given(
    st.text() | st.integers() | st.none(), st.booleans() | st.text() | st.floats(allow_nan=False) | st.lists(st.none())
)
def test_any_sysctl_is_read_or_unparsable(arm: object, level: object) -> None:
    known = facts(hw__optional__arm64=arm, machdep__xcpm__cpu_thermal_level=level)
    seen = see(thermal, {SYSCTL: known, LIMITS: (NOTES + BLOCK).encode(), PRESSURE: f"{KEY} 0\n".encode()})
    assert seen.problems.keys() <= {"unparsable", "failed"}


def test_a_virtual_mac_has_no_pressure_because_an_unposted_level_reads_0_too() -> None:
    virtual = facts(hw__optional__arm64=1, hw__model="VirtualMac2,1")
    seen = see(thermal, {SYSCTL: virtual, PRESSURE: f"{KEY} 0\n".encode()})
    assert (told(seen), seen.problems) == ({}, {})
    assert seen.only("macos_throttling") == "unknown"


@pytest.mark.parametrize(
    ("level", "reason"), list(enumerate(("none", "none", "thermal_pressure", "thermal_pressure", "thermal_pressure")))
)
def test_apple_silicon_is_held_back_from_heavy_on(level: int, reason: str) -> None:
    assert pressure(f"{KEY} {level}\n".encode()).only("macos_throttling") == reason


@pytest.mark.parametrize(
    ("scheduler", "cpus", "speed", "reason"),
    [
        (100, 16, 100, "none"),
        (100, 16, 99, "cpu_speed"),
        (40, 8, 28, "cpu_speed"),
        (40, 8, 100, "cpu_scheduler"),
        (100, 8, 100, "cpus_offline"),
        (None, 8, 100, "unknown"),
        (100, None, 100, "unknown"),
        (40, 8, None, "unknown"),
        (None, None, 99, "cpu_speed"),
        (40, 8, 255, "unknown"),
    ],
)
def test_intel_is_held_back_by_the_first_limit_that_holds(
    scheduler: int | None, cpus: int | None, speed: int | None, reason: str
) -> None:
    named = {"CPU_Scheduler_Limit": scheduler, "CPU_Available_CPUs": cpus, "CPU_Speed_Limit": speed}
    block = "".join(f"\t{name} \t= {value}\n" for name, value in named.items() if value is not None)
    known = facts(hw__optional__arm64=0, hw__logicalcpu_max=16, machdep__xcpm__cpu_thermal_level=66)
    assert see(thermal, {SYSCTL: known, LIMITS: (NOTES + block).encode()}).only("macos_throttling") == reason


@pytest.mark.parametrize(("level", "reason"), [(0, "none"), (60, "unknown"), (None, "unknown")])
def test_nothing_recorded_is_no_throttling_only_on_a_cool_mac(level: int | None, reason: str) -> None:
    known = facts(hw__optional__arm64=0, **({} if level is None else {"machdep__xcpm__cpu_thermal_level": level}))
    notes = f"{NOTES}Note: No CPU power status has been recorded\n".encode()
    assert see(thermal, {SYSCTL: known, LIMITS: notes}).only("macos_throttling") == reason
    assert see(thermal, {SYSCTL: known, LIMITS: Captured(error=TimedOut)}).only("macos_throttling") == "unknown"
