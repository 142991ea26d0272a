"""A bounded pool whose hanging threads do not keep the process alive."""

import subprocess
import sys
import threading

import pytest

from exporters.core.pool import Pool


def test_results_and_errors_come_back() -> None:
    pool = Pool(2)
    assert pool.submit(lambda: 42).result(10) == 42
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 // 0).result(10)


def test_threads_are_bounded_and_reused() -> None:
    pool = Pool(3)
    go = threading.Event()
    names: set[str] = set()

    def work() -> None:
        names.add(threading.current_thread().name)
        go.wait(10)

    futures = [pool.submit(work) for _ in range(20)]
    go.set()
    for future in futures:
        future.result(10)
    assert len(names) <= 3


def test_one_job_after_another_needs_one_thread() -> None:
    pool = Pool(8)
    for _ in range(20):
        pool.submit(lambda: None).result(10)
    assert pool._threads <= 2


def test_cancelled_work_is_not_done() -> None:
    pool = Pool(1)
    go, done = threading.Event(), []
    first = pool.submit(lambda: go.wait(10))
    second = pool.submit(lambda: done.append(1))
    assert second.cancel()
    go.set()
    assert first.result(10)
    assert pool.submit(lambda: 1).result(10) == 1
    assert done == []


def test_hanging_thread_does_not_keep_the_process() -> None:
    script = "import threading\nfrom exporters.core.pool import Pool\nPool().submit(threading.Event().wait)\n"
    ended = subprocess.run([sys.executable, "-c", script], timeout=20, check=False)
    assert ended.returncode == 0
