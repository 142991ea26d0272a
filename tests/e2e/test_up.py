"""`pomona up` as a user runs it: every target up, one Ctrl-C ends all, a dead part is told, nothing stays behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from conftest import ROOT
from e2e.asking import PATIENCE, free_port, query, targets, until
from exporters.stack import ports
from exporters.stack.engines import Engines, find

MACS, ROUTERS = 8, 3
PARTS = ("guardian", "agent", "simulate", "router", "prometheus", "alertmanager")
BLOCK = 7 + ROUTERS


class Up:
    """The command, its block of ports, and what it printed."""

    def __init__(self, folder: Path, engines: str, *options: str) -> None:
        self.base, self.folder = block(), folder
        self.printed = folder / "printed"
        environment = {**os.environ, "POMONA_ENGINES": engines, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        if not engines:
            environment["PATH"] = str(folder)
        argv = (
            sys.executable,
            "-P",
            "-m",
            "exporters",
            "up",
            "--port-base",
            str(self.base),
            "--state.dir",
            folder / "state",
        )
        with self.printed.open("wb") as output:
            self.process = subprocess.Popen((*argv, *options), env=environment, stdout=output, stderr=output)

    def says(self, text: str) -> bool:
        return text in self.printed.read_text()

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE)


def ended(child: psutil.Process) -> bool:
    """In a container without an init a killed orphan stays as a zombie."""
    return not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def refused(*options: str | Path) -> str:
    """The line that another `pomona up` ends with, at once."""
    argv = (sys.executable, "-P", "-m", "exporters", "up", *options)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (2, "")
    (line,) = answer.stderr.splitlines()
    return line


def routers() -> list[str]:
    return [f"sim-r{number:02}" for number in range(1, ROUTERS + 1)]


def block() -> int:
    """The first of as many free ports in a row as all parts take."""
    while True:
        base = free_port()
        if base < 65_000 and not any(ports.taken(port) for port in range(base, base + BLOCK)):
            return base


@pytest.fixture
def up(engines: Engines, tmp_path: Path) -> Iterator[Up]:
    assert engines.prometheus
    running = Up(tmp_path, str(Path(engines.prometheus).parent), "--demo", "--macs", str(MACS))
    yield running
    running.process.kill()
    running.process.wait()


def test_every_target_comes_up_and_one_interrupt_ends_all(up: Up) -> None:
    until(lambda: up.says("Ctrl-C ends all"), "the table of addresses")
    expected = MACS + ROUTERS + 4
    until(lambda: list(targets(up.base + 3).values()) == ["up"] * expected, f"{expected} targets up")
    assert len(query(up.base + 3, "macos_battery_present")) == MACS
    assert query(up.base + 3, 'up{job="pomona", instance="127.0.0.1", role="workstation"}') == {"127.0.0.1": 1}
    assert query(up.base + 3, 'openwrt_up{job="pomona-router", role="router"}') == dict.fromkeys(routers(), 1.0)
    counted = query(up.base + 3, "sum by (instance) (openwrt_nlbwmon_period_receive_bytes)")
    assert counted.keys() == set(routers())
    assert all(counted.values())
    children = up.children()
    assert len(children) >= len(PARTS)
    assert up.end() == 0
    assert all(ended(child) for child in children)
    assert all(up.says(f"http://127.0.0.1:{up.base + part}") for part in (0, 1, 3, 4, 5))


def test_a_part_that_dies_is_told_and_ends_the_rest(up: Up) -> None:
    until(lambda: up.says("Ctrl-C ends all"), "the table of addresses")
    next(child for child in up.children() if "simulate" in child.cmdline()).kill()
    assert up.process.wait(PATIENCE) == 1
    assert up.says("simulate ended with status -9")


def test_nothing_outlives_it_when_it_is_killed(up: Up) -> None:
    until(lambda: up.says("Ctrl-C ends all"), "the table of addresses")
    children = up.children()
    assert len(children) >= len(PARTS)
    up.process.kill()
    up.process.wait()
    until(lambda: all(ended(child) for child in children), "the end of all children")
    until(lambda: not any(ports.taken(port) for port in range(up.base, up.base + BLOCK)), "free ports for the next run")


def test_without_engines_it_goes_on_with_the_exporters_alone(tmp_path: Path) -> None:
    alone = Up(tmp_path, "", "--no-demo")
    try:
        until(lambda: alone.says("Ctrl-C ends all"), "the table of addresses")
        absent = [name for name in find({"PATH": str(tmp_path)}).missing() if name in PARTS]
        assert alone.says(f"{' and '.join(absent)} not found: going on without") == bool(absent)
        assert len(alone.children()) == len(PARTS) - len(absent) - 2
        assert alone.end() == 0
    finally:
        alone.process.kill()
        alone.process.wait()


def test_what_is_in_use_is_one_line_and_status_2_and_stays_untouched(tmp_path: Path) -> None:
    first = Up(tmp_path, "", "--demo", "--macs", "2")
    try:
        until(lambda: first.says("Ctrl-C ends all"), "the table of addresses")
        targets_file = first.folder / "state" / "targets" / "simulated.yml"
        before = targets_file.read_text()
        port = refused("--port-base", str(first.base), "--state.dir", tmp_path)
        assert port.startswith(f"pomona: port {first.base} (agent) is in use")
        folder = refused("--port-base", str(block()), "--state.dir", first.folder / "state", "--macs", "3")
        assert folder.startswith(f"pomona: {first.folder / 'state'}: another pomona up uses it")
        assert targets_file.read_text() == before
    finally:
        first.end()
