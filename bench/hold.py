"""The hold-list: a good scrape while other clients idle, stall, send half, send too much or all come at once."""

import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.measure import running, use
from bench.rows import Row, row
from core.certificates import Authority

PORT = 18222
SECOND, STOP = 1.0, 2.0


@dataclass(frozen=True, slots=True)
class Client:
    """Connects to the agent under test, over TLS where there is a context."""

    tls: ssl.SSLContext | None = None

    def plain(self, stack: ExitStack) -> socket.socket:
        """A TCP connection that lives as long as the scenario."""
        return stack.enter_context(socket.create_connection(("127.0.0.1", PORT), timeout=20))

    def speaker(self, stack: ExitStack) -> socket.socket:
        """A connection that may speak HTTP."""
        one = self.plain(stack)
        return stack.enter_context(self.tls.wrap_socket(one, server_hostname="127.0.0.1")) if self.tls else one

    def scrape(self) -> float:
        """Seconds of one good scrape on a connection of its own, handshake included."""
        begun = time.perf_counter()
        with ExitStack() as stack:
            one = self.speaker(stack)
            one.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            text = b"".join(iter(lambda: one.recv(1 << 16), b""))
        if not text.startswith(b"HTTP/1.1 200") or b"pomona_build_info" not in text:
            raise RuntimeError(text[:80].decode(errors="replace"))
        return time.perf_counter() - begun


def idle(client: Client, stack: ExitStack) -> None:
    """200 connections that ask nothing."""
    for _ in range(200):
        client.speaker(stack)


def stalled(client: Client, stack: ExitStack) -> None:
    """50 TCP clients that never say a byte, so never start their TLS handshake."""
    for _ in range(50):
        client.plain(stack)


def half_sent(client: Client, stack: ExitStack) -> None:
    """100 requests that stop in the middle of a header."""
    for _ in range(100):
        client.speaker(stack).sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nX-Half: ")


def huge(client: Client, stack: ExitStack) -> None:
    """10 requests with a header of 1 MB, which may be refused before they are through."""
    for _ in range(10):
        one = client.speaker(stack)
        try:
            one.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\nX-Huge: " + b"a" * (1 << 20))
        except OSError:
            one.close()


def together(client: Client, stack: ExitStack) -> None:
    """50 scrapes at once, under way while the good one is made; each must be answered."""
    threads = ThreadPoolExecutor(50)
    stack.callback(threads.shutdown)
    for scrape in [threads.submit(client.scrape) for _ in range(50)]:
        stack.callback(scrape.result)


SCENARIOS: Mapping[str, Callable[[Client, ExitStack], None]] = {
    "200 idle connections": idle,
    "50 clients without a handshake": stalled,
    "100 half-sent requests": half_sent,
    "headers of 1 MB": huge,
    "50 scrapes at once": together,
}


def rows(folder: Path) -> Iterator[Row]:
    """Each scenario alone, plain and over TLS; then all of them pending at SIGTERM."""
    authority = Authority(folder)
    pair = authority.sign("server")
    web = folder / "web.yml"
    web.write_text(f"tls_server_config: {{cert_file: {pair.certificate}, key_file: {pair.key}}}\n")
    trusting = ssl.create_default_context(cafile=str(authority.file))
    for over, client, file in (("plain", Client(), ""), ("TLS", Client(trusting), str(web))):
        argv = [sys.executable, "-m", "bench.agent", str(folder), str(PORT), file]
        with running(argv) as agent:
            _await(client)
            yield from _held(over, client, agent.pid)
            yield row(
                f"SIGTERM to the end with all of that pending, {over}", _ended(client, agent.pid), "{:.2f} s", STOP
            )


def _held(over: str, client: Client, pid: int) -> Iterator[Row]:
    before = use(pid)
    for name, hold in SCENARIOS.items():
        with ExitStack() as stack:
            hold(client, stack)
            yield row(f"a good scrape beside {name}, {over}", 1e3 * client.scrape(), "{:.0f} ms", 1e3 * SECOND)
    after = use(pid)
    yield row(f"threads after all of that, {over}", after.threads, "{}", 48)
    yield row(f"memory after all of that, {over}", (after.resident - before.resident) / 1e6, "{:+.1f} MB")


def _await(client: Client) -> None:
    for _ in range(600):
        try:
            client.scrape()
        except OSError:
            time.sleep(0.05)
        else:
            return


def _ended(client: Client, pid: int) -> float:
    with ExitStack() as stack:
        for hold in (idle, stalled, half_sent):
            hold(client, stack)
        agent = psutil.Process(pid)
        begun = time.perf_counter()
        agent.send_signal(signal.SIGTERM)
        while agent.is_running() and agent.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.005)
        return time.perf_counter() - begun
