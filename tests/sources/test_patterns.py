"""Expressions of a configuration cost a bounded time, whatever they are."""

import time

import pytest
import regex

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


@pytest.mark.parametrize(
    "pattern",
    [
        "(?:(?:a{1000}){1000}){1000}",
        "(?:(?:a{100})+b{,1000}){1,1000}",
        r"((([)a]\)){60}){60}){60}",
        "a{99999999999999999999}",
        "a{100001}",
        "(){100001}",
        "(?:[(]a{10}){10}" * 63,
        "https://bob:hunter2@h" + "(" * 1000,
    ],
)
def test_an_expression_that_would_cost_much_to_compile_is_refused_at_once(pattern: str) -> None:
    begun = time.process_time()
    with pytest.raises(ValueError, match=r"\A.* is no regular expression that is taken: ") as caught:
        compiled(pattern)
    assert time.process_time() - begun < 0.2
    assert len(str(caught.value)) < 200
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "pattern",
    [
        "a{65536}",
        "(?:[0-9]{1,3}\\.){3}[0-9]{1,3}",
        "(?:x{10}){1000}",
        "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        "a{,3}b{2,}c{0}d{}",
        "[{99999999}]",
        "\\{99999999}",
        "x" * 1000,
    ],
)
def test_one_that_is_usual_is_taken(pattern: str) -> None:
    assert compiled(pattern)


def test_memory_that_is_not_there_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise MemoryError

    monkeypatch.setattr(regex, "compile", refuse)
    with pytest.raises(ValueError, match=r"\A'a' is no regular expression: "):
        compiled("a")
