"""The configuration in force and how it came there: a bad one changes nothing, and is told."""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

from exporters.core import log as logs
from exporters.core import selfmetrics
from exporters.core.clock import Clock
from exporters.core.errors import PersonError
from exporters.core.metrics import Sample
from exporters.core.options import Log, State
from exporters.core.options import Web as Options
from exporters.core.web import Web

log = logging.getLogger("pomona")


class Configured(Protocol):
    """Settings of any exporter."""

    @property
    def web(self) -> Options:
        """Where and how it serves."""

    @property
    def log(self) -> Log:
        """What is logged, and how."""

    @property
    def state(self) -> State:
        """Where the last observations lie."""

    @property
    def key_kept(self) -> bool:
        """Whether hashes are the same after a restart."""


Kind = TypeVar("Kind", bound=Configured)


class Reloading(Generic[Kind]):
    """Holds the settings; `again` loads new ones, and `take` does what follows from the change."""

    def __init__(self, settings: Kind, load: Callable[[], Kind], clock: Clock) -> None:
        self.settings = settings
        self._load, self._clock = load, clock
        self._lock = threading.Lock()
        self._good, self._at = True, clock.now()
        self._build = tuple(selfmetrics.build())

    def again(self, take: Callable[[], None]) -> str:
        """Reads the configuration again; a bad one keeps the running one. The one-line error, or nothing."""
        with self._lock:
            try:
                settings = self._load()
            except PersonError as error:
                return self._refused(str(error))
            except Exception as bug:  # noqa: BLE001 - whatever is in the file, the running configuration stays
                return self._refused(f"the configuration cannot be read ({type(bug).__name__})")
            before, self.settings = self.settings, settings
            for section in ("web", "state"):
                if getattr(before, section) != getattr(settings, section):
                    log.warning("changes of the section %s take effect at the next start", section)
            logs.setup(settings.log.level, settings.log.format)
            take()
            self._good, self._at = True, self._clock.now()
            log.info("configuration reloaded")
            return ""

    def samples(self, web: Web | None) -> Iterator[Sample]:
        """Which exporter this is, whether its configuration and that of its server are those on disk."""
        yield from self._build
        yield from selfmetrics.RELOADED(self._good)
        yield from selfmetrics.RELOADED_AT(self._at)
        if web is not None and self.settings.web.config_file:
            yield from selfmetrics.WEB_FILE(web.file_good)
        yield from selfmetrics.KEY(self.settings.key_kept)

    def _refused(self, why: str) -> str:
        self._good = False
        log.error("configuration not reloaded: %s", why)
        return why
