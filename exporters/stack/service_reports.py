"""What a simulated Mac tells of its launchd jobs, and the diagnostic reports that pile up on it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from exporters.sources.replay import Captured
from exporters.stack.dynamics import HOUR
from exporters.stack.machines import GIB
from exporters.stack.view import Report, Reports, View

DAEMONS = ("com.example.backup", "com.example.sync", "com.example.vpn", "org.example.printd")
AGENTS = ("com.example.menu", "com.example.updates")
USER = 501
LOOPS, FAILS, PANICS = "Mac16,10", "MacBookPro17,1", "MacBookPro16,1"
"""The models with a job in a crash loop, a job that exits with an error, and a panic now and then."""
THROTTLE = 10
FOLDER = "/Library/Logs/DiagnosticReports"
NAMES = 20
"""Names of reports of one stem, by turns: long before one comes again its file is gone."""
KEPT = 3
"""Reports of one stem in the folder; as many older ones have been moved to `Retired`."""


@dataclass(frozen=True, slots=True)
class Job:
    """What launchctl prints; `exited` is the last exit code in its words."""

    state: str
    runs: int
    exited: str = "(never exited)"


def _job(label: str, view: View) -> Job | None:
    """None for a file whose job is not loaded."""
    random = view.chance(label)
    days = int(view.at.uptime // (24 * HOUR))
    match label:
        case "com.example.sync" if view.model.identifier == LOOPS:
            waits = int(view.at.time) % 60 < 50  # noqa: PLR2004 - most of the time
            return Job("spawn scheduled" if waits else "running", 5000 + int(view.at.time // THROTTLE), "1")
        case "com.example.backup" if view.model.identifier == FAILS:
            return Job("not running", 1 + days, "78: EX_CONFIG")
        case "com.example.backup" | "com.example.updates":
            return Job("not running", 1 + days, "0")
        case "org.example.printd":
            return Job("waiting", 0) if random.random() < 0.7 else None  # noqa: PLR2004 - on most Macs
    return Job("running", 1 + random.randrange(3), random.choice(("0", "(never exited)")))


def _printed(target: str, folder: str, view: View) -> Captured:
    label = target.rsplit("/", 1)[1]
    job = _job(label, view)
    if job is None:
        return Captured(
            stderr=f'Bad request.\nCould not find service "{label}" in domain for system\n'.encode(), exit=113
        )
    running = job.state == "running"
    pid = f"\tpid = {view.chance(label).randrange(300, 9000)}\n" if running else ""
    head = f"{target} = {{\n\tactive count = {int(running)}\n\tpath = {folder}/{label}.plist\n"
    middle = (
        f"\ttype = {folder.rsplit('/', 1)[1][:-1]}\n\tstate = {job.state}\n\n\tprogram = /opt/example/bin/{label}\n"
    )
    times = f"\tminimum runtime = {THROTTLE}\n\texit timeout = 5\n\truns = {job.runs}\n{pid}"
    peer = f'\tendpoints = {{\n\t\t"{label}.peer" = {{\n\t\t\tactive = 1\n\t\t\tstate = active\n\t\t}}\n\t}}\n'
    return Captured(f"{head}{middle}{times}\tlast exit code = {job.exited}\n\n{peer}}}\n".encode())


def _files(labels: tuple[str, ...], view: View) -> list[dict[str, Any]]:
    written = _booted(view) - 24 * HOUR
    return [{"name": f"{label}.plist", "size": 700, "modified": written} for label in labels]


def _booted(view: View) -> float:
    return float(round(view.at.now - view.at.uptime))


def _console(view: View) -> dict[str, int]:
    """Nobody sits at a desktop Mac that serves."""
    return {"uid": USER if view.model.battery else 0}


@dataclass(frozen=True, slots=True)
class Stem:
    """Reports of one kind: how often one is written in hours of the Mac's own time, and how their names are made."""

    what: str
    hours: float
    name: str
    size: int

    def named(self, number: int) -> str:
        """The name of the report of that number."""
        turn = number % NAMES
        return self.name.format(f"2026-10-{turn + 1:02}-{turn + 1:02}{7 * turn % 60:02}12")


CRASH = Stem("crash", 9, "Example Editor-{}.ips", 48_000)
PANIC = Stem("panic", 20, "panic-full-{}.panic", 610_000)
TELEMETRY = Stem("telemetry", 4, "SFA-example_{}.diag", 600)
FAULT = Stem("fault", 13, "ExcUserFault_Example Viewer-{}.ips", 31_000)
MEMORY = Stem("memory", 8, "JetsamEvent-{}.ips", 290_000)
SHORT = 8 * GIB


def _stems(view: View) -> Iterator[Stem]:
    yield from (TELEMETRY, CRASH)
    if view.chance("fault").random() < 0.5:  # noqa: PLR2004 - on every other Mac
        yield FAULT
    if view.model.memory <= SHORT:
        yield MEMORY
    if view.model.identifier == PANICS:
        yield PANIC


def _reports(view: View, *, retired: bool) -> list[dict[str, Any]]:
    return [each for stem in _stems(view) for each in _of(stem, view, retired=retired)]


def _of(stem: Stem, view: View, *, retired: bool) -> Iterator[dict[str, Any]]:
    """The newest stay in the folder; a Mac that sleeps has only those from before its start."""
    period = stem.hours * HOUR
    past = view.chance(stem.what).uniform(0.1, 0.9) * period
    time = 0.0 if view.model.sleeps else view.at.time
    newest = 2 * KEPT + int((time + past) // period)
    for number in range(newest - KEPT * (1 + retired) + 1, newest - KEPT * retired + 1):
        since = (time + past - (number - 2 * KEPT) * period) / view.at.speed
        begun = _booted(view) if view.model.sleeps else view.at.now
        yield {"name": stem.named(number), "size": stem.size, "modified": float(round(begun - since))}


def _crash(number: int, view: View) -> bytes:
    """The first line, then the beginning of the report."""
    head = {
        "app_name": "Example Editor",
        "timestamp": f"2026-10-{number + 1:02} 10:00:12.00 +0000",
        "platform": 1,
        "bundleID": "com.example.editor",
        "bug_type": "309",
        "os_version": f"macOS {view.model.os_version} ({view.model.os_build})",
        "name": "Example Editor",
    }
    return msgspec.json.encode(head) + b'\n{\n  "procName" : "Example Editor",\n'


def _commands() -> Iterator[tuple[str, Report]]:
    jobs = (("system", "/Library/LaunchDaemons", DAEMONS), (f"gui/{USER}", "/Library/LaunchAgents", AGENTS))
    for domain, folder, labels in jobs:
        for label in labels:
            yield f"launchctl print {domain}/{label}", partial(_printed, f"{domain}/{label}", folder)


def _crashes() -> Mapping[str, Report]:
    folders = (FOLDER, f"{FOLDER}/Retired")
    return {f"{path}/{CRASH.named(number)}": partial(_crash, number) for path in folders for number in range(NAMES)}


REPORTS = Reports(
    commands=dict(_commands()),
    files=_crashes(),
    listings={
        "/Library/LaunchDaemons": partial(_files, DAEMONS),
        "/Library/LaunchAgents": partial(_files, AGENTS),
        FOLDER: partial(_reports, retired=False),
        f"{FOLDER}/Retired": partial(_reports, retired=True),
    },
    systems={"console": _console},
)
