"""The machine and its memory pressure: facts of sysctl, missing ones, ones of another shape."""

import json
from typing import Any

import pytest
from hypothesis import given

from exporters.macos.machine import SYSCTL, machine
from exporters.macos.memory_pressure import memory_pressure
from macos.looking import Seen, facts, see, spoiled_json, steadily

MAC: dict[str, Any] = {
    "hw.model": "Mac17,2",
    "machdep.cpu.brand_string": "Apple M5",
    "kern.osproductversion": "26.1",
    "kern.osversion": "25B78",
    "kern.waketime": 1790664331.569763,
    "hw.nperflevels": 2,
    "hw.perflevel0.name": "Super",
    "hw.perflevel0.physicalcpu": 4,
    "hw.perflevel1.name": "Efficiency",
    "hw.perflevel1.physicalcpu": 6,
    "kern.memorystatus_vm_pressure_level": 1,
    "sysctl.proc_translated": 0,
}


def with_facts(**changes: Any) -> Seen:
    changed = {name.replace("__", "."): value for name, value in changes.items()}
    return see(machine, {SYSCTL: json.dumps({**MAC, **changed}).encode()})


def test_info_names_model_chip_and_system() -> None:
    info = 'macos_machine_info{chip="Apple M5",model="Mac17,2",os_build="25B78",os_version="26.1"}'
    assert with_facts().values[info] == 1


def test_cores_go_by_the_name_of_their_level() -> None:
    seen = with_facts(hw__perflevel1__name="Performance", hw__perflevel1__physicalcpu=12)
    assert seen.values['macos_machine_cpus{level="super"}'] == 4
    assert seen.values['macos_machine_cpus{level="performance"}'] == 12
    assert 'macos_machine_cpus{level="efficiency"}' not in seen.values


def test_a_mac_that_never_slept_has_no_last_wake() -> None:
    assert with_facts().values["macos_last_wake_timestamp_seconds"] == 1790664331.569763
    assert "macos_last_wake_timestamp_seconds" not in with_facts(kern__waketime=0.0).values


@pytest.mark.parametrize("translated", [0, 1])
def test_rosetta_is_told(translated: int) -> None:
    assert with_facts(sysctl__proc_translated=translated).values["macos_machine_translated"] == translated


def test_what_sysctl_does_not_know_gives_no_sample() -> None:
    assert see(machine, {SYSCTL: facts()}) == Seen({}, {})
    bare = see(machine, {SYSCTL: facts(hw__model="iMac19,1")})
    assert list(bare.values) == ['macos_machine_info{chip="",model="iMac19,1",os_build="",os_version=""}']


@pytest.mark.parametrize(("level", "word"), [(1, "normal"), (2, "warning"), (4, "critical"), (0, None), (3, None)])
def test_memory_pressure(level: int, word: str | None) -> None:
    seen = see(memory_pressure, {SYSCTL: facts(kern__memorystatus_vm_pressure_level=level)})
    assert seen.only("macos_memory_pressure") == word


def test_memory_pressure_is_not_made_up() -> None:
    assert see(memory_pressure, {SYSCTL: facts(hw__model="iMac19,1")}) == Seen({}, {})


@pytest.mark.parametrize("declared", [machine, memory_pressure], ids=lambda each: each.name)
def test_facts_of_another_shape_are_unparsable(declared: Any) -> None:
    assert see(declared, {SYSCTL: b"[1, 2]"}).problems.keys() == {"unparsable"}


@steadily
@given(spoiled_json(MAC))
def test_any_facts_are_read_or_unparsable(known: bytes) -> None:
    for declared in (machine, memory_pressure):
        assert see(declared, {SYSCTL: known}).problems.keys() <= {"unparsable", "failed"}
