"""Endpoints: what is asked, how answers are judged and counted, and that one target never touches another."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conftest import COLLECTORS
from exporters.core.config import ConfigError, load
from exporters.core.context import Context
from exporters.core.flight import look
from exporters.core.metrics import render
from exporters.core.privacy import Key
from exporters.host.endpoint_config import MOST, Preset, presets
from exporters.host.endpoints import Endpoints
from exporters.host.http_status import Status
from exporters.sources.base import Denied, Probe, System, TimedOut
from exporters.sources.replay import Captured, Captures, Replay
from host.answering import context_of, seen

ENDPOINTS = COLLECTORS["endpoints"]
GOOD = {"success": True, "reason": "", "seconds": 0.02, "phases": {"connect": 0.01}}
ROUTE = b"   route to: default\ndestination: default\n    gateway: 10.41.8.1\n  interface: en0\n"
TUNNEL = b"   route to: default\ndestination: default\n  interface: utun4\n"
WEB = {"name": "web", "http": "https://a.invalid/"}


def answers(**probes: Any) -> Captures:
    """Answers by `kind address`; what is no error is JSON."""
    return Captures(probes={name: told(answer) for name, answer in probes.items()})


def told(answer: Any) -> Captured:
    return Captured(error=answer) if isinstance(answer, type) else Captured(json.dumps(answer).encode())


def failed(reason: str, **more: Any) -> dict[str, Any]:
    return {**GOOD, "success": False, "reason": reason, **more}


class Machine:
    """A machine with these targets, looked at again and again."""

    def __init__(self, *targets: dict[str, Any], **config: Any) -> None:
        self.context = context_of("endpoints", targets=targets, **config)
        self.state: Endpoints | None = None

    def look(self, captures: Captures) -> dict[str, float]:
        found = look(ENDPOINTS, Replay(captures), self.context, self.state)
        assert found.failed is None
        self.state = ENDPOINTS.advance(self.state, found.reading, 0.0, self.context)  # type: ignore[misc]
        rows = render(ENDPOINTS.metrics(self.state, self.context)).decode().splitlines()
        return {
            name.removeprefix("pomona_endpoint_"): float(value)
            for name, value in (row.rsplit(" ", 1) for row in rows if row[0] != "#")
        }


def test_nothing_is_asked_or_told_until_targets_are_configured() -> None:
    context = context_of("endpoints")
    assert ENDPOINTS.enabled
    assert (ENDPOINTS.required_for(context), ENDPOINTS.optional_for(context)) == ((), ())
    found = seen("endpoints", Replay(Captures()))
    assert (found.supported, found.failed, found.problems) == (True, None, {})
    assert Machine().look(Captures()) == {}


def test_each_target_becomes_one_probe() -> None:
    context = context_of(
        "endpoints",
        targets=[
            {**WEB, "body": "ok", "timeout": 2},
            {"name": "a", "tcp": "a.invalid:1"},
            {"name": "b", "tls": "[2001:db8::1]:2"},
            {"name": "c", "dns": "a.invalid"},
            {"name": "d", "ping": "2001:db8::1"},
        ],
    )
    assert ENDPOINTS.optional_for(context) == (
        System("clocks"),
        Probe("http", "https://a.invalid/", 2.0, "ok"),
        Probe("tcp", "a.invalid:1"),
        Probe("tls", "[2001:db8::1]:2"),
        Probe("dns", "a.invalid"),
        Probe("ping", "2001:db8::1"),
    )


def test_good_checks_fill_the_histogram_and_bad_ones_the_failures() -> None:
    machine = Machine(WEB)
    good, bad = (answers(**{"http https://a.invalid/": each}) for each in ({**GOOD, "status": 200}, failed("timeout")))
    first = machine.look(good)
    assert first['failures_total{probe="web",reason="timeout"}'] == 0, "the first failure must be seen to grow"
    machine.look(bad)
    last = machine.look(good)
    assert last['checks_total{probe="web"}'] == 3
    assert last['failures_total{probe="web",reason="timeout"}'] == 1
    assert last['duration_seconds_count{probe="web"}'] == 2
    assert last['duration_seconds_sum{probe="web"}'] == pytest.approx(0.04)
    assert last['duration_seconds_bucket{le="0.01",probe="web"}'] == 0
    assert last['duration_seconds_bucket{le="0.025",probe="web"}'] == 2


@pytest.mark.parametrize(
    ("expected", "status", "reason"),
    [
        ((), 204, ""),
        ((), 301, "status"),
        ((301,), 301, ""),
        (301, 301, ""),
        ("301-308", 302, ""),
        ((301,), 200, "status"),
        (("200-299", "401-403"), 402, ""),
        (("200-299", "401-403"), 404, "status"),
    ],
)
def test_the_target_says_which_status_is_good(expected: Status, status: int, reason: str) -> None:
    answer = {**(GOOD if 200 <= status < 300 else failed("status")), "status": status}
    found = Machine({**WEB, "status": expected}).look(answers(**{"http https://a.invalid/": answer}))
    assert found['success{probe="web"}'] == (not reason)
    assert found['http_status_code{probe="web"}'] == status
    assert found['failures_total{probe="web",reason="status"}'] == bool(reason)


@pytest.mark.parametrize(("matched", "reason"), [(True, ""), (False, "body")])
def test_a_body_counts_where_an_unusual_status_is_good(matched: bool, reason: str) -> None:
    target = {**WEB, "status": [404], "body": "gone"}
    answer = failed("status", status=404, matched=matched)
    found = Machine(target).look(answers(**{"http https://a.invalid/": answer}))
    assert found['success{probe="web"}'] == (not reason)
    assert found['failures_total{probe="web",reason="body"}'] == bool(reason)


def test_a_reason_that_is_rare_is_counted_from_when_it_occurs() -> None:
    machine = Machine(WEB)
    assert 'failures_total{probe="web",reason="denied"}' not in machine.look(
        answers(**{"http https://a.invalid/": {**GOOD, "status": 200}})
    )
    found = machine.look(answers(**{"http https://a.invalid/": failed("denied")}))
    assert found['failures_total{probe="web",reason="denied"}'] == 1


WELL = {"http https://a.invalid/": {**GOOD, "status": 200}}
ILL = {"http https://a.invalid/": failed("timeout")}


def recently(*looks: tuple[dict[str, Any], float | None]) -> list[float | None]:
    """What is told after each look: its answers, and for how long the machine has slept by then if that is known."""
    machine, found = Machine(WEB), list[float | None]()
    for probes, slept in looks:
        captures = answers(**probes)
        if slept is not None:
            captures.systems["clocks"] = told({"now": 1e9, "elapsed": 1e6 + slept, "awake": 1e6})
        found.append(machine.look(captures).get('recent_failures{probe="web"}'))
    return found


def test_recent_failures_are_those_of_the_last_three_checks() -> None:
    looks = [(each, 50.0) for each in (WELL, ILL, ILL, ILL, ILL, WELL, WELL, WELL)]
    assert recently(*looks) == [0, 1, 2, 3, 3, 2, 1, 0]


def test_what_was_before_a_sleep_or_a_boot_is_no_recent_failure() -> None:
    assert recently((ILL, 50), (ILL, 50.01), (ILL, 90), (ILL, 90), (WELL, 200), (ILL, 0)) == [1, 2, 1, 2, 0, 1]


def test_clocks_that_are_not_told_part_nothing() -> None:
    assert recently((ILL, 50), (ILL, None), (ILL, 50), (ILL, 90)) == [1, 2, 3, 1]
    assert recently((ILL, None), (ILL, 50), (ILL, 90)) == [1, 2, 1]


def test_a_check_that_could_not_be_made_is_no_recent_failure_and_tells_none() -> None:
    unasked = {"http https://a.invalid/": Denied}
    assert recently((ILL, 50), (unasked, 50), (ILL, 50)) == [1, None, 2]


@pytest.mark.parametrize("kind", [Denied, TimedOut])
def test_a_target_that_could_not_be_asked_is_no_failure_and_touches_no_other(kind: type) -> None:
    machine = Machine(WEB, {"name": "other", "tcp": "b.invalid:1"})
    good = answers(**{"http https://a.invalid/": {**GOOD, "status": 200}, "tcp b.invalid:1": GOOD})
    machine.look(good)
    found = machine.look(answers(**{"http https://a.invalid/": kind, "tcp b.invalid:1": GOOD}))
    assert 'success{probe="web"}' not in found
    assert found['checks_total{probe="web"}'] == 1
    assert found['success{probe="other"}'] == 1
    assert found['checks_total{probe="other"}'] == 2


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {**GOOD, "reason": "secret"},
        {**GOOD, "success": False},
        {**GOOD, "seconds": -1},
        {**GOOD, "seconds": "fast"},
        {**GOOD, "phases": {"lunch": 1}},
        {**GOOD, "status": 99},
        GOOD,
    ],
)
def test_an_answer_of_another_shape_is_told_without_its_text_and_touches_no_other(answer: Any) -> None:
    context = context_of("endpoints", targets=[WEB, {"name": "other", "tcp": "b.invalid:1"}])
    captures = answers(**{"http https://a.invalid/": answer, "tcp b.invalid:1": GOOD})
    found = seen("endpoints", Replay(captures), context)
    assert set(found.problems) == {"unparsable"}
    assert "web" in found.problems["unparsable"]
    assert "secret" not in found.problems["unparsable"]
    assert [each.target.name for each in found.reading.checked] == ["other"]


def gateway(captures: Captures) -> set[str]:
    """The samples of a machine that asks its gateway in two ways, but those that are counted."""
    found = Machine({"name": "way", "ping": "gateway"}, {"name": "names", "tcp": "gateway:53"}).look(captures)
    return {name for name in found if name.startswith("success")}


def test_the_gateway_is_found_first_and_then_asked() -> None:
    captures = answers(**{"ping 10.41.8.1": GOOD, "tcp 10.41.8.1:53": failed("refused")})
    captures.commands["route", "-n", "get", "default"] = Captured(ROUTE)
    assert gateway(captures) == {'success{probe="way"}', 'success{probe="names"}'}


@pytest.mark.parametrize("route", [TUNNEL, b"", b"    gateway: 10.41.8.1", b"    gateway: 10.41.8.999\n", b"\xff"])
def test_without_a_gateway_nothing_is_told_of_it(route: bytes) -> None:
    captures = answers(**{"ping 10.41.8.1": GOOD})
    captures.commands["route", "-n", "get", "default"] = Captured(route, b"route: not in table\n")
    assert gateway(captures) == set()


def test_on_linux_the_default_route_with_the_lowest_metric_counts() -> None:
    rows = [("eth1", "00000000", "0108A80A", "0001", "0"), ("wlan0", "00000000", "0129A8C0", "0003", "600"),
            ("eth0", "00000000", "FE28A8C0", "0003", "100"), ("eth0", "0028A8C0", "00000000", "0001", "0")]  # fmt: skip
    table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" + "".join(
        f"{name}\t{to}\t{by}\t{flags}\t0\t0\t{metric}\t00000000\t0\t0\t0   \n" for name, to, by, flags, metric in rows
    )
    captures = answers(**{"ping 192.168.40.254": GOOD, "tcp 192.168.40.254:53": GOOD})
    captures.files["/proc/net/route"] = Captured(table.encode())
    assert gateway(captures) == {'success{probe="way"}', 'success{probe="names"}'}


def test_counts_outlive_a_change_of_other_targets_and_end_with_their_own() -> None:
    machine = Machine(WEB, {"name": "other", "tcp": "b.invalid:1"})
    captures = answers(**{"http https://a.invalid/": {**GOOD, "status": 200}, "tcp b.invalid:1": GOOD})
    machine.look(captures)
    machine.context = context_of("endpoints", targets=[WEB])
    found = machine.look(captures)
    assert found['checks_total{probe="web"}'] == 2
    assert not [name for name in found if "other" in name]


def settings(folder: Path, text: str) -> Context:
    path = folder / "pomona.yml"
    path.write_text(text)
    return load((ENDPOINTS,), path, {}, {}, lambda _: Key(b"key", True)).contexts["endpoints"]


MISTAKES = {
    "{name: Web, dns: a}": "targets[1].name: expected a name of a-z, 0-9",
    "{name: 'a b', dns: a}": "targets[1].name: expected a name of a-z, 0-9",
    "{dns: a}": "'name' is missing",
    "{name: web}": "needs exactly one of http, tcp, tls, dns, ping, not 0",
    "{name: web, tcp: 'a:1', dns: a}": "needs exactly one of http, tcp, tls, dns, ping, not 2",
    "{name: web, http: a.invalid}": "http is http(s)://HOST",
    "{name: web, http: 'http://anna:pw7@a.invalid/'}": "without a user name",
    "{name: web, http: 'http://a.invalid/ b'}": "http is http(s)://HOST",
    "{name: web, tcp: a.invalid}": "tcp is HOST:PORT",
    "{name: web, tcp: 'a:0'}": "tcp is HOST:PORT",
    "{name: web, tcp: 'a:99999'}": "tcp is HOST:PORT",
    "{name: web, tls: '[:::::]:9'}": "tls is HOST:PORT",
    "{name: web, http: 'http://a:99999/'}": "http is http(s)://HOST",
    "{name: web, dns: 1.2.3.400}": "dns is a name",
    "{name: web, dns: gateway}": "the gateway is for ping and tcp",
    "{name: web, http: 'http://gateway/'}": "the gateway is for ping and tcp",
    "{name: web, http: 'http://GATEWAY/'}": "the gateway is for ping and tcp",
    "{name: web, tcp: 'Gateway:53'}": "in small letters",
    "{name: web, http: 'http://a.invalid/', status: [299-200]}": "such as 200-299, not '299-200'",
    '{name: "web\\n", dns: a}': "targets[1].name: expected a name of a-z, 0-9",
    "{name: web, tls: 'gateway'}": "tls is HOST:PORT",
    "{name: web, dns: 'a.invalid:53'}": "dns is a name",
    "{name: web, ping: '-f'}": "ping is HOST",
    "{name: web, http: 'http://a.invalid/', body: '('}": "body: '(' is no regular expression",
    "{name: web, http: 'http://a.invalid/', status: [99]}": "such as 200-299, not '99'",
    "{name: web, http: 'http://a.invalid/', status: [2xx]}": "such as 200-299, not '2xx'",
    "{name: web, tcp: 'a:1', body: a}": "status and body are for http",
    "{name: web, dns: a, timeout: 16}": "expected seconds from 0.1 to 15",
    "{name: web, dns: a, retries: 3}": "unknown key",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_at_start_with_its_line(mistake: str, tmp_path: Path) -> None:
    text = f"collectors:\n  endpoints:\n    targets:\n      - {{name: good, dns: a}}\n      - {mistake}\n"
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, text)
    assert "pomona.yml:5: collectors.endpoints.targets[1]" in str(caught.value)
    assert MISTAKES[mistake] in str(caught.value)
    assert "pw7" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("targets: [{name: a, dns: a}, {name: a, dns: b}]", "[1].name: another target is called 'a', too"),
        (
            "{presets: [slack], targets: [{name: slack-api, dns: a}]}",
            "[0].name: another target is called 'slack-api', too",
        ),
        ("presets: [slak]", "expected one of apple, github, google, microsoft365, slack, zoom, got 'slak'"),
    ],
)
def test_names_are_unique_and_presets_known(section: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"pomona\.yml:") as caught:
        settings(tmp_path, f"collectors:\n  endpoints:\n    {section}\n")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("cadence", "timeout", "number", "refused"),
    [(10, 15, 16, True), (30, 15, 16, False), (60, 15, 40, True), (25, 5, 40, False)],
)
def test_targets_that_hang_must_not_hide_good_ones(
    cadence: int, timeout: int, number: int, refused: bool, tmp_path: Path
) -> None:
    rows = "".join(f"      - {{name: a{each}, tcp: 'a:{each + 1}', timeout: {timeout}}}\n" for each in range(number))
    text = f"collectors:\n  endpoints:\n    cadence: {cadence}s\n    targets:\n{rows}"
    if not refused:
        assert settings(tmp_path, text)
        return
    with pytest.raises(ConfigError, match=r"pomona\.yml:3: collectors\.endpoints\.cadence: .* shorten the timeouts"):
        settings(tmp_path, text)


def test_the_gateway_is_asked_in_a_round_of_its_own(tmp_path: Path) -> None:
    rows = "[{name: a, ping: gateway, timeout: 6}, {name: b, dns: b, timeout: 6}]"
    with pytest.raises(ConfigError, match="may take 12 s"):
        settings(tmp_path, f"collectors:\n  endpoints: {{cadence: 10s, targets: {rows}}}\n")


def test_there_is_a_limit(tmp_path: Path) -> None:
    rows = "".join(f"      - {{name: a{number}, dns: a}}\n" for number in range(MOST + 1))
    with pytest.raises(ConfigError, match="41 targets are too many"):
        settings(tmp_path, f"collectors:\n  endpoints:\n    targets:\n{rows}")


def test_presets_are_read_from_the_shipped_file_and_fit_together(tmp_path: Path) -> None:
    assert set(presets()) == set(msgspec.inspect.type_info(Preset).values)  # type: ignore[attr-defined]
    names = ", ".join(presets())
    context = settings(tmp_path, f"collectors:\n  endpoints:\n    presets: [{names}]\n")
    asked = [each for each in ENDPOINTS.optional_for(context) if isinstance(each, Probe)]
    assert len(asked) == sum(len(each) for each in presets().values())
    assert all(each.name.startswith(f"{name}-") for name, targets in presets().items() for each in targets)
