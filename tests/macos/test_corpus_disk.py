"""Captures of real Macs: each file about disks gives the facts that its manifest states."""

import json
import plistlib
from pathlib import Path
from typing import Any

import pytest

from exporters.core.context import Context
from exporters.core.flight import look
from exporters.macos.disk_health import REPORT, SMARTCTL, START_DISK, Config, disk_health
from exporters.macos.storage import CONTAINERS, MOUNTED, storage
from exporters.sources.replay import Captured, Replay
from macos.looking import captures, see

READ = {
    "diskutil-apfs": "*.plist",
    "diskutil-info": "*.plist",
    "smartctl": "*",
    "system_profiler-nvme": "*.json",
    "system_profiler-sata": "*.json",
    "system_profiler-storage": "*.json",
}
START = "diskutil-info/m5-macos26.6-root.plist"
MACBOOK = "system_profiler-nvme/m5-macos26.6.json"
VIRTUAL = ("system_profiler-nvme/catalina-vmware-intel.json", "system_profiler-nvme/runner-macos26-vm-empty.json")
SATA = "system_profiler-sata/catalina-vmware-intel.json"
LOG = "smartctl/m2pro-macos26.5-x.json"
INFO = 'macos_disk_info{device="disk0",internal="%s",model="%s",protocol="%s",source="%s"}'
ISC = "diskutil-apfs/iscpreboot-apple-silicon.plist"
USB = "system_profiler-storage/apple-silicon-1tb-usb.json"
OLD = "system_profiler-storage/catalina-vmware-intel.json"
REFUSAL = "smartctl/m1pro-open-failed.txt"


@pytest.fixture
def macos(corpus: Path) -> Path:
    return corpus / "macos"


def test_every_capture_that_counts_is_read_here(macos: Path) -> None:
    there = {f"{folder}/{path.name}" for folder, pattern in READ.items() for path in (macos / folder).glob(pattern)}
    assert there == {START, MACBOOK, *VIRTUAL, SATA, LOG, REFUSAL, ISC, USB, OLD}


def test_a_macbook_pro_m5(macos: Path) -> None:
    seen = see(disk_health, {START_DISK: (macos / START).read_bytes(), REPORT: (macos / MACBOOK).read_bytes()})
    assert seen.problems == {}
    assert {series: value for series, value in seen.values.items() if value} == {
        INFO % ("true", "APPLE SSD AP1024Z", "NVMe", "diskutil"): 1,
        'macos_disk_smart_status{device="disk0",state="verified"}': 1,
        'macos_disk_trim_supported{device="disk0"}': 1,
        'macos_disk_wear_ratio{device="disk0"}': 0.01,
        'macos_disk_spare_ratio{device="disk0"}': 1,
        'macos_disk_spare_threshold_ratio{device="disk0"}': 0.99,
        'macos_disk_lifetime_read_bytes_total{device="disk0"}': 45162967 * 512_000,
        'macos_disk_lifetime_written_bytes_total{device="disk0"}': 28999789 * 512_000,
        'macos_disk_power_on_seconds_total{device="disk0"}': 454 * 3600,
        'macos_disk_power_cycles_total{device="disk0"}': 152,
        'macos_disk_unsafe_shutdowns_total{device="disk0"}': 5,
        'macos_disk_temperature_celsius{device="disk0"}': 32.85,
    }
    assert seen.values['macos_disk_media_errors_total{device="disk0"}'] == 0


@pytest.mark.parametrize("name", VIRTUAL)
def test_a_virtual_mac_has_no_nvme_disk(name: str, macos: Path) -> None:
    seen = see(disk_health, {REPORT: (macos / name).read_bytes()})
    assert (seen.values, seen.problems) == ({}, {})


def test_a_virtual_sata_disk_tells_no_status_and_empty_ports_are_no_disks(macos: Path) -> None:
    seen = see(disk_health, {REPORT: (macos / SATA).read_bytes()})
    assert {series for series, value in seen.values.items() if value} == {
        INFO % ("", "VMware Virtual SATA Hard Drive", "SATA", "system_profiler"),
        'macos_disk_smart_status{device="disk0",state="unknown"}',
    }
    assert seen.values['macos_disk_trim_supported{device="disk0"}'] == 0


def asked(answer: Captured) -> tuple[dict[str, float], dict[str, str]]:
    context = Context(config=Config(smartctl=True))
    found = look(disk_health, Replay(captures({SMARTCTL: answer})), context)
    samples = disk_health.metrics(found.reading or {}, context)
    return {"/".join((each.family.name, *each.labels.values())): each.value for each in samples}, dict(found.problems)


def test_a_healthy_m2_pro_makes_smartctl_end_with_4(macos: Path) -> None:
    printed = (macos / LOG).read_bytes()
    told, problems = asked(Captured(printed, exit=json.loads(printed)["smartctl"]["exit_status"]))
    assert problems == {}
    assert told["macos_disk_smart_status/disk0/verified"] == 1
    assert told["macos_disk_info/disk0/APPLE SSD AP0512Z///smartctl"] == 1
    assert told["macos_disk_wear_ratio/disk0"] == 0.03
    assert told["macos_disk_spare_threshold_ratio/disk0"] == 0.99
    assert told["macos_disk_temperature_celsius/disk0"] == 34
    assert told["macos_disk_power_on_seconds_total/disk0"] == 4961 * 3600
    assert told["macos_disk_lifetime_read_bytes_total/disk0"] == 482910976 * 512_000
    assert told["macos_disk_lifetime_written_bytes_total/disk0"] == 174266959 * 512_000
    assert told["macos_disk_unsafe_shutdowns_total/disk0"] == 30


def test_a_disk_that_smartctl_could_not_open(macos: Path) -> None:
    printed = (macos / REFUSAL).read_bytes()
    assert asked(Captured(printed, exit=2))[1].keys() == {"failed"}
    assert asked(Captured(printed))[1].keys() == {"unparsable"}


def test_no_serial_number_of_a_capture_is_published(macos: Path) -> None:
    told, _ = asked(Captured((macos / LOG).read_bytes(), exit=4))
    seen = see(disk_health, {REPORT: (macos / MACBOOK).read_bytes()})
    assert not any("REDACTED" in series or "SYNTH" in series for series in (*told, *seen.values))


def listed(macos: Path, name: str, *roles: str) -> bytes:
    """The one container that was captured, as another one."""
    tree: Any = plistlib.loads((macos / ISC).read_bytes())
    (container,) = tree["Containers"]
    container["ContainerReference"] = name
    for volume, role in zip(container["Volumes"], roles, strict=True):
        volume["Roles"] = [role]
    return plistlib.dumps(tree)


def test_the_isc_container_is_a_part_of_the_system(macos: Path) -> None:
    seen = see(storage, {CONTAINERS: (macos / ISC).read_bytes(), MOUNTED: (macos / USB).read_bytes()})
    assert (seen.values, seen.problems) == ({}, {})


@pytest.mark.parametrize(
    ("report", "name", "internal", "protocol"),
    [(USB, "disk3", "true", "Apple Fabric"), (USB, "disk7", "false", "USB"), (OLD, "disk1", "true", "PCI")],
)
def test_a_container_that_people_fill(report: str, name: str, internal: str, protocol: str, macos: Path) -> None:
    told = {CONTAINERS: listed(macos, name, "System", "Data"), MOUNTED: (macos / report).read_bytes()}
    seen = see(storage, told)
    info = f'macos_storage_container_info{{container="{name}",internal="{internal}",protocol="{protocol}"}}'
    assert seen.problems == {}
    assert seen.values[info] == 1
    assert seen.values[f'macos_storage_container_size_bytes{{container="{name}"}}'] == 524288000
    assert seen.values[f'macos_storage_container_free_bytes{{container="{name}"}}'] == 505962496
    assert seen.values[f'macos_storage_volume_used_bytes{{container="{name}",volume_role="system"}}'] == 6475776
    assert seen.values[f'macos_storage_volume_filevault{{container="{name}",volume_role="data"}}'] == 1
