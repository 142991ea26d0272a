"""What the exporter tells about itself: build, process, configuration, state."""

import os
import platform
import resource
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import psutil

from exporters.core.metrics import Family, Sample, counter, gauge

BUILD = gauge("pomona_build_info", "Version of the exporter and of its Python (pomona).", "version", "python")
RELOADED = gauge("pomona_config_last_reload_successful", "1 if the last load of the configuration was (pomona).")
RELOADED_AT = gauge(
    "pomona_config_last_reload_success_timestamp_seconds", "When the configuration was last loaded (pomona)."
)
WEB_FILE = gauge(
    "pomona_web_config_last_reload_successful",
    "1 if the web file in force is the one on disk, else see the log (pomona).",
)
STATE = gauge("pomona_state_usable", "1 if observations outlive a restart, else see the log (pomona).")
EVENTS = gauge("pomona_event_log_usable", "1 if the last event could be written to the audit log (pomona).")
KEY = gauge("pomona_privacy_key_kept", "1 if hashed identities are the same after a restart (pomona).")
CPU = counter("process_cpu_seconds_total", "CPU time of this process, user and system (psutil cpu_times).")
RESIDENT = gauge("process_resident_memory_bytes", "Resident memory of this process (psutil memory_info).")
VIRTUAL = gauge("process_virtual_memory_bytes", "Virtual memory of this process (psutil memory_info).")
FILES = gauge("process_open_fds", "Open file descriptors of this process (psutil num_fds).")
MOST_FILES = gauge("process_max_fds", "File descriptors that this process may open (getrlimit).")
THREADS = gauge("process_threads", "Threads of this process (psutil num_threads).")
STARTED = gauge("process_start_time_seconds", "When this process started, Unix time (psutil create_time).")


def release() -> str:
    """The version of the installed distribution."""
    try:
        return version("pomona-exporters")
    except PackageNotFoundError:
        return "unknown"


def process() -> Iterator[Sample]:
    """The standard `process_*` families, which prometheus_client has on Linux only."""
    this = psutil.Process(os.getpid())
    with this.oneshot():
        spent, memory = this.cpu_times(), this.memory_info()
        yield from CPU(spent.user + spent.system)
        yield from RESIDENT(memory.rss)
        yield from VIRTUAL(memory.vms)
        yield from FILES(this.num_fds())
        yield from MOST_FILES(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        yield from THREADS(this.num_threads())
        yield from STARTED(this.create_time())


def build() -> Iterator[Sample]:
    """Which exporter this is."""
    yield from BUILD(1, version=release(), python=platform.python_version())


FAMILIES: tuple[Family, ...] = (
    BUILD,
    RELOADED,
    RELOADED_AT,
    WEB_FILE,
    STATE,
    EVENTS,
    KEY,
    CPU,
    RESIDENT,
    VIRTUAL,
    FILES,
    MOST_FILES,
    THREADS,
    STARTED,
)
