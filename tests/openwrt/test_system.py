"""The router itself: each fact from its own answer, a real router's answers, and what damaged ones give."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.openwrt.nlbw import DATE, UPTIME
from exporters.openwrt.system import COUNT, LOADAVG, MAX, MEMINFO, router
from exporters.sources.base import Denied
from exporters.sources.replay import Captured
from macos.looking import spoiled_bytes, steadily
from openwrt.seeing import NOON, NOW, Answers, see

MEMORY = (
    b"MemTotal:  1000 kB\nMemFree:  400 kB\nMemAvailable:  550 kB\nBuffers:  50 kB\nCached:  150 kB\nSlab:  90 kB\n"
)
WHOLE: Answers = {
    **NOW,
    UPTIME: b"3600.25 7100.10\n",
    LOADAVG: b"0.50 0.25 0.10 1/93 4211\n",
    MEMINFO: MEMORY,
    COUNT: b"332\n",
    MAX: b"15360\n",
}
PARTS = {
    UPTIME: {"openwrt_boot_timestamp_seconds"},
    LOADAVG: {"openwrt_load1", "openwrt_load5", "openwrt_load15"},
    MEMINFO: {
        "openwrt_memory_size_bytes",
        "openwrt_memory_available_bytes",
        *(f'openwrt_memory_bytes{{state="{state}"}}' for state in ("free", "buffers", "cached", "used")),
    },
    COUNT: {"openwrt_conntrack_entries"},
    MAX: {"openwrt_conntrack_entries_limit"},
    DATE: {"openwrt_time_seconds", "openwrt_boot_timestamp_seconds"},
}


def test_a_real_routers_answers_are_read(corpus: Path) -> None:
    proc = corpus / "router" / "proc"
    entries, limit = (proc / "home-t0.conntrack.txt").read_bytes().splitlines(keepends=True)
    seen = see(
        router,
        {
            **NOW,
            UPTIME: (proc / "home-t0.proc-uptime.txt").read_bytes(),
            LOADAVG: (proc / "home-t0.proc-loadavg.txt").read_bytes(),
            COUNT: entries,
            MAX: limit,
        },
    )
    assert not seen.problems
    assert seen["openwrt_boot_timestamp_seconds"] == NOON - 1114
    assert [seen[f"openwrt_load{minutes}"] for minutes in (1, 5, 15)] == [1.84, 1.02, 0.54]
    assert (seen["openwrt_conntrack_entries"], seen["openwrt_conntrack_entries_limit"]) == (332, 262_144)


def test_memory_is_in_bytes_and_its_states_add_up_to_its_size() -> None:
    seen = see(router, WHOLE)
    states = [seen[f"openwrt_memory_bytes{each}"] for each in seen.names("openwrt_memory_bytes")]
    assert sum(states) == seen["openwrt_memory_size_bytes"] == 1000 * 1024
    assert seen['openwrt_memory_bytes{state="used"}'] == 400 * 1024
    assert seen["openwrt_memory_available_bytes"] == 550 * 1024


@pytest.mark.parametrize("lacking", PARTS, ids=str)
def test_without_one_answer_only_its_own_samples_are_missing(lacking: object) -> None:
    whole = see(router, WHOLE).values
    seen = see(router, {question: answer for question, answer in WHOLE.items() if question != lacking})
    assert whole.keys() - seen.values.keys() == PARTS[lacking]  # type: ignore[index]
    assert not seen.problems


@pytest.mark.parametrize("broken", PARTS, ids=str)
def test_a_broken_answer_is_told_and_the_rest_stays(broken: object) -> None:
    seen = see(router, {**WHOLE, broken: b"garbage\n"})  # type: ignore[dict-item]
    assert see(router, WHOLE).values.keys() - seen.values.keys() == PARTS[broken]  # type: ignore[index]
    assert seen.problems.keys() == {"unparsable"}


def test_an_answer_that_is_refused_is_told() -> None:
    assert see(router, {**WHOLE, MEMINFO: Captured(error=Denied)}).problems.keys() == {"denied"}


def test_the_start_stays_while_the_two_answers_wander_and_moves_with_a_new_start() -> None:
    first = see(router, WHOLE)
    later = {**WHOLE, DATE: b"1795000061 +0100\n", UPTIME: b"3659.95 7100.10\n"}
    second = see(router, later, before=first.state)
    booted = see(router, {**WHOLE, DATE: b"1795000121 +0100\n", UPTIME: b"12.00 9.00\n"}, before=second.state)
    start = "openwrt_boot_timestamp_seconds"
    assert see(router, later)[start] != first[start]
    assert second[start] == first[start]
    assert booted[start] == 1_795_000_109


def test_states_that_contradict_the_size_leave_no_used() -> None:
    seen = see(router, {MEMINFO: MEMORY.replace(b" 1000 kB", b" 500 kB")})
    assert seen.names("openwrt_memory_bytes") == {'{state="free"}', '{state="buffers"}', '{state="cached"}'}


@pytest.mark.parametrize("line", [b"MemFree:  400 MB\n", b"MemFree:\n", b"MemFree:  -4 kB\n", b"MemFree:  4 4 kB\n"])
def test_a_size_that_cannot_be_read_is_no_size(line: bytes) -> None:
    seen = see(router, {MEMINFO: b"MemTotal:  1000 kB\n" + line})
    assert not seen.values
    assert seen.problems.keys() == {"unparsable"}


@given(question=st.sampled_from(list(WHOLE)), data=st.data())
@steadily
def test_spoiled_answers_raise_nothing(question: object, data: st.DataObject) -> None:
    whole = WHOLE[question]  # type: ignore[index]
    assert isinstance(whole, bytes)
    see(router, {**WHOLE, question: data.draw(spoiled_bytes(whole))})  # type: ignore[dict-item]
