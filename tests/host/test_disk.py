"""Whole disks only, so that a sum over them counts nothing twice."""

import pytest

from exporters.host.disk import NOT_WHOLE
from host.answering import answering, lines


@pytest.mark.parametrize(
    "device", ["sda", "sdaa", "vda", "xvda", "hda", "nvme0n1", "mmcblk0", "disk0", "disk12", "rbd0", "pmem0", "vdaa"]
)
def test_whole_disks_are_shown(device: str) -> None:
    assert not NOT_WHOLE.fullmatch(device)


@pytest.mark.parametrize(
    "device",
    [
        *("sda1", "sdaa12", "vda3", "xvda1", "nvme0n1p2", "mmcblk0p1", "mmcblk0boot0", "mmcblk0rpmb", "disk0s2"),
        *("disk3s1s1", "loop7", "ram0", "zram0", "sr0", "fd0", "dm-3", "md127", "md1p1", "nvme0c0n1", "bcache0"),
    ],
)
def test_parts_and_what_lies_upon_disks_are_not(device: str) -> None:
    assert NOT_WHOLE.fullmatch(device)


def test_times_are_in_seconds_and_unknown_ones_absent() -> None:
    found = lines("disk", answering(disk_io={"disk0": {"read_time": 1500, "read_bytes": 7}}))
    assert found == [
        'pomona_host_disk_read_bytes_total{device="disk0"} 7.0',
        'pomona_host_disk_read_time_seconds_total{device="disk0"} 1.5',
    ]
