"""What promtool and amtool say about the files, where they are found."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from exporters.sources.base import Command, Output, SourceError
from exporters.sources.engines import ENVIRONMENT, find
from exporters.sources.local import Local

TIMEOUT = 60.0
ANY_EXIT = (0, 1, 2, 3)
_POSITION = re.compile(r"(?:(?P<line>\d+):\d+: )?(?P<what>.*)\Z", re.DOTALL)
_GO_LINE = re.compile(r"\bline (\d+)\b")
_FAILED = re.compile(r"^(?:Checking '[^']*')?\s*FAILED:\s*", re.MULTILINE)


class NotRun(Exception):
    """A tool that is not here, or that does not answer; says so."""


def promtool(files: Iterable[Path], environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """The complaints about rule files, each with its file, and its line where it tells one."""
    for file in files:
        path = str(file.resolve())
        output = _run(("promtool", "check", "rules", path), find(environment).promtool)
        entries = list(_entries(output.stderr.decode(errors="replace"), path))
        if output.exit and not entries:
            entries = [f"it ended with status {output.exit}"]
        for each in entries:
            found = _POSITION.match(each.removeprefix(f"{path}: "))
            yield _complaint(file, found["line"] if found else None, found["what"] if found else each, "promtool")


def amtool(file: Path, environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """The complaints about Alertmanager's file."""
    output = _run(("amtool", "check-config", str(file.resolve())), find(environment).amtool)
    complaints = _FAILED.split(output.stdout.decode(errors="replace"))[1:]
    if output.exit and not complaints:
        complaints = [f"it ended with status {output.exit}"]
    for each in complaints:
        yield _complaint(file, None, each, "amtool")


def _complaint(file: Path, line: str | None, what: str, tool: str) -> str:
    at = line or next(iter(_GO_LINE.findall(what)), "1")
    return f"{file}:{at}: {' '.join(what.split())} (says {tool})"


def _entries(printed: str, path: str) -> Iterator[str]:
    """One text for each complaint: a line that continues another stands below it."""
    entry: list[str] = []
    for line in printed.splitlines():
        text = line.strip()
        starts = text.startswith((f"{path}: ", "lint error"))
        if starts and entry:
            yield " ".join(entry)
            entry = []
        if starts or (entry and text != "FAILED:"):
            entry.append(text)
    if entry:
        yield " ".join(entry)


def _run(argv: tuple[str, ...], program: str | None) -> Output:
    name = argv[0]
    if program is None:
        raise NotRun(f"{name} was not found (install it, or name its folder in {ENVIRONMENT})")
    local = Local(directories=(str(Path(program).parent),), added=())
    try:
        return local.ask(Command(argv, ok_exits=ANY_EXIT, timeout=TIMEOUT))
    except SourceError as error:
        raise NotRun(f"{name} gave no answer ({error})") from error
    finally:
        local.close()
