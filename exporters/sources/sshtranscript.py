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
CLOSING = 16
_NUMBER = re.compile("[0-9]{1,18}")


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
        self.questions = tuple(questions)
        self.stdout = Stream(head, limit, len(self.questions))
        self.stderr = Stream(head, limit, len(self.questions))
        self._limit = limit

    @property
    def begun(self) -> bool:
        """Whether the script on the other side is the expected one and runs."""
        return bool(self.stdout.mark)

    @property
    def count(self) -> int:
        """How many questions are answered, in their order."""
        return min(len(self.stdout.done), len(self.stderr.done), len(self.questions))

    def answers(self) -> dict[Question[Any], Any]:
        """Each answered question with its answer or its error."""
        return {each: self._answer(number, each) for number, each in enumerate(self.questions[: self.count])}

    def _answer(self, number: int, question: Question[Any]) -> Any:
        (stdout, line), (stderr, _) = self.stdout.done[number], self.stderr.done[number]
        if stdout is None or stderr is None:
            return TooLarge(f"more than {self._limit} bytes of output")
        status = int(line) if re.fullmatch(rb" \d{1,3}", line) else -1
        if isinstance(question, Command) and status in question.ok_exits:
            return Output(stdout, stderr, status)
        if status != 0 or isinstance(question, Command):
            return _failure(question, status)
        return stdout if isinstance(question, File) else _entries(question, stdout)


_FILE_FAILURES: Mapping[int, SourceError] = {
    NOT_FOUND: NotFound("does not exist"),
    DENIED: Denied("this user may not read it"),
    OTHER_KIND: Failed("is of another kind"),
}


def _failure(question: Question[Any], status: int) -> SourceError:
    # Not what it printed: an error text may hold names and addresses.
    if isinstance(question, Command) and status == NOT_FOUND:
        return NotFound(f"{question.argv[0]} is not installed")
    if isinstance(question, Command) and status == DENIED:
        return Denied("this user may not run the program")
    known = None if isinstance(question, Command) else _FILE_FAILURES.get(status)
    return type(known)(*known.args) if known else Failed(f"exit status {status}")


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
