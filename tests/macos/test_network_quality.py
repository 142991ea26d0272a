"""Network quality: never more runs than the budget, none where it may cost, base units, results with their time."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.core.context import Context
from exporters.core.flight import Look as Flight
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.macos import route
from exporters.macos.network_quality import (
    CLOCKS,
    RUN,
    SUPPLIES,
    History,
    NetworkQualityConfig,
    Observations,
    network_quality,
    observe,
    restore,
)
from exporters.macos.quality_plan import DAY, Plan
from exporters.sources.base import Command, Question, TimedOut, ask_each
from exporters.sources.replay import Captured, Captures, Replay
from macos.looking import captures, spoiled_bytes, steadily

BEGIN = 1_800_000_000.0
STEP = 300.0
GOOD = {"dl_throughput": 240e6, "ul_throughput": 40e6, "responsiveness": 412.5, "base_rtt": 14.5}
OFFLINE = {"error_code": -1009, "dl_throughput": 0, "ul_throughput": 0, "responsiveness": 0, "base_rtt": 0}
ROUTE = "   route to: default\n    gateway: {}\n  interface: en0\n"
MAINS = b"Now drawing from 'AC Power'\n"
BATTERY = (
    "Now drawing from 'Battery Power'\n -InternalBattery-0 (id=1)\t{}%; discharging; 1:00 remaining present: true\n"
)
FOLDER, FILE = "/Library/Application Support/Pomona", "networkquality.json"


class Mac:
    """A Mac over time: each look is one step, what is asked is counted, the state can be lost and restored."""

    def __init__(self, **config: Any) -> None:
        self.context = Context(config=NetworkQualityConfig(**config), key=b"fixture")
        self.now, self.runs = BEGIN, list[float]()
        self.state: History | None = None
        self.printed: Captured = Captured(json.dumps(GOOD).encode())
        self.gateway, self.supplies = "192.168.7.1", MAINS
        self.file: tuple[float, bytes] | None = None

    def ask(self, question: Question[Any]) -> Any:
        if question == RUN:
            self.runs.append(self.now)
        return Replay(self.answers()).ask(question)

    def ask_many(self, questions: Any) -> Any:
        return ask_each(self, questions)

    def close(self) -> None:
        """Nothing is under way."""

    def answers(self) -> Captures:
        given = captures(
            {
                CLOCKS: json.dumps({"now": self.now}).encode(),
                route.DEFAULT: ROUTE.format(self.gateway).encode(),
                SUPPLIES: self.supplies,
                RUN: self.printed,
            }
        )
        if self.file:
            entry = {"name": FILE, "size": len(self.file[1]), "modified": self.file[0]}
            given.listings[FOLDER] = Captured(json.dumps([entry]).encode())
            given.files[f"{FOLDER}/{FILE}"] = Captured(self.file[1])
        return given

    def look(self) -> Flight:
        return look(network_quality, self, self.context, self.state)

    def step(self, seconds: float = STEP) -> Flight:
        found = self.look()
        if found.failed is None:
            self.state = network_quality.advance(self.state, found.reading, self.now, self.context)
        self.now += seconds
        return found

    def restart(self) -> None:
        assert self.state
        kept = msgspec.json.decode(msgspec.json.encode(observe(self.state)), type=Observations)
        self.state = restore(kept)

    def text(self) -> str:
        return render(network_quality.metrics(self.state, self.context)).decode()

    def schedule(self) -> str:
        return self.text().split("} 1.0")[0].rsplit('"', 2)[1]


def days(mac: Mac, count: float, step: float = STEP) -> None:
    end = mac.now + count * DAY
    while mac.now < end:
        mac.step(step)


def most_in_a_day(runs: list[float]) -> int:
    return max((sum(begin <= run < begin + DAY for run in runs) for begin in runs), default=0)


@pytest.mark.parametrize(("runs", "least"), [(1, 2), (4, 10), (24, 60)])
def test_the_budget_is_used_and_never_exceeded_and_spread_over_the_day(runs: int, least: int) -> None:
    mac = Mac(runs_per_day=runs)
    days(mac, 3)
    assert len(mac.runs) >= least
    assert most_in_a_day(mac.runs) <= runs
    assert all(later - run >= DAY / runs for run, later in zip(mac.runs, mac.runs[1:], strict=False))


def test_the_first_look_of_a_process_that_knows_nothing_never_runs() -> None:
    for _ in range(50):
        mac = Mac(runs_per_day=24)
        mac.step()
        mac.step()
        assert mac.runs == []


@given(st.lists(st.sampled_from(["look", "restart", "killed", "sleep"]), min_size=50, max_size=400))
@steadily
def test_no_order_of_restarts_and_sleeps_gives_more_runs(steps: list[str]) -> None:
    mac = Mac(runs_per_day=24)
    for step in steps:
        if step == "restart" and mac.state:
            mac.restart()
        elif step == "killed" and mac.state:
            mac.look()
            mac.restart()
        else:
            mac.step(7 * STEP if step == "sleep" else STEP)
    assert most_in_a_day(mac.runs) <= 24
    assert all(later - run >= DAY / 24 - STEP for run, later in zip(mac.runs, mac.runs[1:], strict=False))


def test_a_clock_that_was_set_back_gives_no_run_before_an_interval_has_passed() -> None:
    mac = Mac()
    days(mac, 1)
    mac.now -= 30 * DAY
    made, set_back = len(mac.runs), mac.now
    days(mac, 1)
    assert all(run >= set_back + DAY / 4 for run in mac.runs[made:])
    assert len(mac.runs) > made


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"gateway": "172.20.10.1"}, "metered"),
        ({"gateway": "192.168.43.1"}, "metered"),
        ({"gateway": "fe80::1"}, "unknown"),
        ({"gateway": "999.1.1.1"}, "unknown"),
        ({"supplies": BATTERY.format(50).encode()}, "on_battery"),
        ({"supplies": BATTERY.format(3).encode()}, "on_battery"),
        ({"supplies": b"Now drawing from 'UPS Power'\n"}, "on_battery"),
        ({"supplies": b"Now drawing from 'Battery Power'\n"}, "unknown"),
        ({"supplies": b""}, "unknown"),
    ],
)
def test_where_it_may_cost_nothing_runs_and_the_reason_is_told(changes: dict[str, Any], state: str) -> None:
    mac = Mac()
    for name, value in changes.items():
        setattr(mac, name, value)
    days(mac, 2)
    assert mac.runs == []
    assert mac.schedule() == state


def test_a_battery_with_enough_charge_is_good_enough() -> None:
    mac = Mac()
    mac.supplies = BATTERY.format(51).encode()
    days(mac, 1)
    assert mac.runs


def test_a_link_that_turned_bad_after_the_payment_is_not_measured() -> None:
    mac = Mac()
    while mac.state is None or mac.schedule() != "planned":
        mac.step()
    mac.gateway = "172.20.10.1"
    days(mac, 0.1)
    assert mac.runs == []
    mac.gateway = "192.168.7.1"
    days(mac, 0.1)
    assert len(mac.runs) == 1


def test_measure_false_asks_nothing_but_the_file() -> None:
    mac = Mac(measure=False)
    days(mac, 2, step=3600)
    assert mac.runs == []
    assert mac.schedule() == "switched_off"
    assert not any(isinstance(each, Command) for each in network_quality.optional_for(mac.context))


@pytest.mark.parametrize(
    "printed", [Captured(json.dumps(OFFLINE).encode()), Captured(b"{"), Captured(exit=1), Captured(error=TimedOut)]
)
def test_a_run_that_failed_counts_and_gives_no_figures(printed: Captured) -> None:
    mac = Mac()
    mac.printed = printed
    days(mac, 2)
    assert 6 <= len(mac.runs) <= 8
    assert most_in_a_day(mac.runs) <= 4
    assert f'runs_total{{outcome="failed"}} {float(len(mac.runs))}' in mac.text()
    assert "throughput" not in mac.text()
    assert "timestamp" not in mac.text()


def test_a_good_result_in_base_units_stays_with_its_time_and_over_a_restart() -> None:
    mac = Mac()
    while not mac.runs:
        mac.step()
    mac.printed = Captured(json.dumps(OFFLINE).encode())
    for _ in range(2):
        days(mac, 0.5)
        text = mac.text()
        assert 'macos_network_quality_throughput_bytes_per_second{direction="download"} 30000000.0' in text
        assert 'macos_network_quality_throughput_bytes_per_second{direction="upload"} 5000000.0' in text
        assert "macos_network_quality_responsiveness_round_trips_per_minute 412.5" in text
        assert "macos_network_quality_base_round_trip_seconds 0.0145" in text
        assert float(text.split("last_run_timestamp_seconds ")[-1].split()[0]) == mac.runs[0]
        mac.restart()


def test_the_newer_of_the_file_and_the_own_run_is_shown() -> None:
    mac = Mac()
    mac.file = (BEGIN - 5000, json.dumps({**GOOD, "dl_throughput": 8e6}).encode())
    mac.step()
    assert 'direction="download"} 1000000.0' in mac.text()
    while not mac.runs:
        mac.step()
    assert 'direction="download"} 30000000.0' in mac.text()
    mac.file = (mac.now, json.dumps({**GOOD, "dl_throughput": 16e6}).encode())
    mac.step()
    assert 'direction="download"} 2000000.0' in mac.text()


def test_a_result_of_a_clock_that_was_wrong_hides_no_later_one() -> None:
    mac = Mac(measure=False)
    mac.now += 365 * DAY
    mac.file = mac.now, json.dumps(GOOD).encode()
    mac.step()
    assert "round_trips_per_minute 412.5" in mac.text()
    mac.restart()
    mac.now = BEGIN
    mac.file = BEGIN - 60, json.dumps({**GOOD, "responsiveness": 300}).encode()
    mac.step()
    assert "round_trips_per_minute 300.0" in mac.text()
    mac.file = None
    mac.step()
    assert "round_trips_per_minute 300.0" in mac.text()


@pytest.mark.parametrize(
    ("after", "content"), [(86400.0, json.dumps(GOOD).encode()), (-60.0, b'{"dl_throughput": 12'), (-60.0, b"")]
)
def test_a_file_from_the_future_or_cut_is_told_and_not_shown(after: float, content: bytes) -> None:
    mac = Mac()
    mac.file = (mac.now + after, content)
    assert mac.step().problems.keys() == {"unparsable"}
    assert "throughput" not in mac.text()


def test_a_file_that_is_too_large_is_not_read() -> None:
    mac = Mac()
    mac.file = (mac.now, json.dumps({**GOOD, "filler": "x" * (1 << 20)}).encode())
    assert mac.step().problems == {}
    assert "throughput" not in mac.text()


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"metered_gateways": ("172.20.10.1/28",)}, r"metered_gateways: 172\.20\.10\.1/28 has host bits"),
        ({"metered_gateways": ("phone",)}, "metered_gateways: 'phone' does not"),
        ({"result_file": "here"}, "result_file is an absolute path"),
    ],
)
def test_a_configuration_that_would_forbid_nothing_is_refused(config: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        NetworkQualityConfig(**config)


def test_what_was_paid_for_and_lost_is_not_made_again() -> None:
    state = History(Plan(BEGIN, BEGIN + DAY / 4))
    assert restore(observe(state)).plan == Plan(BEGIN + DAY / 4)


@steadily
@given(spoiled_bytes(json.dumps(GOOD, indent=1).encode()), st.sampled_from(["dl_throughput", "base_rtt"]), st.text())
def test_any_result_is_read_or_told(content: bytes, key: str, value: str) -> None:
    for each in (content, json.dumps({**GOOD, key: value}).encode()):
        mac = Mac()
        mac.file = (mac.now, each)
        assert mac.step().problems.keys() <= {"unparsable"}
        assert " 0.0\n" not in "".join(line for line in mac.text().splitlines(keepends=True) if "throughput" in line)


def test_a_clock_that_is_behind_for_one_look_takes_no_result_away() -> None:
    mac = Mac()
    while not mac.runs:
        mac.step()
    told = 'direction="download"} 30000000.0'
    assert told in mac.text()
    right, mac.now = mac.now, mac.now - 2e8
    mac.step()
    mac.now = right + 1000
    mac.step()
    assert told in mac.text()
