"""A script of `exporters.sources.sshbatch`, read on the other side: its questions are found and answered by a router.

The frame is that script's: on both streams a line with its name and a mark of this run, then each answer and the mark.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import uuid4

from exporters.stack.router_answers import ABSENT, Router, missing
from exporters.stack.router_traffic import Answer

_HEADER = re.compile(r"_h\(\)\{ printf '(pomona-[0-9a-f]{16}) %s\\n' \$m;\};_h;_h >&2;")
_PATIENCE = re.compile(r"sleep (\d{1,6})&s=\$!")


@dataclass(frozen=True, slots=True)
class Script:
    """The name of a script, its questions as words, the seconds after which it ends itself."""

    name: str
    steps: tuple[tuple[str, ...], ...]
    patience: float


@dataclass(frozen=True, slots=True)
class Piece:
    """What is printed at once; `hang` in seconds, after which nothing more comes."""

    stdout: bytes = b""
    stderr: bytes = b""
    hang: float = 0.0


def read(text: str) -> Script | None:
    """Finds the questions; None where it is no script of ours, but one plain command."""
    head = _HEADER.search(text)
    if head is None:
        return None
    patience = _PATIENCE.search(text)
    return Script(head[1], tuple(_steps(text[head.end() :])), float(patience[1]) if patience else 0.0)


def _steps(text: str) -> Iterator[tuple[str, ...]]:
    """The words before `&` or `;`, where they ask; what waits, counts and marks is the script's own."""
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&")
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    for word in lexer:
        if word in {";", "&"}:
            if words and (word == "&" or words[0] in {"_f", "_l"}):
                yield tuple(words)
            words = []
        else:
            words.append(word)


def answers(script: Script, router: Router, now: float, mark: str = "") -> Iterator[Piece]:
    """What a run prints, piece by piece."""
    mark = mark or str(uuid4())
    head = f"{script.name} {mark}\n".encode()
    yield Piece(head, head)
    for step in script.steps:
        if step[0] == "_f":
            yield _files(step[1:], router, now, mark)
            continue
        answer = _answer(step, router, now)
        if answer is None:
            yield Piece(hang=script.patience)
            return
        yield _piece(answer.stdout, answer.stderr, mark, str(answer.status))


def _files(paths: Sequence[str], router: Router, now: float, mark: str) -> Piece:
    """Each behind the same line, the first word of the mark; the closing line has a digit for each."""
    found = [router.read(path, now) for path in paths]
    between = f"pomona-{mark.partition('-')[0]}\n".encode()
    digits = "".join("7" if content is None else "0" for content in found)
    return _piece(b"".join(between + (content or b"") for content in found), b"", mark, digits)


def _piece(stdout: bytes, stderr: bytes, mark: str, status: str) -> Piece:
    """An answer with its closing lines."""
    return Piece(stdout + f"{mark} {status}\n".encode(), stderr + f"{mark}\n".encode())


def _answer(step: Sequence[str], router: Router, now: float) -> Answer | None:
    """A folder that is not there is status 127 without a word, as the script's own function has it."""
    return Answer(status=ABSENT) if step[0] == "_l" else router.run(step, now)


def plain(text: str, router: Router, now: float) -> Answer | None:
    """The answer to one command as a person types it."""
    try:
        words = shlex.split(text)
    except ValueError:
        return missing(text.split(maxsplit=1)[0])
    return router.run(words, now)
