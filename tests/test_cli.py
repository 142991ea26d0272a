"""The command line: flags from declarations, one-line errors, and nothing imported before it is needed."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import ROOT
from exporters.cli import main
from exporters.core.collector import discover
from exporters.core.privacy import key_place
from exporters.operate.flags import packages
from exporters.operate.sudoers import ELSEWHERE
from exporters.sources.replay import load_captures

MACHINE = ROOT / "tests" / "fixtures" / "load" / "linux-6.1-server"
REPLAY = ("--replay", str(MACHINE), "--log.level=error")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Status, stdout and stderr of one call, on 200 columns and without configuration in the environment."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("POMONA_CORPUS", raising=False)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level

    def call(*args: str) -> tuple[int, str, str]:
        status = main(args)
        told = capsys.readouterr()
        return status, told.out, told.err

    yield call
    root.handlers[:] = before
    root.setLevel(level)


def python(*args: str, **environ: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *args],
        cwd=ROOT,
        env={**os.environ, **environ},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_packages_by_system() -> None:
    assert packages(False, "linux") == ("exporters.host",)
    assert packages(False, "darwin") == ("exporters.host", "exporters.macos")
    assert packages(True, "linux") == ("exporters.host", "exporters.macos")


def test_help_names_every_command(run: Run) -> None:
    for args in ((), ("--help",)):
        status, out, _ = run(*args)
        assert status == 0
        assert set(re.findall(r"^  ([a-z]+)  ", out, re.MULTILINE)) >= {"agent", "completion", "simulate", "up"}


@pytest.mark.parametrize("command", [(), ("check",), ("show",)])
def test_help_names_every_flag(run: Run, command: tuple[str, ...]) -> None:
    status, out, _ = run("agent", *command, *REPLAY, "--help")
    assert status == 0
    for flag in (
        "--config.file FILE",
        "--web.listen-address TEXT",
        "--web.config.file TEXT",
        "--web.telemetry-path TEXT",
        "--web.enable-lifecycle / --no-web.enable-lifecycle",
        "--state.dir TEXT",
        "--log.level [debug|info|warn|error]",
        "--log.format [logfmt|json]",
        "--replay DIR",
    ):
        assert f"  {flag}" in out
    for each in discover(packages(replay=True)):
        assert f"  --collector.{each.name} / --no-collector.{each.name}" in out
    assert all((flag in out) == (command == ()) for flag in ("  --once", "  --output FILE", "  --config.check"))


def test_once_prints_one_scrape(run: Run) -> None:
    status, out, err = run("agent", "--once", *REPLAY)
    assert (status, err) == (0, "")
    assert "\npomona_host_load1 0." in out
    assert '\npomona_collector_success{collector="load"} 1.0\n' in out
    assert "\npomona_build_info{" in out


def test_a_collector_is_switched_off_and_on(run: Run) -> None:
    assert "pomona_host_load1" not in run("agent", "--once", *REPLAY, "--no-collector.load")[1]
    assert "pomona_host_load1 " in run("agent", "--once", *REPLAY, "--no-collector.load", "--collector.load")[1]


def test_output_is_replaced_as_a_whole(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "pomona.prom"
    target.write_text("old")
    assert run("agent", "--once", *REPLAY, "--output", str(target)) == (0, "", "")
    assert "\npomona_host_load1 " in target.read_text()
    assert list(tmp_path.iterdir()) == [target]


def test_version(run: Run) -> None:
    status, out, _ = run("--version")
    assert status == 0
    assert re.fullmatch(r"pomona \S+\n", out)


def test_flags_are_taken_before_and_after_the_subcommand(run: Run) -> None:
    before = run("agent", *REPLAY, "--no-collector.time", "check")
    after = run("agent", "check", *REPLAY, "--no-collector.time")
    for _, out, _ in (before, after):
        assert re.search(r"^load +works ", out, re.MULTILINE)
        assert not re.search(r"^time ", out, re.MULTILINE)


def test_show_prints_a_table(run: Run) -> None:
    status, out, _ = run("agent", "show", *REPLAY)
    assert status == 0
    assert "load" in out


def test_a_capture_replays(run: Run, tmp_path: Path) -> None:
    folder = str(tmp_path / "captured")
    assert run("agent", "capture", folder, *REPLAY)[0] == 0
    assert "\npomona_host_load1 " in run("agent", "--once", "--replay", folder, "--log.level=error")[1]


def test_config_check(run: Run, tmp_path: Path) -> None:
    key, web, config = tmp_path / "key", tmp_path / "web.yml", tmp_path / "pomona.yml"
    key.write_text("0123456789abcdef")
    key.chmod(0o600)
    web.write_text("")
    config.write_text(
        f"privacy: {{key_file: {key}}}\nweb: {{config_file: {web}}}\ncollectors: {{load: {{enabled: false}}}}"
    )
    status, out, err = run("agent", "--config.check", "--config.file", str(config), *REPLAY)
    assert (status, err) == (0, "")
    assert out.startswith(f"{config} is good; ")
    web.write_text("basic_auth: {}")
    assert run("agent", "--config.check", "--config.file", str(config))[0] == 2


def test_one_file_serves_macs_and_others(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "pomona.yml"
    config.write_text("collectors: {battery: {cadence: 30s}, usb: {enabled: false}}")
    assert run("agent", "--config.check", "--config.file", str(config), "--log.level=error")[0] == 0
    config.write_text("collectors: {battery: {cadence: soon}}")
    assert "collectors.battery.cadence" in run("agent", "--config.check", "--config.file", str(config))[2]


def test_config_check_makes_no_key(run: Run) -> None:
    before = key_place().exists()
    assert run("agent", "--config.check")[0] == 0
    assert key_place().exists() == before


CONFIG_ERRORS = (
    ("web:\n  listen_adress: ':1'", "2: web.listen_adress: unknown key; did you mean 'listen_address'?"),
    ("privacy: {key_file: /no/such/key}", "privacy.key_file: /no/such/key: No such file or directory"),
    ("web: {config_file: /no/such/web.yml}", "/no/such/web.yml: No such file or directory"),
)


@pytest.mark.parametrize(("text", "told"), CONFIG_ERRORS)
def test_a_bad_configuration_ends_in_one_line(run: Run, tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "pomona.yml"
    path.write_text(f"{text}\n")
    status, out, err = run("agent", "--config.check", "--config.file", str(path))
    assert (status, out) == (2, "")
    assert err in (f"pomona: {path}:{told}\n", f"pomona: {told}\n")


ERRORS = (
    (("agent", "--no-such-flag"), "No such option"),
    (("agnet",), "No such command 'agnet'. (see: pomona --help)\n"),
    (("agent", "--log.level=loud"), "Invalid value for '--log.level': 'loud' is not one of"),
    (("agent", "--output", "x"), "--output goes with --once. (see: pomona agent --help)\n"),
    (("agent", "--once", "check"), "--once, --output and --config.check go without a subcommand. (see: pomona agent"),
    (("agent", "--once", "--config.file", "/no/such.yml"), "/no/such.yml: No such file or directory\n"),
    (("agent", "--once", "--replay", "/no/such"), "/no/such/index.yml: No such file or directory\n"),
    (("agent", "--once", *REPLAY, "--output", "/no/such/file"), "/no/such/file: No such file or directory\n"),
    (("agent", "--once", *REPLAY, "--output", ""), "--output needs the name of a file. (see: pomona agent --help)\n"),
    (("agent", "--once", *REPLAY, "--output", "/"), "--output needs the name of a file. (see: pomona agent --help)\n"),
    (("agent", "--once", *REPLAY, "--output", ".."), "--output needs the name of a file. (see: pomona agent --help)\n"),
    (("agent", *REPLAY, "--web.listen-address", "nowhere"), "web.listen_address[0]: expected an address such as"),
    (("agent", *REPLAY, "--web.telemetry-path", "/probe"), "web.telemetry_path: expected a path of its own"),
    (("completion", "csh"), "Invalid value for '{bash|zsh|fish}': 'csh' is not one of"),
)


@pytest.mark.parametrize(("args", "told"), ERRORS)
def test_an_error_is_one_line_and_status_2(run: Run, args: tuple[str, ...], told: str) -> None:
    status, out, err = run(*args)
    assert (status, out) == (2, "")
    assert err.startswith(f"pomona: {told}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("uid", ["abc", "1.5", "9" * 5000])
def test_a_capture_by_an_unknown_person_is_refused_before_it_begins(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: str
) -> None:
    monkeypatch.setenv("SUDO_UID", uid)
    status, _, err = run("agent", "capture", str(tmp_path / "new"), *REPLAY)
    assert status == 2
    assert err == f"pomona: SUDO_UID: {uid[:20]!r} is no user number; unset it or give the one of the person at it\n"
    assert not (tmp_path / "new").exists()


def test_an_expression_that_no_machine_can_hold_is_one_line(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "pomona.yml"
    config.write_text("collectors: {network: {exclude: 'a{99999999999}'}}\n")
    status, _, err = run("agent", "--once", *REPLAY, "--config.file", str(config))
    assert status == 2
    assert err.startswith(f"pomona: {config}:1: collectors.network: 'a{{99999999999}}' is no regular expression: ")
    assert err.count("\n") == 1


def test_an_unknown_flag_is_named_with_its_neighbours(run: Run) -> None:
    err = run("agent", "--no-such-flag")[2]
    assert "--no-such-flag" in err
    assert "(see: pomona agent --help)" in err
    assert "--collector.load" in run("agent", "--collector.lod")[2]


def test_ctrl_c_is_quiet(tmp_path: Path) -> None:
    pipe = tmp_path / "config"
    os.mkfifo(pipe)
    process = python("-m", "exporters", "agent", "--config.file", str(pipe))
    with pipe.open("w"):  # opens when the process reads
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err.strip()) == (130, "", "")


def test_a_bad_variable(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POMONA_LOG__LEVEL", "loud")
    status, _, err = run("agent", "--once", *REPLAY)
    assert status == 2
    assert err == "pomona: POMONA_LOG__LEVEL: expected one of debug, info, warn, error, got 'loud'\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(run: Run, shell: str) -> None:
    status, out, _ = run("completion", shell)
    assert status == 0
    assert "_POMONA_COMPLETE" in out
    assert f"{shell}_complete" in out


def test_completion_knows_the_collectors() -> None:
    process = python(
        "-m", "exporters", _POMONA_COMPLETE="bash_complete", COMP_WORDS="pomona agent --collector.l", COMP_CWORD="2"
    )
    assert "plain,--collector.load\n" in process.communicate()[0]


HEAVY = {"rich", "uvicorn", "prometheus_client", "psutil", "yaml", "msgspec", "exporters.host", "exporters.core.serve"}


def test_importing_the_command_line_is_light() -> None:
    process = python("-c", "import sys, exporters.cli, json; print(json.dumps(list(sys.modules)))")
    modules = set(json.loads(process.communicate()[0]))
    assert "exporters.cli" in modules
    assert not HEAVY & modules


def test_the_agent_does_without_what_only_people_and_routers_need() -> None:
    code = (
        "import sys, json; from exporters.cli import main; "
        f"main(['agent', '--once', '--replay', {str(MACHINE)!r}]); print(json.dumps(list(sys.modules)))"
    )
    process = python("-c", code)
    modules = set(json.loads(process.communicate()[0].splitlines()[-1]))
    assert "exporters.core.serve" in modules
    assert not {"rich", "paramiko", "cryptography", "requests"} & modules


def test_the_agent_serves_until_it_is_told_to_end() -> None:
    process = python(
        "-m",
        "exporters",
        "agent",
        *REPLAY,
        "--web.listen-address",
        "127.0.0.1:0",
        "--log.format=json",
        "--log.level=info",
    )
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "listening" in line)
        address = json.loads(line)["msg"].rsplit(" ", 1)[-1]
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=20) as answer:
            assert b"\npomona_host_load1 " in answer.read()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err


def test_a_capture_of_a_replay_keeps_the_name_of_its_machine(run: Run, tmp_path: Path) -> None:
    assert run("agent", *REPLAY, "capture", str(tmp_path / "new"))[0] == 0
    assert load_captures(tmp_path / "new").machine == load_captures(MACHINE).machine


def test_sudoers_of_a_configuration_for_macs_printed_elsewhere_say_so(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "pomona.yml"
    path.write_text("collectors: {soc_power: {enabled: true, source: powermetrics}}\n")
    status, told, _ = run("agent", "--config.file", str(path), "sudoers", "--user", "ada")
    assert (status, ELSEWHERE in told) == (0, sys.platform != "darwin")
