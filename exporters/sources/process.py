"""One program, run to its end or to its deadline: no shell, output bounded, nothing of it left behind."""

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from exporters.sources.base import Denied, Failed, NotFound, Output, TimedOut, TooLarge

CHUNK = 65536
TICK = 0.05
GRACE = 1.0


class Running:
    """The children that run now; `end` kills them and lets no other start."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._children: set[subprocess.Popen[bytes]] = set()
        self._ended = False

    def start(self, argv: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """A new child."""
        with self._lock:
            if self._ended:
                raise Failed("the exporter ends")
            child = _start(argv, environment)
            self._children.add(child)
            return child

    def forget(self, child: subprocess.Popen[bytes]) -> None:
        """One that has ended."""
        with self._lock:
            self._children.discard(child)

    def end(self) -> None:
        """Kills all that run: they have sessions of their own, which nobody else would end."""
        with self._lock:
            self._ended = True
            for child in self._children:
                _kill(child)


def run(argv: Sequence[str], environment: Mapping[str, str], timeout: float, limit: int, running: Running) -> Output:
    """What it printed and its exit status, negative for a signal. `timeout` in seconds, `limit` in bytes a stream."""
    deadline = time.monotonic() + timeout
    process = running.start(argv, environment)
    try:
        stdout, stderr = _read(process, deadline, limit)
        status = process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        _end(process)
        raise TimedOut(f"no answer within {timeout:g} s") from error
    except BaseException:
        _end(process)
        raise
    finally:
        _close(process)
        running.forget(process)
    return Output(stdout, stderr, status)


def _start(argv: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A child in a session of its own, so that the whole group can be killed and no terminal is asked."""
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd="/",
            bufsize=0,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise NotFound("the program, or the interpreter that its first line names, is not installed") from error
    except PermissionError as error:
        raise Denied("this user may not run the program") from error
    except (OSError, ValueError) as error:
        raise Failed(f"the program cannot be started: {error}") from error


def _read(process: subprocess.Popen[bytes], deadline: float, limit: int) -> tuple[bytes, bytes]:
    """Both streams until both end, or until the program has ended though a descendant keeps them open."""
    stdout, stderr = bytearray(), bytearray()
    with selectors.PollSelector() as selector:
        for pipe, read in ((process.stdout, stdout), (process.stderr, stderr)):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, read)
        ended = False
        while selector.get_map():
            ready = selector.select(0 if ended else min(TICK, _left(process, deadline)))
            for key, _ in ready:
                if not _take(key.fd, key.data, limit):
                    selector.unregister(key.fileobj)
            if not ready and ended:
                _kill(process)
                break
            ended = ended or (not ready and process.poll() is not None)
            _left(process, deadline)
    return bytes(stdout), bytes(stderr)


def _left(process: subprocess.Popen[bytes], deadline: float) -> float:
    """Seconds until the deadline; TimeoutExpired behind it."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise subprocess.TimeoutExpired(process.args, 0)
    return left


def _take(descriptor: int, read: bytearray, limit: int) -> bool:
    """Reads what is there; False at the end of the stream."""
    chunk = os.read(descriptor, CHUNK)
    read += chunk
    if len(read) > limit:
        raise TooLarge(f"more than {limit} bytes of output")
    return bool(chunk)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kills the group and collects the child, unless it hangs in the kernel or belongs to another user."""
    _kill(process)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)


def _kill(process: subprocess.Popen[bytes]) -> None:
    # Darwin answers EPERM, not ESRCH, where only a zombie is left of the group.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _close(process: subprocess.Popen[bytes]) -> None:
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
