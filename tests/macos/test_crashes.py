"""Diagnostic reports: each counted once by its kind, whatever macOS does with its file and however often we restart."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.machines import HandClock
from exporters.core.cell import Cell
from exporters.core.collector import Memory
from exporters.core.context import Context, Level
from exporters.macos.crash_history import PROCESSES, REPORTS, TRIES, CrashesConfig
from exporters.macos.crash_reports import by_head, by_name, process
from exporters.macos.crashes import MOST, crashes
from exporters.sources.base import Denied, Failed, NotFound, ParseError
from exporters.sources.replay import Replay
from macos.crashing import HOME, RETIRED, Mac, counted, head, last
from macos.looking import spoiled_bytes, steadily

PAINT = "Paint-2026-08-27-135352.ips"


def named(number: int, stem: str = "Paint") -> str:
    return f"{stem}-{datetime.fromtimestamp(1e9 + number, UTC):%Y-%m-%d-%H%M%S}.ips"


@pytest.mark.parametrize(
    ("name", "kind", "about"),
    [
        ("Paint-2026-08-27-135352.ips", None, "Paint"),
        ("Google Chrome Helper-2026-08-27-135352.0002.ips", None, "Google Chrome Helper"),
        ("a-b_c-2026-08-27-135352.ips", None, "a-b_c"),
        ("ExcUserFault_Notes-2026-08-20-095808.ips", "user_fault", "Notes"),
        ("JetsamEvent-2026-08-26-060919.ips", "jetsam", None),
        ("panic-full-2026-10-07-120951.panic", "panic", None),
        ("panic-base-2026-10-07-120951.panic", "panic", None),
        ("Paint_2026-08-25-090000_robins-mac.hang", "hang", "Paint"),
        ("Paint_2026-08-25-090000_robins-mac.spin", "spin", "Paint"),
        ("mds_2026-08-24-110000_robins-mac.cpu_resource.diag", "resource", "mds"),
        ("mds_2026-08-24-110000_robins-mac.diskwrites_resource.diag", "resource", "mds"),
        ("SFA-x.json_2026-08-20-122624.diag", "other", None),
        ("Paint_2019-08-24-110000_robins-mac.crash", "crash", "Paint"),
        ("shutdown_2026-08-24-110000_robins-mac.shutdownStall", "other", None),
        ("readme", "other", None),
    ],
)
def test_what_a_name_tells(name: str, kind: str | None, about: str | None) -> None:
    assert by_name(name) == kind
    assert process(name, kind or "crash") == about


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (head("309"), "crash"),
        (head(309), "crash"),
        (head("308"), "crash"),
        (head("309", is_simulated=1), "user_fault"),
        (head("309", is_simulated=0), "crash"),
        (head("309", platform=7), "simulator"),
        (head("309", platform=2), "crash"),
        (head("298"), "jetsam"),
        (head("210"), "panic"),
        (head("288"), "stackshot"),
        (head("284"), "gpu_restart"),
        (head("202"), "resource"),
        (head("313"), "other"),
        (head("9999"), "other"),
    ],
)
def test_what_a_first_line_tells(content: bytes, kind: str) -> None:
    assert by_head(content) == kind


@pytest.mark.parametrize("content", [b"", b"\n", b"{", b"[]\n", b"Process: Paint\n", b"{}\n", head("x"), head(None)])
def test_a_first_line_that_is_no_header_is_unparsable(content: bytes) -> None:
    with pytest.raises(ParseError):
        by_head(content)


def test_the_first_look_counts_nothing_and_tells_the_newest() -> None:
    mac = Mac()
    mac.write("panic-full-2026-10-07-120951.panic", 2e9)
    mac.write(PAINT, 1e9, head())
    mac.write(named(1), 5e8, head(), RETIRED)
    values = mac.look()
    assert counted(values) == {}
    assert (last(values, "panic"), last(values, "crash"), last(values, "hang")) == (2e9, 1e9, None)
    assert len([each for each in values if "_total" in each]) == 10
    assert mac.events() == []


def test_a_new_report_counts_once_and_is_an_event() -> None:
    mac = Mac()
    mac.look()
    mac.write(PAINT, 1e9, head())
    values = mac.look()
    assert (counted(values), last(values, "crash")) == ({"crash": 1}, 1e9)
    assert mac.events() == [{"event": "report", "kind": "crash", "folder": "system"}]
    assert counted(mac.look()) == {"crash": 1}
    assert mac.events() == []


def test_the_time_of_the_last_report_outlives_its_file_and_a_restart() -> None:
    mac = Mac()
    mac.look()
    mac.write("panic-full-2026-10-07-120951.panic", 2e9)
    mac.look()
    mac.folders[REPORTS] = {}
    assert last(mac.look(), "panic") == 2e9
    mac.restart()
    assert last(mac.look(), "panic") == 2e9


def test_what_happened_while_the_exporter_was_down_is_counted_and_marked() -> None:
    mac = Mac()
    mac.look()
    mac.restart()
    mac.write("panic-full-2026-10-07-120951.panic", 2e9)
    assert counted(mac.look()) == {"panic": 1}
    assert mac.events() == [{"event": "report", "kind": "panic", "folder": "system", "while_down": "true"}]
    mac.write("panic-full-2026-10-08-120951.panic", 3e9)
    mac.look()
    assert mac.events() == [{"event": "report", "kind": "panic", "folder": "system"}]


def test_a_simulators_process_and_hidden_twins_are_no_reports() -> None:
    mac = Mac()
    mac.look()
    mac.write(PAINT, 1e9, head(platform=7))
    mac.write(".contents.panic", 2e9)
    assert counted(mac.look()) == {}


def test_a_folder_that_is_denied_is_unknown_and_never_0() -> None:
    mac = Mac(folders={REPORTS: Denied, RETIRED: Denied})
    assert (mac.look(), mac.last.problems.keys()) == ({}, {"denied"})
    mac.folders = {REPORTS: {}, RETIRED: {}}
    mac.write(PAINT, 1e9, head())
    assert counted(mac.look()) == {}
    assert last(mac.look(), "crash") == 1e9


def test_without_the_folders_it_is_unsupported() -> None:
    mac = Mac(folders={})
    assert (mac.look(), mac.last.supported) == ({}, False)


def test_a_folder_of_retired_reports_that_comes_later_is_no_news() -> None:
    mac = Mac(folders={REPORTS: {}, RETIRED: NotFound})
    mac.write(PAINT, 1e9, head())
    mac.look()
    mac.folders = {REPORTS: {}, RETIRED: {PAINT: (1e9, head()), named(7): (5e8, head())}}
    assert counted(mac.look()) == {}


def test_a_report_that_moves_while_retired_cannot_be_read_is_no_news() -> None:
    mac = Mac()
    mac.write(PAINT, 1e9, head())
    mac.look()
    mac.folders = {REPORTS: {}, RETIRED: Failed}
    assert counted(mac.look()) == {}
    mac.folders = {REPORTS: {}, RETIRED: {PAINT: (1e9, head())}}
    assert counted(mac.look()) == {}


def test_a_report_that_moves_between_the_two_listings_counts_once() -> None:
    mac = Mac()
    mac.look()
    mac.write(PAINT, 1e9, None)
    mac.write(PAINT, 1e9, head(), RETIRED)
    mac.look()
    mac.folders[REPORTS] = {}
    assert counted(mac.look()) == {"crash": 1}
    assert counted(mac.look()) == {"crash": 1}


@pytest.mark.parametrize("content", [None, b"", head()[:20]])
def test_a_report_that_cannot_be_read_waits_and_at_last_is_another(content: bytes | None) -> None:
    mac = Mac()
    mac.write("Old-2026-08-01-000000.ips", 1e8, head())
    mac.look()
    mac.write(PAINT, 1e9, content)
    for _ in range(TRIES - 1):
        values = mac.look()
        assert mac.last.problems.keys() == {"denied" if content is None else "unparsable"}
        assert (counted(values), last(values, "crash")) == ({}, None)
    values = mac.look()
    assert (counted(values), last(values, "crash"), mac.events()) == ({"other": 1}, None, [])
    assert counted(mac.look()) == {"other": 1}
    assert mac.last.problems == {}


def test_a_report_that_is_still_written_counts_when_it_can_be_read() -> None:
    mac = Mac()
    mac.look()
    mac.write(PAINT, 1e9, b"")
    mac.look()
    mac.restart()
    mac.write(PAINT, 1e9, head())
    values = mac.look()
    assert (counted(values), last(values, "crash")) == ({"crash": 1}, 1e9)


def test_of_many_new_reports_the_newest_are_read_first_and_all_in_the_end() -> None:
    mac = Mac()
    mac.look()
    for number in range(2 * MOST + 10):
        mac.write(named(number), 1e9 + number, head())
    assert counted(mac.look()) == {"crash": MOST}
    assert last(mac.look(), "crash") == 1e9 + 2 * MOST + 9
    assert counted(mac.look()) == {"crash": 2 * MOST + 10}


def test_reports_of_users_have_a_folder_of_their_own() -> None:
    mac = Mac(config=CrashesConfig(users=(f"{HOME}/",)))
    mac.folders |= {HOME + REPORTS: {}, HOME + RETIRED: {}}
    mac.look()
    mac.write(PAINT, 1e9, head(), HOME + REPORTS)
    mac.write(PAINT, 1e9, head())
    values = mac.look()
    assert (counted(values, "user"), counted(values)) == ({"crash": 1}, {"crash": 1})
    mac.folders[HOME + REPORTS] = Denied
    assert not any('folder="user"' in each for each in mac.look())


def test_processes_are_named_only_on_request_and_never_at_strict() -> None:
    for config, level, told in ((False, "standard", False), (True, "standard", True), (True, "strict", False)):
        mac = Mac(config=CrashesConfig(by_process=config), level=level)  # type: ignore[arg-type]
        mac.look()
        mac.write(PAINT, 1e9, head())
        values = mac.look()
        assert ('macos_crash_reports_by_process_total{kind="crash",process="Paint"}' in values) == told
        assert any("Paint" in each for each in values) == told


def test_few_processes_are_told_by_name() -> None:
    mac = Mac(config=CrashesConfig(by_process=True))
    mac.look()
    for number in range(PROCESSES + 5):
        mac.write(named(number, f"P{number}"), 1e9 + number, head())
    values = {name: value for name, value in mac.look().items() if "by_process" in name}
    assert len(values) == PROCESSES + 1
    assert values['macos_crash_reports_by_process_total{kind="crash",process="other"}'] == 5
    assert mac.look().items() >= values.items()


def test_the_mac_s_own_name_in_a_file_name_is_never_told() -> None:
    mac = Mac(config=CrashesConfig(by_process=True))
    mac.look()
    mac.write("Paint_2026-08-25-090000_robins-mac.hang")
    assert not any("robin" in each for each in mac.look())


def test_what_is_remembered_holds_no_names() -> None:
    mac = Mac()
    mac.write(PAINT, 1e9, head())
    mac.look()
    memory = crashes.memory
    assert isinstance(memory, Memory)
    assert "Paint" not in repr(memory.observe(mac.state))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ("write", "write", "panic", "unreadable", "mend", "retire", "prune", "look", "look", "restart", "outage")
        ),
        st.integers(0, 10**6),
    ),
    max_size=60,
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(STEPS)
def test_each_report_that_was_there_at_a_look_is_counted_exactly_once(steps: list[tuple[str, int]]) -> None:
    """In all lives of the exporter together; the model knows which reports a look could see, and as what."""
    mac, model = Mac(), Model()
    mac.look()
    for step, number in steps:
        model.do(step, number, mac)
    model.do("look", 0, mac)
    assert {kind: count for kind, count in model.counts.items() if count} == Counter(model.seen.values())


class Model:
    """What was done, and the counts over all lives of the exporter."""

    def __init__(self) -> None:
        self.written = 0
        self.seen: dict[str, str] = {}
        self.counts: dict[str, float] = {}
        self.before: dict[str, float] = {}
        self.tries: dict[str, int] = {}

    def do(self, step: str, number: int, mac: Mac) -> None:
        main: Any = mac.folders[REPORTS]
        retired: Any = mac.folders[RETIRED]
        if step in {"write", "panic", "unreadable"}:
            self.written += 1
            name = f"panic-full-{self.written}.panic" if step == "panic" else named(self.written)
            main[name] = (1e9 + self.written, head() if step == "write" else b"")
        elif step == "mend":
            main |= {name: (time, head()) for name, (time, _) in main.items()}
        elif step == "retire" and main:
            name = sorted(main)[number % len(main)]
            retired[name] = main.pop(name)
        elif step == "prune" and (main or retired):
            held = retired or main
            held.pop(sorted(held)[number % len(held)])
        elif step == "restart":
            mac.restart()
            self.before, self.tries = {}, {}
        elif step == "outage":
            mac.folders[RETIRED] = Failed
            self.look(mac, main)
            mac.folders[RETIRED] = retired
        elif step == "look":
            self.look(mac, {**retired, **main})

    def look(self, mac: Mac, there: dict[str, tuple[float, bytes]]) -> None:
        now = counted(mac.look())
        for kind in {*now, *self.before}:
            self.counts[kind] = self.counts.get(kind, 0) + now.get(kind, 0) - self.before.get(kind, 0)
        self.before = now
        for name, (_, content) in there.items():
            if name not in self.seen:
                self.tries[name] = self.tries.get(name, 0) + 1
                if name.endswith(".panic") or content or self.tries[name] >= TRIES:
                    self.seen[name] = "panic" if name.endswith(".panic") else "crash" if content else "other"


@steadily
@given(spoiled_bytes(head("309", platform=1, is_simulated=1)))
def test_any_first_line_is_read_or_unparsable(content: bytes) -> None:
    mac = Mac()
    mac.look()
    mac.write(PAINT, 1e9, content)
    assert sum(counted(mac.look()).values()) <= 1
    assert mac.last.problems.keys() <= {"unparsable"}


@pytest.mark.parametrize("level", ["standard", "strict"])
def test_a_refused_report_is_told_without_its_name(level: Level) -> None:
    mac = Mac(level=level)
    mac.write("Acme Payroll-2026-08-27-135352.ips")
    mac.look()
    assert mac.last.problems == {"denied": f"{REPORTS}/[!.]*: as captured"}


def test_folders_that_are_denied_are_a_matter_of_set_up_and_no_failure() -> None:
    mac = Mac(folders={REPORTS: Denied, RETIRED: Denied})
    cell = Cell(crashes, Replay(mac.captures()), Context(mac.config, key=b"test"), HandClock())
    cell.launch(lambda fly: fly())
    assert (cell.status().success, set(cell.status().problems)) == (True, {"denied"})
    assert cell.text("text", taken=True) == b""
