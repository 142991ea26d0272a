"""What Apple's security tools and software update say on a simulated Mac; a few Macs leave something to be done."""

import plistlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from exporters.sources.replay import Captured
from exporters.stack.dynamics import HOUR
from exporters.stack.view import Report, Reports, View, has_filevault

CONVERTING, SIP_OFF, NEVER_CHECKS = "MacBookPro16,1", "MacBookPro17,1", "Mac14,2"
"""Models with one fault each."""
DAY = 24 * HOUR
CONVERSION = 8 * HOUR
EVERY = 6 * HOUR
"""Seconds between two checks for updates."""
NEXT = {14: ("Sonoma 14.8.3", "23J220"), 15: ("Sequoia 15.7.3", "24G419"), 26: ("Tahoe 26.2", "25C56")}
NEWEST = 27
NEW_WORDS = 15
STATES: dict[bool, str] = {True: "on", False: "off"}
Update = dict[str, Any]


def _filevault(view: View) -> bytes:
    """Off, or on, and at work for the first hours of one of them."""
    if not has_filevault(view):
        return b"FileVault is Off.\n"
    done = 100 * view.at.time / CONVERSION
    if view.model.identifier == CONVERTING and done < 100:  # noqa: PLR2004 - percent
        return f"FileVault is On.\nEncryption in progress: Percent completed = {done:.1f}\n".encode()
    return b"FileVault is On.\n"


def _sip(view: View) -> bytes:
    word = "disabled" if view.model.identifier == SIP_OFF else "enabled"
    return f"System Integrity Protection status: {word}.\n".encode()


def _gatekeeper(view: View) -> Captured:
    if view.chance("gatekeeper").random() < 0.9:  # noqa: PLR2004 - a share
        return Captured(b"assessments enabled\n")
    return Captured(b"assessments disabled\n", exit=1)


def _firewall(view: View) -> bytes:
    state = view.chance("firewall").choice((1, 1, 1, 2, 0))
    return f"Firewall is {'enabled' if state else 'disabled'}. (State = {state})\n".encode()


def _stealth(view: View) -> bytes:
    """The wording of before macOS 15 on the oldest."""
    is_on = view.chance("stealth").random() < 0.5  # noqa: PLR2004 - a share
    if view.model.major < NEW_WORDS:
        return f"Stealth mode {'enabled' if is_on else 'disabled'}\n".encode()
    return f"Firewall stealth mode is {STATES[is_on]}\n".encode()


def _enrollment(view: View) -> bytes:
    dep, mdm = view.chance("mdm").choice((("Yes", "Yes (User Approved)"), ("No", "Yes (User Approved)"), ("No", "No")))
    server = "MDM server: https://mdm.orchard.example/mdm/ServerURL\n" if mdm != "No" else ""
    return f"Enrolled via DEP: {dep}\nMDM enrollment: {mdm}\n{server}".encode()


def _xprotect(view: View) -> bytes:
    """One of the last versions, the newest after some hours at the latest."""
    behind = view.chance("xprotect").randrange(4) * 5 * HOUR
    version = 5361 if view.at.time >= behind else 5358
    return plistlib.dumps({"CFBundleIdentifier": "com.apple.XProtect", "CFBundleShortVersionString": str(version)})


def _moment(time: float) -> datetime:
    """As plistlib wants dates: in UTC, without saying so."""
    return datetime.fromtimestamp(int(time), UTC).replace(tzinfo=None)


def _pending(view: View) -> Iterator[Update]:
    """By chance nothing, Safari, the next minor version, the next major one."""
    chance = view.chance("updates")
    if chance.random() < 0.3:  # noqa: PLR2004 - a share
        return
    name, build = NEXT.get(view.model.major, ("27.1", "26B90"))
    version = name.rpartition(" ")[2]
    yield _update("Safari", version, f"Safari{version}Auto", "093-20411")
    yield _macos(f"macOS {name}", version, f"MSU_UPDATE_{build}_patch_{version}_minor")
    if view.model.major < NEWEST and chance.random() < 0.5:  # noqa: PLR2004 - a share
        yield _macos("macOS 27.0.1", "27.0.1", "MSU_UPDATE_26A437_patch_27.0.1_major")


def _macos(name: str, version: str, key: str) -> Update:
    return {**_update(name, version, key, key), "MobileSoftwareUpdate": True}


def _update(name: str, version: str, identifier: str, key: str) -> Update:
    return {"Display Name": name, "Display Version": version, "Identifier": identifier, "Product Key": key}


def _updates(view: View) -> bytes:
    booted = round(view.at.now - view.at.uptime)
    told = {
        **_settings(view),
        "LastSuccessfulDate": _moment(_checked(view, booted)),
        "RecommendedUpdates": list(_pending(view)),
    }
    return plistlib.dumps(told, fmt=plistlib.FMT_BINARY)


def _settings(view: View) -> dict[str, bool]:
    """The keys are absent until somebody changes them."""
    chosen: tuple[dict[str, bool], ...] = (
        {},
        {"AutomaticallyInstallMacOSUpdates": True, "AutomaticDownload": True},
        {"AutomaticallyInstallMacOSUpdates": False},
        {"AutomaticallyInstallMacOSUpdates": False, "CriticalUpdateInstall": False},
    )
    return view.chance("automatic").choice(chosen)


def _checked(view: View, booted: int) -> float:
    if view.model.identifier == NEVER_CHECKS:
        return booted - 12 * DAY
    return booted + view.at.uptime // EVERY * EVERY


COMMANDS: dict[str, Report] = {
    "fdesetup status": _filevault,
    "csrutil status": _sip,
    "spctl --status": _gatekeeper,
    "socketfilterfw --getglobalstate": _firewall,
    "socketfilterfw --getstealthmode": _stealth,
    "profiles status -type enrollment": _enrollment,
}
FILES: dict[str, Report] = {
    "/Library/Preferences/com.apple.SoftwareUpdate.plist": _updates,
    "/Library/Apple/System/Library/CoreServices/XProtect.bundle/Contents/Info.plist": _xprotect,
}
REPORTS = Reports(commands=COMMANDS, files=FILES)
