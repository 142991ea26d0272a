"""Posture: no protection is called on or off by an answer that does not say so, and none is ever missing."""

import plistlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import context_for
from exporters.core.flight import look
from exporters.macos import posture as asked
from exporters.macos.posture import PostureConfig, posture
from exporters.sources.base import Command, Denied, NotFound, Question, SourceError, TimedOut
from exporters.sources.replay import Captured, Captures, Replay
from macos.looking import Answers, Seen, see, spoiled_bytes, spoiled_plist, steadily

GOOD: Answers = {
    asked.FILEVAULT: b"FileVault is On.\n",
    asked.SIP: b"System Integrity Protection status: enabled.\n",
    asked.GATEKEEPER: b"assessments enabled\n",
    asked.FIREWALL: b"Firewall is enabled. (State = 1)\n",
    asked.STEALTH: b"Firewall stealth mode is on\n",
    asked.ENROLLMENT: b"Enrolled via DEP: Yes\nMDM enrollment: Yes (User Approved)\nMDM server: https://a.example/\n",
    asked.UPDATES: plistlib.dumps({"AutomaticallyInstallMacOSUpdates": True}),
    asked.XPROTECT: plistlib.dumps({"CFBundleShortVersionString": "5361"}),
}
CONTROLS = {
    "filevault": asked.FILEVAULT,
    "sip": asked.SIP,
    "gatekeeper": asked.GATEKEEPER,
    "firewall": asked.FIREWALL,
    "firewall_stealth": asked.STEALTH,
    "mdm": asked.ENROLLMENT,
    "security_updates": asked.UPDATES,
    "automatic_updates": asked.UPDATES,
}


def states(seen: Seen) -> dict[str, str]:
    """Each control with the one state that is 1."""
    rows = [series.split('"') for series, value in seen.values.items() if "control_state" in series and value]
    assert len({row[1] for row in rows}) == len(rows)
    return {row[1]: row[3] for row in rows}


def state(control: str, printed: bytes | Captured) -> str:
    """What one answer of another kind makes of one control, while the others stay on."""
    seen = states(see(posture, GOOD | {CONTROLS[control]: printed}))
    assert {name for name, each in seen.items() if each != "on"} <= {
        name for name, question in CONTROLS.items() if question == CONTROLS[control]
    }
    return seen[control]


def test_all_on() -> None:
    seen = see(posture, GOOD)
    assert states(seen) == dict.fromkeys(CONTROLS, "on")
    assert seen.only("macos_mdm_enrollment") == "dep"
    assert seen.problems == {}


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("error", [NotFound, Denied, TimedOut, SourceError])
def test_no_answer_is_unknown_and_leaves_the_others(control: str, error: type[SourceError]) -> None:
    assert state(control, Captured(error=error)) == "unknown"


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize(
    "printed", [b"", b"\n", b"on\n", b"enabled\n", b"\xff\xfe", b"Der Schutz ist aktiviert.\n", b"1"]
)
def test_other_words_are_unknown_and_a_problem(control: str, printed: bytes) -> None:
    seen = see(posture, GOOD | {CONTROLS[control]: printed})
    assert states(seen)[control] == "unknown"
    assert seen.problems.keys() == {"unparsable"}
    assert str(CONTROLS[control]) in seen.problems["unparsable"]


@pytest.mark.parametrize("error", [Denied, SourceError])
def test_where_everything_fails_everything_is_unknown(error: type[SourceError]) -> None:
    seen = see(posture, dict.fromkeys(GOOD, Captured(error=error)))
    assert states(seen) == dict.fromkeys(CONTROLS, "unknown")
    assert seen.only("macos_mdm_enrollment") == "unknown"


def test_where_every_tool_is_too_slow_everything_is_unknown() -> None:
    """Files do not time out, so a Mac on which all tools do still has one answer."""
    slow: dict[Question[Any], bytes | Captured] = {
        question: Captured(error=TimedOut) for question in GOOD if isinstance(question, Command)
    }
    seen = see(posture, slow)
    assert states(seen) == dict.fromkeys(CONTROLS, "unknown")
    assert seen.problems.keys() == {"timeout"}


def test_no_mac_has_no_posture() -> None:
    assert not look(posture, Replay(Captures()), context_for(posture)).supported


@pytest.mark.parametrize(
    ("printed", "expected", "ratio"),
    [
        (b"FileVault is Off.\n", "off", {}),
        (b"FileVault is Off, but will be enabled after the next restart.\n", "off", {}),
        (b"FileVault is Off.\nDeferred enablement appears to be active for user 'robin'.\n", "off", {}),
        (b"FileVault is On.\nEncryption in progress: Percent completed = 12.3\n", "on", {"encrypting": 0.123}),
        (b"FileVault is On.\nDecryption in progress: Percent completed = 40\n", "on", {"decrypting": 0.4}),
        (b"FileVault is Off.\nDecryption in progress: percent completed = 100\n", "off", {"decrypting": 1.0}),
        (b"FileVault is On.\nEncryption in progress: Pending\n", "on", {}),
        (b"FileVault is On.\nEncryption in progress: Percent completed = 12,3\n", "on", {}),
        (b"FileVault is On.\nEncryption in progress: Percent completed = 123\n", "on", {}),
        (b"FileVault is On.\nEncryption in progress: Percent completed = 1", "unknown", {}),
        (b"Encryption in progress: Percent completed = 5\n", "unknown", {"encrypting": 0.05}),
    ],
)
def test_filevault(printed: bytes, expected: str, ratio: dict[str, float]) -> None:
    seen = see(posture, GOOD | {asked.FILEVAULT: printed})
    assert states(seen)["filevault"] == expected
    found = {series.split('"')[1]: value for series, value in seen.values.items() if "conversion" in series}
    assert found == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("words", "expected", "custom"),
    [
        ("enabled.", "on", 0),
        ("disabled.", "off", 0),
        ("disabled (Apple Internal).", "off", 0),
        ("unknown (Custom Configuration).\n\nConfiguration:\n\tKext Signing: disabled", "off", 1),
        ("enabled (Custom Configuration).", "off", 1),
        ("enabled (Another Configuration).", "unknown", None),
        ("unknown.", "unknown", None),
        ("enabled", "unknown", None),
    ],
)
def test_sip(words: str, expected: str, custom: float | None) -> None:
    seen = see(posture, GOOD | {asked.SIP: f"System Integrity Protection status: {words}\n".encode()})
    assert states(seen)["sip"] == expected
    assert seen.values.get("macos_sip_custom_configuration") == custom


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (Captured(b"assessments disabled\n", exit=1), "off"),
        (Captured(b"", b"assessments disabled\n", exit=1), "off"),
        (Captured(b"assessments enabled\ndeveloper id enabled\n"), "on"),
        (Captured(b"", b"spctl: no rights\n", exit=1), "unknown"),
        (Captured(b"assessments enabled\n", exit=1), "unknown"),
        (Captured(b"assessments disabled\n", exit=2), "unknown"),
    ],
)
def test_gatekeeper(printed: Captured, expected: str) -> None:
    assert state("gatekeeper", printed) == expected


@pytest.mark.parametrize(
    ("printed", "expected", "all_blocked"),
    [
        (b"Firewall is disabled. (State = 0)\n", "off", 0),
        (b"Firewall is enabled. (State = 1)\nFirewall stealth mode is on\n", "on", 0),
        (b"Firewall is enabled. (State = 2)\n", "on", 1),
        (b"Firewall is blocking all non-essential connections. (State = 2)\n", "on", 1),
        (b"Firewall is enabled. (State = 3)\n", "unknown", None),
        (b"Firewall settings cannot be modified from command line on managed Mac computers.\n", "unknown", None),
    ],
)
def test_firewall(printed: bytes, expected: str, all_blocked: float | None) -> None:
    seen = see(posture, GOOD | {asked.FIREWALL: printed})
    assert states(seen)["firewall"] == expected
    assert seen.values.get("macos_firewall_block_all") == all_blocked


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Stealth mode enabled", "on"),
        ("Stealth mode disabled", "off"),
        ("Firewall stealth mode is off", "off"),
        ("Firewall stealth mode is of", "unknown"),
    ],
)
def test_stealth_mode_in_both_wordings(words: str, expected: str) -> None:
    assert state("firewall_stealth", f"{words}\n".encode()) == expected


@pytest.mark.parametrize(
    ("dep", "mdm", "expected", "control"),
    [
        ("No", "No", "none", "off"),
        ("No", "Yes", "user", "on"),
        ("No", "Yes (User Approved)", "user_approved", "on"),
        ("Yes", "Yes", "dep", "on"),
        ("Yes", "No", "unknown", "unknown"),
        ("No", "Yes (Somehow)", "unknown", "unknown"),
        ("Maybe", "Yes", "unknown", "unknown"),
    ],
)
def test_enrollment(dep: str, mdm: str, expected: str, control: str) -> None:
    seen = see(posture, GOOD | {asked.ENROLLMENT: f"Enrolled via DEP: {dep}\nMDM enrollment: {mdm}\n".encode()})
    assert seen.only("macos_mdm_enrollment") == expected
    assert states(seen)["mdm"] == control


def test_a_cut_line_does_not_take_the_approval_away() -> None:
    cut = b"Enrolled via DEP: No\nMDM enrollment: Yes"
    assert see(posture, GOOD | {asked.ENROLLMENT: cut}).only("macos_mdm_enrollment") == "unknown"


@pytest.mark.parametrize(
    ("keys", "security", "automatic"),
    [
        ({}, "on", "unknown"),
        ({"AutomaticCheckEnabled": False}, "on", "unknown"),
        ({"AutomaticallyInstallMacOSUpdates": 1, "AutomaticDownload": 1}, "on", "on"),
        ({"AutomaticallyInstallMacOSUpdates": False}, "on", "off"),
        ({"AutomaticallyInstallMacOSUpdates": True, "AutomaticDownload": False}, "on", "off"),
        ({"AutomaticDownload": True}, "on", "unknown"),
        ({"ConfigDataInstall": 0}, "off", "unknown"),
        ({"ConfigDataInstall": True, "CriticalUpdateInstall": False}, "off", "unknown"),
        ({"ConfigDataInstall": 7}, "unknown", "unknown"),
    ],
)
def test_keys_of_updates_are_absent_until_changed(keys: dict[str, Any], security: str, automatic: str) -> None:
    for form in (plistlib.FMT_XML, plistlib.FMT_BINARY):
        seen = states(see(posture, GOOD | {asked.UPDATES: plistlib.dumps(keys, fmt=form)}))
        assert (seen["security_updates"], seen["automatic_updates"]) == (security, automatic)


@pytest.mark.parametrize("version", ["", "latest", "5361 of robin", 5361, None, "1" * 20])
def test_what_is_no_version_is_not_published(version: Any) -> None:
    keys = {} if version is None else {"CFBundleShortVersionString": version}
    seen = see(posture, GOOD | {asked.XPROTECT: plistlib.dumps(keys)})
    assert not any("xprotect" in series for series in seen.values)
    assert seen.problems.keys() == {"unparsable"}


def asking(also: asked.Also, question: Command, answer: bytes | Captured) -> Seen:
    return see(posture, {**GOOD, question: answer}, PostureConfig(also=(also,)))


@pytest.mark.parametrize(
    ("words", "expected", "delay"),
    [
        ("screenLock delay is immediate", "on", 0),
        ("screenLock delay is 300 seconds", "on", 300),
        ("screenLock delay is 5.000000 seconds", "on", 5),
        ("screenLock is off", "off", None),
        ("screenLock delay is -1.000000 seconds", "unknown", None),
        ("no such user", "unknown", None),
    ],
)
def test_screen_lock_on_stderr(words: str, expected: str, delay: float | None) -> None:
    told = f"2026-11-14 09:12:44.871 sysadminctl[4711:80155] {words}\n".encode()
    seen = asking("screen_lock", asked.SCREEN_LOCK, Captured(b"", told))
    assert states(seen)["screen_lock"] == expected
    assert seen.values.get("macos_screen_lock_delay_seconds") == delay


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Captured(b"system/com.apple.smbd = {\n\tstate = not running\n}\n"), "on"),
        (Captured(b"", b'Bad request.\nCould not find service "com.apple.smbd" in domain for system\n', 113), "off"),
        (Captured(b"", b"Operation not permitted\n", 113), "unknown"),
        (Captured(b"", b"Operation not permitted\n", 1), "unknown"),
        (Captured(b""), "unknown"),
        (Captured(error=Denied), "unknown"),
    ],
)
def test_sharing(answer: Captured, expected: str) -> None:
    seen = asking("file_sharing", asked.FILE_SHARING, answer)
    found = [series.split('"')[3] for series, value in seen.values.items() if "macos_sharing_state" in series and value]
    assert found == [expected]


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        (b'{"SPiBridgeDataType": [{"ibridge_secure_boot": "Full Security"}]}', "full"),
        (b'{"SPiBridgeDataType": [{"ibridge_secure_boot": "No Security"}]}', "none"),
        (b'{"SPiBridgeDataType": []}', "unknown"),
        (b'{"SPiBridgeDataType": [{"ibridge_secure_boot": "Volle Sicherheit"}]}', "unknown"),
        (b"", "unknown"),
    ],
)
def test_secure_boot(printed: bytes, expected: str) -> None:
    assert asking("secure_boot", asked.SECURE_BOOT, printed).only("macos_secure_boot") == expected


def test_what_nobody_asked_for_is_not_told() -> None:
    told = "".join(see(posture, GOOD).values)
    assert not any(name in told for name in ("screen_lock", "sharing", "secure_boot"))


@pytest.mark.parametrize("control", ["filevault", "sip", "gatekeeper", "firewall", "firewall_stealth", "mdm"])
@steadily
@given(data=st.data())
def test_spoiled_text_never_turns_a_control_off(control: str, data: st.DataObject) -> None:
    whole = GOOD[CONTROLS[control]]
    assert isinstance(whole, bytes)
    printed = data.draw(spoiled_bytes(whole))
    assert states(see(posture, GOOD | {CONTROLS[control]: printed}))[control] in {"on", "unknown"}


@steadily
@given(data=spoiled_plist({"ConfigDataInstall": True, "AutomaticDownload": True}))
def test_any_plist_gives_states_or_a_problem(data: bytes) -> None:
    seen = see(posture, GOOD | {asked.UPDATES: data, asked.XPROTECT: data})
    assert states(seen).keys() == CONTROLS.keys()
