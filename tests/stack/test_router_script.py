"""A script of the SSH source, read on the other side: its questions are found, and the frame is the real shell's."""

import subprocess
from pathlib import Path

import pytest

from exporters.openwrt.nlbw import CIRCUMSTANCES, TRAFFIC
from exporters.sources.base import Command, File, Listing
from exporters.sources.sshbatch import header, script
from exporters.stack.router_answers import Router
from exporters.stack.router_script import Piece, answers, plain, read
from exporters.stack.router_traffic import Answer
from stack.routing import Network


def test_every_question_is_found_in_its_order() -> None:
    questions = (
        *CIRCUMSTANCES,
        File("/proc/loadavg"),
        File("/tmp/a; b'"),
        Listing("/tmp", "*.a b"),
        Command(("echo", "a;b & 'c'", "", '"')),
        TRAFFIC,
    )
    found = read(script(questions))
    assert found is not None
    files = tuple(each.path for each in questions if isinstance(each, File))
    rest = [
        each.argv if isinstance(each, Command) else ("_l", each.path, each.pattern)
        for each in questions
        if isinstance(each, Command | Listing)
    ]
    expected = [("_f", *files), *rest] if files else rest
    assert list(found.steps) == expected
    assert found.name == header(script(questions)).decode()
    assert found.patience > TRAFFIC.timeout


@pytest.mark.parametrize("text", ["", "uptime", "nlbw -c json", "_h(){ printf 'pomona-12' }", "'", "\0;;"])
def test_what_is_no_script_is_none(text: str) -> None:
    assert read(text) is None


def test_the_frame_is_that_of_a_real_shell(tmp_path: Path) -> None:
    """One batch, run by /bin/sh on this machine and by a router that has the same file and program."""
    (tmp_path / "there").write_bytes(b"no newline")
    (tmp_path / "empty").write_bytes(b"")
    questions = (
        File(f"{tmp_path}/there"),
        File(f"{tmp_path}/empty"),
        File(f"{tmp_path}/missing"),
        Command(("date", "+%z %%")),
        Listing(f"{tmp_path}/nowhere"),
        Command(("nosuchprogram", "x y")),
    )
    text = script(questions)
    ran = subprocess.run(["/bin/sh", "-c", text], env={"TZ": "UTC-1"}, capture_output=True, check=True)
    mark = ran.stdout.split()[1].decode()
    routers = Network().routers

    class Same(Router):
        __slots__ = ()

        def read(self, path: str, _now: float) -> bytes | None:
            return Path(path).read_bytes() if Path(path).is_file() else None

        def run(self, words: tuple[str, ...], now: float) -> Answer | None:
            return Answer(b"+0100 %\n") if words == ("date", "+%z %%") else super().run(words, now)

    one = routers.all[-1]
    router = Same(one.name, one.nature, one.daemon)
    found = read(text)
    assert found is not None
    pieces = list(answers(found, router, routers.now(), mark))
    assert b"".join(each.stdout for each in pieces) == ran.stdout
    said = [line for line in ran.stderr.splitlines() if mark.encode() in line]
    assert [line for each in pieces for line in each.stderr.splitlines() if mark.encode() in line] == said


def test_each_run_draws_a_mark_of_its_own() -> None:
    network = Network()
    found = read(script((TRAFFIC,)))
    assert found is not None
    heads = {next(answers(found, network.router(), 0.0)).stdout for _ in range(2)}
    assert len(heads) == 2


def test_a_daemon_that_hangs_lets_nothing_come_after_it() -> None:
    network = Network()
    questions = (File("/proc/uptime"), TRAFFIC, Command(("date",)))
    found = read(script(questions))
    assert found is not None
    assert len(list(answers(found, network.router("hangs"), network.routers.now()))) == 1 + len(questions)
    network.clock.move(599)
    *told, last = answers(found, network.router("hangs"), network.routers.now())
    assert len(told) == 2
    assert last == Piece(hang=found.patience)


def test_a_plain_command_is_answered_as_a_shell_would() -> None:
    network = Network()
    now = network.routers.now()
    assert plain("cat /proc/loadavg", network.router(), now) == Answer(
        network.read(network.router(), "/proc/loadavg").encode()
    )
    assert plain("cat '", network.router(), now).status == 127
    assert plain("", network.router(), now).status == 127
