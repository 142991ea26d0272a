"""What Apple's security tools say about one protection each: pure readers of their texts, which no plist replaces.

Only a line that is known word by word counts. Anything else is a ParseError, which is told as `unknown`, never as off.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from exporters.core.read import array, flag, json, lines, maybe, plist, record, text, whole_lines
from exporters.sources.base import Output, ParseError

State = Literal["on", "off"]
NO_SERVICE = 113
"""The exit status of `launchctl print` for a job that is not loaded."""
FILEVAULT = re.compile(r"FileVault is (On|Off)[.,].*")
CONVERSION = re.compile(r"(Encryption|Decryption) in progress: Percent completed = (\d{1,3}(?:\.\d+)?)", re.IGNORECASE)
PROGRESS = re.compile(r"(?:en|de)cryption in progress: percent", re.IGNORECASE)
DIRECTIONS = {"encryption": "encrypting", "decryption": "decrypting"}
SIP = re.compile(r"System Integrity Protection status: (enabled|disabled|unknown)(?: \((.+)\))?\.")
CUSTOM = "Custom Configuration"
GATEKEEPER = re.compile(r"assessments (enabled|disabled)")
FIREWALL = re.compile(r"Firewall is .*\(State = ([012])\)")
BLOCK_ALL = "2"
STEALTH = re.compile(r"(?:Firewall stealth mode is (on|off)|Stealth mode (enabled|disabled))")
BY_DEP = re.compile(r"Enrolled via DEP: (Yes|No)")
BY_MDM = re.compile(r"MDM enrollment: (Yes|No)(?: \((User Approved)\))?")
ENROLLMENTS = {
    ("No", "No", None): "none",
    ("No", "Yes", None): "user",
    ("No", "Yes", "User Approved"): "user_approved",
    ("Yes", "Yes", None): "dep",
    ("Yes", "Yes", "User Approved"): "dep",
}
VERSION = re.compile(r"\d{1,6}(\.\d{1,6}){0,2}")
SCREEN_LOCK = re.compile(r"(?:.* )?screenLock (?:is (off)|delay is (?:(immediate)|(\d{1,6})(?:\.0+)? seconds))")
SECURE_BOOT = {
    "Full Security": "full",
    "Reduced Security": "reduced",
    "Permissive Security": "permissive",
    "Medium Security": "medium",
    "No Security": "none",
}


@dataclass(frozen=True, slots=True)
class Conversion:
    """`encrypting` or `decrypting`, and how much of the disk is done, as a ratio."""

    direction: str
    ratio: float


@dataclass(frozen=True, slots=True)
class Sip:
    """On only if all of it is; `custom` where some of its protections are off and others on."""

    state: State
    custom: bool


@dataclass(frozen=True, slots=True)
class Firewall:
    """`block_all`: also programs that a person allowed get no connections."""

    state: State
    block_all: bool


@dataclass(frozen=True, slots=True)
class ScreenLock:
    """Whether a password is asked for, and how many seconds after the screen went dark."""

    state: State
    delay: float | None = None


def _first(told: Iterable[str], form: re.Pattern[str], what: str) -> re.Match[str]:
    found = next((match for line in told if (match := form.fullmatch(line.rstrip()))), None)
    if found is None:
        raise ParseError(f"no line tells {what}")
    return found


def _state(is_on: bool) -> State:
    return "on" if is_on else "off"


def filevault(output: Output) -> State:
    """`FileVault is On.`, also while the disk is being encrypted; a line below may name a user."""
    return _state(_first(whole_lines(output.stdout), FILEVAULT, "whether FileVault is on")[1] == "On")


def conversion(output: Output) -> Conversion | None:
    """A line that is there while it lasts."""
    told = [line for line in whole_lines(output.stdout) if PROGRESS.match(line)]
    if not told:
        return None
    done = _first(told, CONVERSION, "how much is converted")
    ratio = float(done[2]) / 100
    if ratio > 1:
        raise ParseError("fdesetup tells more than 100 percent")
    return Conversion(DIRECTIONS[done[1].lower()], ratio)


def sip(output: Output) -> Sip:
    """`enabled.`, `disabled.`, or `unknown (Custom Configuration).`, which older versions call enabled."""
    _, word, remark = _first(whole_lines(output.stdout), SIP, "whether SIP is on").group(0, 1, 2)
    if remark == CUSTOM:
        return Sip("off", custom=True)
    if word == "unknown" or (word == "enabled" and remark):
        raise ParseError("csrutil tells a configuration of SIP that is not known here")
    return Sip(_state(word == "enabled"), custom=False)


def gatekeeper(output: Output) -> State:
    """On stdout or stderr; the exit status is 1 where assessments are disabled."""
    told = (*whole_lines(output.stdout), *whole_lines(output.stderr))
    is_on = _first(told, GATEKEEPER, "whether Gatekeeper is on")[1] == "enabled"
    if is_on and output.exit:
        raise ParseError("spctl says that assessments are enabled, and that they are not by its exit status")
    return _state(is_on)


def firewall(output: Output) -> Firewall:
    """The number counts, not the words before it, which changed: 0 off, 1 on, 2 on and all blocked."""
    number = _first(whole_lines(output.stdout), FIREWALL, "the state of the firewall")[1]
    return Firewall(_state(number != "0"), block_all=number == BLOCK_ALL)


def stealth(output: Output) -> State:
    """Two wordings: the older one is `Stealth mode enabled`."""
    found = _first(whole_lines(output.stdout), STEALTH, "whether stealth mode is on")
    return _state((found[1] or found[2]) in {"on", "enabled"})


def enrollment(output: Output) -> str:
    """One of `ENROLLMENTS` from two lines; a third one, the address of the server, is never read."""
    told = whole_lines(output.stdout)
    dep = _first(told, BY_DEP, "whether it was enrolled by DEP")[1]
    mdm = _first(told, BY_MDM, "whether it is enrolled")
    state = ENROLLMENTS.get((dep, mdm[1], mdm[2]))
    if state is None:
        raise ParseError("profiles contradicts itself about the enrollment")
    return state


def updates(data: bytes) -> Mapping[str, State]:
    """Two controls from keys that are absent until somebody changes them.

    Data and security responses come by default, so there absent is on. For macOS itself the default depends on how the
    Mac was set up, so there absent says nothing.
    """
    settings = record(plist(data))
    security = (maybe(flag, settings.get(key)) for key in ("ConfigDataInstall", "CriticalUpdateInstall"))
    found = {"security_updates": _state(False not in security)}
    install, download = (
        maybe(flag, settings.get(key)) for key in ("AutomaticallyInstallMacOSUpdates", "AutomaticDownload")
    )
    if install is not None or download is False:
        found["automatic_updates"] = _state(install is True and download is not False)
    return found


def version(data: bytes) -> str:
    """Of a bundle, from its Info.plist."""
    found = text(record(plist(data)).get("CFBundleShortVersionString"))
    if not VERSION.fullmatch(found):
        raise ParseError("Info.plist has no version of the usual form")
    return found


def loaded(output: Output) -> State:
    """Whether launchd knows the job `system/LABEL`; only its own words say that it does not."""
    head = whole_lines(output.stdout)[:1]
    if output.exit == 0 and head and head[0].startswith("system/") and head[0].endswith(" = {"):
        return "on"
    if output.exit == NO_SERVICE and any(line.startswith("Could not find service ") for line in lines(output.stderr)):
        return "off"
    raise ParseError("launchctl tells neither a job nor that there is none")


def screen_lock(output: Output) -> ScreenLock:
    """On stderr, behind a date and the process: `screenLock is off`, `delay is immediate`, `delay is N seconds`."""
    printed = (*whole_lines(output.stderr), *whole_lines(output.stdout))
    found = _first(printed, SCREEN_LOCK, "whether the screen is locked")
    return ScreenLock("off") if found[1] else ScreenLock("on", 0.0 if found[2] else float(found[3]))


def secure_boot(output: Output) -> str:
    """The policy in our words; a Mac that runs in another language than English tells it in that language."""
    told = {text(each) for each in _told(output)}
    if len(told) != 1 or not told <= SECURE_BOOT.keys():
        raise ParseError("SPiBridgeDataType tells no policy that is known here")
    return SECURE_BOOT[told.pop()]


def _told(output: Output) -> Iterator[Any]:
    for item in array(record(json(output.stdout)).get("SPiBridgeDataType")):
        yield from (value for key, value in record(item).items() if key == "ibridge_secure_boot")
