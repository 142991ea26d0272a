"""Programs that print a simulated Mac's reports, so that forks, pipes and parsing cost what they cost."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporters.core.clock import system_clock
from exporters.sources.base import Answer_co, Outcome, Question, System, ask_each
from exporters.sources.local import Local
from exporters.sources.replay import Captured, Captures, Replay
from exporters.stack.machines import MODELS
from exporters.stack.simulated import Fleet, Mac


def macs() -> list[Mac]:
    """One simulated Mac of each model."""
    fleet = Fleet(len(MODELS), 1, 1.0, system_clock())
    return [mac for name in fleet.names() if (mac := fleet.mac(name))]


def write(mac: Mac, folder: Path) -> None:
    """One shell script for each program, which prints what was captured for its arguments."""
    programs: dict[str, list[str]] = {}
    for position, (argv, supply) in enumerate(mac.captures.commands.items()):
        captured = supply() if callable(supply) else supply
        report = folder / f"report-{position}"
        report.write_bytes(captured.stdout)
        arguments = shlex.quote(" ".join(argv[1:]))
        programs.setdefault(argv[0], []).append(f"{arguments}) exec /bin/cat {shlex.quote(str(report))} ;;")
    for program, cases in programs.items():
        script = folder / program
        script.write_text("\n".join(['#!/bin/sh\ncase "$*" in', *cases, "esac\nexit 64\n"]))
        script.chmod(0o755)


@dataclass(frozen=True, slots=True)
class FakeMac:
    """Host facts of this machine, a Mac's sysctls, and its tools as programs of a folder."""

    local: Local
    facts: Replay

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        """The answer, or a `SourceError`."""
        if question == System("sysctl"):
            return self.facts.ask(question)
        return self.local.ask(question)

    def ask_many(self, questions: Iterable[Question[Any]]) -> Outcome:
        """Each question with its answer or its error."""
        return ask_each(self, questions)

    def close(self) -> None:
        """Ends the programs that run."""
        self.local.close()


def fake_mac(folder: Path, sysctl: bytes) -> FakeMac:
    """The source over the programs that `write` left in a folder."""
    return FakeMac(Local(directories=(str(folder),)), Replay(Captures(systems={"sysctl": Captured(sysctl)})))
