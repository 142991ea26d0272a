"""A bounded pool of daemon threads: one that hangs in the kernel must not keep the process from ending."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")
Job = tuple["Future[Any]", Callable[[], Any]]


class Pool:
    """At most `limit` threads, started when there is work for them and never joined."""

    def __init__(self, limit: int = 32, name: str = "pomona") -> None:
        self._limit = limit
        self._name = name
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._free = 0

    def submit(self, work: Callable[[], Result]) -> "Future[Result]":
        """Runs `work` on one of the threads, in the order of submission."""
        future: Future[Result] = Future()
        with self._lock:
            start = self._free <= self._jobs.qsize() and self._threads < self._limit
            self._threads += start
            number = self._threads
        self._jobs.put((future, work))
        if start:
            threading.Thread(target=self._serve, name=f"{self._name}-{number}", daemon=True).start()
        return future

    def _serve(self) -> None:
        while True:
            with self._lock:
                self._free += 1
            future, work = self._jobs.get()
            with self._lock:
                self._free -= 1
            _run(future, work)
            del future, work


def _run(future: "Future[Any]", work: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - the future carries it to whoever asked
        future.set_exception(error)
