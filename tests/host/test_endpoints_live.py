"""A Runner as the agent has it, over this real machine, with a real server that turns bad and well again."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from conftest import COLLECTORS
from core.machines import HandClock, samples
from exporters.core.pool import Pool
from exporters.core.runner import Runner
from exporters.sources.local import Local
from exporters.sources.memory import Remembering
from host.answering import context_of
from sources.probing import answering, page, server

WELL, ILL = page(b'{"status": "ok"}'), page(b"<h1>sorry</h1>", "503 Service Unavailable")


@dataclass
class Service:
    """What it answers can be changed; nothing at all keeps the client waiting."""

    answer: bytes | None = WELL
    go: threading.Event = field(default_factory=threading.Event)

    def __call__(self, connection: socket.socket) -> None:
        if self.answer is None:
            self.go.wait(60)
        else:
            answering(self.answer)(connection)


class Agent:
    """The collector in a Runner whose background is ticked by hand."""

    def __init__(self, port: int) -> None:
        self.clock, self.local = HandClock(), Local()
        targets = [
            {"name": "shop", "http": f"http://127.0.0.1:{port}/health", "body": '"ok"', "timeout": 0.5},
            {"name": "port", "tcp": f"127.0.0.1:{port}"},
        ]
        contexts = {"endpoints": context_of("endpoints", targets=targets)}
        source = Remembering(self.local, self.clock.elapsed)
        self.runner = Runner((COLLECTORS["endpoints"],), source, contexts, clock=self.clock, pool=Pool(2))

    def look(self) -> dict[str, float]:
        self.clock.move(61)
        self.runner.tick()
        for cell in self.runner._background:
            assert cell._flight is not None
            cell._flight.result(30)
        return samples(self.runner.scrape("text"))


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.go.set()


def test_a_service_that_turns_bad_is_told_by_its_reason_and_counted_until_it_is_well(service: Service) -> None:
    with server(service) as port:
        agent = Agent(port)
        told = agent.look()
        assert told['pomona_endpoint_success{probe="shop"}'] == 1
        assert told['pomona_endpoint_http_status_code{probe="shop"}'] == 200
        assert told['pomona_endpoint_failures_total{probe="shop",reason="status"}'] == 0
        for answer, reason in ((ILL, "status"), (page(b"{}"), "body"), (b"", "reset"), (None, "timeout")):
            service.answer = answer
            told = agent.look()
            assert told['pomona_endpoint_success{probe="shop"}'] == 0
            assert told[f'pomona_endpoint_failures_total{{probe="shop",reason="{reason}"}}'] == 1
            assert told['pomona_endpoint_success{probe="port"}'] == 1
        service.answer = WELL
        told = agent.look()
    assert told['pomona_endpoint_success{probe="shop"}'] == 1
    assert told['pomona_endpoint_checks_total{probe="shop"}'] == 6
    assert told['pomona_endpoint_duration_seconds_count{probe="shop"}'] == 2
    assert told['pomona_endpoint_duration_seconds_bucket{le="+Inf",probe="port"}'] == 6
    assert told['pomona_collector_success{collector="endpoints"}'] == 1


def test_a_service_that_is_gone_is_refused(service: Service) -> None:
    with server(service) as port:
        agent = Agent(port)
        agent.look()
    told = agent.look()
    for probe in ("shop", "port"):
        assert told[f'pomona_endpoint_success{{probe="{probe}"}}'] == 0
        assert told[f'pomona_endpoint_failures_total{{probe="{probe}",reason="refused"}}'] == 1


def test_once_the_agent_ends_nothing_is_told_that_was_not_measured(service: Service) -> None:
    with server(service) as port:
        agent = Agent(port)
        agent.look()
        agent.local.close()
        told = agent.look()
    assert not [name for name in told if name.startswith("pomona_endpoint_success")]
    assert told['pomona_endpoint_checks_total{probe="shop"}'] == 1
    assert told['pomona_collector_success{collector="endpoints"}'] == 0
