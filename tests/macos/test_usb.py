"""USB: both layouts, what tells two devices apart, which numbers are known, what is told at which privacy level."""

import pytest
from hypothesis import given

from exporters.core.context import Level
from exporters.core.metrics import render
from exporters.macos import usb
from exporters.macos.device import Device, labels
from exporters.sources.base import ParseError
from macos.attached import HOST, OLD, context, old_usb_report, replies, shown, stick, usb_report
from macos.looking import spoiled_bytes, spoiled_json, steadily

OLD_STICK = {
    "_name": "Stick   ",
    "bus_power_used": "896",
    "device_speed": "super_speed",
    "location_id": "0x02100000 / 7",
    "manufacturer": "Disk Maker",
    "product_id": "0x5581",
    "vendor_id": "0x0bad  (Example Disks)",
}


def devices(report: object) -> tuple[Device, ...] | None:
    return usb.parse(replies(usb=report), context()).attached()


def one(report: object) -> usb.Plugged:
    (found,) = usb.parse(replies(usb=report), context()).plugged
    return found


def test_both_layouts_give_the_same_device() -> None:
    old, new = one(old_usb_report(OLD_STICK)), one(usb_report(stick()))
    assert old.device == new.device
    assert new.device == Device(
        bus="usb",
        kind="device",
        vendor_id="0x0bad",
        product_id="0x5581",
        vendor="Example Disks",
        product="Stick",
        builtin=False,
        apple=False,
        place="0x02100000",
    )


@pytest.mark.parametrize("empty", [OLD, HOST])
def test_the_layout_that_has_items_counts(empty: str) -> None:
    full = {OLD: HOST, HOST: OLD}[empty]
    device = OLD_STICK if full == OLD else stick()
    assert one({empty: [], full: [{"_name": "USB31Bus", "_items": [device]}]}).device.product == "Stick"


@pytest.mark.parametrize("report", [b"", b"{", b"\xff\xfe", b"[]", b"null", {}, {"SPPowerDataType": []}, {OLD: {}}])
def test_an_answer_without_either_report_is_unparsable(report: object) -> None:
    with pytest.raises(ParseError):
        devices(report)


def test_a_report_without_a_bus_says_nothing() -> None:
    assert devices({OLD: [], HOST: []}) is None
    assert shown(usb.usb, usb={OLD: [], HOST: []}) == []


def test_a_bus_without_devices_is_a_good_report() -> None:
    lines = shown(usb.usb, usb=usb_report())
    assert lines == [
        "macos_usb_buses 1.0",
        'macos_usb_devices{class="hub"} 0.0',
        'macos_usb_devices{class="device"} 0.0',
    ]


@pytest.mark.parametrize(
    ("text", "speed"),
    [
        ("12 Mb/s", 1.5e6),
        ("1,5 Mb/s", 187_500),
        ("480\u00a0Mb/s", 6e7),
        ("20 Gb/s", 2.5e9),
        ("Up to 10 Gb/s", None),
        ("fast", None),
        ("99999999999999999999 Gb/s", None),
    ],
)
def test_link_speed_is_told_in_bytes_where_its_form_is_known(text: str, speed: float | None) -> None:
    assert one(usb_report(stick(USBDeviceKeyLinkSpeed=text))).link == speed


@pytest.mark.parametrize(
    ("token", "speed"),
    [("low_speed", 187_500), ("high_speed", 6e7), ("super_speed", 6.25e8), ("super_speed_plus", None), ("x", None)],
)
def test_speed_tokens_of_the_older_layout(token: str, speed: float | None) -> None:
    assert one(old_usb_report({**OLD_STICK, "device_speed": token})).link == speed


@pytest.mark.parametrize(
    ("text", "amperes"),
    [("4.48 W (896 mA)", 0.896), ("2,5 W (500 mA)", 0.5), ("0", 0.0), ("4.48 W", None), ("-5", None), ("896 W", None)],
)
def test_current_is_told_only_in_the_forms_that_were_seen(text: str, amperes: float | None) -> None:
    assert one(usb_report(stick(USBDeviceKeyPowerAllocation=text))).current == amperes


def test_hubs_are_known_by_their_name_or_by_what_hangs_on_them() -> None:
    named = {"_name": "USB2.1 Hub"}
    token = {"_name": "hub_device"}
    loaded = {"_name": "Monitor", "_items": [{"_name": "Github Sticker"}]}
    kinds = {each.product: each.kind for each in devices(usb_report(named, token, loaded)) or ()}
    assert kinds == {"USB2.1 Hub": "hub", "Hub": "hub", "Monitor": "hub", "Github Sticker": "device"}


@pytest.mark.parametrize("text", ["apple_vendor_id", "0x05AC", " 0x05ac  (Apple Inc.)"])
def test_apple_is_known_in_every_form_of_its_id(text: str) -> None:
    found = one(old_usb_report({**OLD_STICK, "vendor_id": text})).device
    assert (found.vendor_id, found.apple) == ("0x05ac", True)


def test_a_device_without_a_vendor_is_nobodys() -> None:
    found = one(usb_report({"_name": "Thing"})).device
    assert (found.vendor_id, found.product_id, found.apple, found.builtin) == (None, None, None, None)


def test_built_in_is_what_macos_says_and_unknown_where_it_says_nothing() -> None:
    def says(**more: str) -> bool | None:
        return one(usb_report({**stick(), **more})).device.builtin

    assert [says(USBKeyHardwareType="Built-in"), says(), says(USBKeyHardwareType="?")] == [True, False, None]
    assert one(old_usb_report({**OLD_STICK, "Built-in_Device": "Yes"})).device.builtin is True


def label(**more: str) -> str:
    (found,) = labels((one(usb_report(stick(**more))).device,), context())
    return found


def test_a_serial_is_the_same_device_at_any_port() -> None:
    assert label(serial="S1", place="0x01000000") == label(serial="S1", place="0x02000000")
    assert label(serial="S1") != label(serial="S2")


def test_without_a_serial_the_port_is_what_stays() -> None:
    old = one(old_usb_report({**OLD_STICK, "serial_num": "Not Provided"}))
    new_address = one(old_usb_report({**OLD_STICK, "location_id": "0x02100000 / 9"}))
    assert old.device.identity == new_address.device.identity
    assert label(place="0x01000000") != label(place="0x02000000")


def test_parts_of_one_unit_that_share_a_serial_stay_apart() -> None:
    camera, audio = ({**OLD_STICK, "serial_num": "UNIT", "product_id": part} for part in ("0x1", "0x2"))
    assert len(set(labels(devices(old_usb_report(camera, audio)) or (), context()))) == 2


@pytest.mark.parametrize("level", ["standard", "full", "strict"])
def test_two_equal_devices_are_two_series_at_every_level(level: Level) -> None:
    lines = shown(usb.usb, level, usb=usb_report(stick("S"), stick("S"), stick("S#2")))
    assert sum(line.startswith("macos_usb_device_info") for line in lines) == 3


def test_strict_shows_models_and_no_hash() -> None:
    text = "\n".join(shown(usb.usb, "strict", usb=usb_report(stick("S1"), stick("S2"))))
    assert 'device="0x0bad:0x5581"' in text
    assert 'device="0x0bad:0x5581#2"' in text


def test_full_shows_the_serial_and_standard_hides_it() -> None:
    report = usb_report(stick("SERIAL-1"))
    assert "SERIAL-1" in "\n".join(shown(usb.usb, "full", usb=report))
    assert "SERIAL-1" not in "\n".join(shown(usb.usb, usb=report))


@pytest.mark.parametrize("name", ["Anna's phone", "Anna\u2019s phone", "T\u00e9l\u00e9phone d\u2019Anna"])
@pytest.mark.parametrize("level", ["standard", "strict"])
def test_a_product_name_that_may_hold_a_persons_is_replaced_by_vendor_and_kind(name: str, level: Level) -> None:
    report = usb_report({**stick(), "_name": name})
    text = "\n".join(shown(usb.usb, level, usb=report))
    assert "Anna" not in text
    assert 'product="Example Disks device"' in text
    assert name in "\n".join(shown(usb.usb, "full", usb=report))


def test_names_of_volumes_are_never_read() -> None:
    media = [{"_name": "Secret volume", "volumes": [{"_name": "Secret volume"}]}]
    text = "\n".join(shown(usb.usb, "full", usb=old_usb_report({**OLD_STICK, "Media": media})))
    assert "Secret" not in text


def test_nesting_has_an_end() -> None:
    device = {"_name": "end"}
    for _ in range(60):
        device = {"_name": "hub_device", "_items": [device]}
    with pytest.raises(ParseError, match="deep"):
        devices(usb_report(device))


REPORT = usb_report(stick("S1", USBDeviceKeyPowerAllocation="4.48 W (896 mA)"), {"_name": "Hub", "_items": [stick()]})
OLD_REPORT = old_usb_report(OLD_STICK, {**OLD_STICK, "Built-in_Device": "Yes", "serial_num": "S1"})


@steadily
@given(spoiled_json(REPORT) | spoiled_json(OLD_REPORT) | spoiled_bytes(replies(usb=REPORT)[usb.REPORT].stdout))
def test_whatever_is_answered_gives_samples_or_a_parse_error(answer: bytes) -> None:
    for level in ("standard", "full", "strict"):
        where = context(level)
        try:
            reading = usb.parse(replies(usb=answer), where)
        except ParseError:
            continue
        text = render(usb.usb.metrics(reading, where)).decode()
        assert text.count("\nmacos_usb_device_info{") == len(reading.plugged)
