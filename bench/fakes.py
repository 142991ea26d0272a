"""The source of an agent under measurement: this machine's host facts, and a Mac's tools, files and sysctls."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporters.sources.base import Answer_co, File, Listing, Outcome, Question, System, ask_each
from exporters.sources.local import Local
from exporters.sources.replay import Replay, load_captures

ANSWERS = "answers"
OWN_FACTS = ("sysctl", "addresses", "console")
"""The facts that only a Mac has, or that must fit its reports."""


@dataclass(frozen=True, slots=True)
class FakeMac:
    """Programs of a folder print a Mac's reports, so that forks, pipes and parsing cost what they cost."""

    local: Local
    captured: Replay

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        """The answer, or a `SourceError`."""
        own = isinstance(question, System) and question.name in OWN_FACTS
        return (self.captured if own or isinstance(question, File | Listing) else self.local).ask(question)

    def ask_many(self, questions: Iterable[Question[Any]]) -> Outcome:
        """Each question with its answer or its error."""
        return ask_each(self, questions)

    def close(self) -> None:
        """Ends the programs that run."""
        self.local.close()


def fake_mac(folder: Path) -> FakeMac:
    """The source over what `bench.reports.write` left in a folder."""
    return FakeMac(Local(directories=(str(folder),), added=()), Replay(load_captures(folder / ANSWERS)))
