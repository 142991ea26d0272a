"""Storage: each container once, volumes by role without their names, no disk images and no parts of the system."""

import json
import plistlib
from typing import Any

import pytest
from hypothesis import given

from exporters.macos.storage import CONTAINERS, MOST, MOUNTED, storage
from exporters.sources.base import Denied, NotFound, TimedOut
from exporters.sources.replay import Captured
from macos.looking import Seen, see, spoiled_json, spoiled_plist, steadily


def volume(
    *roles: str,
    used: int = 100,
    encrypted: bool | None = True,
    filevault: bool | None = True,
    locked: bool = False,
) -> dict[str, Any]:
    told = {"CapacityInUse": used, "Encryption": encrypted, "FileVault": filevault, "Name": "Orchard", "Locked": locked}
    return {"Roles": list(roles), **{key: value for key, value in told.items() if value is not None}}


def container(name: str, *volumes: dict[str, Any], size: int = 1000, free: int = 400) -> dict[str, Any]:
    return {"CapacityCeiling": size, "CapacityFree": free, "ContainerReference": name, "Volumes": list(volumes)}


def mounted(device: str, protocol: str = "USB", internal: str = "no") -> dict[str, Any]:
    return {"bsd_name": device, "physical_drive": {"is_internal_disk": internal, "protocol": protocol}}


SYSTEM = container("disk3", volume("System"), volume("Data", used=300), volume("Preboot"))
MOUNTS = (mounted("disk3s1s1", "Apple Fabric", "yes"), mounted("disk3s5", "Apple Fabric", "yes"))
OTHERS = tuple(mounted(f"disk{each}s1") for each in range(7, 60))


def report(*mounts: dict[str, Any]) -> bytes:
    return json.dumps({"SPStorageDataType": mounts}).encode()


def seen(*containers: dict[str, Any], told: bytes | Captured | None = None) -> Seen:
    listed = plistlib.dumps({"Containers": list(containers)})
    return see(storage, {CONTAINERS: listed, MOUNTED: report(*MOUNTS) if told is None else told})


def names(found: Seen) -> set[str]:
    head = 'macos_storage_container_size_bytes{container="'
    return {series.split('"')[1] for series in found.values if series.startswith(head)}


def of(found: Seen, name: str, role: str, disk: str = "disk3") -> float | None:
    return found.values.get(f'macos_storage_{name}{{container="{disk}",volume_role="{role}"}}')


def test_a_container_is_told_once_and_its_free_space_by_no_volume() -> None:
    found = seen(SYSTEM)
    assert found.problems == {}
    assert found.values['macos_storage_container_size_bytes{container="disk3"}'] == 1000
    assert found.values['macos_storage_container_free_bytes{container="disk3"}'] == 400
    assert of(found, "volume_used_bytes", "data") == 300
    assert found.values['macos_storage_container_info{container="disk3",internal="true",protocol="Apple Fabric"}'] == 1


def test_volumes_of_one_role_are_counted_and_summed() -> None:
    found = seen(container("disk7", volume(used=1), volume(used=2), volume("Backup", used=4)), told=report(*OTHERS))
    assert of(found, "volumes", "none", "disk7") == 2
    assert of(found, "volume_used_bytes", "none", "disk7") == 3
    assert of(found, "volume_used_bytes", "backup", "disk7") == 4


@pytest.mark.parametrize(
    ("flags", "expected"),
    [((True, True), 1), ((True, False), 0), ((None, False), 0), ((True, None), None), ((None, None), None)],
)
def test_one_volume_without_encryption_is_enough(flags: tuple[bool | None, ...], expected: float | None) -> None:
    found = seen(container("disk7", *(volume(encrypted=each) for each in flags)), told=report(*OTHERS))
    assert of(found, "volume_encrypted", "none", "disk7") == expected


def test_hardware_encryption_is_no_filevault() -> None:
    found = seen(container("disk3", volume("Data", filevault=False)))
    assert of(found, "volume_encrypted", "data") == 1
    assert of(found, "volume_filevault", "data") == 0


def test_encryption_is_told_of_volumes_that_people_fill() -> None:
    found = seen(SYSTEM)
    assert of(found, "volume_encrypted", "data") == 1
    assert of(found, "volume_encrypted", "system") is None
    assert of(found, "volume_encrypted", "preboot") is None


@pytest.mark.parametrize(
    ("roles", "expected"),
    [((), "none"), (("VM",), "vm"), (("Sidecar",), "other"), (("Sidecar", "Data"), "data"), (("None",), "other")],
)
def test_roles(roles: tuple[str, ...], expected: str) -> None:
    assert of(seen(container("disk3", volume("System"), volume(*roles))), "volumes", expected) == 1


@pytest.mark.parametrize(
    "volumes", [[volume("Preboot"), volume("xART"), volume("Hardware")], [volume("Recovery"), volume("Update")]]
)
def test_containers_of_mere_system_parts_are_left_out(volumes: list[dict[str, Any]]) -> None:
    assert names(seen(SYSTEM, container("disk1", *volumes))) == {"disk3"}


@pytest.mark.parametrize("word", ["Disk Image", "Disk\u00a0Image", "Image disque", "Plattenabbild", ""])
def test_disk_images_are_left_out_in_any_language(word: str) -> None:
    assert names(seen(SYSTEM, container("disk5", volume()), told=report(*MOUNTS, mounted("disk5s1", word)))) == {
        "disk3"
    }


@pytest.mark.parametrize("volumes", [[volume()], [volume("System")], []])
def test_what_the_report_does_not_list_may_be_an_image(volumes: list[dict[str, Any]]) -> None:
    assert names(seen(SYSTEM, container("disk5", *volumes))) == {"disk3"}


def test_a_disk_that_waits_for_its_password_counts() -> None:
    found = seen(SYSTEM, container("disk5", volume(locked=True)))
    assert names(found) == {"disk3", "disk5"}
    assert not any("info" in series and "disk5" in series for series in found.values)


@pytest.mark.parametrize("word", ["USB", "Thunderbolt", "PCI-Express", "Secure Digital"])
def test_disks_on_a_bus_count(word: str) -> None:
    assert names(seen(container("disk5", volume()), told=report(mounted("disk5s1", word)))) == {"disk5"}


@pytest.mark.parametrize(
    ("told", "problems"),
    [
        (Captured(error=NotFound), set()),
        (Captured(error=TimedOut), {"timeout"}),
        (b"no report\n", {"unparsable"}),
        (b'{"SPStorageDataType": [{"bsd_name": "disk3s5", "physical_drive": 1}]}', {"unparsable"}),
    ],
)
def test_without_the_report_only_the_own_disk_counts(told: bytes | Captured, problems: set[str]) -> None:
    found = seen(SYSTEM, container("disk5", volume(locked=True)), container("disk6", volume("System")), told=told)
    assert names(found) == {"disk3"}
    assert found.problems.keys() == problems
    assert of(found, "volume_used_bytes", "data") == 300


def test_without_containers_there_is_nothing() -> None:
    assert seen() == Seen({}, {})
    assert see(storage, {CONTAINERS: Captured(error=Denied)}).problems.keys() == {"denied"}


def test_free_space_beyond_the_size_is_no_measurement() -> None:
    found = seen(container("disk3", volume("Data"), size=100, free=101))
    assert 'macos_storage_container_free_bytes{container="disk3"}' not in found.values
    assert found.values['macos_storage_container_size_bytes{container="disk3"}'] == 100


@pytest.mark.parametrize("name", ["", "disk3s1", "Robins disk", 3])
def test_a_container_without_a_disks_name_is_unparsable(name: object) -> None:
    assert seen({**SYSTEM, "ContainerReference": name}).problems.keys() == {"unparsable"}


@pytest.mark.parametrize("printed", [b"", b"No APFS Containers found\n", plistlib.dumps([]), plistlib.dumps({})])
def test_what_is_no_list_of_containers_is_unparsable(printed: bytes) -> None:
    assert see(storage, {CONTAINERS: printed}).problems.keys() == {"unparsable"}


def test_their_number_is_limited() -> None:
    many = (container(f"disk{each}", volume()) for each in range(7, 60))
    assert len(names(seen(*many, told=report(*OTHERS)))) == MOST


@steadily
@given(
    spoiled_plist({"Containers": [SYSTEM, container("disk5", volume())]}),
    spoiled_json({"SPStorageDataType": [*MOUNTS, mounted("disk5s1")]}),
)
def test_any_answer_is_read_or_unparsable(listed: bytes, told: bytes) -> None:
    assert see(storage, {CONTAINERS: listed, MOUNTED: told}).problems.keys() <= {"unparsable"}


@pytest.mark.parametrize(
    "told",
    [
        report(),
        json.dumps({"SPStorageDataType": [{"bsd_name": "disk3s5"}]}).encode(),
        report(mounted("disk3s5", "Quantum Fabric")),
    ],
)
def test_the_container_that_the_mac_started_from_counts_whatever_the_report_says(told: bytes) -> None:
    assert names(seen(SYSTEM, told=told)) == {"disk3"}
