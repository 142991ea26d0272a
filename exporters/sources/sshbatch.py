"""A batch of questions as one POSIX shell script (busybox ash), and the reading of what the script prints.

The script holds no double quote and no newline, so that it can stand in `command="…"` of authorized_keys: dropbear
does not unescape there. With IFS empty and globbing off an unquoted expansion is safe, and that is what it relies on.
Each run draws its own mark, so that nothing a command prints (a device name) can pass for the end of an answer.
"""

import hashlib
import math
import re
import shlex
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
_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")

_START = (
    "set -f;IFS=;export LC_ALL=C PATH=${PATH:+$PATH:}/usr/sbin:/usr/bin:/sbin:/bin;"
    "read -r m </proc/sys/kernel/random/uuid||exit;"
    r"_e(){ printf '%s %s\n' $m $1;printf '%s\n' $m >&2;};"
)
# A hung command must not stay behind on the router: the watchdog ends it, or a hang-up does.
_WATCH = (
    "_q(){ kill -9 $p;kill $w;exit;};trap '_q 2>/dev/null' HUP INT TERM PIPE;"
    "(trap 'kill $s;exit' TERM;sleep %d&s=$!;wait $s&&kill $$)</dev/null >/dev/null 2>&1&w=$!;"
)
_FILE = "_f(){ [ -e $1 ]||return 127;[ -f $1 ]||return 125;[ -r $1 ]||return 126;cat $1&p=$!;wait $p;};"
# Without `stat`, which OpenWrt's busybox lacks; `ls` gives the size in its fifth field.
_LISTING = (
    "_l(){ [ -e $1 ]||return 127;[ -d $1 ]||return 125;(cd $1&&[ -r . ]||exit 126;q=$2;set +f;set -- * .*;set -f;"
    "for f do case $f in $q)[ -f $f ]&&t=$(date -r ./$f +%s)&&s=$(ls -ldnL ./$f)&&"
    r"printf '%s/%s/%s\0' $t $f $s;;esac;done;exit 0)2>/dev/null;};"
)


def refusal(question: Question[Any]) -> SourceError | None:
    """Why a question cannot be asked over SSH, before anything is sent."""
    match question:
        case Command(argv=argv):
            words, fits = argv, bool(argv and _PROGRAM.fullmatch(argv[0]))
            reason = "a program is named without its folder, in plain letters"
        case File(path=path):
            words, fits, reason = (path,), path.startswith("/"), "a path is absolute"
        case Listing(path=path, pattern=pattern):
            words, fits, reason = (path, pattern), path.startswith("/") and bool(pattern), "a path is absolute"
        case _:
            return NotFound("an SSH source does not answer this kind of question")
    if any("\0" in word for word in words):
        return Failed("a word holds a zero byte")
    return None if fits else Failed(reason)


def script(questions: Iterable[Question[Any]]) -> str:
    """The script that asks them in this order; what may hang goes last. Equal questions give an equal script."""
    asked = tuple(questions)
    kinds = {type(each) for each in asked}
    parts = [
        _START,
        _WATCH % math.ceil(sum(timeout_of(each) for each in asked) + 1),
        _FILE if File in kinds else "",
        _LISTING if Listing in kinds else "",
    ]
    steps = [f"{_step(each)};_e $?;" for each in asked[:-1]]
    steps += [f"{_step(each)};l=$?;kill $w;_e $l" for each in asked[-1:]]
    name = hashlib.sha256("".join((*parts, *steps)).encode(errors="surrogateescape")).hexdigest()[:16]
    return "".join((*parts, f"_h(){{ printf 'pomona-{name} %s\\n' $m;}};_h;_h >&2;", *steps))


def header(text: str) -> bytes:
    """The word that a script prints first, with which it names itself."""
    found = re.search(r"pomona-[0-9a-f]{16}", text)
    return found.group().encode() if found else b""


def timeout_of(question: Question[Any]) -> float:
    """Seconds that the answer may take."""
    return question.timeout if isinstance(question, Command) else 10.0


def _step(question: Question[Any]) -> str:
    match question:
        case Command(argv=argv):
            # Quoted, the program is never a keyword or an assignment of the shell.
            return f"'{argv[0]}' {shlex.join(argv[1:])}& p=$!;wait $p"
        case File(path=path):
            return shlex.join(("_f", path))
        case Listing(path=path, pattern=pattern):
            return shlex.join(("_l", path.rstrip("/") or "/", pattern))
    raise ValueError(f"{question} cannot be asked by a script")


class Stream:
    """One stream of a run: noise, the header with this run's mark, then each answer and its closing line."""

    def __init__(self, head: bytes, limit: int) -> None:
        self.done: list[tuple[bytes | None, bytes]] = []
        self.mark = b""
        self._head = head + b" "
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0
        self._over = False

    def feed(self, data: bytes) -> None:
        """Takes what came; an answer over the limit is dropped as it comes and stands as None."""
        self._buffer += data
        while self._closing() if self.mark else self._opening():
            continue

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
        end = self._buffer.find(b"\n", start) if start >= 0 else -1
        if end < 0:
            self._searched = start if start >= 0 else max(0, len(self._buffer) - len(self.mark))
            self._bound()
            return False
        self._over = self._over or start > self._limit
        content = None if self._over else bytes(self._buffer[:start])
        self.done.append((content, bytes(self._buffer[start + len(self.mark) : end])))
        del self._buffer[: end + 1]
        self._searched, self._over = 0, False
        return True

    def _bound(self) -> None:
        if self._over or self._searched > self._limit:
            self._over = True
            del self._buffer[: self._searched]
            self._searched = 0


class Transcript:
    """What one run of a script has answered so far. `limit` in bytes an answer and stream."""

    def __init__(self, questions: Iterable[Question[Any]], head: bytes, limit: int) -> None:
        self.questions = tuple(questions)
        self.stdout = Stream(head, limit)
        self.stderr = Stream(head, limit)
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
        if len(parts) != 3 or len(fields) < 6 or not (parts[0].isdecimal() and fields[4].isdecimal()):  # noqa: PLR2004
            return Failed("the listing is unreadable")
        if fnmatchcase(parts[1], pattern):
            found.append(Entry(parts[1], int(fields[4]), float(parts[0])))
    return tuple(sorted(found, key=lambda entry: entry.name))
