"""What a user relies on: down is 0, unknown is absent, counters never fall, restarts are counted once."""

from typing import Any

import pytest

from exporters.host.component_config import Http
from exporters.host.component_health import health
from exporters.sources.base import Denied, Failed, Listing, NotFound, ParseError, Probe, Processes, TimedOut
from host.answering import context_of
from host.component_looks import DECLARED, Looks

NGINX = Processes(executable="nginx")
TCP = Probe("tcp", "127.0.0.1:80")
URL = "http://127.0.0.1/health"
HTTP = Probe("http", URL)
UP, DOWN = {"success": True, "reason": "", "seconds": 0.1}, {"success": False, "reason": "refused", "seconds": 0.1}


def process(pid: int, created: float, cpu: float | None = 0.0, **more: float) -> dict[str, float]:
    return {"pid": pid, "created": created, **more} | ({} if cpu is None else {"cpu_seconds": cpu})


def page(status: int, value: Any = None, reason: str | None = None) -> dict[str, Any]:
    reason = ("" if status in range(200, 300) else "status") if reason is None else reason
    said = {} if value is None else {"value": value}
    return {"success": not reason, "reason": reason, "seconds": 0.25, "status": status, **said}


@pytest.mark.parametrize(
    ("tcp", "http", "up"),
    [
        (UP, page(200), 1.0),
        (DOWN, page(200), 0.0),
        (UP, page(503), 0.0),
        (UP, TimedOut, None),
        (DOWN, TimedOut, 0.0),
        (Failed, Failed, None),
    ],
)
def test_up_is_all_checks_together_and_absent_where_nobody_could_tell(tcp: Any, http: Any, up: float | None) -> None:
    looks = Looks(process={"executable": "nginx"}, tcp="127.0.0.1:80", http={"url": URL})
    seen = looks.at({NGINX: [process(1, 1.0)], TCP: tcp, HTTP: http})
    assert seen.get("up") == up
    assert seen['check_success{check="process"}'] == 1
    assert seen.get('check_success{check="tcp"}') == {id(UP): 1.0, id(DOWN): 0.0}.get(id(tcp))
    assert ("unparsable" in looks.problems) is (isinstance(tcp, type) or isinstance(http, type))


def test_recent_failures_are_of_the_last_three_looks_that_could_tell() -> None:
    looks = Looks(tcp="127.0.0.1:80")
    told = [looks.at({TCP: each}).get("recent_failures") for each in (UP, DOWN, DOWN, Failed, DOWN, DOWN, UP, UP, UP)]
    assert told == [0, 1, 2, None, 3, 3, 2, 1, 0]


def test_what_was_before_a_sleep_a_restart_or_under_other_checks_is_no_recent_failure() -> None:
    looks = Looks(tcp="127.0.0.1:80")
    assert [looks.at({TCP: DOWN})["recent_failures"] for _ in range(2)] == [1, 2]
    looks.slept = 40.0
    assert [looks.at({TCP: DOWN})["recent_failures"] for _ in range(2)] == [1, 2]
    looks.restart()
    assert [looks.at({TCP: DOWN})["recent_failures"] for _ in range(2)] == [1, 2]
    looks.context = context_of("components", components=[{"name": "it", "http": {"url": URL}}])
    assert looks.at({HTTP: page(503)})["recent_failures"] == 1
    assert len(looks.state.recents) == 1


def test_what_does_not_run_is_down_and_has_no_memory() -> None:
    seen = Looks(process={"executable": "nginx"}).at({NGINX: []})
    assert seen == {
        "up": 0.0,
        "recent_failures": 1.0,
        'check_success{check="process"}': 0.0,
        "processes": 0.0,
        "cpu_seconds_total": 0.0,
        "restarts_total": 0.0,
    }


def test_a_check_that_could_not_be_made_is_told_and_invents_nothing() -> None:
    looks = Looks(process={"pidfile": "/run/it.pid"}, tcp="127.0.0.1:80")
    seen = looks.at({Processes(pidfile="/run/it.pid"): Denied, TCP: UP})
    assert seen == {'check_success{check="tcp"}': 1.0}
    assert set(looks.problems) == {"denied", "unparsable"}
    assert looks.problems["unparsable"] == "it: process: no answer to pidfile /run/it.pid"


@pytest.mark.parametrize("error", [Denied, Failed, TimedOut])
def test_what_is_told_of_a_page_that_nobody_could_ask_holds_no_secret(error: type[Exception]) -> None:
    looks = Looks(http={"url": "https://a.example/hooks/Zq7?token=Zq7"}, tcp="a.example:1")
    looks.at({Probe("http", "https://a.example/hooks/Zq7?token=Zq7"): error, Probe("tcp", "a.example:1"): error})
    assert "https://a.example" in str(looks.problems)
    assert "Zq7" not in str(looks.problems)


def test_sums_are_over_all_processes_or_absent() -> None:
    looks = Looks(process={"executable": "nginx"})
    told = [process(1, 20.5, rss=100, open_files=3), process(2, 10.5, rss=50, open_files=4)]
    seen = looks.at({NGINX: told})
    assert (seen["processes"], seen["resident_memory_bytes"], seen["open_files"]) == (2, 150, 7)
    assert seen["start_timestamp_seconds"] == 10.5
    seen = looks.at({NGINX: [*told, process(3, 30.5, None, rss=1)]})
    assert seen["resident_memory_bytes"] == 151
    assert not {"open_files", "cpu_seconds_total"} & set(seen)


def test_cpu_time_begins_at_0_and_never_falls() -> None:
    looks = Looks(process={"executable": "nginx"})
    born = looks.now + 105
    told = [
        ([process(1, 10, 100.0), process(2, 20, 50.0)], 0),
        ([process(1, 10, 101.0), process(2, 20, 50.5)], 1.5),
        ([process(1, 10, 102.0)], 2.5),
        ([process(1, 10, 102.0), process(3, born, 4.0)], 6.5),
        ([], 6.5),
        ([process(4, 30, 900.0)], 6.5),
        ([process(4, 30, 901.0)], 7.5),
        ([process(4, 30, 1.0)], 7.5),
        ([process(4, 30, None)], None),
        ([process(4, 30, 5.0)], 7.5),
        ([process(4, 30, 6.0)], 8.5),
    ]
    assert [looks.at({NGINX: each}).get("cpu_seconds_total") for each, _ in told] == [total for _, total in told]


def test_cpu_time_waits_while_nobody_answers() -> None:
    looks = Looks(process={"executable": "nginx"}, tcp="127.0.0.1:80")
    looks.at({NGINX: [process(1, 10, 100.0)], TCP: UP})
    assert "cpu_seconds_total" not in looks.at({NGINX: Failed, TCP: UP})
    born = looks.now
    seen = looks.at({NGINX: [process(1, 10, 103.0), process(2, born, 2.0)], TCP: UP})
    assert seen["cpu_seconds_total"] == 5


RESTARTS = (
    ("nothing", [(1, 100.0)], [(1, 100.0)], 0),
    ("another process", [(1, 100.0)], [(2, 200.0)], 1),
    ("the clock is corrected", [(1, 100.0)], [(1, 130.0)], 0),
    ("the same number, much later", [(1, 100.0)], [(1, 500.0)], 1),
    ("a worker beside its master", [(1, 100.0)], [(1, 100.0), (2, 200.0)], 0),
    ("a worker is replaced", [(1, 100.0), (2, 101.0)], [(1, 100.0), (3, 200.0)], 0),
    ("master and worker", [(1, 100.0), (2, 101.0)], [(3, 200.0), (4, 201.0)], 1),
    ("an older one is found", [(2, 200.0)], [(1, 100.0)], 0),
    ("it ends", [(1, 100.0)], [], 0),
    ("it begins", [], [(1, 100.0)], 0),
)


@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize(
    ("before", "after", "count"), [each[1:] for each in RESTARTS], ids=[each[0] for each in RESTARTS]
)
def test_restarts_are_counted_also_while_the_exporter_was_down(
    before: list[tuple[int, float]], after: list[tuple[int, float]], count: int, down: bool
) -> None:
    looks = Looks(process={"executable": "nginx"})
    assert looks.at({NGINX: [process(*each) for each in before]})["restarts_total"] == 0
    if down:
        looks.restart()
    assert looks.at({NGINX: [process(*each) for each in after]})["restarts_total"] == count
    assert looks.at({NGINX: [process(*each) for each in after]})["restarts_total"] == count


MASTER, WORKER, OTHER, LATE = process(1, 100.0), process(2, 101.0), process(3, 300.0), process(4, 301.0)


@pytest.mark.parametrize(
    "looked",
    [
        ([MASTER, WORKER], [WORKER, OTHER], [OTHER, LATE]),
        ([MASTER, WORKER], [WORKER], [WORKER, OTHER], [OTHER, LATE]),
        ([MASTER, WORKER], [WORKER], [], [OTHER], [OTHER, LATE]),
        ([MASTER, WORKER], [OTHER], [OTHER, LATE]),
    ],
)
def test_a_worker_that_outlives_its_master_makes_no_second_restart(looked: tuple[Any, ...]) -> None:
    looks = Looks(process={"executable": "nginx"})
    counts = [looks.at({NGINX: seen})["restarts_total"] for seen in looked]
    assert (counts[0], counts[-1]) == (0, 1)


def test_a_stop_between_does_not_hide_a_restart() -> None:
    looks = Looks(process={"executable": "nginx"})
    for seen in ([process(1, 100.0)], [], []):
        assert looks.at({NGINX: seen})["restarts_total"] == 0
    looks.restart()
    assert looks.at({NGINX: []})["restarts_total"] == 0
    looks.restart()
    assert looks.at({NGINX: [process(2, 200.0)]})["restarts_total"] == 1


def test_another_program_under_the_same_name_begins_anew() -> None:
    looks = Looks(process={"executable": "nginx"})
    looks.at({NGINX: [process(1, 100.0)]})
    looks.context = context_of("components", components=[{"name": "it", "process": {"executable": "caddy"}}])
    assert looks.at({Processes(executable="caddy"): [process(2, 200.0)]})["restarts_total"] == 0
    assert len(looks.state.lives) == 1


PAGES: tuple[tuple[dict[str, Any], Any, bool], ...] = (
    ({}, page(204), True),
    ({}, page(302), False),
    ({"status": 302}, page(302), True),
    ({"status": 200}, page(204), False),
    ({"status": 401}, page(401), True),
    ({"field": "a", "healthy": "ok"}, page(200, "ok"), True),
    ({"field": "a", "healthy": "ok"}, page(200, "OK"), False),
    ({"field": "a", "healthy": "ok"}, page(200), False),
    ({"field": "a", "healthy": True}, page(200, True), True),
    ({"field": "a", "healthy": True}, page(200, 1), False),
    ({"field": "a", "healthy": 1}, page(200, True), False),
    ({"field": "a", "healthy": 1}, page(200, "1"), False),
    ({"field": "a", "healthy": 1}, page(200, 1.0), True),
    ({"field": "a", "healthy": "ok"}, page(503, "ok"), False),
    ({"field": "a", "healthy": "ok", "status": 503}, page(503, "ok"), True),
    ({"field": "a"}, page(200), True),
)


@pytest.mark.parametrize(("wanted", "answer", "good"), PAGES)
def test_a_page_is_healthy_by_its_status_and_its_field(wanted: dict[str, Any], answer: Any, good: bool) -> None:
    assert health(answer, Http(URL, **wanted)).good is good


def test_the_time_and_status_of_a_page_are_told_only_when_it_came_as_a_whole() -> None:
    looks = Looks(http={"url": URL, "field": "depth"})
    whole = looks.at({HTTP: page(500, 12.5)})
    assert (whole["http_duration_seconds"], whole["http_status_code"], whole["http_value"]) == (0.25, 500, 12.5)
    for value in ("12.5", True, None):
        assert "http_value" not in looks.at({HTTP: page(200, value)})
    for answer in (DOWN, page(200, 1, "timeout"), page(200, 1, "reset")):
        assert set(looks.at({HTTP: answer})) == {"up", "recent_failures", 'check_success{check="http"}'}


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"success": True},
        {"success": True, "reason": "refused", "seconds": 1},
        {"success": False, "reason": "", "seconds": 1},
        {"success": True, "reason": "", "seconds": 1},
        {"success": True, "reason": "", "status": 200},
        {"success": True, "reason": "", "seconds": -1, "status": 200},
        {"success": "perhaps", "reason": "", "seconds": 1, "status": 200},
    ],
)
def test_an_answer_of_another_shape_is_no_verdict(answer: Any) -> None:
    with pytest.raises(ParseError):
        health(answer, Http(URL))
    assert Looks(http={"url": URL}).at({HTTP: answer}) == {}


@pytest.mark.parametrize(
    "answer", [{}, [1], [[]], [{"pid": 1}], [{"created": 1}], [{"pid": 1, "created": 1, "cpu_seconds": "much"}]]
)
def test_processes_of_another_shape_are_no_verdict(answer: Any) -> None:
    looks = Looks(process={"executable": "nginx"}, tcp="127.0.0.1:80")
    assert looks.at({NGINX: answer, TCP: UP}) == {'check_success{check="tcp"}': 1.0}
    assert "unparsable" in looks.problems


def test_a_heartbeat_is_the_time_of_its_file() -> None:
    folder = Listing("/srv")
    looks = Looks(heartbeat="/srv/beat[1]")
    entries = [{"name": name, "size": 0, "modified": 1.5 + len(name)} for name in ("beat1", "beat[1]", "other")]
    check = 'check_success{check="heartbeat"}'
    assert looks.at({folder: entries}) == {check: 1.0, "heartbeat_timestamp_seconds": 8.5}
    assert looks.at({folder: entries[:1]}) == {check: 0.0}
    assert not looks.problems


def test_a_heartbeat_that_is_missing_is_told_and_leaves_up_to_the_other_checks() -> None:
    looks = Looks(heartbeat="/srv/beat", tcp="127.0.0.1:80")
    found = looks.at({Listing("/srv"): [], TCP: UP})
    assert (found["up"], found['check_success{check="tcp"}'], found['check_success{check="heartbeat"}']) == (1, 1, 0)
    assert 'check_success{check="heartbeat"}' not in looks.at({Listing("/srv"): Denied, TCP: UP})


@pytest.mark.parametrize("error", [NotFound, Denied, TimedOut])
def test_a_folder_that_cannot_be_read_is_told(error: type[Exception]) -> None:
    looks = Looks(heartbeat="/srv/beat", queue={"pending": "/in"})
    assert looks.at({Listing("/srv"): error, Listing("/in"): []}) == {'queue_items{state="pending"}': 0.0}
    assert looks.problems["unparsable"] == "it: heartbeat: no answer to /srv/beat"
    assert looks.at({Listing("/srv"): error, Listing("/in"): error}) == {}
    assert "unparsable" in looks.problems


def test_one_component_does_not_touch_another() -> None:
    looks = Looks(tcp="127.0.0.1:80")
    looks.context = context_of(
        "components", components=[{"name": "it", "tcp": "127.0.0.1:80"}, {"name": "b", "process": {"executable": "b"}}]
    )
    seen = looks.at({TCP: [], Processes(executable="b"): []})
    assert set(seen) == {
        f'{name}{{component="b"}}'
        for name in ("up", "recent_failures", "processes", "cpu_seconds_total", "restarts_total")
    } | {'check_success{check="process",component="b"}'}


def test_its_default_asks_nothing() -> None:
    context = context_of("components")
    assert not DECLARED.optional_for(context)
    assert not DECLARED.required_for(context)
