"""The device policy: what a rule allows, what it refuses to be, and that it is matched before anything is hidden."""

import msgspec
import pytest

from exporters.core.context import Context, Level
from exporters.macos.device import Device
from exporters.macos.policy import Peripherals, Policy, Rule, facts, verdict
from exporters.sources.strictyaml import load_yaml
from macos.attached import KEY, context

STICK = Device(
    bus="usb",
    kind="device",
    vendor_id="0x05ac",
    product_id="0x0267",
    builtin=False,
    apple=True,
    serial="SERIAL-1",
)
BARE = Device(bus="bluetooth")


def read(text: str) -> Policy:
    config = msgspec.convert(load_yaml(f"policy:\n  allow:\n    - {text}\n"), Peripherals)
    assert config.policy is not None
    return config.policy


def judged(text: str, device: Device = STICK, level: Level = "standard") -> str:
    return verdict(device, read(text), context(level))


FITTING = [
    "{bus: usb}",
    "{vendor_id: 0x05ac}",
    '{vendor_id: "05AC"}',
    "{vendor_id: 5ac}",
    '{vendor_id: "0x05AC", product_id: "267"}',
    "{class: Device}",
    "{builtin: false}",
    "{apple: true}",
    f'{{serial_hash: "{context().hash("SERIAL-1")}"}}',
]


@pytest.mark.parametrize("text", FITTING)
def test_a_rule_allows_what_fits_it(text: str) -> None:
    assert judged(text) == "true"


@pytest.mark.parametrize("text", FITTING)
def test_a_rule_does_not_allow_a_device_that_does_not_tell(text: str) -> None:
    assert judged(text, BARE) == "false"


@pytest.mark.parametrize(
    "text",
    [
        "{bus: thunderbolt}",
        "{vendor_id: 0x05ad}",
        "{vendor_id: 0x05ac, product_id: 0x0268}",
        "{class: hub}",
        "{builtin: true}",
        "{apple: false}",
        "{serial_hash: 0123456789ab}",
        "{bus: usb, apple: true, class: hub}",
    ],
)
def test_a_rule_allows_nothing_that_misses_one_of_its_points(text: str) -> None:
    assert judged(text) == "false"


@pytest.mark.parametrize("level", ["standard", "full", "strict"])
def test_serials_are_matched_before_they_are_hidden(level: Level) -> None:
    hashed = context(level).hash("SERIAL-1")
    assert judged(f'{{serial_hash: "{hashed}"}}', level=level) == "true"


def test_a_hash_under_another_key_is_another_device() -> None:
    rule = Rule(serial_hash=context().hash("SERIAL-1"))
    assert verdict(STICK, Policy((rule,)), Context(key=KEY + b"!")) == "false"


def test_without_a_policy_nothing_is_known_and_with_an_empty_one_nothing_is_allowed() -> None:
    assert msgspec.convert({}, Peripherals).policy is None
    assert [verdict(STICK, policy, context()) for policy in (None, Policy(()))] == ["unknown", "false"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{}", "a rule names at least one of bus"),
        ("{vendor_id: 1050}", "vendor_id: 1050 is not up to 4 hexadecimal digits in quotes"),
        ("{vendor_id: Apple}", "vendor_id: 'Apple' is not"),
        ('{vendor_id: "0x105ac"}', "vendor_id: '0x105ac' is not"),
        ('{vendor_id: ""}', "vendor_id: '' is not"),
        ("{vendor_id: 0x05ac, product_id: nano}", "product_id: 'nano' is not"),
        ('{product_id: "0267"}', "product_id needs a vendor_id"),
        ("{serial_hash: SERIAL-1}", "serial_hash: 'SERIAL-1' is not 12 lower-case hexadecimal digits"),
        ("{serial_hash: 123456789012}", "serial_hash: 123456789012 is not"),
        ("{bus: firewire}", "Invalid enum value 'firewire'"),
        ("{vendor: 0x05ac}", "unknown field `vendor`"),
        ("{builtin: yes}", "Expected `bool | null`, got `str`"),
        ("{vendor_id: true}", "got `bool`"),
        ("usb", "got `str`"),
    ],
)
def test_a_bad_rule_is_one_clear_line(text: str, fault: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        read(text)
    assert fault in str(caught.value)
    assert "$.policy.allow[0]" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_policy_without_a_list_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="allow"):
        msgspec.convert({"policy": {}}, Peripherals)


def test_the_hash_that_a_rule_needs_is_told_with_the_device_unless_strict() -> None:
    told = {level: facts((STICK,), context(level))[0]["serial_hash"] for level in ("standard", "full", "strict")}
    assert told == {"standard": context().hash("SERIAL-1"), "full": context().hash("SERIAL-1"), "strict": ""}
