"""Each store once, named by its mountpoint unless a person named that."""

from typing import Any

import pytest

from exporters.core.context import Level
from host.answering import answering, context_of, lines


def mount(device: str, mountpoint: str, fstype: str = "ext4", options: str = "rw", **more: Any) -> dict[str, Any]:
    sizes = {"size": 100, "free": 60, "available": 50, "files": 10, "files_free": 5}
    return {"device": device, "mountpoint": mountpoint, "fstype": fstype, "options": options} | sizes | more


def shown(*mounts: dict[str, Any], level: Level = "standard", name: str = "size_bytes") -> dict[str, float]:
    """Mountpoints and values of one family."""
    found = lines("filesystem", answering(filesystems=list(mounts)), context_of("filesystem", level))
    chosen = [line for line in found if line.startswith(f"pomona_host_filesystem_{name}{{")]
    return {line.split('mountpoint="')[1].split('"')[0]: float(line.split()[-1]) for line in chosen}


def test_bind_mounts_of_one_device_are_one() -> None:
    assert list(shown(mount("/dev/sda1", "/var/lib/app"), mount("/dev/sda1", "/srv"))) == ["/srv"]


def test_apfs_volumes_of_one_container_are_one_and_other_containers_others() -> None:
    parts = ("/", "/System/Volumes/Data", "/System/Volumes/VM", "/Volumes/Scratch")
    volumes = [mount(f"/dev/disk3s{number}", path, "apfs") for number, path in enumerate(parts, start=1)]
    assert list(shown(*volumes, mount("/dev/disk13s1", "/opt/data", "apfs"))) == ["/", "/opt/data"]


def test_the_sealed_system_volume_does_not_make_its_container_read_only() -> None:
    sealed = mount("/dev/disk3s1s1", "/", "apfs", "ro,local")
    assert shown(sealed, mount("/dev/disk3s5", "/System/Volumes/Data", "apfs"), name="readonly") == {"/": 0.0}
    assert shown(sealed, name="readonly") == {"/": 1.0}


@pytest.mark.parametrize(
    ("device", "mountpoint"),
    [
        ("/dev/disk1s1", "/System/Volumes/iSCPreboot"),
        ("/dev/disk1s2", "/System/Volumes/xarts"),
        ("/dev/disk5s1", "/System/Cryptexes/OS"),
        ("/dev/disk5s1", "/private/var/run/com.apple.security.cryptexd/mnt/one"),
        ("/dev/disk7s1", "/Library/Developer/CoreSimulator/Volumes/iOS_23A343"),
        ("/dev/disk9s1", "/Volumes/.timemachine/UUID/2026-10-01-101500.backup"),
        ("/dev/disk9s1", "/Volumes/com.apple.TimeMachine.localsnapshots/Backups.backupdb/mac/2026-10-01/Data"),
        ("com.apple.TimeMachine.2026-10-01-101500.local@/dev/disk3s5", "/Volumes/Snapshot"),
        ("tank/home@friday", "/srv/home/.zfs/snapshot/friday"),
    ],
)
def test_snapshots_images_and_parts_of_the_system_are_left_out(device: str, mountpoint: str) -> None:
    assert shown(mount(device, mountpoint, "apfs"), mount("/dev/sda1", "/")) == {"/": 100.0}


@pytest.mark.parametrize(
    "mountpoint",
    [
        "/Volumes/Secret",
        "/media/secret",
        "/media/erika/secret",
        "/run/media/erika/secret",
        "/home/erika",
        "/Users/erika",
    ],
)
def test_what_people_name_is_hashed_shown_at_full_and_left_out_at_strict(mountpoint: str) -> None:
    volume = mount("/dev/sdb1", mountpoint)
    (name,) = shown(volume)
    assert name.startswith(mountpoint[: mountpoint.index("/", 1)])
    assert not {"secret", "erika"} & set(name.lower().split("/"))
    assert list(shown(volume, level="full")) == [mountpoint]
    assert not shown(volume, level="strict")


def test_two_hashed_volumes_stay_two() -> None:
    assert len(shown(mount("/dev/sdb1", "/Volumes/A"), mount("/dev/sdc1", "/Volumes/B"))) == 2


def test_file_nodes_without_a_limit_are_no_number() -> None:
    assert not shown(mount("/dev/sda1", "/boot", "vfat", files=0, files_free=0), name="files")


def test_a_mount_that_does_not_tell_is_an_error_without_numbers() -> None:
    broken = {"device": "/dev/sdb1", "mountpoint": "/mnt", "fstype": "xfs", "options": "rw", "error": "I/O error"}
    assert shown(broken, name="error") == {"/mnt": 1.0}
    assert not shown(broken)
