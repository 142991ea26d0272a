"""What holds for every collector, present and future: names, sources, declared questions, totality, privacy, docs."""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import COLLECTORS, ROOT, context_for, fixtures_of, remembered
from docs.__main__ import pages
from exporters.core.collector import Collector
from exporters.core.context import Context, Level
from exporters.core.flight import Look, look
from exporters.core.metrics import faults, render
from exporters.sources.base import Answer_co, Command, Outcome, Question, ask_each
from exporters.sources.replay import Captures, Replay, load_captures
from spoiling import (
    CANARY,
    DAMAGES,
    RESPELLING,
    Spot,
    answer_at,
    changed,
    decoded,
    poisons,
    printing,
    renamed,
    spots,
    unlearnt,
    walk,
)

NAMES = sorted(COLLECTORS)
PRINTABLE = st.text(st.characters(codec="utf-8"), max_size=30)


class Listening:
    """A replay that notes what is asked."""

    def __init__(self, source: Replay) -> None:
        self.source = source
        self.asked: list[Question[Any]] = []

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        self.asked.append(question)
        return self.source.ask(question)

    def ask_many(self, questions: Iterable[Question[Any]]) -> Outcome:
        return ask_each(self, questions)


def told(declared: Collector, seen: Look, context: Context, state: Any = None) -> str:
    """The text of a first look after a start; problems are comments in it, as they reach the log."""
    problems = "".join(f"# {problem}: {reason}\n" for problem, reason in seen.problems.items())
    if seen.failed is not None or not seen.supported:
        return problems
    reading = declared.advance(state, seen.reading, 1e9, context) if declared.advance else seen.reading
    return render(declared.metrics(reading, context)).decode() + problems


@pytest.mark.parametrize("name", NAMES)
def test_names_follow_the_rules(name: str) -> None:
    assert not [(family.name, fault) for family in COLLECTORS[name].families for fault in faults(family)]


@pytest.mark.parametrize("name", NAMES)
def test_only_declared_families_are_published_and_each_is_seen_in_a_fixture(name: str) -> None:
    declared = COLLECTORS[name]
    published: set[str] = set()
    for folder in fixtures_of(name):
        published |= set(re.findall(r"^# HELP (\S+)", replayed(declared, folder, load_captures(folder)), re.MULTILINE))
    own = {family.name for family in declared.families}
    assert declared.foreign or published <= own
    assert own <= published, f"no fixture shows {sorted(own - published)}"


def replayed(declared: Collector, folder: Path, captures: Captures, level: Level = "standard") -> str:
    context = context_for(declared, level, folder)
    state = remembered(declared, folder)
    return told(declared, look(declared, Replay(captures), context, state), context, state)


@pytest.mark.parametrize("name", NAMES)
def test_only_declared_questions_are_asked(name: str) -> None:
    declared = COLLECTORS[name]
    for folder in fixtures_of(name):
        context = context_for(declared, folder=folder)
        allowed = {*declared.required_for(context), *declared.optional_for(context)}
        source = Listening(Replay(load_captures(folder)))
        look(declared, source, context, remembered(declared, folder))
        more = {each for each in source.asked if isinstance(each, Command)} - allowed
        assert all(declared.form_of(each, context) for each in more), more


@pytest.mark.parametrize("name", NAMES)
def test_background_collectors_alone_start_processes(name: str) -> None:
    declared = COLLECTORS[name]
    assert declared.cadence is not None or not list(declared.commands(context_for(declared)))


@pytest.mark.parametrize("name", NAMES)
def test_two_looks_at_the_same_thing_are_equal(name: str) -> None:
    declared = COLLECTORS[name]
    for folder in fixtures_of(name):
        captures = load_captures(folder)
        assert replayed(declared, folder, captures) == replayed(declared, folder, captures)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", NAMES)
def test_damaged_answers_give_a_problem_or_fewer_samples_and_nothing_invented(name: str, damage: str) -> None:
    declared, damaged = COLLECTORS[name], DAMAGES[damage]
    for folder in fixtures_of(name):
        captures = load_captures(folder)
        counted = COUNTED if damage in {*RESPELLING, "empty"} else ()
        whole = samples(replayed(declared, folder, captures), counted)
        allowed = whole | TOLD_OF_DAMAGE.get(damage, set())
        allowed |= {respelled(line, damaged) for line in whole if damage in RESPELLING}
        spoiled = [spot for spot in spots(captures) if can_happen(damage, spot, captures)]
        for only in (spoiled, *([spot] for spot in spoiled)):
            found = samples(replayed(declared, folder, changed(captures, printing(damaged), only)), counted)
            assert not {line for line in found - allowed if masked(line) not in allowed}, folder.name


@pytest.mark.parametrize("name", NAMES)
def test_a_text_cut_anywhere_tells_nothing_new(name: str) -> None:
    declared = COLLECTORS[name]
    for folder in fixtures_of(name):
        captures = load_captures(folder)
        whole = {excused: samples(replayed(declared, folder, captures), excused) for excused in ((), COUNTED)}
        for spot in (spot for spot in spots(captures) if decoded(answer_at(captures, spot).stdout)[1] is None):
            content = answer_at(captures, spot).stdout
            for end in range(len(content)):
                counted = COUNTED if end == 0 or content[:end].endswith(b"\n") else ()
                cut = changed(captures, printing(lambda data, end=end: data[:end]), [spot])
                told = samples(replayed(declared, folder, cut), counted)
                assert told <= whole[counted] | TOLD_OF_DAMAGE["empty"], f"{folder.name}: {end}"


@pytest.mark.parametrize("name", NAMES)
def test_without_a_field_a_measurement_is_missing_or_as_it_was(name: str) -> None:
    """States, sums of devices and identities may change with what they are made of: their samples have labels."""
    declared = COLLECTORS[name]
    for folder in fixtures_of(name):
        captures = load_captures(folder)
        whole = samples(replayed(declared, folder, captures))
        for spot in spots(captures):
            for key, content in renamed(answer_at(captures, spot).stdout, None):
                lacking = changed(captures, printing(lambda _, content=content: content), [spot])
                told = samples(replayed(declared, folder, lacking))
                new = {line for line in told - whole if "{" not in line}
                assert not new or (name, key) in TELLS_THE_GENERATION, f"{folder.name}: without {key}: {new}"


TELLS_THE_GENERATION = {("power", "Temperature"), ("time_machine", "Destinations")}
"""Without the first, the battery's node is that of macOS 27, which means something else by the rest; without the second
`tmutil destinationinfo` says that there are no destinations."""


def samples(text: str, excused: tuple[str, ...] = ()) -> set[str]:
    """The series with their values, without the excused; what says that an answer is damaged is no news of the machine.

    Nor is an enum whose state or reason is unknown: it says that nothing was learnt.
    """
    lines = [line for line in text.split("\n") if line and not line.startswith("#")]
    return {line for line in lines if not line.startswith((*TOLD_OF_FAULTS, *excused, *unlearnt(lines)))}


TOLD_OF_FAULTS = ("pomona_textfile_error{", "pomona_textfile_problem{", "openwrt_nlbwmon_status{")
COUNTED: tuple[str, ...] = (
    *("openwrt_dhcp_leases ", "openwrt_neighbours{", "openwrt_wireless_stations{"),
    *("macos_updates_listed ", "macos_updates_restart_required "),
    *("macos_kernel_extensions{", "macos_package_receipts{", "macos_homebrew_packages{", "macos_vpn_services{"),
)
"""How many lines a report has: one that ends after a whole line cannot be told from a shorter one, other cuts can. Over
SSH each answer stands between marks, so none ends early unseen; on a Mac a program that was ended early has another
exit status. And words that are spelled in another way are counted as others."""


TOLD_OF_DAMAGE = {
    # of a virtual machine, which has no battery, ioreg prints nothing
    "empty": {"macos_battery_present 0.0"},
}


def can_happen(damage: str, spot: Spot, captures: Captures) -> bool:
    """Facts are JSON of our own making: no locale changes their points, and half of a lone number is another number."""
    lone_number = isinstance(decoded(answer_at(captures, spot).stdout)[0], int | float)
    return spot[0] not in OF_OUR_OWN or not (damage == "decimal commas" or (damage == "half" and lone_number))


OF_OUR_OWN = ("systems", "probes", "processes")


def respelled(line: str, damaged: Callable[[bytes], bytes]) -> str:
    """The sample with its label values damaged: a text that is published as it is changes with its source."""
    return masked(re.sub(r'(?<==")[^"]*', lambda found: damaged(found[0].encode()).decode(errors="replace"), line))


def masked(line: str) -> str:
    """Without hashes: that of an identity changes with the texts that the identity is made of."""
    return re.sub(r'(?<==")[0-9a-f]{12}(?=")', "HASH", line)


@pytest.mark.parametrize("name", NAMES)
@settings(derandomize=True, deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_value_in_an_answer_makes_anything_but_a_problem(name: str, data: st.DataObject) -> None:
    declared = COLLECTORS[name]
    folder = data.draw(st.sampled_from(fixtures_of(name)))
    replayed(declared, folder, changed(load_captures(folder), printing(lambda content: mutated(content, data))))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | PRINTABLE | st.just([]) | st.just({})


def mutated(content: bytes, data: st.DataObject) -> bytes:
    """One value somewhere in a plist or JSON document exchanged; other bytes cut and joined anew."""
    tree, write = decoded(content)
    if write is None:
        cut = data.draw(st.integers(0, len(content)))
        return content[:cut] + data.draw(st.binary(max_size=8)) + content[cut + data.draw(st.integers(0, 8)) :]
    places = list(walk(tree))
    if places:
        holder, key, _ = data.draw(st.sampled_from(places))
        holder[key] = data.draw(SCALARS)
    try:
        return write(tree)
    except (TypeError, OverflowError, ValueError):
        return content


@pytest.mark.parametrize("level", ["standard", "strict"])
@pytest.mark.parametrize("name", [name for name in NAMES if not COLLECTORS[name].foreign])
def test_strings_that_are_not_declared_never_leave(name: str, level: Level) -> None:
    declared = COLLECTORS[name]
    for folder in fixtures_of(name):
        whole = load_captures(folder)
        for spot in spots(whole):
            answer = answer_at(whole, spot)
            names = json.loads(answer.stdout) if name in NAMED_BY_THE_KERNEL else ()
            for content in poisons(answer.stdout, declared.publishes, names):
                poison = replace(answer, stdout=content, stderr=CANARY.encode())
                told = replayed(declared, folder, changed(whole, lambda _, poison=poison: poison, [spot]), level)
                assert CANARY.lower() not in told.lower(), f"{folder.name}: {content.decode(errors='replace')}"


NAMED_BY_THE_KERNEL = {"disk", "network"}
"""The names of their devices are keys of the answer, and published: no person gives them."""


def test_the_name_of_a_bluetooth_device_is_poisoned() -> None:
    """It is a key of the report: the test above would see nothing if keys stayed as they are."""
    declared = COLLECTORS["bluetooth"]
    (folder, *_) = fixtures_of("bluetooth")
    whole = load_captures(folder)
    (spot,) = spots(whole)
    contents = poisons(answer_at(whole, spot).stdout, declared.publishes)
    poisoned = [changed(whole, printing(lambda _, content=content: content)) for content in contents]
    assert any(f'name="{CANARY}"' in replayed(declared, folder, each, "full") for each in poisoned)


def test_generated_documentation_is_up_to_date() -> None:
    stale = [path.name for path, text in pages() if not path.exists() or path.read_text() != text]
    assert not stale, "run `make docs`"


@pytest.mark.parametrize("name", NAMES)
def test_every_page_has_queries(name: str) -> None:
    """That they name metrics which exist is shown for all pages together."""
    text = (ROOT / "docs" / "collectors" / f"{name}.md").read_text()
    assert "## Useful queries" in text
    queries = " ".join(re.findall(r"```promql\n(.*?)```", text, re.DOTALL))
    assert re.search(r"\b(macos|pomona|openwrt)_[a-z0-9_]+", queries)
