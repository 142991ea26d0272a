"""One collector asked once, for a person who looks: what it found, how long it took, what went wrong."""

import time
from dataclasses import dataclass
from typing import Any

from exporters.core.collector import Collector
from exporters.core.context import Context
from exporters.core.flight import Look, look
from exporters.core.metrics import Sample
from exporters.sources.base import Source
from exporters.sources.memory import Remembering


@dataclass(frozen=True, slots=True)
class Finding:
    """The look, its samples, the state after it, the seconds it took; `crash` names a bug of the collector."""

    collector: Collector
    look: Look
    samples: tuple[Sample, ...] = ()
    state: Any = None
    seconds: float = 0.0
    crash: str = ""


def one_round(source: Source) -> Source:
    """The source for one round of all collectors: what two of them ask is asked once."""
    return Remembering(source, clock=lambda: 0.0)


def examine(declared: Collector, source: Source, context: Context, now: float, state: Any = None) -> Finding:
    """Asks, and advances the state where there is one. `now` in Unix seconds."""
    begin = time.perf_counter()
    seen, crash = Look(), ""
    samples: tuple[Sample, ...] = ()
    try:
        seen = look(declared, source, context, state)
        if seen.supported and seen.failed is None:
            shown = seen.reading
            if declared.advance is not None:
                shown = state = declared.advance(state, seen.reading, now, context)
            samples = tuple(declared.metrics(shown, context))
    except Exception as error:  # noqa: BLE001 - one collector's bug is told and must not end the round
        crash = type(error).__name__
    return Finding(declared, seen, samples, state, time.perf_counter() - begin, crash)
