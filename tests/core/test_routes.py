"""What the paths answer, short of the network: choice, negotiation, deadlines, targets."""

import pytest

from core.machines import HandClock, Held, captures, quick, slow
from exporters.core import routes
from exporters.core.context import Context
from exporters.core.exchange import Request, Response
from exporters.core.metrics import Sample, gauge
from exporters.core.pool import Pool
from exporters.core.runner import Runner
from exporters.sources.replay import Captured, Replay

EXTRA = gauge("pomona_build_info", "Version (pomona).")
OPEN = "application/openmetrics-text"


def runner(**systems: object) -> Runner:
    answers = captures()
    answers.systems.update(systems)  # type: ignore[arg-type]
    collectors = (quick(), slow())
    contexts = {each.name: Context(key=b"test") for each in collectors}
    return Runner(collectors, Replay(answers), contexts, clock=HandClock(), pool=Pool(4), on_demand=True)


def extras() -> tuple[Sample, ...]:
    return EXTRA(1)


def ask(query: dict[str, tuple[str, ...]] | None = None, **headers: str) -> Response:
    current = runner()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return routes.metrics(lambda: current, extras)(Request("GET", "/metrics", query or {}, names))


def test_metrics_hold_the_machine_and_the_exporter() -> None:
    answer = ask()
    assert answer.status == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    for name in (b"pomona_test_value 1.0", b"pomona_test_items 1.0", b"pomona_build_info 1.0"):
        assert name in answer.body


@pytest.mark.parametrize(
    ("accept", "open_"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        (OPEN, True),
        (f"{OPEN};version=1.0.0,{OPEN};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", True),
        (f"{OPEN};version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.6", False),
        (f"{OPEN};q=0,text/plain", False),
        (f"{OPEN};q=rubbish", False),
    ],
)
def test_format_is_the_preferred_one(accept: str, open_: bool) -> None:
    answer = ask(accept=accept)
    assert answer.content_type.startswith(OPEN if open_ else "text/plain")
    assert answer.body.endswith(b"# EOF\n") == open_


def test_chosen_collectors() -> None:
    assert b"pomona_test_items" not in ask({"collect[]": ("quick",)}).body
    assert b"pomona_test_value" not in ask({"exclude[]": ("quick",)}).body
    assert b"pomona_test_value" in ask({"collect[]": ("quick", "slow")}).body


def test_the_exporter_itself_is_left_out_only_where_others_are_named() -> None:
    assert b"pomona_build_info 1.0" in ask().body
    assert b"pomona_build_info 1.0" in ask({"exclude[]": ("quick",)}).body
    assert b"pomona_build_info" not in ask({"collect[]": ("quick", "slow")}).body


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"collect[]": ("nonsense",)}, "unknown collector 'nonsense'; there are quick, slow"),
        ({"exclude[]": ("nonsense",)}, "unknown collector"),
        ({"collect[]": ("",)}, "unknown collector ''"),
        ({"collect[]": ("quick",), "exclude[]": ("slow",)}, "cannot be combined"),
    ],
)
def test_wrong_choice_is_a_400_of_one_line(query: dict[str, tuple[str, ...]], reason: str) -> None:
    answer = ask(query)
    assert answer.status == 400
    assert reason in answer.body.decode()
    assert answer.body.count(b"\n") == 1


@pytest.mark.parametrize("header", ["0.55", "0.5", "0.1"])
def test_deadline_of_the_scraper_is_kept(header: str) -> None:
    held = Held(Captured(b"1"))
    current = runner(value=held)
    handle = routes.metrics(lambda: current, extras)
    answer = handle(Request("GET", "/metrics", {}, {"x-prometheus-scrape-timeout-seconds": header}))
    assert b'pomona_collector_problem{collector="quick",problem="timeout"} 1.0' in answer.body
    assert b"pomona_test_items 1.0" in answer.body
    held.go.set()


@pytest.mark.parametrize("header", ["rubbish", "-1", "nan", "inf", "0", ""])
def test_nonsense_for_a_deadline_is_ignored(header: str) -> None:
    assert routes._timeout(Request("GET", "/", {}, {"x-prometheus-scrape-timeout-seconds": header})) == 10


class Listed:
    """Two targets, one of them asleep."""

    def __init__(self) -> None:
        self.machine = runner()

    def runner(self, target: str, module: str = "") -> Runner | None:
        if module not in {"", "all"}:
            raise routes.ModuleError(f"unknown module {module!r}")
        if target == "asleep":
            raise routes.TargetError("asleep: it does not answer")
        return self.machine if target == "attic" else None


def test_probe_serves_the_target_and_not_the_exporter() -> None:
    answer = routes.probe(Listed())(Request("GET", "/probe", {"target": ("attic",)}))
    assert answer.status == 200
    assert b"pomona_test_items 1.0" in answer.body
    assert b"pomona_build_info" not in answer.body


def test_probe_may_name_the_module() -> None:
    assert routes.probe(Listed())(Request("GET", "/probe", {"target": ("attic",), "module": ("all",)})).status == 200


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"target": ("",)}, 400),
        ({"target": ("attic", "attic")}, 400),
        ({"target": ("other",)}, 400),
        ({"target": ("attic",), "collect[]": ("nonsense",)}, 400),
        ({"target": ("attic",), "module": ("other",)}, 400),
        ({"target": ("attic",), "module": ("all", "all")}, 400),
        ({"target": ("asleep",)}, 503),
    ],
)
def test_wrong_probe_is_refused(query: dict[str, tuple[str, ...]], status: int) -> None:
    answer = routes.probe(Listed())(Request("GET", "/probe", query))
    assert answer.status == status
    assert answer.body.count(b"\n") == 1


def test_readiness_follows_the_first_collections() -> None:
    current = runner()
    check = routes.ready(current.ready)
    assert check(Request("GET", "/-/ready")).status == 503
    current.scrape("text")
    assert check(Request("GET", "/-/ready")).status == 200


def test_landing_page_escapes_what_it_shows() -> None:
    page = routes.landing("<b>", "a & b", {"/x?a=<": "<script>"})(Request("GET", "/")).body.decode()
    assert "<script>" not in page
    assert "&lt;b&gt;" in page
