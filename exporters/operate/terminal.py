"""Text for people: colours and the window's width on a terminal, plain and wide in a pipe."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from exporters.core.collector import Collector
from exporters.core.printable import printable

PIPE_WIDTH = 160
Item = TypeVar("Item")


def terminal() -> Console:
    """Standard output; where that is no terminal, wide enough for a command line beside its outcome."""
    console = Console(highlight=False)
    if console.is_terminal or "COLUMNS" in os.environ:
        return console
    return Console(width=PIPE_WIDTH, highlight=False)


def plain(text: str, style: str = "") -> Text:
    """Text that came from the machine: no markup, and no control characters that a terminal would obey."""
    return Text(printable(text, kept="\n"), style)


def one_by_one(collectors: Iterable[Collector], console: Console) -> Iterator[Collector]:
    """The collectors, with a progress bar on a terminal that names the one at work."""
    waiting: Sequence[Collector] = tuple(collectors)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(waiting))
        for declared in waiting:
            progress.update(task, description=declared.name)
            yield declared
            progress.advance(task)
