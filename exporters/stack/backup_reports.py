"""What a simulated Mac tells of Time Machine: tmutil, and the settings with the dates of backups.

Most back up every hour; one model has no destination, one tries in vain and has had no backup for weeks, of one none
was ever completed.
"""

import plistlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from exporters.stack.dynamics import HOUR, MINUTE
from exporters.stack.machines import GB
from exporters.stack.view import Reports, View

DAY = 24 * HOUR
WITHOUT = "Mac16,10"
IN_VAIN = "Mac14,2"
NEVER = "Mac15,12"
TOTAL = 3_250_000_000
PHASES = ((0.1, "MountingDiskImage"), (0.25, "FindingChanges"), (0.85, "Copying"), (0.95, "Finishing"))


@dataclass(frozen=True, slots=True)
class Round:
    """The hourly round: seconds into it, how long its backup takes."""

    into: float
    lasts: float

    @property
    def done(self) -> float:
        """The share of the backup that is over; above 1 once it has ended."""
        return self.into / self.lasts


def _round(view: View) -> Round:
    random = view.chance("backup")
    offset, lasts = random.uniform(0, HOUR), random.uniform(4, 15) * MINUTE
    return Round((view.at.time + offset) % HOUR, lasts)


def _local(view: View) -> bool:
    return view.chance("destination").random() < 0.4  # noqa: PLR2004 - the share of Macs with a disk of their own


def attached_size(view: View) -> int:
    """Bytes of the backup disk that is plugged in; 0 where there is none."""
    return 2000 * GB if _local(view) and view.model.identifier != WITHOUT else 0


def _identifier(view: View) -> str:
    digits = f"{view.chance('destination id').getrandbits(128):032X}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def destinations(view: View) -> bytes:
    """`tmutil destinationinfo -X`."""
    if view.model.identifier == WITHOUT:
        return plistlib.dumps({})
    told = {"ID": _identifier(view), "LastDestination": 1, "Name": "Backups"}
    place = {"Kind": "Local"} if _local(view) else {"Kind": "Network", "URL": "smb://backup@nas.example./Backups"}
    return plistlib.dumps({"Destinations": [told | place]})


def status(view: View) -> bytes:
    """`tmutil status`."""
    done = _round(view).done
    lines = ['ClientID = "com.apple.backupd"']
    if view.model.identifier in {WITHOUT, IN_VAIN} or done >= 1:
        return _session([*lines, 'Percent = "-1"', "Running = 0"])
    phase = next((name for end, name in PHASES if done < end), "ThinningPostBackup")
    started = time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime(view.at.now))
    lines = [f"BackupPhase = {phase}", *lines, f'DateOfStateChange = "{started}"']
    progress = _progress((done - 0.25) / 0.6) if phase == "Copying" else ['Percent = "-1"']
    return _session([*lines, f'DestinationID = "{_identifier(view)}"', *progress, "Running = 1"])


def _progress(share: float) -> list[str]:
    copied = int(share * TOTAL)
    inside = (f'Percent = "{share!r}"', f"bytes = {copied}", f"totalBytes = {TOTAL}")
    return ["Progress =     {\n" + "".join(f"        {line};\n" for line in inside) + "    }"]


def _session(lines: list[str]) -> bytes:
    return ("Backup session status:\n{\n" + "".join(f"    {line};\n" for line in lines) + "}\n").encode()


def settings(view: View) -> bytes:
    """The file of Time Machine's settings; on the Mac that tries in vain the last complete backup is weeks old."""
    if view.model.identifier == WITHOUT:
        return plistlib.dumps({"AutoBackup": False})
    now, round_ = view.at.now, _round(view)
    began = now - round_.into / view.at.speed
    good = began + round_.lasts / view.at.speed if round_.done >= 1 else began - (HOUR - round_.lasts) / view.at.speed
    if view.model.identifier == IN_VAIN:
        good = now - view.at.uptime - 40 * DAY
    size, random = attached_size(view) or 8000 * GB, view.chance("destination")
    used = int(random.uniform(0.4, 0.97) * size)
    told: dict[str, Any] = {
        "DestinationID": _identifier(view),
        "AttemptDates": [_date(began)],
        "BytesAvailable": size - used,
        "BytesUsed": used,
        "SnapshotDates": [] if view.model.identifier == NEVER else [_date(good - DAY), _date(good)],
    }
    return plistlib.dumps({"AutoBackup": True, "Destinations": [told], "LastDestinationID": _identifier(view)})


def _date(moment: float) -> datetime:
    """As property lists have it: UTC, without saying so."""
    return datetime.fromtimestamp(int(moment), UTC).replace(tzinfo=None)


REPORTS = Reports(
    commands={"tmutil destinationinfo -X": destinations, "tmutil status": status},
    files={"/Library/Preferences/com.apple.TimeMachine.plist": settings},
)
