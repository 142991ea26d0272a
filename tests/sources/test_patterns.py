"""Expressions of a configuration cost a bounded time, whatever they are."""

import time

import pytest

from exporters.sources.patterns import compiled, found

HANGING = "(x+x+)+y"


@pytest.mark.parametrize("seconds", [0.2, 30.0, float("inf")])
def test_a_search_costs_a_second_of_the_processor_at_most(seconds: float) -> None:
    begun = time.process_time()
    with pytest.raises(TimeoutError):
        found(compiled(HANGING).search, "x" * 4096, seconds)
    assert time.process_time() - begun < min(seconds, 1.0) + 0.8


def test_a_search_without_time_left_may_still_find_what_is_there() -> None:
    assert found(compiled("b").search, "abc", -1.0)
    assert not found(compiled("d").search, "abc", 0.0)
