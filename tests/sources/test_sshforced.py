"""A forced command and its dated questions, on real servers and in the shells: what a client sends is never run."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import paramiko
import pytest

from exporters.sources import sshauth
from exporters.sources.base import Command, Failed, File, NotFound, Output, TimedOut
from exporters.sources.ssh import ScriptRefused, Ssh, authorized_keys_line, script
from sshservers import Server, shells

NLBW = Command(("nlbw", "-c", "json"))
REST = Command(("nlbw", "-c", "json", "-g", "mac", "-t", "DATE"), (0, 247), timeout=4.0)
OTHER = Command(("other", "DATE", "--last"))
FORCED, DATED = (File("/proc/uptime"), NLBW), (REST, OTHER)
TEXT = script(FORCED, DATED)
INJECTIONS = (
    "pomona 0 2026-11-0$(touch trap)",
    "pomona 0 2026-11-01; touch trap",
    "pomona 0 2026-11-01\ntouch trap",
    "pomona 0 2026-11-01 ",
    " pomona 0 2026-11-01",
    "pomona  0 2026-11-01",
    "pomona 0 \uff12\uff10\uff12\uff16-11-01",
    "pomona 0 ²026-11-01",
    "pomona 0 ????-??-??",
    "pomona 0 [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]",
    "pomona 0 -026-11-01",
    "pomona 2 2026-11-01",
    "pomona 00 2026-11-01",
    "pomona 0",
    "pomona 0 2026-11-01 && touch trap",
    "touch trap",
    "`touch trap`",
    "$(touch trap)",
    "*)touch trap;;esac;",
    "-x",
    "'\"\\",
    "",
    "x" * 8000,
)


def of(template: Command, day: str) -> Command:
    return replace(template, argv=tuple(day if each == "DATE" else each for each in template.argv))


def program(server: Server, name: str) -> None:
    server.program(name, """printf '%s|' "$@"; exit 0""")


@pytest.fixture
def source(server: Server) -> Any:
    program(server, "nlbw")
    program(server, "other")
    public = (server.folder / "client_key.pub").read_text()
    server.authorized_keys.write_text(authorized_keys_line(public, TEXT) + "\n")
    made = Ssh(replace(server.target, forced=FORCED, forced_dated=DATED))
    yield made
    made.close()


def test_dated_questions_are_asked_beside_the_batch(source: Ssh) -> None:
    days = [of(REST, "2026-11-01"), of(REST, "2024-02-29"), of(OTHER, "1999-12-31")]
    got = source.ask_many((*days, NLBW, FORCED[0]))
    assert [got[each] for each in days] == [
        Output(b"-c|json|-g|mac|-t|2026-11-01|"),
        Output(b"-c|json|-g|mac|-t|2024-02-29|"),
        Output(b"1999-12-31|--last|"),
    ]
    assert got[NLBW] == Output(b"-c|json|")
    assert isinstance(got[FORCED[0]], bytes)
    assert source.report.connects == 1
    assert source.ask(days[0]) == Output(b"-c|json|-g|mac|-t|2026-11-01|")


@pytest.mark.parametrize(
    "question",
    [
        REST,
        of(REST, "2026-02-30"),
        of(REST, "20261101"),
        of(REST, "2026-W01-1"),
        of(REST, "2026-11-1"),
        of(REST, "2026-11-01\n"),
        of(REST, "-t"),
        replace(of(REST, "2026-11-01"), timeout=5.0),
        replace(of(REST, "2026-11-01"), ok_exits=(0,)),
        Command((*of(REST, "2026-11-01").argv, "-n")),
        Command(("nlbw", "-c", "csv", "-g", "mac", "-t", "2026-11-01"), (0, 247), timeout=4.0),
        File("2026-11-01"),
    ],
    ids=repr,
)
def test_what_is_no_dated_question_is_not_sent(question: Any) -> None:
    source = Ssh(sshauth.SshTarget("127.0.0.1", "root", forced=FORCED, forced_dated=DATED))
    with pytest.raises(NotFound):
        source.ask(question)


def test_more_dated_questions_than_forty_are_refused(source: Ssh) -> None:
    asked = [of(REST, f"{year}-01-01") for year in range(1970, 2011)]
    got = source.ask_many(asked)
    assert {type(got[each]) for each in asked[:40]} == {Output}
    assert isinstance(got[asked[40]], Failed)


def test_a_dated_question_that_hangs_loses_itself_and_those_behind_it(server: Server) -> None:
    slow = replace(REST, timeout=1.0)
    server.program("nlbw", "case $* in *2026-11-02) exec sleep 600;; esac; echo $*")
    public = (server.folder / "client_key.pub").read_text()
    server.authorized_keys.write_text(authorized_keys_line(public, script(FORCED, (slow,))) + "\n")
    source = Ssh(replace(server.target, forced=FORCED, forced_dated=(slow,)))
    days = [of(slow, f"2026-11-0{day}") for day in (1, 2, 3)]
    got = source.ask_many((NLBW, *days))
    assert [type(got[each]) for each in (NLBW, *days)] == [Output, Output, TimedOut, TimedOut]
    assert source.report.trouble is None
    source.close()


def test_a_lost_connection_is_opened_again_for_a_dated_question(server: Server, source: Ssh) -> None:
    source.ask(NLBW)
    server.kill()
    server.start()
    got = source.ask_many((of(REST, "2026-11-01"), of(REST, "2026-11-02")))
    assert {type(each) for each in got.values()} == {Output}
    assert source.report.connects == 2


def test_a_script_without_them_on_the_host_is_told(server: Server, source: Ssh) -> None:
    server.authorize(f'command="{script(FORCED)}"')
    with pytest.raises(ScriptRefused):
        source.ask(of(REST, "2026-11-01"))


@pytest.mark.parametrize("sent", INJECTIONS, ids=ascii)
def test_what_else_a_client_sends_runs_the_batch_and_nothing_more(tmp_path: Path, sent: str) -> None:
    """In each shell that may be the other side's."""
    (tmp_path / "trap").touch(mode=0o600)
    before = (tmp_path / "trap").stat().st_mtime_ns
    nlbw = tmp_path / "nlbw"
    nlbw.write_text("""#!/bin/sh\nprintf '%s|' "$@"\n""")
    nlbw.chmod(0o755)
    for shell in shells():
        for locale in ("C", "C.UTF-8", "en_US.UTF-8"):
            environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "LC_ALL": locale, "SSH_ORIGINAL_COMMAND": sent}
            ended = subprocess.run(
                [*shell, "-c", TEXT], cwd=tmp_path, env=environment, capture_output=True, timeout=30, check=True
            )
            assert b"-c|json|" in ended.stdout
            assert b"-g|mac" not in ended.stdout
            assert len(re.findall(rb" \d+\n", ended.stdout)) == 2
            assert (tmp_path / "trap").stat().st_mtime_ns == before
            assert sorted(each.name for each in tmp_path.iterdir()) == ["nlbw", "trap"]


def test_injections_over_the_wire_run_the_batch_and_nothing_more(server: Server, source: Ssh) -> None:
    source.ask(NLBW)
    transport = source._link.transport()
    for sent in INJECTIONS:
        channel = transport.open_session()
        channel.exec_command(sent.encode())
        said = channel.makefile().read()
        assert channel.recv_exit_status() == 0
        assert b"-c|json|" in said
        assert b"-g|mac" not in said
        channel.close()
    assert not [*server.folder.rglob("trap")]
    assert not Path("trap").exists()
    assert not Path.home().joinpath("trap").exists()


def test_the_key_gives_no_terminal_no_forwarding_and_no_shell(server: Server, source: Ssh) -> None:
    source.ask(NLBW)
    transport = source._link.transport()
    with pytest.raises(paramiko.ChannelException):
        transport.open_channel("direct-tcpip", ("127.0.0.1", server.port), ("127.0.0.1", 1), timeout=5)
    with pytest.raises(paramiko.SSHException):
        transport.request_port_forward("127.0.0.1", 0)
    channel = transport.open_session()
    with pytest.raises(paramiko.SSHException):
        channel.get_pty()
    channel = transport.open_session()
    channel.invoke_shell()
    assert b"-c|json|" in channel.makefile().read()


def test_without_dated_templates_the_text_looks_at_nothing_that_a_client_sends() -> None:
    assert script(FORCED, ()) == script(FORCED)
    assert "SSH_ORIGINAL_COMMAND" not in script(FORCED)
    assert script(FORCED, DATED[:1]) != script(FORCED, DATED[1:])


def test_the_text_fits_a_line_of_authorized_keys() -> None:
    assert '"' not in TEXT
    assert "\n" not in TEXT
    assert set(re.findall(r"\$\{?SSH_ORIGINAL_COMMAND[^ ;]*", TEXT)) == {
        "$SSH_ORIGINAL_COMMAND",
        "${SSH_ORIGINAL_COMMAND##*",
    }


@pytest.mark.parametrize("argv", [("nlbw",), ("nlbw", "DATE", "DATE"), ("DATE",), ("/bin/nlbw", "DATE"), ()])
def test_a_template_has_one_place_for_a_day(argv: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="one word DATE"):
        script(FORCED, (Command(argv),))
