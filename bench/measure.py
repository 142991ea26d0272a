"""What is measured: scrapes over one kept connection, as Prometheus makes them, and a process's use of the machine."""

import gzip
import re
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from subprocess import DEVNULL, Popen, TimeoutExpired

import psutil

HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
    "Accept-Encoding": "gzip",
    "X-Prometheus-Scrape-Timeout-Seconds": "10",
}
_AGE = re.compile(r"^pomona_collector_last_success_timestamp_seconds\{[^}]*\} (\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Use:
    """Resident memory in bytes, threads, open files, CPU seconds of the process and its ended children."""

    resident: int
    threads: int
    files: int
    cpu: float


class Scraper:
    """One kept connection to one exporter."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=30)

    def scrape(self, path: str = "/metrics") -> tuple[float, str]:
        """Seconds it took, and the text."""
        begun = time.perf_counter()
        self._connection.request("GET", path, headers=HEADERS)
        answer = self._connection.getresponse()
        body = answer.read()
        took = time.perf_counter() - begun
        if answer.status != 200:
            raise RuntimeError(f"status {answer.status}")
        return took, (gzip.decompress(body) if answer.getheader("Content-Encoding") == "gzip" else body).decode()


def quantiles(times: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile, in seconds."""
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return cuts[49], cuts[98]


def series(text: str) -> int:
    """Samples of an exposition."""
    return sum(1 for line in text.splitlines() if line and not line.startswith("#"))


def oldest(text: str) -> float:
    """Seconds since the oldest background reading was collected."""
    return time.time() - min((float(each) for each in _AGE.findall(text)), default=time.time())


def use(pid: int) -> Use:
    """What a process uses now."""
    process = psutil.Process(pid)
    spent = process.cpu_times()
    cpu = spent.user + spent.system + spent.children_user + spent.children_system
    return Use(process.memory_info().rss, process.num_threads(), process.num_fds(), cpu)


@contextmanager
def running(argv: list[str]) -> Iterator[Popen[bytes]]:
    """A process that is ended at the end."""
    process = Popen(argv, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except TimeoutExpired:
            process.kill()
            process.wait()


def answers(port: int, path: str, limit: float = 30.0) -> float:
    """Seconds until a path answers 200."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < limit:
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return time.perf_counter() - begun
        except OSError:
            time.sleep(0.005)
        finally:
            connection.close()
    raise RuntimeError(f"port {port} did not answer within {limit:g} s")
