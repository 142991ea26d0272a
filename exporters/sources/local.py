"""The machine that this process runs on: its programs, its files, its system facts."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, cast

from exporters.sources import process, programs, system, where
from exporters.sources.base import (
    Answer_co,
    Command,
    Denied,
    Entry,
    Failed,
    File,
    Listing,
    NotFound,
    Outcome,
    Output,
    Probe,
    Processes,
    Question,
    SourceError,
    System,
    TooLarge,
    ask_each,
)
from exporters.sources.probes import Probing
from exporters.sources.where import ADDED_DIRECTORIES, DEFAULT_DIRECTORIES

LIMIT = 16 * 1024 * 1024
MOST_FILES = 10_000
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})
_REFUSED = frozenset({errno.EACCES, errno.EPERM})


@dataclass(frozen=True, slots=True)
class Local:
    """Programs come from `directories`, then from those that a package manager `added`, alone.

    No answer is longer than `limit` bytes.
    """

    directories: tuple[str, ...] = DEFAULT_DIRECTORIES
    added: tuple[str, ...] = ADDED_DIRECTORIES
    limit: int = LIMIT
    running: process.Running = field(default_factory=process.Running, repr=False, compare=False)
    probing: Probing = field(default_factory=Probing, repr=False, compare=False)

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        """The answer, or a `SourceError`."""
        return cast("Answer_co", self._answer(question))

    def ask_many(self, questions: Iterable[Question[Any]]) -> Outcome:
        """Each question with its answer or its error; programs are looked for once, probes run beside each other."""
        asked = tuple(questions)
        answers: dict[Question[Any], Any] = dict.fromkeys(asked)
        answers |= ask_each(self, (each for each in asked if not isinstance(each, Probe | Processes)))
        answers |= programs.Running(_open_regular).answers(each for each in asked if isinstance(each, Processes))
        return answers | self.probing.ask_all(each for each in asked if isinstance(each, Probe))

    def close(self) -> None:
        """Ends the programs that run, and the waiting for probes."""
        self.running.end()
        self.probing.close()

    def where(self, name: str) -> str | None:
        """The absolute path of a program: what runs, and what sudoers lines and documentation print."""
        return where.find(name, (*self.directories, *self.added))

    def _answer(self, question: Question[Any]) -> Any:
        match question:
            case Command():
                return self._run(question)
            case File(path=path, head=head):
                return _content(path, self.limit, head)
            case Listing(path=path, pattern=pattern):
                return _listing(path, pattern)
            case System(name=name):
                return system.facts(name)
            case Processes():
                return programs.Running(_open_regular).answer(question)
            case Probe():
                return self.probing.ask(question)
        raise NotFound("a local source does not answer this kind of question")

    def _run(self, command: Command) -> Output:
        name = command.argv[0]
        if "/" in name:
            raise Failed("a program is named without its folder")
        argv = where.argv(command, self.directories, self.added, root=os.geteuid() == 0)
        output = process.run(argv, self._environment(), command.timeout, self.limit, self.running)
        if where.refused(command, output):
            raise Denied("it needs root, and sudo does not allow it; see: pomona agent sudoers")
        if output.exit not in command.ok_exits:
            # Not what it printed: an error text may hold names and serial numbers.
            raise Failed(f"exit status {output.exit}" if output.exit >= 0 else f"ended by signal {-output.exit}")
        return output

    def _environment(self) -> dict[str, str]:
        path, home = os.pathsep.join(self.directories), os.path.expanduser("~")  # noqa: PTH111 - Path raises without a home
        return {"LC_ALL": "C", "LANG": "C", "PATH": path, "HOME": home}


def _content(path: str, limit: int, head: int | None) -> bytes:
    most = limit + 1 if head is None else min(head, limit)
    try:
        with open(path, "rb", buffering=0, opener=_open_regular) as file:
            content = bytearray()
            while chunk := file.read(most - len(content)):
                content += chunk
    except (OSError, ValueError) as error:
        raise _refusal(error) from error
    if len(content) > limit:
        raise TooLarge(f"more than {limit} bytes")
    return bytes(content)


def _open_regular(path: str, _: int) -> int:
    """A descriptor of a regular file; a FIFO or a device is opened without waiting and refused."""
    descriptor = os.open(path, _READ)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file")


def _listing(path: str, pattern: str) -> tuple[Entry, ...]:
    found: list[Entry] = []
    try:
        for entry in _regular_files(path, pattern):
            found.append(entry)
            if len(found) > MOST_FILES:
                raise TooLarge(f"more than {MOST_FILES} files")
    except (OSError, ValueError) as error:
        raise _refusal(error) from error
    return tuple(sorted(found, key=lambda entry: entry.name))


def _regular_files(path: str, pattern: str) -> Iterator[Entry]:
    with os.scandir(path) as entries:
        for entry in entries:
            if not fnmatchcase(entry.name, pattern):
                continue
            try:
                facts = entry.stat()
            except FileNotFoundError:  # gone since the folder was read, or a link to nothing
                continue
            if stat.S_ISREG(facts.st_mode):
                yield Entry(entry.name, facts.st_size, facts.st_mtime)


def _refusal(error: OSError | ValueError) -> SourceError:
    """The typed error; macOS refuses protected folders with EPERM."""
    code = error.errno if isinstance(error, OSError) else None
    if code in _ABSENT:
        return NotFound("does not exist")
    if code in _REFUSED:
        return Denied("this user may not read it")
    return Failed(getattr(error, "strerror", None) or str(error))
