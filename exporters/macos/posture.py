"""Which protections of the Mac are on: FileVault, SIP, Gatekeeper, firewall, MDM, updates (Apple's own tools).

What cannot be read is `unknown`, never off and never absent: nothing here hides a risk by a series that is not there.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from exporters.core.collector import Partial, Questions, collector, told
from exporters.core.context import Context
from exporters.core.metrics import Sample, enum, gauge
from exporters.core.read import attempt
from exporters.macos import posture_controls as read
from exporters.macos.posture_controls import Conversion, Firewall, ScreenLock, Sip, State
from exporters.macos.updates import PLIST as UPDATES
from exporters.sources.base import Command, File, Question, Replies

Also = Literal["secure_boot", "screen_lock", "remote_login", "file_sharing"]
FILEVAULT = Command(("fdesetup", "status"))
SIP = Command(("csrutil", "status"))
GATEKEEPER = Command(("spctl", "--status"), ok_exits=(0, 1))
FIREWALL = Command(("socketfilterfw", "--getglobalstate"))
STEALTH = Command(("socketfilterfw", "--getstealthmode"))
ENROLLMENT = Command(("profiles", "status", "-type", "enrollment"))
XPROTECT = File("/Library/Apple/System/Library/CoreServices/XProtect.bundle/Contents/Info.plist")
SECURE_BOOT = Command(("system_profiler", "-json", "SPiBridgeDataType"), timeout=30)
SCREEN_LOCK = Command(("sysadminctl", "-screenLock", "status"))
REMOTE_LOGIN = Command(("launchctl", "print", "system/com.openssh.sshd"), ok_exits=(0, read.NO_SERVICE))
FILE_SHARING = Command(("launchctl", "print", "system/com.apple.smbd"), ok_exits=(0, read.NO_SERVICE))
ASKED: Questions = (FILEVAULT, SIP, GATEKEEPER, FIREWALL, STEALTH, ENROLLMENT, UPDATES, XPROTECT)
ON_REQUEST: Mapping[Also, Command] = {
    "secure_boot": SECURE_BOOT,
    "screen_lock": SCREEN_LOCK,
    "remote_login": REMOTE_LOGIN,
    "file_sharing": FILE_SHARING,
}
STATES = ("on", "off", "unknown")
UNKNOWN = "unknown"


class PostureConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`also`: what else is asked, of secure_boot, screen_lock, remote_login and file_sharing."""

    also: tuple[Also, ...] = ()


@dataclass(frozen=True, slots=True)
class Posture:
    """What each tool said; None where it was not asked, gave no answer, or none that can be read."""

    filevault: State | None = None
    conversion: Conversion | None = None
    sip: Sip | None = None
    gatekeeper: State | None = None
    firewall: Firewall | None = None
    stealth: State | None = None
    enrollment: str | None = None
    updates: Mapping[str, State] | None = None
    xprotect: str | None = None
    secure_boot: str | None = None
    screen_lock: ScreenLock | None = None
    remote_login: State | None = None
    file_sharing: State | None = None


READERS: Mapping[str, tuple[Question[Any], Callable[[Any], Any]]] = {
    "filevault": (FILEVAULT, read.filevault),
    "conversion": (FILEVAULT, read.conversion),
    "sip": (SIP, read.sip),
    "gatekeeper": (GATEKEEPER, read.gatekeeper),
    "firewall": (FIREWALL, read.firewall),
    "stealth": (STEALTH, read.stealth),
    "enrollment": (ENROLLMENT, read.enrollment),
    "updates": (UPDATES, read.updates),
    "xprotect": (XPROTECT, read.version),
    "secure_boot": (SECURE_BOOT, read.secure_boot),
    "screen_lock": (SCREEN_LOCK, read.screen_lock),
    "remote_login": (REMOTE_LOGIN, read.loaded),
    "file_sharing": (FILE_SHARING, read.loaded),
}


def optional(context: Context) -> Questions:
    """No tool is more important than another."""
    return (*ASKED, *(question for name, question in ON_REQUEST.items() if name in context.config.also))


def parse(replies: Replies, _: Context) -> Posture | Partial:
    """Each answer by its own reader: what one tool says must not spoil the rest."""
    found: dict[str, Any] = {}
    faults: list[str] = []
    for name, (question, parse_one) in READERS.items():
        found[name] = attempt(parse_one, replies.get(question), faults, question)
    return told(Posture(**found), faults)


CONTROL = enum(
    "macos_security_control_state",
    "Whether a protection is on; unknown where its tool gave no answer that can be read"
    " (fdesetup, csrutil, spctl, socketfilterfw, profiles, com.apple.SoftwareUpdate.plist, sysadminctl).",
    "state",
    STATES,
    "control",
)
ENROLLED = enum(
    "macos_mdm_enrollment",
    "How the Mac is enrolled in device management; dep is automated enrollment (profiles status -type enrollment).",
    "state",
    ("dep", "user_approved", "user", "none", UNKNOWN),
)
CUSTOM_SIP = gauge(
    "macos_sip_custom_configuration", "1 if only some protections of SIP are on; the control sip is then off (csrutil)."
)
BLOCK_ALL = gauge(
    "macos_firewall_block_all", "1 if the firewall blocks all incoming connections (socketfilterfw --getglobalstate)."
)
CONVERTED = gauge(
    "macos_filevault_conversion_ratio",
    "Share of the disk that is encrypted or decrypted already, 0 to 1, only while that lasts (fdesetup status).",
    "direction",
)
XPROTECT_INFO = gauge("macos_xprotect_info", "Version of the XProtect data (XProtect.bundle Info.plist).", "version")
BOOT = enum(
    "macos_secure_boot",
    "What the Mac demands of a system before it starts it (system_profiler SPiBridgeDataType).",
    "state",
    (*read.SECURE_BOOT.values(), UNKNOWN),
)
LOCK_DELAY = gauge(
    "macos_screen_lock_delay_seconds",
    "Time from the dark screen to the demand for a password, for the user who asks (sysadminctl -screenLock status).",
)
SHARED = enum(
    "macos_sharing_state",
    "Whether others can get in this way; on is the risk here (launchctl print).",
    "state",
    STATES,
    "sharing",
)


def controls(posture: Posture, also: Collection[Also]) -> Mapping[str, State | None]:
    """The state of each protection that was asked for."""
    updates = posture.updates or {}
    lock = {"screen_lock": _state(posture.screen_lock)} if "screen_lock" in also else {}
    return {
        "filevault": posture.filevault,
        "sip": _state(posture.sip),
        "gatekeeper": posture.gatekeeper,
        "firewall": _state(posture.firewall),
        "firewall_stealth": posture.stealth,
        "mdm": None if posture.enrollment is None else "off" if posture.enrollment == "none" else "on",
        "security_updates": updates.get("security_updates"),
        "automatic_updates": updates.get("automatic_updates"),
        **lock,
    }


def _state(part: Sip | Firewall | ScreenLock | None) -> State | None:
    return None if part is None else part.state


def _details(posture: Posture) -> Iterator[Sample]:
    if posture.sip is not None:
        yield from CUSTOM_SIP(posture.sip.custom)
    if posture.firewall is not None:
        yield from BLOCK_ALL(posture.firewall.block_all)
    if posture.conversion is not None:
        yield from CONVERTED(posture.conversion.ratio, direction=posture.conversion.direction)
    if posture.xprotect is not None:
        yield from XPROTECT_INFO(1, version=posture.xprotect)
    if posture.screen_lock is not None:
        yield from LOCK_DELAY(posture.screen_lock.delay)


def _on_request(posture: Posture, also: Collection[Also]) -> Iterator[Sample]:
    if "secure_boot" in also:
        yield from BOOT.one_of(posture.secure_boot or UNKNOWN)
    for sharing, state in (("remote_login", posture.remote_login), ("file_sharing", posture.file_sharing)):
        if sharing in also:
            yield from SHARED.one_of(state or UNKNOWN, sharing=sharing)


@collector(
    "posture",
    *(CONTROL, ENROLLED, CUSTOM_SIP, BLOCK_ALL, CONVERTED, XPROTECT_INFO, BOOT, LOCK_DELAY, SHARED),
    optional=optional,
    parse=parse,
    cadence=900,
    config=PostureConfig,
    publishes=("CFBundleShortVersionString", "ibridge_secure_boot"),
    unverified=(
        "the texts for SIP disabled or custom, Gatekeeper off, block all, and FileVault at work are quoted in tests and"
        " documents, not captured; nor are the plist of XProtect and what `also` adds."
    ),
)
def posture(reading: Posture, context: Context) -> Iterable[Sample]:
    """Every control that was asked for has a state."""
    also = context.config.also
    for control, state in controls(reading, also).items():
        yield from CONTROL.one_of(state or UNKNOWN, control=control)
    yield from ENROLLED.one_of(reading.enrollment or UNKNOWN)
    yield from _details(reading)
    yield from _on_request(reading, also)
