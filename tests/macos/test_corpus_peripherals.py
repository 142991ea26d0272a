"""Real reports of the three buses, read in place: they give the facts that their manifest states."""

import json
from collections import Counter
from pathlib import Path

import pytest

from exporters.core.metrics import render
from exporters.macos import bluetooth, thunderbolt, usb
from exporters.macos.peripherals import advance, parse, peripherals
from macos.attached import context, replies, shown

WHERE = context()
PROFILER = "macos/system_profiler-"
HUB_MODELS = {"0x9a44", "0x9a46", "0x9a00", "0x9a02", "0x9127"}


def usb_of(corpus: Path, name: str) -> usb.Usb:
    return usb.parse(replies(usb=(corpus / f"{PROFILER}{name}").read_bytes()), WHERE)


def bluetooth_of(corpus: Path, name: str) -> bluetooth.Bluetooth:
    return bluetooth.parse(replies(bluetooth=(corpus / f"{PROFILER}bluetooth" / name).read_bytes()), WHERE)


def thunderbolt_of(corpus: Path, name: str) -> thunderbolt.Thunderbolt:
    return thunderbolt.parse(replies(thunderbolt=(corpus / f"{PROFILER}thunderbolt" / name).read_bytes()), WHERE)


def test_a_display_a_key_and_another_display_nested_three_deep(corpus: Path) -> None:
    reading = usb_of(corpus, "usb/m1pro-ultrafine-yubikey.json")
    kinds = Counter(each.device.kind for each in reading.plugged)
    assert (reading.buses, kinds) == (5, {"hub": 5, "device": 9})
    assert {each.device.product_id for each in reading.plugged if each.device.kind == "hub"} == HUB_MODELS


def test_vendor_token_built_in_parts_and_a_shared_serial(corpus: Path) -> None:
    devices = {each.device.product: each.device for each in usb_of(corpus, "usb/m1pro-ultrafine-yubikey.json").plugged}
    keyboard, camera, pen = devices["Magic Keyboard"], devices["LG UltraFine Display Camera"], devices["PenDrive"]
    assert (keyboard.vendor_id, keyboard.apple, keyboard.builtin) == ("0x05ac", True, False)
    assert (camera.vendor_id, camera.vendor, camera.apple) == ("0x043e", "LG Electronics USA Inc.", False)
    assert (pen.vendor_id, pen.place) == ("0x1f75", "0x40120000")
    display, audio = devices["Apple Thunderbolt Display"], devices["Display Audio"]
    assert display.serial == audio.serial
    assert (display.builtin, display.identity != audio.identity) == (True, True)


def test_speeds_and_currents_of_the_older_report(corpus: Path) -> None:
    found = {each.device.product: each for each in usb_of(corpus, "usb/m1pro-ultrafine-yubikey.json").plugged}
    numbers = {name: (found[name].link, found[name].current) for name in ("YubiKey OTP+FIDO+CCID", "PenDrive")}
    assert numbers == {"YubiKey OTP+FIDO+CCID": (1.5e6, 0.03), "PenDrive": (6e7, 0.2)}


def test_an_intel_machine_of_the_older_report(corpus: Path) -> None:
    reading = usb_of(corpus, "usb/catalina-vmware-intel.json")
    assert (reading.buses, Counter(each.device.kind for each in reading.plugged)) == (3, {"hub": 3, "device": 3})
    assert {each.device.vendor_id for each in reading.plugged} == {"0x0e0f", "0x05ac"}


def test_the_newer_report_with_a_flash_drive(corpus: Path) -> None:
    reading = usb_of(corpus, "usbhost/macos27-mbp-flashdrive.json")
    (drive,) = reading.plugged
    told = (drive.device.product, drive.device.vendor, drive.device.vendor_id, drive.device.product_id)
    assert (reading.buses, told) == (2, ("SanDisk 3.2 Gen1", "USB", "0x0781", "0x55fd"))
    assert (drive.link, drive.current, drive.device.builtin) == (6.25e8, 0.896, False)


def test_the_newer_report_with_a_hub_and_what_hangs_on_it(corpus: Path) -> None:
    reading = usb_of(corpus, "usbhost/macos26-m3pro-hub.json")
    hub, adapter = reading.plugged
    assert (hub.device.kind, hub.device.vendor) == ("hub", "Anker")
    assert (adapter.device.kind, adapter.device.vendor, adapter.link) == ("device", "Realtek", 6.25e8)


def test_the_newer_report_of_an_idle_mac(corpus: Path) -> None:
    reading = usb_of(corpus, "usbhost/macos27-m2pro-idle.json")
    assert (reading.buses, reading.attached()) == (1, ())


def test_levels_only_of_what_is_connected(corpus: Path) -> None:
    reading = bluetooth_of(corpus, "keychron-and-homepod.json")
    told = [(each.connected, each.device.kind, each.levels) for each in reading.paired]
    assert told == [(True, "Keyboard", {"main": 1.0}), (True, None, {}), (False, None, {})]


def test_a_mouse_without_a_level_and_a_tablet_that_is_away(corpus: Path) -> None:
    reading = bluetooth_of(corpus, "macos26-m3pro-mouse.json")
    told = [(each.connected, each.device.kind, each.levels) for each in reading.paired]
    assert (reading.powered, told) == (True, [(True, "Mouse", {}), (False, None, {})])


def test_a_controller_without_devices(corpus: Path) -> None:
    reading = bluetooth_of(corpus, "macos27-n1-no-devices.json")
    assert (reading.powered, reading.attached()) == (True, ())


def test_the_layout_of_macos_10_is_no_complete_report_and_no_error(corpus: Path) -> None:
    reading = bluetooth_of(corpus, "catalina-vmware-intel.json")
    assert (reading.powered, reading.paired, reading.attached()) == (None, (), None)


def test_the_cut_list_of_macos_12_begins_as_we_read_it(corpus: Path) -> None:
    text = (corpus / f"{PROFILER}bluetooth" / "macos12-devices_list-intel-truncated.txt").read_text()
    whole = text[: text.rindex("},")] + "}]}]}"
    reading = bluetooth.parse(replies(bluetooth=json.loads(whole)), WHERE)
    (headset,) = reading.paired
    told = (headset.device.kind, headset.device.vendor_id, headset.device.product_id, headset.connected)
    assert (reading.powered, told) == (True, ("Headset", "0x0067", "0x247e", None))


def test_another_mac_on_a_fast_link_and_two_idle_ports(corpus: Path) -> None:
    reading = thunderbolt_of(corpus, "m5max-mbp-tb5-peer.json")
    ports = {port.number: (port.connected, port.link) for port in reading.ports}
    assert ports == {"3": (False, None), "2": (False, None), "1": (True, 1e10)}
    (peer,) = reading.devices
    assert (peer.kind, peer.product, peer.vendor, peer.apple) == ("mac", "Mac15,14", "Apple Inc.", True)


def test_an_idle_bus_and_a_machine_without_thunderbolt(corpus: Path) -> None:
    idle = thunderbolt_of(corpus, "mbp-tb4-idle.json")
    none = thunderbolt_of(corpus, "catalina-vmware-intel.json")
    assert [(port.number, port.link) for port in idle.ports] == [("3", None)]
    assert (idle.attached(), none.attached(), none.ports) == ((), (), ())


COLLECTORS = {
    "usb": usb.usb,
    "usbhost": usb.usb,
    "bluetooth": bluetooth.bluetooth,
    "thunderbolt": thunderbolt.thunderbolt,
}
PRIVATE = ("serial", "address", "uid", "uuid")


def strings(tree: object, key: str = "") -> set[str]:
    """The private texts of a report: serials, addresses, unique ids, names that people gave."""
    if isinstance(tree, dict):
        own = {name for name, each in tree.items() if isinstance(each, dict) and "device_address" in each}
        return own.union(*(strings(each, name) for name, each in tree.items()))
    if isinstance(tree, list):
        return set().union(*(strings(each, key) for each in tree))
    return {tree} if isinstance(tree, str) and any(word in key.lower() for word in PRIVATE) else set()


@pytest.mark.parametrize("topic", COLLECTORS)
def test_every_report_is_published_without_what_is_private(corpus: Path, topic: str) -> None:
    files = sorted((corpus / f"{PROFILER}{topic}").glob("*.json"))
    assert files
    for file in files:
        document = json.loads(file.read_bytes())
        bus = topic.removesuffix("host")
        secrets = strings(document)
        for level in ("standard", "strict"):
            text = "\n".join(shown(COLLECTORS[topic], level, **{bus: document}))
            leaked = [secret for secret in secrets if secret in text]
            assert not leaked, f"{file.name} at {level}: {len(leaked)} private texts"


@pytest.mark.parametrize("topic", COLLECTORS)
def test_every_report_twice_is_no_event(corpus: Path, topic: str) -> None:
    for file in sorted((corpus / f"{PROFILER}{topic}").glob("*.json")):
        reading = parse(replies(**{topic.removesuffix("host"): file.read_bytes()}), WHERE)
        state = advance(advance(None, reading, 0.0, WHERE), reading, 0.0, WHERE)
        assert state.events == ()
        assert render(peripherals.metrics(state, WHERE))
