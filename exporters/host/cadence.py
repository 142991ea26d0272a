"""Whether all that is asked in one round can be answered before the next one begins."""

from collections.abc import Iterator

from exporters.core.explain import Place
from exporters.sources.probes import AT_ONCE


def too_slow(seconds: float, cadence: float) -> Iterator[tuple[Place, str]]:
    """The mistake, where probes that hang would keep the good ones from being asked in time."""
    if seconds > cadence:
        yield (
            ("cadence",),
            (
                f"all checks may take {seconds:g} s, {AT_ONCE} at once and each as long as the longest timeout, but "
                f"the next round begins after {cadence:g} s: shorten the timeouts, or give a longer cadence"
            ),
        )
