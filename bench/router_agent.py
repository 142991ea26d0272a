"""The router exporter under measurement: `python -m bench.router_agent CONFIG STATE PORT SECONDS`.

Before each probe its clock leaps by so many seconds, so that the answers of the probe before are too old: more than 30
with the connection kept, more than 300 with it closed as idle.
"""

import os
import sys
from pathlib import Path

from exporters.core.clock import SystemClock, system_clock
from exporters.core.collector import discover
from exporters.core.privacy import Key
from exporters.core.serve import serve
from exporters.operate.router import OPENWRT
from exporters.operate.routers.config import RouterSettings, load
from exporters.operate.routers.service import THREADS, Routers
from exporters.operate.routers.target import Router


class Leaping:
    """The machine's clocks, of which those that measure ages can leap."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self._leapt = 0.0

    def now(self) -> float:
        """Unix time."""
        return self._clock.now()

    def elapsed(self) -> float:
        """Seconds since an arbitrary start."""
        return self._clock.elapsed() + self._leapt

    def awake(self) -> float:
        """The same: the machine does not sleep."""
        return self._clock.awake() + self._leapt

    def leap(self, seconds: float) -> None:
        """Lets time pass."""
        self._leapt += seconds


class Probed(Routers):
    """Routers between whose probes time passes."""

    def __init__(self, settings: RouterSettings, folder: Path, clock: Leaping, seconds: float) -> None:
        super().__init__(settings, lambda: settings, folder, clock)
        self._time, self._seconds = clock, seconds

    def runner(self, target: str, module: str = "") -> Router | None:
        """The target, some time after the probe before; what is idle by now is closed."""
        self._time.leap(self._seconds)
        self.tick()
        return super().runner(target, module)


def main(config: str, state: str, port: str, seconds: str) -> int:
    """Serves like `pomona router` does."""
    flags = {"web.listen_address": [f"127.0.0.1:{port}"], "log.level": "error"}
    settings = load(discover(OPENWRT), Path(config), os.environ, flags, lambda _: Key(b"bench" * 4))
    clock = Leaping(system_clock())
    return serve(lambda: Probed(settings, Path(state), clock, float(seconds)), THREADS)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
