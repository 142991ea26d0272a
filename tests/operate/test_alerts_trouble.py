"""`pomona alerts` where nobody answers, or somebody else: one line that says where and what to do, and no secret."""

import socket
import subprocess
import sys

import pytest

from conftest import ROOT
from exporters.operate.alerts import client
from operate.alertmanagers import Pomona, says, silent


@pytest.fixture
def pomona(capsys: pytest.CaptureFixture[str]) -> Pomona:
    return Pomona(capsys)


def refused(pomona: Pomona, url: str, command: str = "list") -> str:
    told = pomona.refused(command, "--alertmanager.url", url)
    assert told.startswith(f"{url}: ")
    return told.removeprefix(f"{url}: ")


def test_nobody_listens(pomona: Pomona) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    assert refused(pomona, url) == "Connection refused; is Alertmanager running? (pomona up starts one)"


def test_a_name_that_does_not_exist(pomona: Pomona) -> None:
    assert refused(pomona, "http://no-such-host.invalid:9093").endswith("; is Alertmanager running there?")


def test_a_server_that_says_nothing_is_not_waited_for_without_end(
    pomona: Pomona, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "READ", 0.3)
    with silent() as url:
        assert refused(pomona, url) == "no answer in time; is it Alertmanager that listens there?"


def test_an_answer_that_never_ends_is_cut(pomona: Pomona, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "WHOLE", -1.0)
    with says(200, b"[" + b" " * 1000) as url:
        assert refused(pomona, url).startswith("no answer in time")
    monkeypatch.undo()
    monkeypatch.setattr(client, "MOST_BYTES", 100)
    with says(200, b"[" + b" " * 1000) as url:
        assert refused(pomona, url).startswith("it says more than ")


@pytest.mark.parametrize(
    ("status", "body", "what"),
    [
        (200, b"<html>Prometheus</html>", "what it says is not the JSON of API v2"),
        (200, b'{"status":"success"}', "what it says is not the JSON of API v2"),
        (200, b"", "what it says is not the JSON of API v2"),
        (404, b"404 page not found", "404 Not Found"),
        (302, b"", "it redirects (302)"),
    ],
)
def test_another_server_is_named_so(pomona: Pomona, status: int, body: bytes, what: str) -> None:
    with says(status, body, Location="/elsewhere") as url:
        assert refused(pomona, url) == (
            f"this is not Alertmanager: {what}; check address, port (9093 is usual) and --web.route-prefix"
        )


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (500, b'"store is\\n full"', "500 Internal Server Error: store is full"),
        (500, b"<h1>long page</h1>", "500 Internal Server Error"),
        (503, b"", "503 Service Unavailable"),
        (
            422,
            b'{"code":602,"message":"comment is required"}',
            "it refused (422 Unprocessable Entity): comment is required",
        ),
        (400, b'"bad \\u001b[31mmatcher"', "it refused (400 Bad Request): bad [31mmatcher"),
        (799, b"", "799"),
    ],
)
def test_errors_are_told_in_the_words_of_the_server(pomona: Pomona, status: int, body: bytes, told: str) -> None:
    with says(status, body) as url:
        assert refused(pomona, url) == told


def test_the_second_of_a_pair_is_asked_where_the_first_fails_and_both_are_named_where_both_do(pomona: Pomona) -> None:
    with says(500, b'"first"') as first, says(200, b"[]") as second:
        assert pomona.good("--alertmanager.url", first, "--alertmanager.url", second) == "no alerts\n"
    with says(500, b'"first"') as first, says(502, b'"second"') as second:
        told = pomona.refused("--alertmanager.url", first, "--alertmanager.url", second)
    assert told == f"{first}: 500 Internal Server Error: first; {second}: 502 Bad Gateway: second"


def test_a_typed_address_beats_the_environment_before_and_after_the_command(
    pomona: Pomona, monkeypatch: pytest.MonkeyPatch
) -> None:
    with says(200, b"[]") as good:
        monkeypatch.setenv("POMONA_ALERTMANAGER_URL", "http://127.0.0.1:1")
        assert pomona.good("--alertmanager.url", good, "list") == "no alerts\n"
        assert pomona.good("list", "--alertmanager.url", good) == "no alerts\n"


@pytest.mark.parametrize(
    "url",
    [
        "http://ada:s3cret@127.0.0.1:9093",
        "https://s3cret@am",
        "127.0.0.1:9093",
        "ftp://am",
        "http://",
        "http://am?s3cret",
    ],
)
def test_an_address_with_a_login_or_without_a_scheme_is_refused_and_not_repeated(pomona: Pomona, url: str) -> None:
    told = pomona.refused("--alertmanager.url", url)
    assert told.startswith("--alertmanager.url: ")
    assert "s3cret" not in told


MISUSED = (
    (("ack",), "Missing argument 'ALERT'. (see: pomona alerts ack --help)"),
    (("ack", "A", "north"), "'north': expected LABEL=VALUE, such as site=north"),
    (("mute", ""), "ALERT: expected the name of an alert"),
    (("ack", "A", "site="), "'site=': expected LABEL=VALUE, such as site=north"),
    (("ack", "A", "alertname=B"), "alertname: the name of the alert is given without it"),
    (("mute", "A", "site=a", "site=b"), "LABEL=VALUE: a label was given twice"),
    (("ack", "A", "--for", "soon"), "Invalid value for '--for': 'soon' is no duration up to a year, such as 30m, 2h"),
    (("ack", "A", "--for", "0m"), "Invalid value for '--for': '0m' is no duration up to a year"),
    (("ack", "A", "--for", "999999w"), "Invalid value for '--for': '999999w' is no duration up to a year"),
    (("--all", "ack", "A"), "--severity, --site, --instance, --team, --all and --json go after the subcommand."),
    (("--instance", "a", "silences"), "--severity, --site, --instance, --team, --all and --json go after the"),
    (("akc",), "No such command 'akc'."),
)


@pytest.mark.parametrize(("args", "told"), MISUSED)
def test_a_misuse_is_one_line(pomona: Pomona, args: tuple[str, ...], told: str) -> None:
    assert pomona.refused(*args).startswith(told)


def test_who_has_no_login_name_is_asked_for_one(pomona: Pomona, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "POMONA_AUTHOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)
    assert pomona.refused("ack", "A") == "you have no login name here: give --author NAME"


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    code = "import sys, exporters.operate.alerts.commands; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"requests", "rich", "yaml", "msgspec", "urllib3"} & set(told.stdout.split())
