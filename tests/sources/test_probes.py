"""Probes against real servers on loopback: what is good, how each thing fails, and that time is bounded."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from exporters.sources.base import Command, Failed, File, Probe, SourceError
from exporters.sources.local import Local
from exporters.sources.memory import Remembering
from exporters.sources.probe_check import Check, Fault
from exporters.sources.probe_connect import Address, Lookups
from exporters.sources.probes import AT_ONCE
from sources.probing import answering, page, server, silent

SOON = 20.0
"""Seconds that are far from for ever, on any machine."""


@pytest.fixture
def go() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def local() -> Iterator[Local]:
    source = Local()
    yield source
    source.close()


def closed_port() -> int:
    """One on which nothing listens."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def test_a_port_that_accepts_is_good(local: Local, go: threading.Event) -> None:
    with server(silent(go)) as port:
        told = local.ask(Probe("tcp", f"127.0.0.1:{port}"))
    assert told["success"] is True
    assert told["reason"] == ""
    assert told["family"] == "ipv4"
    assert set(told["phases"]) == {"connect"}
    assert 0 < told["phases"]["connect"] <= told["seconds"] < SOON


def test_a_port_on_which_nothing_listens_refuses(local: Local) -> None:
    told = local.ask(Probe("tcp", f"127.0.0.1:{closed_port()}"))
    assert (told["success"], told["reason"], told["phases"]) == (False, "refused", {})


def test_an_ipv6_address_is_asked_as_one(local: Local, go: threading.Event) -> None:
    try:
        with server(silent(go), family=socket.AF_INET6) as port:
            told = local.ask(Probe("tcp", f"[::1]:{port}"))
    except OSError:  # a machine without IPv6 must say so
        told = local.ask(Probe("tcp", "[::1]:9"))
        assert told["reason"] == "unreachable"
        return
    assert (told["success"], told["family"]) == (True, "ipv6")


def test_a_name_with_addresses_of_two_families_is_reached_by_the_one_that_answers(
    local: Local, go: threading.Event
) -> None:
    with server(silent(go)) as port:
        told = local.ask(Probe("tcp", f"localhost:{port}"))
    assert told["success"]
    assert list(told["phases"]) == ["dns", "connect"]


def test_a_name_that_nobody_knows(local: Local) -> None:
    for kind, address in (("dns", "nobody.invalid"), ("tcp", "nobody.invalid:80"), ("http", "http://nobody.invalid/")):
        told = local.ask(Probe(kind, address))  # type: ignore[arg-type]
        assert (told["success"], told["reason"], told["phases"]) == (False, "dns", {})
        assert "family" not in told


def test_a_name_that_is_known(local: Local) -> None:
    told = local.ask(Probe("dns", "localhost"))
    assert told["success"]
    assert told["family"] in {"ipv4", "ipv6"}
    assert set(told["phases"]) == {"dns"}


def test_lookups_that_hang_are_bounded_and_the_next_one_gives_up_in_its_time() -> None:
    free = threading.BoundedSemaphore(1)
    lookups = Lookups(free)
    assert free.acquire(blocking=False)  # as if another lookup hung
    begun = time.monotonic()
    with pytest.raises(Fault, match="dns"):
        lookups.addresses(Check(0.2), "localhost", 80)
    assert time.monotonic() - begun < SOON
    assert lookups.addresses(Check(5), "127.0.0.1", 80) == [Address(socket.AF_INET, ("127.0.0.1", 80))]
    free.release()
    assert lookups.addresses(Check(5), "localhost", 80)


def test_a_ping_of_this_machine_says_how_it_asked(local: Local) -> None:
    told = local.ask(Probe("ping", "127.0.0.1"))
    assert told["success"]
    assert (told["method"], set(told["phases"])) in [("icmp", {"echo"}), ("tcp", {"connect"})]


@pytest.mark.parametrize(
    "probe",
    [
        Probe("carrier-pigeon", "127.0.0.1"),  # type: ignore[arg-type]
        Probe("tcp", "127.0.0.1"),
        Probe("tcp", "127.0.0.1:0"),
        Probe("tcp", "127.0.0.1:65536"),
        Probe("tcp", "127.0.0.1:80\r\nX: y"),
        Probe("tls", ":443"),
        Probe("dns", "two words"),
        Probe("dns", ""),
        Probe("http", "ftp://127.0.0.1/"),
        Probe("http", "http://anna:secret@127.0.0.1/"),
        Probe("http", "http://127.0.0.1/a b"),
        Probe("http", "http://127.0.0.1/\r\nX: y"),
        Probe("http", "http://bücher.invalid/"),
        Probe("ping", "-h"),
    ],
)
def test_what_cannot_be_asked_is_an_error_that_repeats_no_address(local: Local, probe: Probe) -> None:
    with pytest.raises(SourceError) as caught:
        local.ask(probe)
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)


@pytest.mark.parametrize(
    ("probe", "told"),
    [
        (Probe("http", "https://a.example:8443/hooks/Zq7?token=Zq7#Zq7"), "http https://a.example:8443"),
        (Probe("http", "http://ann:Zq7@a.example?Zq7"), "http http://a.example"),
        (Probe("http", "ann:Zq7@a.example/Zq7"), "http a.example"),
        (Probe("tcp", "[2001:db8::1]:80"), "tcp [2001:db8::1]:80"),
    ],
)
def test_people_read_where_a_probe_goes_and_nothing_that_may_be_secret(probe: Probe, told: str) -> None:
    assert str(probe) == told
    assert probe.key == f"{probe.kind} {probe.address}"


def test_thirty_targets_of_which_most_hang_end_together(local: Local, go: threading.Event) -> None:
    with server(silent(go)) as hanging, server(answering(page(b"well"))) as good:
        probes = [Probe("http", f"http://127.0.0.1:{hanging}/{number}", 0.3) for number in range(25)]
        probes += [Probe("http", f"http://127.0.0.1:{good}/{number}") for number in range(5)]
        begun = time.monotonic()
        told: dict[Any, Any] = dict(local.ask_many(probes))
        took = time.monotonic() - begun
    assert [told[each]["reason"] for each in probes] == ["timeout"] * 25 + [""] * 5
    assert 25 / AT_ONCE * 0.3 < took < SOON


def test_probes_run_beside_each_other_through_the_short_memory_too(local: Local) -> None:
    together = threading.Barrier(AT_ONCE, timeout=SOON)

    def meet(connection: socket.socket) -> None:
        together.wait()
        answering(page(b"met"))(connection)

    with server(meet) as port:
        probes = [Probe("http", f"http://127.0.0.1:{port}/{number}", SOON) for number in range(AT_ONCE)]
        told: dict[Any, Any] = dict(Remembering(local, time.monotonic).ask_many(probes))
    assert [told[each]["reason"] for each in probes] == [""] * AT_ONCE


def test_other_questions_are_answered_beside_probes_in_the_order_asked(local: Local, tmp_path: Any) -> None:
    file = tmp_path / "file"
    file.write_text("content")
    asked = (File(str(file)), Probe("dns", "localhost"), Command(("no-such-program",)))
    for source in (local, Remembering(local, time.monotonic)):
        told = source.ask_many(asked)
        assert tuple(told) == asked
        assert told[asked[0]] == b"content"
        assert told[asked[1]]["success"]  # type: ignore[index]
        assert isinstance(told[asked[2]], SourceError)


def test_closing_lets_go_at_once_whoever_waits(go: threading.Event) -> None:
    local, asked = Local(), threading.Event()

    def serve(_: socket.socket) -> None:
        asked.set()
        go.wait(60)

    told: dict[Any, Any] = {}
    with server(serve) as port:
        probe = Probe("http", f"http://127.0.0.1:{port}/", 60.0)
        thread = threading.Thread(target=lambda: told.update(local.ask_many([probe])))
        thread.start()
        assert asked.wait(SOON)
        begun = time.monotonic()
        local.close()
        thread.join(SOON)
        assert time.monotonic() - begun < SOON
    assert isinstance(told[probe], Failed)


def test_the_same_probe_twice_is_asked_once(local: Local) -> None:
    heads = []

    def count(connection: socket.socket) -> None:
        heads.append(1)
        answering(page(b""))(connection)

    with server(count) as port:
        told = local.ask_many([Probe("http", f"http://127.0.0.1:{port}/")] * 3)
    assert len(told) == len(heads) == 1
