"""Disk health: units, whose disk it is, one source for the numbers of a disk, nothing invented where none tells."""

import json
import plistlib
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.core.context import Context
from exporters.core.flight import look
from exporters.macos.disk_health import LOG, REPORT, SMARTCTL, START_DISK, Config, disk_health, optional
from exporters.sources.base import Command, Denied, Failed, NotFound, TimedOut
from exporters.sources.replay import Captured, Replay
from macos.looking import Seen, captures, see, spoiled_json, spoiled_plist, steadily

HEALTH = {
    "AVAILABLE_SPARE": 97,
    "AVAILABLE_SPARE_THRESHOLD": 99,
    "PERCENTAGE_USED": 12,
    "TEMPERATURE": 310,
    "DATA_UNITS_READ_0": 2000,
    "DATA_UNITS_READ_1": 0,
    "DATA_UNITS_WRITTEN_0": 1000,
    "DATA_UNITS_WRITTEN_1": 0,
    "POWER_ON_HOURS_0": 100,
    "POWER_CYCLES_0": 7,
    "UNSAFE_SHUTDOWNS_0": 3,
    "MEDIA_ERRORS_0": 1,
}
VOLUME: dict[str, Any] = {
    "APFSContainerReference": "disk3",
    "APFSPhysicalStores": [{"APFSPhysicalStore": "disk0s2"}],
    "BusProtocol": "Apple Fabric",
    "Internal": True,
    "ParentWholeDisk": "disk3",
    "SMARTStatus": "Verified",
    LOG: HEALTH,
}
NVME_LOG = {"temperature": 36, "percentage_used": 12, "data_units_written": 1001, "power_on_hours": 100}
ASKED = {
    "model_name": "APPLE SSD AP0512Z",
    "smart_status": {"passed": True},
    "nvme_smart_health_information_log": NVME_LOG,
}
NONE = b'{"SPNVMeDataType": [], "SPSerialATADataType": []}'


def drive(device: str, status: str | None = "Verified", **more: Any) -> dict[str, Any]:
    told = {"bsd_name": device, "device_model": "APPLE SSD AP0512Z", **more}
    return told if status is None else told | {"smart_status": status}


def report(*nvme: Mapping[str, Any], sata: tuple[Mapping[str, Any], ...] = ()) -> bytes:
    controllers = {"SPNVMeDataType": nvme, "SPSerialATADataType": sata}
    return json.dumps({kind: [{"_items": [each]} for each in disks] for kind, disks in controllers.items()}).encode()


def volume(**changed: Any) -> bytes:
    return plistlib.dumps({key: value for key, value in (VOLUME | changed).items() if value is not None})


def seen(told: bytes | Captured = NONE, root: bytes | Captured | None = None) -> Seen:
    return see(disk_health, {REPORT: told, START_DISK: volume() if root is None else root})


def with_smartctl(answer: bytes | Captured) -> Seen:
    context = Context(config=Config(smartctl=True), key=b"fixture")
    answers = {REPORT: report(drive("disk0")), START_DISK: volume(), SMARTCTL: answer}
    found = look(disk_health, Replay(captures(answers)), context)
    samples = disk_health.metrics(found.reading, context)
    return Seen({f"{each.family.name}{dict(each.labels)}": each.value for each in samples}, dict(found.problems))


def state(found: Seen, device: str = "disk0") -> str | None:
    """The one state of a disk that is 1."""
    head = f'macos_disk_smart_status{{device="{device}"'
    states = [series for series, value in found.values.items() if series.startswith(head) and value]
    assert len(states) <= 1
    return states[0].split('state="')[1].removesuffix('"}') if states else None


def number(found: Seen, name: str, device: str = "disk0") -> float | None:
    return found.values.get(f'macos_disk_{name}{{device="{device}"}}')


def test_units_are_ratios_bytes_seconds_and_celsius() -> None:
    found = seen()
    assert found.problems == {}
    assert number(found, "wear_ratio") == 0.12
    assert number(found, "spare_ratio") == 0.97
    assert number(found, "spare_threshold_ratio") == 0.99
    assert number(found, "lifetime_read_bytes_total") == 2000 * 512_000
    assert number(found, "lifetime_written_bytes_total") == 1000 * 512_000
    assert number(found, "power_on_seconds_total") == 360_000
    assert number(found, "power_cycles_total") == 7
    assert number(found, "unsafe_shutdowns_total") == 3
    assert number(found, "media_errors_total") == 1
    assert number(found, "temperature_celsius") == 36.85


def test_the_high_word_counts() -> None:
    found = seen(root=volume(**{LOG: {"DATA_UNITS_READ_0": 1, "DATA_UNITS_READ_1": 1}}))
    assert number(found, "lifetime_read_bytes_total") == (2.0**64 + 1) * 512_000


def test_a_high_word_alone_is_no_number() -> None:
    assert number(seen(root=volume(**{LOG: {"DATA_UNITS_READ_1": 0}})), "lifetime_read_bytes_total") is None


@pytest.mark.parametrize("kelvin", [0, 36, 500, -1, 65535])
def test_a_temperature_that_no_drive_has_gives_no_sample(kelvin: int) -> None:
    found = seen(root=volume(**{LOG: {**HEALTH, "TEMPERATURE": kelvin}}))
    assert number(found, "temperature_celsius") is None
    assert number(found, "wear_ratio") == 0.12


@pytest.mark.parametrize(("percent", "ratio"), [(0, 0.0), (130, 1.3), (254, 2.54), (255, None), (-1, None)])
def test_wear_may_pass_1_and_255_is_no_measurement(percent: int, ratio: float | None) -> None:
    assert number(seen(root=volume(**{LOG: {"PERCENTAGE_USED": percent, "POWER_CYCLES_0": 7}})), "wear_ratio") == ratio


def test_the_log_belongs_to_the_disk_below_the_container() -> None:
    found = seen(root=volume(APFSPhysicalStores=[{"APFSPhysicalStore": "disk4s2"}]))
    assert number(found, "wear_ratio", "disk4") == 0.12
    assert not any('"disk3"' in series or '"disk0"' in series for series in found.values)


@pytest.mark.parametrize("stores", [["disk0s2", "disk1s2"], [], ["Orchard"]])
def test_a_log_whose_disk_is_not_sure_is_nobodys(stores: list[str]) -> None:
    found = seen(report(drive("disk0")), volume(APFSPhysicalStores=[{"APFSPhysicalStore": each} for each in stores]))
    assert number(found, "wear_ratio") is None
    assert state(found) == "verified"


def test_without_apfs_it_is_the_parent() -> None:
    found = seen(root=volume(APFSContainerReference=None, APFSPhysicalStores=None, ParentWholeDisk="disk0"))
    assert number(found, "wear_ratio") == 0.12


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Verified", "verified"),
        ("Failing", "failing"),
        ("About to Fail", "failing"),
        ("Not Supported", "not_supported"),
        ("Vérifié", "unknown"),
        (None, "unknown"),
    ],
)
def test_status(word: str | None, expected: str) -> None:
    assert state(seen(root=volume(SMARTStatus=word))) == expected
    assert state(seen(report(drive("disk5", word))), "disk5") == expected


def test_the_worse_of_two_words_counts() -> None:
    assert state(seen(report(drive("disk0", "Failing")))) == "failing"
    assert state(seen(report(drive("disk0")), volume(SMARTStatus="Failing"))) == "failing"
    assert state(seen(report(drive("disk0")), volume(SMARTStatus="Not Supported"))) == "verified"


def test_the_source_is_who_told_the_numbers() -> None:
    told = report(drive("disk0"), drive("disk6"))
    info = 'macos_disk_info{device="%s",internal="%s",model="APPLE SSD AP0512Z",protocol="NVMe",source="%s"}'
    found = seen(told)
    assert found.values[info % ("disk0", "true", "diskutil")] == 1
    assert found.values[info % ("disk6", "", "system_profiler")] == 1
    assert info % ("disk0", "true", "system_profiler") in seen(told, volume(**{LOG: {}})).values


def test_a_log_without_entries_gives_no_zeros() -> None:
    assert number(seen(root=volume(**{LOG: {}})), "media_errors_total") is None


def test_a_log_of_nothing_but_zeros_was_not_filled_in() -> None:
    empty = dict.fromkeys(HEALTH, 0)
    found = seen(root=volume(**{LOG: empty}))
    assert {series.split("{")[0] for series in found.values} == {"macos_disk_info", "macos_disk_smart_status"}
    asked = with_smartctl(
        json.dumps(ASKED | {"nvme_smart_health_information_log": dict.fromkeys(NVME_LOG, 0)}).encode()
    )
    assert asked.values["macos_disk_wear_ratio{'device': 'disk0'}"] == 0.12
    assert number(seen(root=volume(**{LOG: empty | {"POWER_CYCLES_0": 1}})), "media_errors_total") == 0


def test_trim_and_models_with_blanks_of_sata_disks() -> None:
    disk = drive("disk1", device_model="WDC WD5000   ", spsata_trim_support="No")
    found = seen(report(sata=(disk, {"device_model": "DVDRW"})))
    assert found.values['macos_disk_trim_supported{device="disk1"}'] == 0
    assert any('model="WDC WD5000",protocol="SATA"' in series for series in found.values)
    assert not any("DVDRW" in series for series in found.values)


def test_smartctl_is_asked_only_where_it_is_configured_and_as_root() -> None:
    assert [each for each in optional(Context(config=Config())) if isinstance(each, Command) and each.root] == []
    assert SMARTCTL in optional(Context(config=Config(smartctl=True)))
    assert SMARTCTL.root


def test_smartctl_tells_instead_of_diskutil() -> None:
    found = with_smartctl(Captured(json.dumps(ASKED).encode(), exit=4))
    assert found.problems == {}
    assert found.values["macos_disk_temperature_celsius{'device': 'disk0'}"] == 36
    assert found.values["macos_disk_lifetime_written_bytes_total{'device': 'disk0'}"] == 1001 * 512_000
    assert "macos_disk_spare_ratio{'device': 'disk0'}" not in found.values
    assert any("'source': 'smartctl'" in series for series in found.values)


def test_a_failing_verdict_of_smartctl_counts() -> None:
    found = with_smartctl(Captured(json.dumps(ASKED | {"smart_status": {"passed": False}}).encode(), exit=12))
    assert found.values["macos_disk_smart_status{'device': 'disk0', 'state': 'failing'}"] == 1


@pytest.mark.parametrize("status", [1, 2, 3, 6, 127])
def test_a_smartctl_that_failed_is_told_and_diskutil_tells(status: int) -> None:
    found = with_smartctl(Captured(b"open failed", exit=status))
    assert found.problems.keys() == {"failed"}
    assert found.values["macos_disk_temperature_celsius{'device': 'disk0'}"] == 36.85


def test_a_refused_smartctl_is_a_matter_of_set_up() -> None:
    found = with_smartctl(Captured(error=Denied))
    assert found.problems.keys() == {"denied"}
    assert found.values["macos_disk_wear_ratio{'device': 'disk0'}"] == 0.12


def test_nobody_stands_in_for_a_smartctl_that_cannot_be_read() -> None:
    found = with_smartctl(b"{}")
    assert found.problems.keys() == {"unparsable"}
    assert "macos_disk_wear_ratio{'device': 'disk0'}" not in found.values
    assert found.values["macos_disk_smart_status{'device': 'disk0', 'state': 'verified'}"] == 1


@pytest.mark.parametrize("error", [TimedOut, Failed])
def test_without_diskutil_the_report_tells_the_status(error: type[TimedOut | Failed]) -> None:
    found = seen(report(drive("disk0")), Captured(error=error))
    assert state(found) == "verified"
    assert number(found, "wear_ratio") is None
    assert found.problems.keys() == {error.problem}


def test_without_the_report_diskutil_tells() -> None:
    assert number(seen(Captured(error=NotFound)), "wear_ratio") == 0.12


@pytest.mark.parametrize("told", [b"", b"[]", b"{}", b'{"SPNVMeDataType": {}}', b"error\n"])
def test_an_unreadable_report_is_told(told: bytes) -> None:
    found = seen(told)
    assert found.problems.keys() == {"unparsable"}
    assert number(found, "wear_ratio") == 0.12
    assert not any(series.startswith("macos_disk_info") for series in found.values)


@steadily
@given(st.one_of(spoiled_plist(VOLUME)), spoiled_json(json.loads(report(drive("disk0"), drive("disk1")))))
def test_any_answer_is_read_or_unparsable(root: bytes, told: bytes) -> None:
    assert seen(told, root).problems.keys() <= {"unparsable"}
