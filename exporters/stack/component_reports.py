"""What simulated Macs are configured to run, and how it does: an agent with a work queue, a print server, backups.

On one model nothing leaves the queue any more, on one the print server begins anew time and again, on one the backup
job has not been seen for days.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any
from zlib import crc32

from exporters.stack.dynamics import HOUR, MINUTE
from exporters.stack.view import Fact, Reports, View

DAY = 24 * HOUR
STUCK, RESTARTS, LATE = "Mac17,2", "Mac16,1", "Mac14,2"
QUEUE = "/Library/Application Support/Patch Agent/queue"
HEALTH = "http://127.0.0.1:8765/health"
PRINTER = "127.0.0.1:631"
FOLDER, HEARTBEAT = "/var/tmp/backup-job", "heartbeat"  # noqa: S108 - a path of a Mac that does not exist
CONFIG: Mapping[str, Any] = {
    "components": (
        {
            "name": "patch-agent",
            "process": {"executable": "patch-agent"},
            "http": {"url": HEALTH, "field": "pending"},
            "queue": {state: f"{QUEUE}/{state}" for state in ("pending", "processing", "done", "failed")},
        },
        {"name": "print-server", "process": {"executable": "printd"}, "tcp": PRINTER},
        {"name": "backup-job", "heartbeat": f"{FOLDER}/{HEARTBEAT}"},
    )
}
"""Of the collector `components`, for the whole fleet."""
KEPT = 30
"""Items that were processed last and still lie in their folders."""
MOST = 200
"""Items that wait at most."""
EARLIER = 1000
"""Items before the simulation began."""
ONE_IN = 12
"""Of so many items one fails."""
WAITS, WORKS = 6 * MINUTE, 3 * MINUTE
BACKLOG = 5 * HOUR
"""For how long the queue was stuck when the simulation began."""
RESTART = 10 * MINUTE
DOWN = 20
"""Seconds that the print server needs to begin again."""
BEATS = 15 * MINUTE


def _pace(view: View) -> float:
    """Seconds between two items."""
    return view.chance("patches").uniform(15, 45) * MINUTE


def _arrived(view: View, before: float) -> int:
    """The number of the newest item that is at least so many seconds old."""
    return EARLIER + int((view.site.time - before) // _pace(view))


def _items(view: View, numbers: Iterable[int], later: float) -> list[dict[str, Any]]:
    """Files that were moved so many seconds after they arrived."""
    pace = _pace(view)
    moments = ((number, (number - EARLIER) * pace + later) for number in numbers)
    return [{"name": f"patch-{number}.job", "size": 2048, "modified": view.site.moment(at)} for number, at in moments]


def _is_stuck(view: View) -> bool:
    return view.model.identifier == STUCK


def _done(view: View) -> int:
    """The number of the newest item that was processed."""
    if _is_stuck(view):
        return EARLIER - 1 - int(BACKLOG // _pace(view))
    return _arrived(view, WAITS + WORKS)


def _begun(view: View) -> int:
    """The number of the newest item that is or was at work."""
    return _done(view) + 1 if _is_stuck(view) else _arrived(view, WAITS)


def _waiting(view: View) -> range:
    return range(_begun(view) + 1, min(_arrived(view, 0), _begun(view) + MOST) + 1)


def pending(view: View) -> list[dict[str, Any]]:
    """The folder of what has not been begun."""
    return _items(view, _waiting(view), 0)


def processing(view: View) -> list[dict[str, Any]]:
    """The folder of what is at work."""
    return _items(view, range(_done(view) + 1, _begun(view) + 1), WAITS)


def _fails(view: View, number: int) -> bool:
    return crc32(f"{view.seed}/patch/{number}".encode()) % ONE_IN == 0


def processed(view: View, *, failed: bool) -> list[dict[str, Any]]:
    """The folder of what went well, or of what did not."""
    newest = _done(view)
    kept = range(newest - KEPT + 1, newest + 1)
    return _items(view, (each for each in kept if _fails(view, each) == failed), WAITS + WORKS)


def health(view: View) -> dict[str, Any]:
    """The page of the agent: all is well, it says, whatever waits."""
    seconds = 0.004 + 0.01 * view.flicker("health")
    answer = {"success": True, "reason": "", "seconds": seconds, "family": "ipv4", "status": 200}
    return answer | {"phases": {"connect": 0.0005, "first_byte": seconds}, "value": len(_waiting(view))}


def agent(view: View) -> list[dict[str, Any]]:
    """Since shortly after the start of the Mac."""
    return [_process(view, 412, view.at.now - view.at.uptime + 40, 0.012)]


def _process(view: View, pid: int, created: float, busy: float) -> dict[str, Any]:
    """CPU time grows with the time since it began."""
    lived = max(view.at.now - created, 0.0)
    size = 48_000_000 + int(8_000_000 * view.heat)
    return {"pid": pid, "created": created, "cpu_seconds": busy * lived, "rss": size, "open_files": 42, "threads": 9}


def _restarted(view: View) -> tuple[int, float]:
    """How often the print server began anew, and the seconds since it did."""
    number, since = divmod(view.site.time + view.chance("print server").uniform(0, RESTART), RESTART)
    return int(number), since


def printer(view: View) -> list[dict[str, Any]]:
    """Since shortly after the start of the Mac, or since it crashed the last time."""
    if view.model.identifier != RESTARTS:
        return [_process(view, 388, view.at.now - view.at.uptime + 30, 0.002)]
    number, since = _restarted(view)
    began = view.site.moment(view.site.time - since + DOWN)
    return [_process(view, 2000 + 7 * number, began, 0.002)] if since >= DOWN else []


def port(view: View) -> dict[str, Any]:
    """Refused while it is down."""
    if printer(view):
        return {"success": True, "reason": "", "seconds": 0.0004, "phases": {"connect": 0.0004}, "family": "ipv4"}
    return {"success": False, "reason": "refused", "seconds": 0.0002, "phases": {}}


def heartbeat(view: View) -> list[dict[str, Any]]:
    """Touched four times an hour; on one model days before the simulation began."""
    since = (view.site.time + view.chance("heartbeat").uniform(0, BEATS)) % BEATS
    late = view.model.identifier == LATE
    modified = view.site.begun // HOUR * HOUR - 3 * DAY if late else view.site.moment(view.site.time - since)
    return [{"name": HEARTBEAT, "size": 0, "modified": modified}]


def _folders() -> Iterator[tuple[str, Fact]]:
    yield f"{QUEUE}/pending", pending
    yield f"{QUEUE}/processing", processing
    yield f"{QUEUE}/done", partial(processed, failed=False)
    yield f"{QUEUE}/failed", partial(processed, failed=True)
    yield FOLDER, heartbeat


REPORTS = Reports(
    listings=dict(_folders()),
    probes={f"http {HEALTH}": health, f"tcp {PRINTER}": port},
    processes={"program patch-agent": agent, "program printd": printer},
)
