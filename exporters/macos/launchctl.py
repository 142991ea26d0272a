"""What `launchctl print` tells of one job. Its manual calls that no interface for programs, so little is relied on."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from exporters.core.read import lines
from exporters.sources.base import Command, Output, ParseError

State = Literal["running", "not_running", "waiting", "spawn_scheduled", "not_loaded", "unknown"]
Problem = Literal["cannot_execute", "restart_delay", "exit_code"]
NOT_FOUND = 113
MISSING = b"Could not find service"
WORDS: Mapping[str, State] = {
    "running": "running",
    "not running": "not_running",
    "waiting": "waiting",
    "spawn scheduled": "spawn_scheduled",
}
PAIR = re.compile(r"\t([a-z][a-z ]*) = (.+)")
"""One tab: endpoints and event triggers, which have states of their own, stand deeper."""
CODE = re.compile(r"(-?\d{1,10})(?:: .*)?")
"""`0`, `78: EX_CONFIG`; `(never exited)` is none."""
RUNS = re.compile(r"\d{1,10}")


@dataclass(frozen=True, slots=True)
class Job:
    """How a job stands: the code it last exited with, how often it was started, whether it cannot be executed."""

    state: State
    code: int | None = None
    runs: int | None = None
    unstartable: bool = False

    @property
    def problem(self) -> Problem | None:
        """The worst that is wrong with it. launchd makes a job wait that exits too soon after its start."""
        if self.unstartable:
            return "cannot_execute"
        if self.state == "spawn_scheduled":
            return "restart_delay"
        return "exit_code" if self.code else None


def question(target: str) -> Command:
    """The question about `system/LABEL` or `gui/UID/LABEL`."""
    return Command(("launchctl", "print", target), ok_exits=(0, NOT_FOUND), timeout=5)


def read(output: Output, target: str) -> Job:
    """`TARGET = {`, lines `<TAB>key = value` and deeper blocks, `}`. A word that is new is the state `unknown`."""
    if output.exit == NOT_FOUND:
        if MISSING not in output.stderr:
            raise ParseError("launchctl does not say that there is no such job")
        return Job("not_loaded")
    told = _whole(lines(output.stdout), target)
    pairs = {found[1]: found[2] for line in reversed(told) if (found := PAIR.fullmatch(line))}  # the first one wins
    if "state" not in pairs:
        raise ParseError("launchctl tells no state")
    code = _number(CODE, pairs.get("last exit code"))
    broken = code is None and pairs.get("last exit reason", "").startswith("OS_REASON_EXEC")
    return Job(WORDS.get(pairs["state"], "unknown"), code, _number(RUNS, pairs.get("runs")), broken)


def _whole(told: Iterable[str], target: str) -> list[str]:
    """The lines between the head and the brace that closes it."""
    kept = [line for line in told if line]
    if len(kept) < 2 or kept[0] != f"{target} = {{" or kept[-1] != "}":  # noqa: PLR2004 - head and end
        raise ParseError("launchctl does not tell of the job that was asked for, or not to its end")
    return kept[1:-1]


def _number(pattern: re.Pattern[str], told: str | None) -> int | None:
    found = pattern.fullmatch(told or "")
    return int(found[found.lastindex or 0]) if found else None
