"""Which clocks of the system run on while it sleeps, and which do not."""

import sys
import time


def clock_ids() -> tuple[int, int]:
    """With sleep and without, for `time.clock_gettime`: RAW ones on Darwin, where the others are adjusted."""
    if sys.platform == "darwin":
        return time.CLOCK_MONOTONIC_RAW, time.CLOCK_UPTIME_RAW
    return getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC), time.CLOCK_MONOTONIC
