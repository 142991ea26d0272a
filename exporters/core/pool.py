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
        if start:
            self._start(number)
        self._jobs.put((future, work))
        return future

    def _start(self, number: int) -> None:
        """One thread more; where the system has none to give, those that there are must do."""
        try:
            threading.Thread(target=self._serve, name=f"{self._name}-{number}", daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._threads -= 1
                alone = not self._threads
            if alone:
                raise

    def _serve(self) -> None:
        self._rest()
        while True:
            future, work = self._jobs.get()
            with self._lock:
                self._free -= 1
            self._run(future, work)
            del future, work

    def _rest(self) -> None:
        with self._lock:
            self._free += 1

    def _run(self, future: "Future[Any]", work: Callable[[], Any]) -> None:
        """Counts as free before the result is told: who waits for it may submit again at once."""
        if not future.set_running_or_notify_cancel():
            self._rest()
            return
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - the future carries it to whoever asked
            self._rest()
            future.set_exception(error)
        else:
            self._rest()
            future.set_result(result)
