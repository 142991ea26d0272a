"""No answer, whatever its shape, makes anything of a host collector but samples or a problem."""

import json
import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import COLLECTORS
from exporters.core.metrics import render
from exporters.sources.base import System
from host.answering import answering, context_of, seen

HOST = sorted(name for name, each in COLLECTORS.items() if each.package == "exporters.host")
CONFIGURED = {"textfile", "components", "endpoints"}
"""They ask what the configuration says, and no fact."""
FACTS = sorted(name for name in HOST if name not in CONFIGURED)
WORDS = [
    *(
        "user",
        "idle",
        "total",
        "free",
        "used",
        "wired",
        "cached",
        "sda",
        "read_bytes",
        "busy_time",
        "eth0",
        "bytes_recv",
    ),
    *("up", "speed", "device", "mountpoint", "fstype", "options", "size", "files", "error", "states", "threads", "now"),
]
TEXTS = st.sampled_from(WORDS) | st.text(st.characters(codec="utf-8"), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
ANY = st.recursive(
    SCALARS, lambda each: st.lists(each, max_size=4) | st.dictionaries(TEXTS, each, max_size=8), max_leaves=20
)


def questions(name: str) -> list[str]:
    context = context_of(name, per_core=True) if name == "cpu" else context_of(name)
    declared = COLLECTORS[name]
    asked = (*declared.required_for(context), *declared.optional_for(context))
    return [each.name for each in asked if isinstance(each, System)]


def published(name: str, answers: dict[str, Any]) -> bytes | None:
    context = context_of(name, per_core=True) if name == "cpu" else context_of(name)
    found = seen(name, answering(**answers), context)
    if found.failed is not None:
        assert found.failed in {"unparsable", "failed", "not_found"}
        return None
    declared = COLLECTORS[name]
    state = declared.advance(None, found.reading, 0.0, context) if declared.advance else found.reading
    return render(declared.metrics(state, context))


@pytest.mark.parametrize("name", FACTS)
@settings(derandomize=True, deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_json_gives_samples_or_a_problem(name: str, data: st.DataObject) -> None:
    published(name, {question: data.draw(ANY) for question in questions(name)})


NUMBERS = {
    "cpu": {"cpu_times": {"user": 1.0, "idle": None}, "cpu_times_per_core": [{"user": 1.0}]},
    "load": {"load": [None, 1.0, 1.0]},
    "memory": {"memory": {"total": None, "free": 1, "buffers": 1, "cached": 1}},
    "swap": {"swap": {"used": None, "free": 1}},
    "disk": {"disk_io": {"sda": {"read_bytes": None}}},
    "filesystem": {
        "filesystems": [{"device": "a", "mountpoint": "/", "fstype": "ext4", "options": "rw", "size": None}]
    },
    "network": {"network": {"eth0": {"bytes_recv": None}}},
    "processes": {"processes": {"states": {"running": None}}},
    "time": {"clocks": {"now": None}},
}


def test_every_host_collector_is_tried_with_bad_numbers() -> None:
    assert sorted(NUMBERS) == FACTS


@pytest.mark.parametrize("bad", ["NaN", "Infinity", "1e999", "true", '"many"', "[]", "-1"])
@pytest.mark.parametrize("name", FACTS)
def test_a_number_that_is_none_drops_the_reading(name: str, bad: str) -> None:
    answers = {each: json.dumps(value).replace("null", bad).encode() for each, value in NUMBERS[name].items()}
    good = {each: answer.replace(bad.encode(), b"1") for each, answer in answers.items()}
    assert published(name, good) is not None
    assert published(name, answers) is None or (name, bad) == ("load", "-1")


@pytest.mark.parametrize("name", FACTS)
def test_an_answer_without_its_keys_invents_nothing(name: str) -> None:
    for empty in ({}, []):
        text = published(name, dict.fromkeys(questions(name), empty))
        values = [float(line.split()[-1]) for line in (text or b"").decode().splitlines() if line[0] != "#"]
        assert not any(values)
        assert not any(math.isnan(value) for value in values)
        assert name == "processes" or not values


@pytest.mark.parametrize("name", FACTS)
def test_without_its_fact_a_collector_says_not_found(name: str) -> None:
    assert seen(name, answering()).failed == "not_found"
