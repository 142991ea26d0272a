"""Processes by state: every process counts once."""

from host.answering import answering, lines


def test_every_state_counts_once_and_new_ones_are_other() -> None:
    states = {"running": 1, "sleeping": 2, "stopped": 3, "tracing-stop": 4, "wake-kill": 5, "never seen": 6}
    found = {line.split("{")[1]: line for line in lines("processes", answering(processes={"states": states}))}
    assert 'state="stopped"} 7.0' in found
    assert 'state="other"} 11.0' in found
    assert sum(float(line.split()[-1]) for line in found) == 21


def test_threads_are_absent_where_not_every_process_could_be_asked() -> None:
    assert not [line for line in lines("processes", answering(processes={"states": {}})) if "threads" in line]
