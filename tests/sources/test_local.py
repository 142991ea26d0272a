"""The local source under everything that a real machine does to it."""

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from exporters.sources.base import (
    Command,
    Denied,
    Failed,
    File,
    Listing,
    NotFound,
    Question,
    SourceError,
    System,
    TimedOut,
    TooLarge,
)
from exporters.sources.local import Local, _refusal
from exporters.sources.where import DEFAULT_DIRECTORIES

Script = Callable[[str], Local]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Writes a shell script called `tool` and gives the source that finds it, and the system's programs."""

    def write(text: str) -> Local:
        tool = tmp_path / "bin" / "tool"
        tool.parent.mkdir()
        tool.write_text(f"#!/bin/sh\n{text}\n")
        tool.chmod(0o755)
        return Local(directories=(str(tool.parent), *DEFAULT_DIRECTORIES))

    return write


def ended(pid_file: Path) -> bool:
    """Whether the process whose number stands in the file is gone, or will be within seconds."""
    try:
        process = psutil.Process(int(pid_file.read_text()))
    except psutil.NoSuchProcess:
        return True
    return not psutil.wait_procs([process], timeout=10)[1] or process.status() == psutil.STATUS_ZOMBIE


def test_answers_with_both_streams_and_an_allowed_exit(script: Script) -> None:
    output = script('printf "$1"; printf oops >&2; exit 4').ask(Command(("tool", "a b"), ok_exits=(0, 4)))
    assert (output.stdout, output.stderr, output.exit) == (b"a b", b"oops", 4)


def test_arguments_never_meet_a_shell(script: Script, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    output = script('printf "%s" "$1"').ask(Command(("tool", f"$(touch {trap}); `touch {trap}` > {trap}")))
    assert output.stdout.startswith(b"$(touch ")
    assert not trap.exists()


def test_environment_is_reduced_and_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "xyzzy")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("HOME", "/somewhere")
    lines = Local().ask(Command(("env",))).stdout.decode().splitlines()
    assert sorted(lines) == ["HOME=/somewhere", "LANG=C", "LC_ALL=C", f"PATH={':'.join(DEFAULT_DIRECTORIES)}"]


def test_standard_input_is_closed() -> None:
    assert Local().ask(Command(("cat",))).stdout == b""


def test_full_streams_do_not_block_one_another(script: Script) -> None:
    output = script("head -c 500000 /dev/zero >&2; head -c 500000 /dev/zero; head -c 500000 /dev/zero >&2").ask(
        Command(("tool",))
    )
    assert (len(output.stdout), len(output.stderr)) == (500_000, 1_000_000)


def test_invalid_utf8_passes_as_bytes(script: Script) -> None:
    assert script(r"printf '\377\376\200'").ask(Command(("tool",))).stdout == b"\xff\xfe\x80"


def test_missing_tool_is_not_found_and_says_where_it_was_sought(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no-such-tool is in none of"):
        Local(directories=(str(tmp_path),)).ask(Command(("no-such-tool",)))


def test_missing_interpreter_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/no/such/interpreter\n")
    (tmp_path / "tool").chmod(0o755)
    with pytest.raises(NotFound):
        Local(directories=(str(tmp_path),)).ask(Command(("tool",)))


def test_tool_without_execute_permission_is_denied(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "tool").chmod(0o644)
    with pytest.raises(Denied):
        Local(directories=(str(tmp_path),)).ask(Command(("tool",)))


def test_a_file_that_is_no_program_fails(tmp_path: Path) -> None:
    (tmp_path / "tool").write_bytes(b"\x00\x01")
    (tmp_path / "tool").chmod(0o755)
    with pytest.raises(Failed, match="cannot be started"):
        Local(directories=(str(tmp_path),)).ask(Command(("tool",)))


@pytest.mark.parametrize("name", ["/bin/ls", "../bin/ls", "./ls"])
def test_programs_are_named_without_a_folder(name: str) -> None:
    with pytest.raises(Failed, match="without its folder"):
        Local().ask(Command((name,)))
    assert Local().where(name) is None


def test_where_gives_the_absolute_path_of_the_first_folder(script: Script, tmp_path: Path) -> None:
    source = script("")
    assert source.where("tool") == str(tmp_path / "bin" / "tool")
    assert source.where("no-such-tool") is None


def test_wrong_exit_fails_without_repeating_what_was_printed(script: Script) -> None:
    with pytest.raises(Failed) as caught:
        script("echo 'no disk of Anna, serial C02XYZ' >&2; exit 3").ask(Command(("tool",)))
    assert str(caught.value) == "exit status 3"


def test_a_signal_fails_by_its_number(script: Script) -> None:
    with pytest.raises(Failed, match="ended by signal 9"):
        script("kill -9 $$").ask(Command(("tool",)))


HANGS = {
    "sleeps": "exec sleep 600",
    "ignores SIGTERM": "trap '' TERM HUP INT; while :; do sleep 600; done",
    "has closed its streams": "exec >&- 2>&-; exec sleep 600",
    "goes on printing": "while :; do echo tick; sleep 0.01; done",
}


@pytest.mark.parametrize("text", HANGS.values(), ids=HANGS)
def test_a_program_that_hangs_is_killed_at_its_deadline(script: Script, tmp_path: Path, text: str) -> None:
    begin = time.monotonic()
    with pytest.raises(TimedOut, match=r"within 0\.3 s"):
        script(f"echo $$ > {tmp_path}/pid\n{text}").ask(Command(("tool",), timeout=0.3))
    assert time.monotonic() - begin < 10
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_the_whole_group_is_killed_at_the_deadline(script: Script, tmp_path: Path) -> None:
    source = script(f"sleep 600 & echo $! > {tmp_path}/pid; wait")
    with pytest.raises(TimedOut):
        source.ask(Command(("tool",), timeout=0.3))
    assert ended(tmp_path / "pid")


def test_a_descendant_that_keeps_the_pipe_open_does_not_delay_the_answer(script: Script, tmp_path: Path) -> None:
    begin = time.monotonic()
    output = script(f"sleep 600 & echo $! > {tmp_path}/pid; echo done").ask(Command(("tool",), timeout=60))
    assert output.stdout == b"done\n"
    assert time.monotonic() - begin < 30
    assert ended(tmp_path / "pid")


@pytest.mark.parametrize("stream", ["1", "2"])
def test_100_megabytes_are_refused_and_the_program_killed(script: Script, tmp_path: Path, stream: str) -> None:
    source = script(f"echo $$ > {tmp_path}/pid; exec head -c 104857600 /dev/zero >&{stream}")
    before = psutil.Process().memory_info().rss
    with pytest.raises(TooLarge, match="more than 16777216 bytes"):
        source.ask(Command(("tool",), timeout=60))
    assert psutil.Process().memory_info().rss - before < 64 * 1024 * 1024
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_no_child_and_no_descriptor_is_left(script: Script) -> None:
    source = script('case "$1" in hang) exec sleep 600;; big) exec cat /dev/zero;; bad) exit 1;; esac')
    me = psutil.Process()
    before = me.num_fds()
    for argument in ("good", "bad", "big", "hang") * 3:
        source.ask_many((Command(("tool", argument), timeout=0.5),))
    assert not me.children(recursive=True)
    assert me.num_fds() == before


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    content = os.urandom(200_000)
    (tmp_path / "data").write_bytes(content)
    assert Local().ask(File(str(tmp_path / "data"))) == content


def test_of_a_file_no_more_is_read_than_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"abcdef")
    assert Local().ask(File(str(tmp_path / "data"), head=4)) == b"abcd"
    assert Local().ask(File(str(tmp_path / "data"), head=9)) == b"abcdef"
    assert Local(limit=5).ask(File(str(tmp_path / "data"), head=4)) == b"abcd"


def test_a_file_over_the_limit_is_too_large_and_one_at_the_limit_is_not(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"x" * 11)
    assert len(Local(limit=11).ask(File(str(tmp_path / "data")))) == 11
    with pytest.raises(TooLarge):
        Local(limit=10).ask(File(str(tmp_path / "data")))


@pytest.mark.parametrize("question", [File, Listing])
def test_a_path_that_leads_nowhere_is_not_found(tmp_path: Path, question: Callable[[str], Question[object]]) -> None:
    (tmp_path / "file").write_text("")
    for path in ("missing", "file/below"):
        with pytest.raises(NotFound):
            Local().ask(question(str(tmp_path / path)))


@pytest.mark.parametrize("question", [File, Listing])
def test_a_path_that_cannot_be_one_fails(question: Callable[[str], Question[object]]) -> None:
    with pytest.raises(Failed):
        Local().ask(question("/tmp/nul\0byte"))


def test_a_fifo_a_device_and_a_folder_are_no_files_and_do_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (str(tmp_path / "fifo"), "/dev/zero", str(tmp_path)):
        with pytest.raises(Failed, match="not a regular file"):
            Local().ask(File(path))


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM])
def test_a_refusal_of_the_system_is_denied(code: int) -> None:
    # Root may read everything, so that no file can show this in every environment.
    assert isinstance(_refusal(OSError(code, os.strerror(code))), Denied)


def test_a_listing_is_sorted_and_holds_the_matching_regular_files(tmp_path: Path) -> None:
    for name in ("b.prom", "a.prom", "c.txt"):
        (tmp_path / name).write_text(name * 2)
    (tmp_path / "folder.prom").mkdir()
    os.mkfifo(tmp_path / "fifo.prom")
    (tmp_path / "broken.prom").symlink_to(tmp_path / "nowhere")
    os.utime(tmp_path / "a.prom", (1000, 2000))
    listing = Local().ask(Listing(str(tmp_path), "*.prom"))
    assert [(entry.name, entry.size) for entry in listing] == [("a.prom", 12), ("b.prom", 12)]
    assert listing[0].modified == 2000


def test_a_listing_is_bounded(tmp_path: Path) -> None:
    for number in range(10_001):
        (tmp_path / f"{number}.a").touch()
    (tmp_path / "0.a").rename(tmp_path / "0.b")
    assert len(Local().ask(Listing(str(tmp_path), "*.a"))) == 10_000
    with pytest.raises(TooLarge):
        Local().ask(Listing(str(tmp_path)))


def test_system_facts_come_from_their_table() -> None:
    assert len(Local().ask(System("load"))) == 3
    with pytest.raises(NotFound):
        Local().ask(System("no_such_fact"))


def test_ask_many_gives_each_its_answer_or_error(script: Script) -> None:
    good, bad, missing = Command(("tool",)), Command(("tool", "1")), File("/no/such/file")
    answers = script("exit ${1:-0}").ask_many((good, bad, missing))
    assert answers[good].exit == 0
    assert {type(answers[bad]), type(answers[missing])} == {Failed, NotFound}
    assert all(isinstance(answers[each], SourceError) for each in (bad, missing))


def test_closing_ends_the_programs_that_run_and_lets_no_other_start(script: Script, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    local = script(f"echo $$ > {pid}; exec sleep 600")
    failed: list[SourceError] = []

    def ask() -> None:
        try:
            local.ask(Command(("tool",), timeout=300))
        except SourceError as error:
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not (pid.exists() and pid.read_text()):
        time.sleep(0.01)
    local.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(failed) == 1
    assert ended(pid)
    with pytest.raises(Failed, match="ends"):
        local.ask(Command(("tool",)))
