"""CPU counters never step back by a rounding of the kernel, and hold no second twice."""

from typing import Any

from exporters.host.cpu import Cpu, advance
from host.answering import answering, context_of, lines

CONTEXT = context_of("cpu")


def cpu(*cores: dict[str, float], **total: float) -> Cpu:
    return Cpu(total, cores, None)


def test_time_of_virtual_machines_is_not_published_beside_the_user_time_that_holds_it() -> None:
    times = {"user": 100.0, "nice": 5.0, "guest": 40.0, "guest_nice": 5.0, "idle": 7.0}
    found = lines("cpu", answering(cpu_times=times, cpu_count=1))
    assert sum(float(line.split()[-1]) for line in found if "seconds" in line) == 112.0


def test_a_small_step_back_is_not_shown() -> None:
    state = advance(cpu(idle=1000.0, user=10.0), cpu(idle=999.9, user=11.0), 0.0, CONTEXT)
    assert state.total == {"idle": 1000.0, "user": 11.0}


def test_a_new_start_is_shown() -> None:
    state = advance(cpu(idle=1000.0, user=70.0), cpu(idle=1.0, user=2.0), 0.0, CONTEXT)
    assert state.total == {"idle": 1.0, "user": 2.0}


def test_cores_that_come_and_go_are_taken_as_they_are() -> None:
    before, now = cpu({"idle": 50.0}, {"idle": 50.0}), cpu({"idle": 49.0})
    assert advance(before, now, 0.0, CONTEXT).cores == ({"idle": 49.0},)


def test_cores_are_asked_for_on_request_only() -> None:
    facts: dict[str, Any] = {"cpu_times": {"user": 3.0}, "cpu_times_per_core": [{"user": 1.0}, {"user": 2.0}]}
    assert not [line for line in lines("cpu", answering(**facts)) if "core" in line]
    wanted = lines("cpu", answering(**facts), context_of("cpu", per_core=True))
    assert 'pomona_host_cpu_core_seconds_total{core="1",mode="user"} 2.0' in wanted
