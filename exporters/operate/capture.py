"""`pomona agent capture DIR`: asks every question once and writes a redacted folder that `--replay` answers from."""

import os
import platform
import pwd
import secrets
import socket
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from exporters.core.collector import Collector
from exporters.core.context import Context
from exporters.core.errors import PersonError
from exporters.operate.folder import Folder, Written
from exporters.operate.recording import Heard, Recording
from exporters.operate.redact import Redactor
from exporters.operate.survey import examine
from exporters.operate.terminal import one_by_one, plain, terminal
from exporters.sources.base import Question, Source


class CaptureRefused(PersonError):
    """A folder that a capture cannot be written to."""


def run(
    collectors: Iterable[Collector],
    source: Source,
    contexts: Mapping[str, Context],
    folder: Path,
    *,
    console: Console | None = None,
    machine: str = "",
    names: Iterable[str] | None = None,
) -> int:
    """Writes a new or empty folder. `names` are looked for in every text; by default `own_names`."""
    console = console or terminal()
    redactor = Redactor(secrets.token_bytes(32), own_names() if names is None else names)
    try:
        _prepare(folder)
        heard, crashes = _ask(collectors, source, contexts, console)
        written = Folder(folder, redactor).write(machine or _machine(), heard)
    except OSError as error:
        raise CaptureRefused(f"{folder}: {error.strerror}; give a folder that can be written") from error
    for line in (*_told(folder, written), *crashes):
        console.print(plain(line))
    return 0


def _prepare(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise CaptureRefused(f"{folder}: not empty; give a folder that does not exist yet")


def _ask(
    collectors: Iterable[Collector], source: Source, contexts: Mapping[str, Context], console: Console
) -> tuple[dict[Question[Any], Heard], list[str]]:
    """Both rounds of every collector; what was heard, and the collectors that could not read it for a bug."""
    heard: dict[Question[Any], Heard] = {}
    crashes = []
    for declared in one_by_one(collectors, console):
        recording = Recording(source, heard, frozenset(declared.publishes))
        finding = examine(declared, recording, contexts[declared.name], time.time())
        if finding.crash:
            crashes.append(f"{declared.name} crashed ({finding.crash}): a bug; please report it with this capture")
    return heard, crashes


def own_names() -> list[str]:
    """The names of this machine and of the people at it: account, full name and its words."""
    host = socket.gethostname()
    names = [host, host.split(".")[0]]
    for uid in {os.getuid(), _behind_sudo()}:
        try:
            account = pwd.getpwuid(uid)
        except KeyError:  # a user that only a directory service knows
            continue
        full = account.pw_gecos.split(",")[0]
        names += [account.pw_name, full, *full.split()]
    return names


def _behind_sudo() -> int:
    """The user who called sudo, else the one who runs this."""
    uid = os.environ.get("SUDO_UID", "")
    try:
        return int(uid) if uid else os.getuid()
    except ValueError as error:
        told = f"SUDO_UID: {uid[:20]!r} is no user number; unset it or give the one of the person at it"
        raise CaptureRefused(told) from error


def _machine() -> str:
    """What the index calls the machine: system and processor, nothing that tells it from others."""
    mac = platform.mac_ver()[0]
    return f"{f'macOS {mac}' if mac else f'{platform.system()} {platform.release()}'}, {platform.machine()}"


def _told(folder: Path, written: Written) -> Iterable[str]:
    yield f"{folder}: {written.answers} answers; replay them with: pomona agent --replay {folder}"
    for question in written.unreadable:
        yield f"left out, because it could not be read and so not be redacted: {question}"
    yield "Names, serial numbers and addresses were replaced by stand-ins. Before you share the folder, read index.yml"
    yield "and, because free text is only searched for known patterns, these files: " + ", ".join(
        written.texts or ["none"]
    )
