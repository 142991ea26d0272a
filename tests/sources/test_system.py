"""The facts of the running system: documented shapes, typed errors, and nothing asked of a mount that may hang."""

import json
import os
import struct
import subprocess
import sys
import threading
from collections import Counter
from typing import Any

import psutil
import pytest

from exporters.sources.base import Denied, Failed, NotFound
from exporters.sources.sysctl import decoded
from exporters.sources.system import FACTS, LOCAL, Mount, facts, told, touchable

NOT_EVERYWHERE = {"sysctl", "console"}
NUMBER = (int, float)
MODES = {"user", "nice", "system", "idle"}
TRANSFERS = {"read_count", "write_count", "read_bytes", "write_bytes", "read_time", "write_time"}
TRAFFIC = {"bytes_recv", "bytes_sent", "packets_recv", "packets_sent", "errin", "errout", "dropin"}


def numbers(fields: dict[str, Any], *names: str) -> bool:
    return all(isinstance(fields[name], NUMBER) for name in names)


def mount_is_told(mount: dict[str, Any]) -> bool:
    names = ("device", "mountpoint", "fstype", "options")
    sizes = ("size", "free", "available", "files", "files_free")
    return all(isinstance(mount[name], str) for name in names) and ("error" in mount or numbers(mount, *sizes))


SHAPES = {
    "load": lambda fact: len(fact) == 3 and all(isinstance(each, NUMBER) for each in fact),
    "cpu_times": lambda fact: numbers(fact, *MODES),
    "cpu_times_per_core": lambda fact: fact and all(numbers(each, *MODES) for each in fact),
    "cpu_count": lambda fact: isinstance(fact, int) and fact > 0,
    "memory": lambda fact: numbers(fact, "total", "available", "free") and ("wired" in fact or "cached" in fact),
    "swap": lambda fact: numbers(fact, "total", "used", "free"),
    "disk_io": lambda fact: all(numbers(each, *TRANSFERS) for each in fact.values()),
    "filesystems": lambda fact: all(mount_is_told(each) for each in fact),
    "network": lambda fact: fact and all(numbers(each, *TRAFFIC) for each in fact.values()),
    "addresses": lambda fact: all(isinstance(each["ipv4"] + each["ipv6"], list) for each in fact.values()),
    "console": lambda fact: isinstance(fact["uid"], int),
    "processes": lambda fact: sum(fact["states"].values()) > 0 and isinstance(fact.get("threads", 0), int),
    "boot_time": lambda fact: isinstance(fact, NUMBER),
    "clocks": lambda fact: numbers(fact, "now", "elapsed", "awake"),
    "sysctl": lambda fact: all(isinstance(each, str | int | float) for each in fact.values()),
}


@pytest.mark.parametrize("name", sorted(FACTS))
def test_every_fact_is_json_of_the_documented_shape(name: str) -> None:
    try:
        fact = facts(name)
    except NotFound:
        assert name in NOT_EVERYWHERE
        return
    assert json.loads(json.dumps(fact, allow_nan=False)) == fact
    assert SHAPES[name](fact)


def test_an_unknown_name_is_not_found() -> None:
    with pytest.raises(NotFound, match="nonsense"):
        facts("nonsense")


def test_the_clock_that_counts_sleep_is_never_behind_the_other() -> None:
    clocks = facts("clocks")
    assert clocks["elapsed"] >= clocks["awake"] - 0.1


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (PermissionError(13, "Permission denied"), Denied),
        (psutil.AccessDenied(1), Denied),
        (FileNotFoundError(2, "No such file or directory"), NotFound),
        (NotImplementedError("no /proc/diskstats"), NotFound),
        (OSError(5, "Input/output error"), Failed),
        (RuntimeError("host_statistics64"), Failed),
        (SystemError("returned a result with an exception set"), Failed),
        (NotFound("only there"), NotFound),
    ],
)
def test_whatever_a_fact_raises_becomes_a_typed_error(raised: Exception, expected: type[Exception]) -> None:
    def fact() -> None:
        raise raised

    with pytest.raises(expected):
        told(fact)


def test_none_is_not_found() -> None:
    with pytest.raises(NotFound):
        told(lambda: None)


ROOT = Mount("/dev/vda1", "/", "ext4", "rw")


@pytest.mark.parametrize(
    "fstype", ["nfs", "nfs4", "smbfs", "cifs", "afpfs", "webdav", "autofs", "fuse.sshfs", "9p", ""]
)
def test_a_volume_that_may_hang_is_never_touched(fstype: str) -> None:
    dead = Mount("server:/export", "/Volumes/share", fstype, "rw")
    assert list(touchable([ROOT, dead])) == [ROOT]


def test_a_disk_mounted_below_a_network_volume_is_not_touched_either() -> None:
    share = Mount("server:/export", "/mnt/share", "nfs", "rw")
    below = Mount("/dev/sdb1", "/mnt/share/usb", "ext4", "rw")
    beside = Mount("/dev/sdb2", "/mnt/shared", "ext4", "rw")
    assert list(touchable([ROOT, below, beside, share])) == [ROOT, beside]


def test_a_network_volume_that_covers_a_local_mount_is_not_touched() -> None:
    local, share = Mount("/dev/sdb1", "/data", "ext4", "rw"), Mount("server:/export", "/data", "nfs", "rw")
    assert list(touchable([ROOT, local, share])) == [ROOT]
    assert list(touchable([ROOT, share, local])) == [ROOT, local]


def test_memory_file_systems_and_a_foreign_root_hide_nothing() -> None:
    run, stick = Mount("tmpfs", "/run", "tmpfs", "rw"), Mount("/dev/sdb1", "/run/media/a/STICK", "vfat", "rw")
    root = Mount("rootfs", "/", "virtiofs", "rw")
    assert list(touchable([root, run, stick])) == [stick]


def test_the_mounts_of_this_machine_are_local_by_type() -> None:
    assert {mount["fstype"] for mount in facts("filesystems")} <= LOCAL


def test_a_zombie_and_the_threads_of_this_process_are_counted() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody took its status yet
    found = facts("processes")
    assert found["states"]["zombie"] >= 1
    assert found.get("threads", threading.active_count()) >= threading.active_count()
    child.wait()


def test_sysctls_are_decoded_by_their_c_types() -> None:
    answers = {
        "hw.model": b"Mac17,6\0",
        "hw.memsize": (64 * 1024**3).to_bytes(8, "little"),
        "hw.nperflevels": (2).to_bytes(4, "little"),
        "hw.perflevel0.name": b"Super\0",
        "hw.perflevel0.physicalcpu": (6).to_bytes(4, "little"),
        "hw.perflevel1.name": b"Performance\0",
        "hw.perflevel1.physicalcpu": (12).to_bytes(4, "little"),
        "hw.perflevel2.name": b"beyond the number of levels\0",
        "kern.waketime": struct.pack("<qi4x", 1790081234, 250000),
        "sysctl.proc_translated": (0).to_bytes(4, "little"),
    }
    asked: Counter[str] = Counter()

    def read(name: str) -> bytes | None:
        asked[name] += 1
        return answers.get(name)

    assert decoded(read) == {
        "hw.model": "Mac17,6",
        "hw.memsize": 68719476736,
        "hw.nperflevels": 2,
        "hw.perflevel0.name": "Super",
        "hw.perflevel0.physicalcpu": 6,
        "hw.perflevel1.name": "Performance",
        "hw.perflevel1.physicalcpu": 12,
        "kern.waketime": 1790081234.25,
        "sysctl.proc_translated": 0,
    }
    assert max(asked.values()) == 1


def test_a_mac_without_performance_levels_has_none() -> None:
    assert decoded({"hw.model": b"MacBookPro16,1\0"}.get) == {"hw.model": "MacBookPro16,1"}
