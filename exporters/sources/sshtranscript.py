"""The reading of what a script of `sshbatch` prints, as it comes, from a host that may send anything."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from exporters.sources.base import (
    Command,
    Denied,
    Entry,
    Failed,
    File,
    Listing,
    NotFound,
    Output,
    Question,
    SourceError,
    TooLarge,
)

NOT_FOUND, DENIED, OTHER_KIND = 127, 126, 125
NOISE = 65536
FILES = 20
"""Files that are read at once: a digit for each stands in the closing line."""
CLOSING = FILES + 4
_NUMBER = re.compile("[0-9]{1,18}")
Group = tuple[Question[Any], ...]


def grouped(questions: Iterable[Question[Any]]) -> tuple[Group, ...]:
    """What a script asks one after the other: the files first, as many at once as may be, then each other question."""
    asked = tuple(questions)
    files = [each for each in asked if isinstance(each, File)]
    rest = [(each,) for each in asked if not isinstance(each, File)]
    return (*(tuple(files[at : at + FILES]) for at in range(0, len(files), FILES)), *rest)


class Stream:
    """One stream of a run: noise, the header with this run's mark, then `count` answers, each with its closing line.

    `limit` in bytes for all of them. The host may send anything: what is kept has a bound at each point.
    """

    def __init__(self, head: bytes, limit: int, count: int) -> None:
        self.done: list[tuple[bytes | None, bytes]] = []
        self.mark = b""
        self._head = head + b" "
        self._limit = limit
        self._count = count
        self._buffer = bytearray()
        self._searched = 0
        self._over = False

    def feed(self, data: bytes) -> None:
        """Takes what came; an answer over the limit is dropped as it comes and stands as None."""
        self._buffer += data
        while len(self.done) < self._count and (self._closing() if self.mark else self._opening()):
            continue
        if len(self.done) == self._count:
            self._buffer.clear()

    def _opening(self) -> bool:
        start = self._buffer.find(self._head)
        end = self._buffer.find(b"\n", start)
        if start < 0 or end < 0:
            del self._buffer[:-NOISE]
            return False
        self.mark = bytes(self._buffer[start + len(self._head) : end])
        del self._buffer[: end + 1]
        return bool(self.mark)

    def _closing(self) -> bool:
        start = self._buffer.find(self.mark, self._searched)
        end = self._line_end(start) if start >= 0 else -1
        if end < 0:
            self._searched = start if start >= 0 else max(0, len(self._buffer) - len(self.mark))
            self._bound()
            return False
        self._over = self._over or start > self._limit
        content = None if self._over else bytes(self._buffer[:start])
        self._limit -= len(content or b"")
        self.done.append((content, bytes(self._buffer[start + len(self.mark) : end])))
        del self._buffer[: end + 1]
        self._searched, self._over = 0, False
        return True

    def _line_end(self, start: int) -> int:
        """A closing line that does not end is one all the same, and no status can be read from it."""
        longest = start + len(self.mark) + CLOSING
        end = self._buffer.find(b"\n", start, longest)
        return longest if end < 0 and len(self._buffer) > longest else end

    def _bound(self) -> None:
        if self._over or self._searched > self._limit:
            self._over = True
            del self._buffer[: self._searched]
            self._searched = 0


class Transcript:
    """What one run of a script has answered so far. `limit` in bytes for all answers of a stream."""

    def __init__(self, questions: Iterable[Question[Any]], head: bytes, limit: int) -> None:
        self._groups = grouped(questions)
        self.questions = tuple(each for group in self._groups for each in group)
        self.stdout = Stream(head, limit, len(self._groups))
        self.stderr = Stream(head, limit, len(self._groups))
        self._limit = limit

    @property
    def begun(self) -> bool:
        """Whether the script on the other side is the expected one and runs."""
        return bool(self.stdout.mark)

    @property
    def waiting(self) -> tuple[Group, ...]:
        """What is not answered yet, in its order; what stands together is answered at once."""
        return self._groups[min(len(self.stdout.done), len(self.stderr.done)) :]

    def answers(self) -> dict[Question[Any], Any]:
        """Each answered question with its answer or its error."""
        found: dict[Question[Any], Any] = {}
        for group, (stdout, line), (stderr, _) in zip(self._groups, self.stdout.done, self.stderr.done, strict=False):
            if stdout is None or stderr is None:
                found |= {each: TooLarge(f"more than {self._limit} bytes of output") for each in group}
            elif isinstance(group[0], File):
                found |= zip(group, _contents(stdout, line, len(group), self.stdout.mark), strict=True)
            else:
                found[group[0]] = _answer(group[0], stdout, stderr, line)
        return found


def _answer(question: Question[Any], stdout: bytes, stderr: bytes, line: bytes) -> Any:
    status = int(line) if re.fullmatch(rb" \d{1,3}", line) else -1
    if isinstance(question, Command) and status in question.ok_exits:
        return Output(stdout, stderr, status)
    if status != 0 or isinstance(question, Command):
        return _failure(question, status)
    return _entries(question, stdout)


def _contents(stdout: bytes, line: bytes, count: int, mark: bytes) -> list[Any]:
    """Before each file stands a line of this run, another where each was read alone; the status has a digit each."""
    first, _, rest = mark.partition(b"-")
    together, alone = b"pomona-" + first + b"\n", b"pomona-" + rest + b"\n"
    again = alone in stdout
    before, *parts = stdout.split(alone if again else together)
    if len(parts) != count or (before and not again) or not re.fullmatch(rb" [01567]{%d}" % count, line):
        return [Failed("the files could not be read") for _ in range(count)]
    digits = line[1:].decode()
    return [part if digit == "0" else _failed(_FILE_FAILURES[digit]) for digit, part in zip(digits, parts, strict=True)]


def _failed(known: SourceError) -> SourceError:
    """Another one of its kind: one exception raised for several askers would collect all their tracebacks."""
    return type(known)(*known.args)


_FILE_FAILURES: Mapping[str, SourceError] = {
    "7": NotFound("does not exist"),
    "6": Denied("this user may not read it"),
    "5": Failed("is of another kind"),
    "1": Failed("could not be read"),
}
_LISTING_FAILURES: Mapping[int, SourceError] = {
    NOT_FOUND: _FILE_FAILURES["7"],
    DENIED: _FILE_FAILURES["6"],
    OTHER_KIND: _FILE_FAILURES["5"],
}


def _failure(question: Question[Any], status: int) -> SourceError:
    # Not what it printed: an error text may hold names and addresses.
    if isinstance(question, Command) and status == NOT_FOUND:
        return NotFound(f"{question.argv[0]} is not installed")
    if isinstance(question, Command) and status == DENIED:
        return Denied("this user may not run the program")
    known = None if isinstance(question, Command) else _LISTING_FAILURES.get(status)
    return _failed(known) if known else Failed(f"exit status {status}")


def _entries(question: Question[Any], listed: bytes) -> tuple[Entry, ...] | SourceError:
    """Of `time/name/line of ls`, each ended by a zero byte."""
    pattern = question.pattern if isinstance(question, Listing) else "*"
    found: list[Entry] = []
    for record in listed.split(b"\0")[:-1]:
        parts = record.decode(errors="surrogateescape").split("/", 2)
        fields = parts[-1].split(None, 5)
        if len(parts) != 3 or len(fields) < 6 or not (_NUMBER.fullmatch(parts[0]) and _NUMBER.fullmatch(fields[4])):  # noqa: PLR2004
            return Failed("the listing is unreadable")
        if fnmatchcase(parts[1], pattern):
            found.append(Entry(parts[1], int(fields[4]), float(parts[0])))
    return tuple(sorted(found, key=lambda entry: entry.name))
