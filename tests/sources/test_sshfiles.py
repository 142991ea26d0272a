"""Many files behind one `cat`: each keeps its own content or its own error, whatever one of them holds or does."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    TimedOut,
    TooLarge,
)
from exporters.sources.ssh import Ssh
from exporters.sources.sshbatch import header, script, seconds_of
from exporters.sources.sshtranscript import FILES, Transcript
from sshservers import Server, shells

HEAD, MARK = b"pomona-0", b"371a63e1-4d01-4e34-91e2-41ecf12e036c"
TOGETHER, ALONE = b"pomona-371a63e1\n", b"pomona-4d01-4e34-91e2-41ecf12e036c\n"
ECHO = Command(("echo", "after"))
SH = ["/bin/sh"]


@pytest.fixture(params=shells(), ids=" ".join)
def shell(request: pytest.FixtureRequest) -> list[str]:
    return list(request.param)


def answers(shell: Sequence[str], questions: Sequence[Question[Any]], text: str = "", path: str = "") -> list[Any]:
    text = text or script(questions)
    environment = os.environ | {"PATH": os.pathsep.join(each for each in (path, os.environ["PATH"]) if each)}
    ended = subprocess.run(
        [*shell, "-c", os.fsencode(text)], env=environment, capture_output=True, check=False, timeout=60
    )
    transcript = Transcript(questions, header(text), 1_000_000)
    transcript.stdout.feed(ended.stdout)
    transcript.stderr.feed(ended.stderr)
    assert not transcript.waiting
    return [transcript.answers()[each] for each in questions]


def told(questions: Sequence[Question[Any]], *parts: bytes, limit: int = 1_000_000) -> list[Any]:
    """Of parts that hold their closing lines."""
    transcript = Transcript(questions, HEAD, limit)
    for stream, said in ((transcript.stdout, b"".join(parts)), (transcript.stderr, (MARK + b"\n") * len(parts))):
        stream.feed(HEAD + b" " + MARK + b"\n" + said)
    return [transcript.answers()[each] for each in questions]


def files(folder: Path, *contents: bytes) -> list[File]:
    for number, content in enumerate(contents):
        (folder / f"{number}").write_bytes(content)
    return [File(str(folder / f"{number}")) for number in range(len(contents))]


def wrapped(folder: Path, before: str) -> str:
    """The folder of a `cat` that does something first."""
    program = folder / "bin" / "cat"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n{before}\nexec /bin/cat "$@"\n')
    program.chmod(0o755)
    return str(program.parent)


def test_each_of_many_has_its_own_content_or_error(shell: list[str], tmp_path: Path) -> None:
    """More than are read at once; what cannot be read is first, in the middle and last."""
    contents = [
        b"",
        b"\n",
        b"no newline",
        b"\x00\xff\n",
        b"pomona-\n",
        b"7" * 70_000,
        *(b"%d\n" % n for n in range(19)),
    ]
    good = files(tmp_path, *contents)
    os.mkfifo(tmp_path / "fifo")
    bad = [File("/no/such"), File(str(tmp_path)), File(str(tmp_path / "fifo"))]
    got = answers(shell, (bad[0], *good[:3], ECHO, bad[1], *good[3:], Listing("/no/such"), bad[2]))
    assert [type(each) for each in (got[0], got[5], got[-1])] == [NotFound, Failed, Failed]
    assert [*got[1:4], *got[6:-2]] == contents
    assert got[4] == Output(b"after\n")
    assert isinstance(got[-2], NotFound)


@pytest.mark.parametrize("name", ["a *[b] 'c'", "$(id)", "-n", "new\nline", "😀", "; exit"])
def test_nasty_names_are_names(shell: list[str], tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert answers(shell, [File(f"{tmp_path}/{name}"), File(f"{tmp_path}/no {name}"), ECHO])[0] == b"x"


def test_all_are_read_by_one_program_a_group(tmp_path: Path) -> None:
    count = tmp_path / "count"
    folder = wrapped(tmp_path, f"echo >>{count}")
    asked = files(tmp_path, *[b"x"] * (FILES + 5))
    assert answers(SH, asked, path=folder) == [b"x"] * len(asked)
    assert count.stat().st_size == 2


def test_one_that_cannot_be_read_loses_nothing_but_itself(shell: list[str], tmp_path: Path) -> None:
    """A regular file that may be opened and gives an error."""
    one, two = files(tmp_path, b"one", b"two")
    got = answers(shell, [one, File("/proc/self/mem"), File("/no/such"), two, ECHO])
    assert (got[0], got[3], got[4]) == (b"one", b"two", Output(b"after\n"))
    assert (type(got[1]), str(got[1])) == (Failed, "could not be read")
    assert isinstance(got[2], NotFound)


def test_one_that_vanishes_on_the_way_is_not_found_and_the_others_stay(tmp_path: Path) -> None:
    one, two, three = files(tmp_path, b"one", b"two", b"three")
    got = answers(SH, [one, two, three], path=wrapped(tmp_path, f"rm -f {two.path}"))
    assert (got[0], got[2]) == (b"one", b"three")
    assert isinstance(got[1], NotFound)


def test_one_that_learns_the_word_between_spoils_its_group_and_shifts_nothing(tmp_path: Path) -> None:
    """A user of the router may see the name of the shell while it runs."""
    asked = files(tmp_path, *[b"x"] * (FILES + 1))
    got = answers(SH, [*asked, ECHO], path=wrapped(tmp_path, f"/bin/cat /proc/$PPID/comm >{asked[3].path}"))
    assert {str(each) for each in got[:FILES]} == {"the files could not be read"}
    assert got[FILES:] == [b"x", Output(b"after\n")]


def test_each_is_read_alone_where_a_shell_cannot_name_itself(shell: list[str], tmp_path: Path) -> None:
    asked = [*files(tmp_path, b"one", b"", b"no newline"), File("/no/such"), File(str(tmp_path)), ECHO]
    got = answers(shell, asked, text=script(asked).replace("/proc/$$/comm", "/proc/nowhere/comm"))
    assert got[:3] == [b"one", b"", b"no newline"]
    assert [type(each) for each in got[3:]] == [NotFound, Failed, Output]


def test_where_cat_always_fails_no_file_is_read_and_the_rest_is_asked(tmp_path: Path) -> None:
    one, two = answers(SH, [*files(tmp_path, b"one"), ECHO], path=wrapped(tmp_path, "exit 127"))
    assert str(one) == "could not be read"
    assert two == Output(b"after\n")


@pytest.mark.parametrize(
    ("said", "line"),
    [
        (TOGETHER + b"a" + TOGETHER + TOGETHER + b"b", b" 00"),
        (TOGETHER + b"a", b" 00"),
        (b"", b" 00"),
        (b"before" + TOGETHER + b"a" + TOGETHER + b"b", b" 00"),
        (TOGETHER + b"a" + TOGETHER + b"b", b" 0"),
        (TOGETHER + b"a" + TOGETHER + b"b", b" 000"),
        (TOGETHER + b"a" + TOGETHER + b"b", b" 02"),
        (TOGETHER + b"a" + TOGETHER + b"b", b" 0\xb2"),
        (TOGETHER + b"a" + TOGETHER + b"b", b"000"),
        (TOGETHER + b"a" + TOGETHER + b"b", b""),
        (TOGETHER + b"a" + TOGETHER + ALONE + b"b", b" 00"),
        (b"sh\na" + b"sh\nb", b" 00"),
    ],
)
def test_what_does_not_fit_gives_no_content(said: bytes, line: bytes) -> None:
    got = told([File("/a"), File("/b"), ECHO], said + MARK + line + b"\n", b"after\n" + MARK + b" 0\n")
    assert {str(each) for each in got[:2]} == {"the files could not be read"}
    assert got[0] is not got[1], "each asker raises one of its own"
    assert got[2] == Output(b"after\n")


def test_the_digits_tell_why() -> None:
    asked = [File(f"/{number}") for number in range(5)]
    got = told(asked, TOGETHER * 4 + b"half" + TOGETHER + b"whole" + MARK + b" 75610\n")
    assert [type(each) for each in got] == [NotFound, Failed, Denied, Failed, bytes]
    assert got[4] == b"whole"


def test_what_a_failed_try_has_printed_is_no_content() -> None:
    first = TOGETHER + b"half" + TOGETHER + b"b"
    assert told([File("/a"), File("/b")], first + ALONE + b"whole" + ALONE + b"b" + MARK + b" 00\n") == [b"whole", b"b"]


def test_files_over_the_limit_lose_their_group_alone() -> None:
    asked = [*(File(f"/{number}") for number in range(FILES + 1)), ECHO]
    first = TOGETHER * FILES + bytes(2000) + MARK + b" " + b"0" * FILES + b"\n"
    got = told(asked, first, TOGETHER + b"x" + MARK + b" 0\n", b"after\n" + MARK + b" 0\n", limit=1000)
    assert {type(each) for each in got[:FILES]} == {TooLarge}
    assert got[FILES:] == [b"x", Output(b"after\n")]


@settings(derandomize=True, deadline=None)
@given(
    st.lists(st.binary(max_size=50) | st.sampled_from([TOGETHER[:-1], MARK[:-1], b"\n"]), min_size=1, max_size=FILES)
)
def test_any_contents_come_apart_as_they_were(contents: list[bytes]) -> None:
    asked = [File(f"/{number}") for number in range(len(contents))]
    end = MARK + b" " + b"0" * len(contents) + b"\n"
    for word in (TOGETHER, ALONE):
        assert told(asked, b"".join(word + each for each in contents) + end) == contents


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=100), st.binary(max_size=20).filter(lambda mark: mark and b"\n" not in mark))
def test_no_host_makes_the_reading_fail(said: bytes, mark: bytes) -> None:
    asked = [File("/a"), File("/b")]
    transcript = Transcript(asked, HEAD, 1000)
    for stream in (transcript.stdout, transcript.stderr):
        stream.feed(HEAD + b" " + mark + b"\n" + said + b"pomona-" + mark + b"\n" + said + mark + b" 00\n")
    assert all(isinstance(each, bytes | SourceError) for each in transcript.answers().values())


def test_a_group_has_the_time_of_one_file() -> None:
    asked = [File(f"/{number}") for number in range(FILES + 1)]
    assert seconds_of([*asked, Command(("c",), timeout=3)]) == 23
    assert re.findall(r"sleep (\d+)", script(asked)) == ["21"]


def test_a_group_that_hangs_is_lost_in_its_time_with_what_is_behind_it(server: Server, tmp_path: Path) -> None:
    asked = files(tmp_path, b"x", b"y")
    server.program("cat", f'case $* in *{asked[1].path}*) exec sleep 600;; esac; exec /bin/cat "$@"')
    source = Ssh(server.target)
    got = source.ask_many((ECHO, *asked))
    assert [str(got[each]) for each in asked] == ["no answer within 10 s"] * 2
    assert isinstance(got[ECHO], TimedOut)
    assert "not reached" in str(got[ECHO])
    source.close()


def test_many_files_over_the_wire(server: Server, tmp_path: Path) -> None:
    contents = [b"%d" % number for number in range(FILES + 5)]
    asked = files(tmp_path, *contents)
    source = Ssh(server.target)
    got = source.ask_many((*asked, File("/no/such"), ECHO))
    assert [got[each] for each in asked] == contents
    assert isinstance(got[File("/no/such")], NotFound)
    assert got[ECHO] == Output(b"after\n")
    source.close()
