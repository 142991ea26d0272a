"""Where the programs lie that may be run, and what root may run: fixed folders, nothing from the caller's PATH."""

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from exporters.sources.base import Command, Denied, NotFound, Output

DEFAULT_DIRECTORIES = ("/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/libexec/ApplicationFirewall")
"""Those of the system."""
ADDED_DIRECTORIES = (
    "/opt/homebrew/bin",
    "/opt/homebrew/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/opt/local/bin",
    "/opt/local/sbin",
)
"""Those of package managers. With Homebrew they belong to a user, who could put anything there."""
MOST_LINKS = 32
"""As macOS follows them."""


def find(name: str, directories: Sequence[str]) -> str | None:
    """The absolute path of a program, one that may be run before one that may not."""
    if "/" in name:
        return None
    path = os.pathsep.join(directories)
    return shutil.which(name, path=path) or shutil.which(name, mode=os.F_OK, path=path)


def argv(command: Command, directories: Sequence[str], added: Sequence[str], *, root: bool) -> tuple[str, ...]:
    """What is run: the absolute path for the name, and sudo before it where root is needed and this user is another."""
    name = command.argv[0]
    path = find(name, (*directories, *added))
    if path is None:
        raise NotFound(f"{name} is in none of {', '.join((*directories, *added))}")
    if (root or command.root) and str(Path(path).parent) in added and not of_root(path):
        raise Denied(f"{path} can be changed by another user than root, so it is not run as root")
    if root or not command.root:
        return (path, *command.argv[1:])
    sudo = find("sudo", directories)
    if sudo is None:
        raise Denied("it needs root, and there is no sudo")
    return (sudo, "-n", path, *command.argv[1:])


def of_root(path: str) -> bool:
    """Whether root alone can change what runs under this path: then nothing on it can be repointed before it runs."""
    try:
        return all(_of_root(each) for each in passed(path))
    except OSError:
        return False


def passed(path: str) -> Iterator[str]:
    """Every folder, link and file that the kernel passes on the way to a program, also those that links lead through.

    An OSError where the way ends.
    """
    here, links, ahead = "/", 0, path.split("/")[::-1]
    yield here
    while ahead:
        step = ahead.pop()
        if step in {"", ".", ".."}:
            here = os.path.dirname(here) if step == ".." else here  # noqa: PTH120 - Path would drop what it means
            continue
        there = os.path.join(here, step)  # noqa: PTH118
        yield there
        if not stat.S_ISLNK(os.lstat(there).st_mode):
            here = there
            continue
        links += 1
        if links > MOST_LINKS:
            raise OSError(errno.ELOOP, "too many links")
        target = os.readlink(there)  # noqa: PTH115 - as it is written, with every ..
        here = "/" if target.startswith("/") else here
        ahead += target.split("/")[::-1]


def _of_root(path: str) -> bool:
    """The mode of a link says nothing: who may change it says the folder that it lies in."""
    facts = os.lstat(path)
    open_to_others = not stat.S_ISLNK(facts.st_mode) and facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return facts.st_uid == 0 and not open_to_others


def refused(command: Command, output: Output) -> bool:
    """Whether it was sudo that answered, not the program."""
    return command.root and output.exit != 0 and output.stderr.startswith(b"sudo: ")
