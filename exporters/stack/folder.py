"""The folder of `pomona up`: made if it is not there, and held by one run at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporters.core.errors import PersonError

LOCK = "lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Holds it within the block; PersonError while another run does, which would write the same files and data."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _lock(lock, folder)
        yield
    finally:
        os.close(lock)


def _lock(lock: int, folder: Path) -> None:
    """The kernel lets go of it at the end of the process, however that comes."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PersonError(f"{folder}: another pomona up uses it; end that one, or choose by --state.dir") from error
    except OSError as error:
        raise PersonError(f"{folder}: cannot be locked: {error.strerror}; choose another by --state.dir") from error
