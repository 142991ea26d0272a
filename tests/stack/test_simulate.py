"""`pomona simulate` as a process, and what its paths answer."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from conftest import ROOT
from exporters.core.pool import Pool
from exporters.core.web import Web
from exporters.stack.simulate import settings, table
from stack.scraping import Simulation, nap


class Served:
    """A simulation behind real HTTP."""

    def __init__(self) -> None:
        self.simulation = Simulation(macs=7)
        self.web = Web(["127.0.0.1:0"], table(self.simulation.fleet, settings()), pool=Pool(4))
        (self.address,) = self.web.start()

    def get(self, path: str) -> tuple[int, str]:
        connection = HTTPConnection(self.address, timeout=30)
        connection.request("GET", path)
        answer = connection.getresponse()
        told = answer.status, answer.read().decode()
        connection.close()
        return told


@pytest.fixture
def served() -> Iterator[Served]:
    serving = Served()
    yield serving
    serving.web.stop()


def test_each_mac_is_probed_by_name(served: Served) -> None:
    status, text = served.get("/probe?target=sim-0003")
    assert status == 200
    assert 'macos_machine_info{chip="Apple M4",model="Mac16,10"' in text
    assert served.get("/probe?target=sim-0008")[0] == 400
    assert served.get("/probe")[0] == 400


def test_a_mac_that_sleeps_is_unavailable_and_the_others_are_not(served: Served) -> None:
    sleeper = nap(served.simulation)
    status, text = served.get(f"/probe?target={sleeper}")
    assert (status, text) == (503, f"{sleeper} sleeps\n")
    assert served.get("/probe?target=sim-0001")[0] == 200


def test_the_targets_are_what_http_sd_reads(served: Served) -> None:
    status, text = served.get("/targets")
    assert status == 200
    groups = json.loads(text)
    assert [group["labels"]["__param_target"] for group in groups] == list(served.simulation.fleet.names())
    assert {address for group in groups for address in group["targets"]} == {served.address}
    assert all(isinstance(value, str) for group in groups for value in group["labels"].values())


def test_the_landing_page_names_each_model(served: Served) -> None:
    status, page = served.get("/")
    assert status == 200
    assert "Mac mini without a battery" in page
    assert "/probe?target=sim-0007" in page


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(tmp_path: Path, number: signal.Signals) -> None:
    argv = (sys.executable, "-P", "-m", "exporters", "simulate", "--macs", "3", "--web.listen-address", "127.0.0.1:0")
    with subprocess.Popen(argv, stderr=subprocess.PIPE, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}) as process:
        assert process.stderr
        assert b"3 simulated Macs on 127.0.0.1:" in process.stderr.readline()
        process.send_signal(number)
        assert process.wait(30) == 0
