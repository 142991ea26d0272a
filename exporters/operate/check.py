"""`pomona agent check`: what works here, what each collector needs, and how to mend what does not work."""

import os
import shlex
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporters.core.cell import UNHURT
from exporters.core.collector import Collector
from exporters.core.context import Context
from exporters.core.flight import questions_of
from exporters.operate.sudoers import root_commands
from exporters.operate.survey import Finding, examine, one_round
from exporters.operate.terminal import one_by_one, plain, terminal
from exporters.sources.base import Command, Problem, Question, Source
from exporters.sources.local import Local

Where = Callable[[str], str | None]
OUTCOMES: Mapping[Problem, str] = {
    "denied": "denied",
    "not_found": "missing",
    "timeout": "timed out",
    "failed": "failed",
    "unparsable": "unreadable",
    "unreachable": "unreachable",
}
STYLES = {"works": "green", "works in part": "yellow", "unsupported": "dim", "nothing configured": "dim"}


def run(
    collectors: Iterable[Collector],
    source: Source,
    contexts: Mapping[str, Context],
    *,
    console: Console | None = None,
    where: Where | None = None,
) -> int:
    """Prints the table; 0 where nothing is wrong, else 1. `where` gives the absolute path of a program."""
    console, shared = console or terminal(), one_round(source)
    findings = [
        examine(declared, shared, contexts[declared.name], time.time()) for declared in one_by_one(collectors, console)
    ]
    console.print(_table(findings, contexts, where or Local().where))
    console.print(plain(_summary(_word(finding, contexts[finding.collector.name]) for finding in findings)))
    return int(any(_is_wrong(finding) for finding in findings))


def nowhere(_: str) -> None:
    """Where the programs of a capture lie."""


def _table(findings: Iterable[Finding], contexts: Mapping[str, Context], where: Where) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Collector", no_wrap=True)
    table.add_column("Outcome")
    table.add_column("Samples", justify="right")
    table.add_column("Time", justify="right", no_wrap=True)
    table.add_column("Privilege")
    table.add_column("Asks", overflow="fold")
    for finding in findings:
        declared, context = finding.collector, contexts[finding.collector.name]
        table.add_row(
            declared.name,
            _outcome(finding, context, where),
            str(len(finding.samples)),
            f"{finding.seconds * 1000:.0f} ms",
            plain(declared.privilege),
            plain("\n".join(_line(question, where) for question in questions_of(declared, context))),
        )
    return table


def _line(question: Question[object], where: Where) -> str:
    """A command as it can be typed, with the absolute path that will be run."""
    if not isinstance(question, Command):
        return str(question)
    program = question.argv[0]
    typed = shlex.join((where(program) or program, *question.argv[1:]))
    return f"sudo -n {typed}" if question.root else typed


def _outcome(finding: Finding, context: Context, where: Where) -> Text:
    """The word, then each reason and its mend on lines of their own."""
    word = _word(finding, context)
    text = plain(word, STYLES.get(word, "red"))
    if finding.crash:
        text.append("\n").append_text(plain(f"{finding.crash}: a bug of this collector; please report it"))
    for problem, reason in finding.look.problems.items():
        text.append("\n").append_text(plain(f"{OUTCOMES[problem]}: {reason}"))
        text.append("\n").append_text(plain(f"-> {_mend(finding.collector, problem, context, where)}"))
    return text


def _word(finding: Finding, context: Context) -> str:
    if finding.crash:
        return "crashed"
    if not questions_of(finding.collector, context):
        return "nothing configured"
    if not finding.look.supported:
        return "unsupported"
    if finding.look.failed is not None:
        return OUTCOMES[finding.look.failed]
    return "works in part" if finding.look.problems else "works"


def _mend(declared: Collector, problem: Problem, context: Context, where: Where) -> str:
    """What a person can do about it."""
    switch = f"--no-collector.{declared.name}"
    match problem:
        case "denied":
            allow = "allow it (pomona agent sudoers), or " if any(root_commands(declared, context)) else ""
            return f"{allow}{_right(declared)}; or switch it off: {switch}"
        case "not_found":
            return f"{_install(declared, context, where)}switch it off: {switch}"
        case "timeout":
            return f"try again when the machine is less busy, or switch it off: {switch}"
        case "failed":
            return "run the command by hand to read what it says"
    return "send a capture, so that this form can be read: pomona agent capture DIR"


def _right(declared: Collector) -> str:
    """What it declares to need. Whom macOS refuses though he is root lacks Full Disk Access."""
    needs = declared.privilege.removeprefix("none; ")
    if os.geteuid() == 0 and "Full Disk Access" not in needs:
        return "on macOS, give the program that runs pomona Full Disk Access"
    return "run as root (sudo pomona agent check)" if needs == "none" else f"it needs: {needs}"


def _install(declared: Collector, context: Context, where: Where) -> str:
    if where is nowhere:
        return "it is not in this capture: take one on a Mac, or "
    missing = sorted(_missing(declared, context, where))
    return f"install {' and '.join(missing)}, or " if missing else ""


def _missing(declared: Collector, context: Context, where: Where) -> set[str]:
    required = (each for each in declared.required_for(context) if isinstance(each, Command))
    return {each.argv[0] for each in required if where(each.argv[0]) is None}


def _is_wrong(finding: Finding) -> bool:
    """As in the collector's success metric: an optional question that was refused is a matter of set-up."""
    return bool(finding.crash or finding.look.failed or finding.look.problems.keys() - UNHURT)


def _summary(words: Iterable[str]) -> str:
    counts = Counter(words)
    parts = ", ".join(f"{word} {count}" for word, count in counts.most_common())
    return f"{counts.total()} collectors: {parts}" if counts else "no collector is switched on"
