"""How the last three looks at one thing went, as long as the machine did not sleep between them."""

from dataclasses import dataclass

from exporters.core.read import amount, record
from exporters.sources.base import Replies, System

CLOCKS = System("clocks")
"""Shape: `{now, elapsed, awake}`; it always answers."""
KEPT = 3
NAP = 1.0
"""Seconds of sleep that part what was before from what comes after."""


def slept(replies: Replies) -> float | None:
    """Seconds that the machine has slept since it booted; None where its clocks were not told."""
    told = replies.get(CLOCKS)
    if told is None:
        return None
    clocks = record(told)
    return amount(clocks.get("elapsed")) - amount(clocks.get("awake"))


@dataclass(frozen=True, slots=True)
class Recent:
    """Of each of the last looks whether it was bad; `slept` is what the machine had slept by then."""

    bad: tuple[bool, ...] = ()
    slept: float | None = None

    def then(self, bad: bool, asleep: float | None) -> "Recent":
        """With one look more. What was before a sleep or a boot says nothing about now."""
        if asleep is None:
            asleep = self.slept
        same = self.slept is None or asleep is None or abs(asleep - self.slept) < NAP
        return Recent(((*self.bad, bad) if same else (bad,))[-KEPT:], asleep)

    @property
    def failures(self) -> int:
        """How many were bad, 0 to 3."""
        return sum(self.bad)


NEVER = Recent()
"""Of what was not looked at yet."""
