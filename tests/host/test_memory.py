"""Memory states do not overlap: their sum is the memory of the machine."""

import pytest

from host.answering import answering, lines

LINUX = {
    "total": 1000,
    "available": 700,
    "used": 300,
    "free": 400,
    "buffers": 50,
    "cached": 250,
    "active": 9,
    "slab": 8,
}
MACOS = {"total": 1000, "available": 350, "used": 600, "free": 50, "active": 400, "inactive": 300, "wired": 200}


@pytest.mark.parametrize("fact", [LINUX, MACOS], ids=["linux", "macos"])
def test_states_add_up_to_the_total(fact: dict[str, int]) -> None:
    found = lines("memory", answering(memory=fact))
    assert sum(float(line.split()[-1]) for line in found if "{state=" in line) == 1000


def test_linux_used_is_what_is_neither_free_nor_cache() -> None:
    assert 'pomona_host_memory_bytes{state="used"} 300.0' in lines("memory", answering(memory=LINUX))


def test_contradicting_figures_give_no_rest() -> None:
    found = lines("memory", answering(memory={**LINUX, "cached": 900}))
    assert not [line for line in found if '"used"' in line]


def test_a_part_that_is_not_told_gives_no_rest() -> None:
    fact = {name: value for name, value in LINUX.items() if name != "buffers"}
    assert not [line for line in lines("memory", answering(memory=fact)) if '"used"' in line or '"buffers"' in line]
