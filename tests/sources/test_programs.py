"""Which processes a program or a pidfile stands for, asked of real ones."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from exporters.sources import programs
from exporters.sources.base import Denied, Failed, Processes, TimedOut, TooLarge
from exporters.sources.local import Local

Child = subprocess.Popen[bytes]
Start = Callable[..., Child]
FACTS = {"pid", "created", "cpu_seconds", "rss", "open_files", "threads"}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a program that sleeps, under a name of its own, and waits until it is that program."""
    with ExitStack() as stack:

        def started(name: str = "pomona-sleeper") -> Child:
            path = tmp_path / "bin" / name
            if not path.exists():
                path.parent.mkdir(exist_ok=True)
                shutil.copy(str(shutil.which("sleep")), path)
            child = stack.enter_context(subprocess.Popen([path, "60"]))
            stack.callback(child.kill)
            while psutil.Process(child.pid).exe() != str(path):
                time.sleep(0.001)
            return child

        yield started


def by_program(pattern: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Local().ask(Processes(executable=pattern))
    return found


def by_pidfile(path: Path) -> list[int]:
    return [each["pid"] for each in Local().ask(Processes(pidfile=str(path)))]


def test_the_processes_of_a_program_are_found_by_its_whole_path_or_base_name(start: Start, tmp_path: Path) -> None:
    pids = sorted(start().pid for _ in range(2))
    start("pomona-sleeper2")
    for pattern in ("pomona-sleeper", "pomona-sleepe.", f"{tmp_path}/bin/pomona-sleeper", ".*/pomona-sleeper"):
        assert [each["pid"] for each in by_program(pattern)] == pids
    assert len(by_program("pomona-sleeper2?")) == 3
    for pattern in ("pomona-sleep", "bin/pomona-sleeper", "omona-sleeper", "pomona-sleeper 60"):
        assert by_program(pattern) == []


def test_facts_are_in_base_units(start: Start) -> None:
    before = time.time()
    child = start()
    (facts,) = by_program("pomona-sleeper")
    assert set(facts) == FACTS
    assert abs(facts["created"] - before) < 30
    assert 0 <= facts["cpu_seconds"] < 10
    assert 100_000 < facts["rss"] < 100_000_000
    assert 0 < facts["open_files"] < 1000
    assert (facts["pid"], facts["threads"]) == (child.pid, 1)


def test_cpu_time_grows_in_seconds() -> None:
    own = psutil.Process()

    def used() -> float:
        (facts,) = [each for each in by_program(".*/" + Path(own.exe()).name) if each["pid"] == own.pid]
        return float(facts["cpu_seconds"])

    before, begun = used(), time.process_time()
    while time.process_time() - begun < 0.3:
        pass
    assert 0.2 < used() - before < 30


def test_a_zombie_does_not_count(start: Start, tmp_path: Path) -> None:
    child = start()
    (tmp_path / "pid").write_text(f"{child.pid}\n")
    assert by_pidfile(tmp_path / "pid") == [child.pid]
    child.kill()
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.001)
    assert by_pidfile(tmp_path / "pid") == by_program("pomona-sleeper") == []
    child.wait()
    assert by_pidfile(tmp_path / "pid") == by_program("pomona-sleeper") == []


def test_processes_that_come_and_go_meanwhile_do_no_harm(start: Start, tmp_path: Path) -> None:
    start()
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            subprocess.run([tmp_path / "bin" / "pomona-sleeper", "0"], check=True)

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(40):
            found = by_program("pomona-sleeper")
            assert found
            assert all(set(each) == FACTS and each["rss"] > 0 for each in found)
    finally:
        stop.set()
        thread.join()


def test_a_pidfile_names_one_process(start: Start, tmp_path: Path) -> None:
    one, _ = start(), start()
    path = tmp_path / "pid"
    assert by_pidfile(path) == by_pidfile(tmp_path / "none" / "pid") == by_pidfile(path / "pid") == []
    for written in (f"{one.pid}", f" {one.pid} \n"):
        path.write_text(written)
        assert by_pidfile(path) == [one.pid]
    assert by_pidfile(path / "pid") == []


@pytest.mark.parametrize(
    "content", [b"", b"nginx", b"-1", b"0", b"1 2", b"1.5", b"0x1", b"12345678901", b" " * 100 + b"1", b"\xd9\xa1"]
)
def test_a_pidfile_that_is_not_one_number_is_a_failure(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pid").write_bytes(content)
    with pytest.raises(Failed, match="does not hold one number"):
        by_pidfile(tmp_path / "pid")


def test_a_number_that_was_given_to_another_process_is_not_believed(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_text(str(start().pid))
    now = time.time()
    for age, believed in ((programs.SLACK - 60, True), (programs.SLACK + 60, False)):
        os.utime(path, (now - age, now - age))
        assert bool(by_pidfile(path)) is believed


def test_the_largest_number_is_no_process(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text("9999999999")
    assert by_pidfile(tmp_path / "pid") == []


def test_what_is_no_regular_file_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, Path("/dev/zero")):
        with pytest.raises(Failed):
            by_pidfile(path)


def test_a_pidfile_that_may_not_be_read_is_denied() -> None:
    def refuse(path: str, _: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    with pytest.raises(Denied):
        programs.Running(refuse).answer(Processes(pidfile="/pid"))


def test_what_this_user_may_not_ask_is_absent(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(process: psutil.Process) -> float:
        raise psutil.AccessDenied(process.pid)

    start()
    monkeypatch.setitem(programs.FACTS, "open_files", refuse)
    (facts,) = by_program("pomona-sleeper")
    assert set(facts) == FACTS - {"open_files"}


@pytest.mark.parametrize("asked", [Processes(), Processes("a", "/b"), Processes("("), Processes(pidfile="/\0")])
def test_a_question_that_makes_no_sense_is_a_failure(asked: Processes) -> None:
    with pytest.raises(Failed):
        Local().ask(asked)


def test_one_round_looks_for_all_programs_at_once(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    pids = psutil.pids
    monkeypatch.setattr(psutil, "pids", lambda: passes.append(1) or pids())
    one, other = start(), start("pomona-sleeper2")
    (tmp_path / "pid").write_text("none")
    asked = [Processes(executable="pomona-sleeper"), Processes(executable="pomona-sleeper2"), Processes(executable="(")]
    answers = Local().ask_many([*asked, Processes(pidfile=str(tmp_path / "pid"))])
    assert [[each["pid"] for each in answers[question]] for question in asked[:2]] == [[one.pid], [other.pid]]
    assert [type(each) for each in answers.values()] == [list, list, Failed, Failed]
    assert len(passes) == 1


def test_an_expression_that_takes_too_long_times_out_and_the_next_one_is_answered(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "EACH", 0.3)
    child = start("x" * 60)
    hanging, good = Processes(executable="(/?[a-wy-z0-9._-]+)*(x|xx)+!"), Processes(executable="x{60}")
    answers = Local().ask_many([hanging, good])
    assert isinstance(answers[hanging], TimedOut)
    assert [each["pid"] for each in answers[good]] == [child.pid]


def test_expressions_that_take_too_long_are_bounded_for_a_whole_round(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "EACH", 0.2)
    monkeypatch.setattr(programs, "ROUND", 0.4)
    start("x" * 60)
    begun = time.monotonic()
    answers = Local().ask_many([Processes(executable=f"(x|xx)+{number}") for number in range(60)])
    assert {type(each) for each in answers.values()} == {TimedOut}
    assert time.monotonic() - begun < 60 * 0.2


def test_too_many_are_told(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "MOST", 2)
    for _ in range(2):
        start()
    assert len(by_program("pomona-sleeper")) == 2
    start()
    with pytest.raises(TooLarge):
        by_program("pomona-sleeper")
