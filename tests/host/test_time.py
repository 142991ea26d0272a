"""The boot time holds still while the clock is corrected."""

from exporters.host.time import Time, advance
from host.answering import context_of

CONTEXT = context_of("time")


def boots(*reported: float) -> list[float | None]:
    """What is published for a row of reported boot times."""
    state, shown = None, []
    for boot in reported:
        state = advance(state, Time(boot, 0.0), 0.0, CONTEXT)
        shown.append(state.boot)
    return shown


def test_corrections_of_the_clock_do_not_move_it() -> None:
    assert boots(1000.4, 1000.6, 999.2, 1003.0, 1000.0) == [1000.0] * 5


def test_a_new_boot_is_shown() -> None:
    assert boots(1000.4, 5000.6) == [1000.0, 5001.0]


def test_a_boot_time_that_is_missing_is_not_kept() -> None:
    state = advance(None, Time(1000.0, 0.0), 0.0, CONTEXT)
    assert advance(state, Time(None, 5.0), 0.0, CONTEXT) == Time(None, 5.0)
