"""The script of a batch, run by real shells, and the reading of what it prints in whatever pieces it comes."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.sources.base import (
    Command,
    Denied,
    Failed,
    File,
    Listing,
    NotFound,
    Output,
    Question,
    SourceError,
    System,
    TooLarge,
)
from exporters.sources.local import Local
from exporters.sources.sshbatch import header, refusal, script
from exporters.sources.sshtranscript import Transcript
from sshservers import shells

NASTY = (
    "a b",
    "$HOME",
    "`id`",
    "$(id)",
    '"double"',
    "it's",
    "new\nline",
    "tab\t",
    "\\",
    "*",
    "~",
    "-n",
    ";|&<>",
    "!x",
    "#",
    "%s",
    "😀",
    "ä" * 300,
    "",
    "\udcff",
)
MARK = b"371a63e1-4d01-4e34-91e2-41ecf12e036c"


@pytest.fixture(params=shells(), ids=" ".join)
def shell(request: pytest.FixtureRequest) -> list[str]:
    return list(request.param)


def answers(shell: list[str], *questions: Question[Any], limit: int = 1_000_000) -> list[Any]:
    text = script(questions)
    ended = subprocess.run([*shell, "-c", os.fsencode(text)], capture_output=True, check=False, timeout=60)
    return heard(questions, header(text), ended.stdout, ended.stderr, limit)


def heard(questions: Any, head: bytes, stdout: bytes, stderr: bytes, limit: int = 1_000_000) -> list[Any]:
    transcript = Transcript(questions, head, limit)
    transcript.stdout.feed(stdout)
    transcript.stderr.feed(stderr)
    got = transcript.answers()
    return [got[each] for each in questions if each in got]


def test_nasty_arguments_arrive_as_they_are(shell: list[str]) -> None:
    (output,) = answers(shell, Command(("printf", "%s|", *NASTY)))
    assert output.stdout == b"".join(os.fsencode(each) + b"|" for each in NASTY)


def test_no_argument_is_run_by_the_shell(shell: list[str], tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    questions = (
        Command(("echo", f"$(touch {trap})", f"; touch {trap}", f"`touch {trap}`", f"'; touch {trap}; '")),
        File(f"/$(touch {trap})"),
        Listing(f"/; touch {trap};", f"*)touch {trap};;"),
    )
    assert len(answers(shell, *questions)) == 3
    assert not trap.exists()


@pytest.mark.parametrize("name", ["if", "exit", "done", "time", "_", "A=1"])
def test_a_program_is_never_a_word_of_the_shell_that_breaks_the_batch(name: str) -> None:
    question = Command((name,))
    if refusal(question) is None:
        assert answers(["/bin/sh"], question, Command(("echo", "after")))[1] == Output(b"after\n")


def test_statuses_streams_and_bytes_are_kept_apart(shell: list[str]) -> None:
    got = answers(
        shell,
        Command(("sh", "-c", "printf '\\377\\000out'; printf err >&2; exit 247"), ok_exits=(0, 247)),
        Command(("sh", "-c", "exit 195"), ok_exits=(195,)),
        Command(("sh", "-c", "exit 127"), ok_exits=(127,)),
        Command(("sh", "-c", "echo secret; echo secret >&2; exit 3")),
        Command(("no-such-program-here",)),
        Command(("sh", "-c", "kill -9 $$")),
        Command(("cat",)),
    )
    assert got[0] == Output(b"\xff\x00out", b"err", 247)
    assert [each.exit for each in got[1:3]] == [195, 127]
    assert (type(got[3]), str(got[3])) == (Failed, "exit status 3")
    assert (type(got[4]), str(got[4])) == (NotFound, "no-such-program-here is not installed")
    assert str(got[5]) == "exit status 137"
    assert got[6] == Output(b""), "standard input is closed"


def test_files_give_their_bytes_or_a_typed_error(shell: list[str], tmp_path: Path) -> None:
    odd = tmp_path / "a *[b] 'c'"
    odd.write_bytes(b"\x00\xffno newline at the end")
    os.mkfifo(tmp_path / "fifo")
    got = answers(shell, File(str(odd)), File("/no/such"), File(str(tmp_path)), File(str(tmp_path / "fifo")))
    assert got[0] == odd.read_bytes()
    assert [type(each) for each in got[1:]] == [NotFound, Failed, Failed]


def test_a_listing_equals_the_local_one(shell: list[str], tmp_path: Path) -> None:
    for name in ("b.gz", "a.gz", "-rf.gz", ".hidden.gz", "*.gz", "[x].gz", "new\nline.gz", "😀 'q'.gz", "other"):
        (tmp_path / name).write_bytes(b"x" * len(name))
        os.utime(tmp_path / name, (1_700_000_000, 1_700_000_000))
    (tmp_path / "folder.gz").mkdir()
    (tmp_path / "link.gz").symlink_to("other")
    os.utime(tmp_path / "other", (1_600_000_000, 1_600_000_000))
    questions = (Listing(str(tmp_path), "*.gz"), Listing(str(tmp_path)), Listing(str(tmp_path), "[!a]*"))
    got = answers(shell, *questions)
    assert got == [Local().ask(each) for each in questions]
    assert len(got[0]) == 9


def test_listings_that_cannot_be(shell: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    questions = (Listing("/no/such"), Listing(str(tmp_path / "file")), Listing(str(tmp_path / "empty")))
    got = answers(shell, *questions)
    assert isinstance(got[0], NotFound)
    assert isinstance(got[1], Failed)
    assert got[2] == ()


@pytest.mark.parametrize(
    "question",
    [
        Command(()),
        Command(("/bin/ls",)),
        Command(("A=1",)),
        Command(("-x",)),
        Command(("a b",)),
        Command(("echo", "a\0b")),
        File("relative"),
        File(""),
        Listing("relative"),
        Listing("/tmp", ""),
        System("load"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_refused_before_it_is_sent(question: Question[Any]) -> None:
    assert isinstance(refusal(question), SourceError)


def test_equal_questions_give_an_equal_script_and_others_another_name() -> None:
    one, two = (Command(("date",)), Command(("nlbw",))), (Command(("nlbw",)), Command(("date",)))
    assert script(one) == script(one)
    assert header(script(one)) != header(script(two))


def test_a_script_of_usual_questions_fits_authorized_keys() -> None:
    questions = tuple(File(f"/proc/sys/net/netfilter/nf_conntrack_{each}") for each in range(10))
    text = script((*questions, Listing("/tmp"), *(Command(("uci", "-q", "get", f"a.b{each}")) for each in range(10))))
    assert len(text) < 3000, "a line of dropbear's authorized_keys ends at 4,200 bytes, the key included"
    assert '"' not in text
    assert "\n" not in text


def test_each_run_draws_its_own_mark() -> None:
    text = script((Command(("true",)),))
    marks = {subprocess.run(["sh", "-c", text], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(marks) == 2


def test_a_hang_up_ends_the_hanging_command_and_the_watchdog(shell: list[str], tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    text = script((Command(("sh", "-c", f"echo > {fifo}; exec sleep 600")),))
    with subprocess.Popen([*shell, "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        fifo.read_text()
        family = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(signal.SIGHUP)
        running.wait(10)
        assert len(family) >= 2  # the command and the watchdog, whose sleep may not have begun
        assert psutil.wait_procs(family, timeout=10)[1] == []


def test_the_watchdog_ends_what_hangs(shell: list[str]) -> None:
    text = script((Command(("sleep", "600"), timeout=0),))
    ended = subprocess.run([*shell, "-c", text], capture_output=True, check=False, timeout=30)
    assert heard((Command(("sleep", "600"), timeout=0),), header(text), ended.stdout, ended.stderr) == []


def framed(parts: list[bytes], mark: bytes = MARK) -> bytes:
    return b"noise\npomona-0 " + mark + b"\n" + b"".join(part + mark + b" 0\n" for part in parts)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=5), st.integers(1, 60))
def test_what_comes_in_pieces_is_read_as_a_whole(parts: list[bytes], size: int) -> None:
    questions = [Command((f"c{number}",)) for number in range(len(parts))]
    transcript = Transcript(questions, b"pomona-0", 1000)
    for stream in (transcript.stdout, transcript.stderr):
        data = framed(parts)
        for start in range(0, len(data), size):
            stream.feed(data[start : start + size])
    assert [each.stdout for each in transcript.answers().values()] == parts


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=300))
def test_foreign_bytes_never_make_it_fail(data: bytes) -> None:
    questions = (File("/a"), Listing("/b"), Command(("c",)))
    for stdout in (data, framed([data]), b"pomona-0 x\n" + data + b"x 0\n" + data + b"x 0\n"):
        for answer in heard(questions, b"pomona-0", stdout, stdout):
            assert isinstance(answer, bytes | tuple | Output | SourceError)


def test_an_answer_over_the_limit_is_dropped_as_it_comes_and_the_next_is_kept() -> None:
    questions = (Command(("big",)), Command(("small",)))
    transcript = Transcript(questions, b"pomona-0", 1000)
    transcript.stderr.feed(framed([b"", b""]))
    data = framed([b"x" * 100_000, b"ok"])
    for start in range(0, len(data), 700):
        transcript.stdout.feed(data[start : start + 700])
        assert len(transcript.stdout._buffer) < 3000
    big, small = transcript.answers().values()
    assert isinstance(big, TooLarge)
    assert small == Output(b"ok")


def test_a_folder_or_program_that_this_user_may_not_use_is_denied() -> None:
    said = b"pomona-0 " + MARK + b"\n" + (MARK + b" 126\n") * 2
    got = heard((Listing("/b"), Command(("c",))), b"pomona-0", said, said)
    assert [type(each) for each in got] == [Denied] * 2
