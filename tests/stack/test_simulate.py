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
from exporters.cli import main
from exporters.core.pool import Pool
from exporters.core.web import Web
from exporters.openwrt.leases import LEASES
from exporters.operate.routers.config import load
from exporters.sources.ssh import Ssh, SshTarget
from exporters.stack.simulate import KEY, settings, table
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


def test_routers_are_reached_with_the_configuration_that_it_writes(tmp_path: Path) -> None:
    folder = tmp_path / "routers"
    options = ("--macs", "0", "--routers", "3", "--routers-dir", "routers", "--web.listen-address", "127.0.0.1:0")
    argv = (sys.executable, "-P", "-m", "exporters", "simulate", *options)
    with subprocess.Popen(argv, stderr=subprocess.PIPE, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}) as process:
        assert process.stderr
        assert b"3 simulated routers on 127.0.0.1:" in process.stderr.readline()
        assert b"0 simulated Macs on 127.0.0.1:" in process.stderr.readline()
        settings = load([], folder / "router.yml", {}, {}, lambda _: KEY)
        assert list(settings.targets) == ["sim-r01", "sim-r02", "sim-r03"]
        for listed in settings.targets.values():
            target = SshTarget(
                address=listed.target.address,
                port=listed.target.port,
                user=listed.username,
                private_key=listed.private_key,
                fingerprints=listed.target.host_key,
            )
            source = Ssh(target)
            assert b"192.168.1.20" in source.ask(LEASES)
            source.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_routers_need_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--routers", "3"]) == 2
    assert "--routers needs --routers-dir DIR" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(tmp_path: Path, number: signal.Signals) -> None:
    argv = (sys.executable, "-P", "-m", "exporters", "simulate", "--macs", "3", "--web.listen-address", "127.0.0.1:0")
    with subprocess.Popen(argv, stderr=subprocess.PIPE, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}) as process:
        assert process.stderr
        assert b"3 simulated Macs on 127.0.0.1:" in process.stderr.readline()
        process.send_signal(number)
        assert process.wait(30) == 0
