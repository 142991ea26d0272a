"""The configuration in force and how it came there: a bad one changes nothing, and is told."""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from exporters.core import selfmetrics
from exporters.core.clock import Clock
from exporters.core.errors import PersonError
from exporters.core.metrics import Sample
from exporters.core.options import Web

log = logging.getLogger("pomona")


class Configured(Protocol):
    """Settings of any exporter."""

    @property
    def web(self) -> Web:
        """Where and how it serves."""


Kind = TypeVar("Kind", bound=Configured)


class Reloading(Generic[Kind]):
    """Holds the settings; `again` loads new ones, and `take(before)` does what follows from the change."""

    def __init__(self, settings: Kind, load: Callable[[], Kind], clock: Clock) -> None:
        self.settings = settings
        self._load, self._clock = load, clock
        self._lock = threading.Lock()
        self._good, self._at = True, clock.now()
        self._build = tuple(selfmetrics.build())

    def again(self, take: Callable[[Kind], None]) -> str:
        """Reads the configuration again; a bad one keeps the running one. The one-line error, or nothing."""
        with self._lock:
            try:
                settings = self._load()
            except PersonError as error:
                return self._refused(str(error))
            except Exception as bug:  # noqa: BLE001 - whatever is in the file, the running configuration stays
                return self._refused(f"the configuration cannot be read ({type(bug).__name__})")
            before, self.settings = self.settings, settings
            if before.web != settings.web:
                log.warning("changes of the section web take effect at the next start")
            take(before)
            self._good, self._at = True, self._clock.now()
            log.info("configuration reloaded")
            return ""

    def samples(self) -> Iterator[Sample]:
        """Which exporter this is, whether its configuration is the one on disk."""
        yield from self._build
        yield from selfmetrics.RELOADED(self._good)
        yield from selfmetrics.RELOADED_AT(self._at)

    def _refused(self, why: str) -> str:
        self._good = False
        log.error("configuration not reloaded: %s", why)
        return why
