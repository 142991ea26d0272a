"""Where a probe went and what it was told is nobody's business; what came of it is."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from conftest import COLLECTORS, context_for, fixtures_of
from exporters.core.collector import Collector, collector
from exporters.core.context import Context
from exporters.core.metrics import gauge
from exporters.operate import capture
from exporters.operate.redact import Redactor
from exporters.sources.base import Listing, Probe
from exporters.sources.replay import Captured, Captures, Replay, load_captures
from host.answering import context_of

STATE = Probe("http", "https://intra.orchard.example/anna/state?token=Zq7", field="owner")
OWN = Probe("http", "http://127.0.0.1:8080/Hk9-hook?x=Qs3secret")
ANSWER = {"success": True, "reason": "", "seconds": 0.25, "phases": {"dns": 0.01}, "status": 200, "value": "bertha"}
FAMILY = gauge("pomona_test_value", "A value (test).")


@collector("probed", FAMILY, required=(STATE, OWN), parse=lambda _replies, _context: 1.0)
def probed(reading: float, _: Context) -> object:
    return FAMILY(reading)


def captured(declared: Collector, answers: Captures, context: Context, target: Path) -> Captures:
    console = Console(file=io.StringIO())
    assert capture.run((declared,), Replay(answers), {declared.name: context}, target, console=console, names=()) == 0
    return load_captures(target)


def test_neither_the_address_nor_the_body_is_in_any_file_or_name(tmp_path: Path) -> None:
    answers = Captures(probes={each.key: Captured(json.dumps(ANSWER).encode()) for each in (STATE, OWN)})
    found = captured(probed, answers, Context(), tmp_path / "capture")
    files = list((tmp_path / "capture").iterdir())
    everything = "".join(f"{path.name} {path.read_text()}" for path in files)
    assert not [word for word in ("intra", "orchard", "anna", "Zq7", "bertha", "hook", "secret") if word in everything]
    kept = [json.loads(each.stdout) for each in found.probes.values() if isinstance(each, Captured)]
    assert [(each["seconds"], each["status"], each["phases"]) for each in kept] == [(0.25, 200, {"dns": 0.01})] * 2
    assert [each for each in found.probes if each.startswith("http http://127.0.0.1:8080/")]


def test_names_of_work_items_are_in_no_file_and_those_of_one_item_stay_equal(tmp_path: Path) -> None:
    queue = {"pending": "/srv/in", "done": "/srv/out", "pattern": "pay*.pdf"}
    both = [
        {"name": "a", "queue": queue, "heartbeat": "/srv/be[a]t.txt"},
        {"name": "b", "queue": {"failed": "/srv/bad"}},
    ]
    context = context_of("components", components=both)
    named = [f"payroll-Schmidt-{number}.pdf" for number in range(3)]
    folders = {
        "/srv/in": named[:1],
        "/srv/out": named,
        "/srv/bad": ["Schmidt", "x.Schmidt7890"],
        "/srv": ["be[a]t.txt"],
    }
    listings = {
        folder: Captured(json.dumps([{"name": name, "size": 1, "modified": 2.5} for name in names]).encode())
        for folder, names in folders.items()
    }
    found = captured(COLLECTORS["components"], Captures(listings=listings), context, tmp_path / "capture")
    everything = "".join(f"{path.name} {path.read_text()}" for path in (tmp_path / "capture").iterdir())
    assert not [word for word in ("roll", "chmidt", "7890") if word in everything]
    asked = [Listing("/srv/in", "pay*.pdf"), Listing("/srv/out", "pay*.pdf"), Listing("/srv/bad"), Listing("/srv")]
    pending, done, failed, beat = ([each.name for each in Replay(found).ask(question)] for question in asked)
    assert (len(set(pending)), len(set(done)), len(set(failed)), beat) == (1, 3, 2, ["be[a]t.txt"])
    assert set(pending) < set(done)


def test_what_came_of_each_target_is_kept(tmp_path: Path) -> None:
    declared = COLLECTORS["endpoints"]
    for number, folder in enumerate(fixtures_of("endpoints")):
        original = load_captures(folder)
        found = captured(declared, original, context_for(declared, folder=folder), tmp_path / str(number))
        assert sorted(reasons(found)) == sorted(reasons(original))
        assert "orchard" not in " ".join(found.probes)


def reasons(captures: Captures) -> list[tuple[str, str]]:
    answers = [(question, each) for question, each in captures.probes.items() if isinstance(each, Captured)]
    return [(name.split()[0], json.loads(each.stdout)["reason"]) for name, each in answers if each.error is None]


def test_a_ping_of_the_gateway_still_fits_the_route_that_names_it(tmp_path: Path) -> None:
    (folder,) = [each for each in fixtures_of("endpoints") if each.name == "macos-26-well"]
    declared = COLLECTORS["endpoints"]
    found = captured(declared, load_captures(folder), context_for(declared, folder=folder), tmp_path / "capture")
    route = found.commands["route", "-n", "get", "default"]
    assert isinstance(route, Captured)
    (address,) = [line.split()[1] for line in route.stdout.decode().splitlines() if "gateway:" in line]
    assert address != "10.41.8.1"
    assert {f"ping {address}", f"tcp {address}:53"} <= set(found.probes)


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("wiki.orchard.example:443", ":443"),
        ("https://[2001:db8:41::7]:8443/a", "https://["),
        ("2001:db8:41::7", ""),
        ("https://wiki.orchard.example?q=anna", "https://"),
        ("", ""),
    ],
)
def test_addresses_of_any_form_change(address: str, kept: str) -> None:
    found = Redactor(b"key").destination(address)
    assert not address or found != address
    assert kept in found
    assert "anna" not in found
    assert "orchard" not in found
    assert "41::7" not in found


@pytest.mark.parametrize("address", ["localhost:80", "127.0.0.1:80", "http://[::1]:80/", "https://LOCALHOST", "::1"])
def test_this_machine_itself_is_no_secret(address: str) -> None:
    assert Redactor(b"key").destination(address) == address


@pytest.mark.parametrize("begin", ["http://localhost", "https://127.0.0.1:1", "http://[::1]:80"])
@pytest.mark.parametrize("end", ["/hook/Zq7?token=Zq7", "?Zq7", "#Zq7", "/hook"])
def test_what_is_asked_of_this_machine_is_one(begin: str, end: str) -> None:
    found = Redactor(b"key").destination(begin + end)
    assert found.startswith(begin)
    assert len(found) == len(begin + end)
    assert "Zq7" not in found
    assert "hook" not in found
