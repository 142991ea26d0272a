"""A batch of questions as one POSIX shell script (busybox ash).

The script holds no double quote and no newline, so that it can stand in `command="…"` of authorized_keys: dropbear
does not unescape there. With IFS empty and globbing off an unquoted expansion is safe, and that is what it relies on.
Each run draws its own mark, so that nothing a command prints (a device name) can pass for the end of an answer.
"""

import hashlib
import math
import re
import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import Any

from exporters.sources.base import Command, Failed, File, Listing, NotFound, Question, SourceError
from exporters.sources.sshtranscript import grouped

ORIGINAL_COMMAND = "pomona"
DATE = "DATE"
"""The word of a dated command in whose place a day stands."""
_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
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
# One `cat` for many files: on a small router each start of a program takes milliseconds. Between two files it reads the
# shell's own name, a word of this run; what a file holds can add to those words, never take one away, so their number
# tells. Where `cat` fails each file is read alone, behind a word that never leaves the shell: the rest of the mark.
_FILES = (
    "k=pomona-${m%%-*};{ printf $k >/proc/$$/comm;read -r c </proc/$$/comm;} 2>/dev/null;"
    "_s(){ s=0;[ -r $1 ]||s=6;[ -f $1 ]||s=5;[ -e $1 ]||s=7;};"
    "_t(){ for f do _s $f;r=$r$s;set -- $@ /proc/$$/comm;[ $s = 0 ]&&set -- $@ $f;shift;done;cat $@& p=$!;wait $p;};"
    r"_f(){ r=;[ x$c = x$k ]&&_t $@&&return;r=;for f do printf 'pomona-%s\n' ${m#*-};_s $f;"
    "[ $s = 0 ]&&{ cat $f& p=$!;wait $p||s=1;};r=$r$s;done;};"
)
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


def script(questions: Iterable[Question[Any]], dated: Sequence[Command] = ()) -> str:
    """The script that asks the files, then the rest in this order; what may hang goes last.

    Equal questions give an equal script. As a forced command it asks only the N-th of `dated` where the client's
    command is `pomona N YYYY-MM-DD`: of what a client sends, that day alone comes into a command, after its digits
    were checked.
    """
    asked = tuple(questions)
    kinds = {type(each) for each in asked}
    patience = max((seconds_of(asked), *(each.timeout for each in dated)))
    parts = [
        _START,
        _WATCH % math.ceil(patience + 1),
        _FILES if File in kinds else "",
        _LISTING if Listing in kinds else "",
    ]
    steps = [_arms(dated)] if dated else []
    groups = grouped(asked)
    steps += [f"{_step(each)};_e {_status(each)};" for each in groups[:-1]]
    steps += [_last(_step(each), _status(each)) for each in groups[-1:]]
    name = hashlib.sha256("".join((*parts, *steps)).encode(errors="surrogateescape")).hexdigest()[:16]
    return "".join((*parts, f"_h(){{ printf 'pomona-{name} %s\\n' $m;}};_h;_h >&2;", *steps))


def dated_command(question: Question[Any], dated: Sequence[Command]) -> str | None:
    """The client's command that asks it of a forced script; None where it is none of its dated commands."""
    for number, template in enumerate(dated):
        if day := _day(question, template):
            return f"{ORIGINAL_COMMAND} {number} {day}"
    return None


def header(text: str) -> bytes:
    """The word that a script prints first, with which it names itself."""
    found = re.search(r"pomona-[0-9a-f]{16}", text)
    return found.group().encode() if found else b""


def timeout_of(question: Question[Any]) -> float:
    """Seconds that the answer may take."""
    return question.timeout if isinstance(question, Command) else 10.0


def seconds_of(questions: Iterable[Question[Any]]) -> float:
    """Seconds that all their answers may take; files that are read at once have the time of one."""
    return sum(timeout_of(group[0]) for group in grouped(questions))


def _last(step: str, status: str = "$?") -> str:
    return f"{step};l={status};kill $w;_e $l"


def _status(group: Sequence[Question[Any]]) -> str:
    return "$r" if isinstance(group[0], File) else "$?"


def _arms(dated: Sequence[Command]) -> str:
    """A pattern of `case` holds for the whole word, and what it has matched ends in a day."""
    arms = "".join(
        f"'{ORIGINAL_COMMAND} {number} '{_DAY})d=${{SSH_ORIGINAL_COMMAND##* }};{_last(_dated_step(each))};exit;;"
        for number, each in enumerate(dated)
    )
    return f"case $SSH_ORIGINAL_COMMAND in {arms}esac;"


def _dated_step(template: Command) -> str:
    if template.argv.count(DATE) != 1 or refusal(template) or template.argv[0] == DATE:
        raise ValueError(f"{template}: a dated command has one word {DATE}")
    words = " ".join("$d" if each == DATE else shlex.quote(each) for each in template.argv[1:])
    return f"'{template.argv[0]}' {words}& p=$!;wait $p"


def _day(question: Question[Any], template: Command) -> str | None:
    place = template.argv.index(DATE)
    if not isinstance(question, Command) or len(question.argv) != len(template.argv):
        return None
    day = question.argv[place]
    argv = (*template.argv[:place], day, *template.argv[place + 1 :])
    return day if replace(template, argv=argv) == question and _is_day(day) else None


def _is_day(word: str) -> bool:
    with suppress(ValueError):
        return bool(re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", word) and date.fromisoformat(word))
    return False


def _step(group: Sequence[Question[Any]]) -> str:
    match group[0]:
        case Command(argv=argv):
            # Quoted, the program is never a keyword or an assignment of the shell.
            return f"'{argv[0]}' {shlex.join(argv[1:])}& p=$!;wait $p"
        case File():
            return shlex.join(("_f", *(each.path for each in group if isinstance(each, File))))
        case Listing(path=path, pattern=pattern):
            return shlex.join(("_l", path.rstrip("/") or "/", pattern))
    raise ValueError(f"{group[0]} cannot be asked by a script")
