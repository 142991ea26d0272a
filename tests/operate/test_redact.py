"""What a capture keeps and what it replaces."""

import json
import plistlib
import re
from typing import Any

import pytest

from exporters.operate.redact import Redactor, Unreadable

NAMES = ("anna", "Anna Example", "Anna", "Example", "annas-macbook-pro", "root", "mac", "al")


@pytest.fixture
def redactor() -> Redactor:
    return Redactor(b"key of the test", NAMES)


def redacted(redactor: Redactor, tree: Any, *publishes: str) -> Any:
    return json.loads(redactor.document(json.dumps(tree).encode(), publishes))


HARMLESS = """85|-51 dBm / -90 dBm|0x05ac|0x03500000 / 1|480 Mb/s|Up to 40 Gb/s x1|4.48 W (896 mA)|85%|100\u00a0%|yes
TRUE|attrib_on|apple_vendor_id|spbattery_information|receptacle_connected|Not Provided||2026-11-20|99.5"""
NAMING = """C02XK1ABCDEF|Anna's Keyboard|Living Room|A4-83-E7-00-11-22|00:11:22:33:44:55|fe80::1c2a:3bff:fe4d:5e6f
6F1B2C3D-0000-4AAA-9BBB-123456789ABC|anna@example.org|123456789012|0x05ac8600ee2a11f3|/Users/anna/Docs|Büro Jürgen"""


TABLE = (
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    "eth0\t00000000\tFE28A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0   \n"
    "eth0\t0028A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0   \n"
    "lo\t0000007F\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0   \n"
)


def test_the_gateway_in_the_table_of_linux_has_the_stand_in_of_its_address() -> None:
    redactor = Redactor(b"key")
    told = redactor.text(TABLE)
    (_, default, network, own) = (line.split("\t") for line in told.splitlines())
    assert "28A8C0" not in told
    assert ".".join(str(each) for each in bytes.fromhex(default[2])[::-1]) == redactor.text("192.168.40.254")
    assert (default[1], network[2], own[1]) == ("00000000", "00000000", "0000007F")
    assert network[3:] == TABLE.splitlines()[2].split("\t")[3:]


@pytest.mark.parametrize("value", re.split(r"[|\n]", HARMLESS))
def test_what_tells_no_machine_from_another_stays(redactor: Redactor, value: str) -> None:
    assert redacted(redactor, {"key": value}) == {"key": value}


@pytest.mark.parametrize("value", re.split(r"[|\n]", NAMING))
def test_what_names_someone_gets_a_stand_in_of_the_same_shape(redactor: Redactor, value: str) -> None:
    other = redacted(redactor, {"key": value})["key"]
    assert other != value
    assert re.sub(r"[^\W_]", "x", other) == re.sub(r"[^\W_]", "x", value)
    assert not re.search("anna|c02xk|living|jürgen", other, re.IGNORECASE)


def test_equal_values_stay_equal_whatever_their_form(redactor: Redactor) -> None:
    tree = redacted(redactor, [{"a": "A4-83-E7-00-11-2B"}, {"b": "a4:83:e7:00:11:2b"}, {"c": "A4-83-E7-00-11-2C"}])
    first, second, third = (next(iter(each.values())) for each in tree)
    assert first.replace("-", ":").lower() == second
    assert third != first
    assert redactor.text("seen A4-83-E7-00-11-2B") == f"seen {first}"


def test_another_capture_gives_other_stand_ins() -> None:
    assert Redactor(b"one").stand_in("C02XK1ABCDEF") != Redactor(b"two").stand_in("C02XK1ABCDEF")


def test_published_keys_keep_their_strings_but_no_owner(redactor: Redactor) -> None:
    tree = {"_name": "Anna's iPhone", "product": "Magic Keyboard", "vendor": "Anna Example GmbH", "hidden": "Sesame"}
    kept = redacted(redactor, tree, "_name", "product", "vendor")
    assert kept["product"] == "Magic Keyboard"
    assert kept["_name"].endswith("'s iPhone")
    assert kept["vendor"].endswith(" GmbH")
    assert not {"Anna", "Example", "Sesame"} & set(re.findall(r"\w+", json.dumps(kept)))


@pytest.mark.parametrize(
    "place",
    [
        "/Users/anna/Secret Plans/Draft.app",
        "/Volumes/Annas Disk/Draft.app",
        "/System/Volumes/Data/Users/anna/Secret Plans/Draft.app",
        "/Network/Servers/files.example.org/Users/anna/Secret Plans/Draft.app",
    ],
)
def test_what_lies_in_a_place_of_a_person_is_replaced_under_a_published_key_too(redactor: Redactor, place: str) -> None:
    printed = json.dumps({"path": [place, "/Applications/Graft.app", "/Users/Shared/Graft.app"]}).encode()
    own, *shared = json.loads(redactor.document(printed, {"path"}))["path"]
    assert not re.search("anna|secret|plans|draft|disk", own, re.IGNORECASE)
    assert shared == ["/Applications/Graft.app", "/Users/Shared/Graft.app"]


def test_identity_keys_are_replaced_even_where_the_value_looks_harmless(redactor: Redactor) -> None:
    tree = {"serial_num": "1234567", "device_address": "12", "USB Serial": 123456789012, "UID": 77, "count": 123456789}
    other = redacted(redactor, tree)
    assert {key for key in tree if other[key] != tree[key]} == {"serial_num", "device_address", "USB Serial"}
    assert other["serial_num"].isdigit()


def test_the_parts_of_a_drives_identity_are_replaced(redactor: Redactor) -> None:
    drive = {
        "wwn": {"naa": 5, "oui": 9528, "id": 60129542145},
        "nvme_namespaces": [{"id": 1, "eui64": {"oui": 4, "ext_id": 1099511627781}, "size": {"bytes": 500277792768}}],
    }
    other = redacted(redactor, drive)
    assert other["wwn"]["id"] != 60129542145
    assert other["nvme_namespaces"][0]["eui64"]["ext_id"] != 1099511627781
    assert other["nvme_namespaces"][0]["size"] == {"bytes": 500277792768}


def test_a_name_that_is_a_key_is_replaced_and_the_keys_of_a_report_stay(redactor: Redactor) -> None:
    report = {
        "SPBluetoothDataType": [
            {"device_connected": [{"Kitchen Speaker": {"device_address": "AA:BB:CC:DD:EE:FF", "level": "80 %"}}]}
        ]
    }
    (item,) = redacted(redactor, report)["SPBluetoothDataType"]
    ((name, about),) = item["device_connected"][0].items()
    assert name != "Kitchen Speaker"
    assert len(name) == len("Kitchen Speaker")
    assert about["level"] == "80 %"
    assert about["device_address"] != "AA:BB:CC:DD:EE:FF"


def test_volumes_lose_the_name_that_their_device_keeps(redactor: Redactor) -> None:
    disk = {"_name": "PenDrive", "Media": [{"_name": "Stick", "volumes": [{"_name": "Tax 2026"}]}]}
    (other,) = redacted(redactor, {"SPUSBDataType": [disk]}, "_name")["SPUSBDataType"]
    assert other["_name"] == "PenDrive"
    assert not {"Tax", "Stick"} & set(re.findall(r"\w+", json.dumps(other)))


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY])
def test_a_plist_keeps_its_form_and_numbers(redactor: Redactor, form: plistlib.PlistFormat) -> None:
    tree = [{"Serial": "F8Y1234ABCD", "CurrentCapacity": 85, "Flag": True, "Amperage": -200, "Blob": b"F8Y1234ABCD"}]
    data = redactor.document(plistlib.dumps(tree, fmt=form), ())
    (node,) = plistlib.loads(data, fmt=form)
    assert (node["CurrentCapacity"], node["Flag"], node["Amperage"]) == (85, True, -200)
    assert node["Serial"] != "F8Y1234ABCD"
    assert len(node["Blob"]) == 11
    assert b"F8Y1234ABCD" not in data


def test_of_a_crash_report_only_its_first_line_stays(redactor: Redactor) -> None:
    head = b'{"bug_type": "309", "platform": 1, "incident_id": "5C8F13A7-AED3-47EC-840E-97C24C0985C3"}'
    for rest in (b"", b"\n", b'\n{\n "userID" : 501, "procPath" : "/Users/anna/x"\n}\n', b"\n{ cut"):
        kept = redactor.document(head + rest, ())
        assert kept.strip().count(b"\n") == 0
        told = json.loads(kept)
        assert (told["bug_type"], told["platform"]) == ("309", 1)
        assert told.keys() == {"bug_type", "platform", "incident_id"}
        assert "5C8F13A7" not in told["incident_id"]


@pytest.mark.parametrize(
    "data", [b'{"serial": "C02', b"<?xml version='1.0'?><plist><dict><key>Serial", b"bplist00", b"a\0b"]
)
def test_what_cannot_be_read_is_refused(redactor: Redactor, data: bytes) -> None:
    with pytest.raises(Unreadable):
        redactor.document(data, ())


@pytest.mark.parametrize("name", ["enx{}", "wlx{}", "wwx{}", "enx{}.20", "br-enx{}"])
def test_a_hardware_address_in_the_name_of_an_interface_is_replaced(redactor: Redactor, name: str) -> None:
    whole = name.format("0011223344aa")
    (kept,) = redactor.facts({whole: {"bytes_recv": 7}})
    other = re.fullmatch(re.escape(name).replace(r"\{\}", "([0-9a-f]{12})"), kept)
    assert other
    assert other[1] != "0011223344aa"
    assert redactor.text(f"{whole}: up, 00:11:22:33:44:aa") == f"{kept}: up, {':'.join(re.findall('..', other[1]))}"


def test_names_of_interfaces_without_an_address_stay(redactor: Redactor) -> None:
    names = {"en0": 1, "enp3s0f1": 1, "enx0": 1, "wlan0": 1, "utun12": 1, "enx00112233445566": 1}
    assert redactor.facts(names) == names


def test_text_keeps_what_no_pattern_finds(redactor: Redactor) -> None:
    text = (
        b"Now drawing from 'AC Power'\n -InternalBattery-0 (id=4653155)\t99%; charged; 0:00 remaining present: true\n"
    )
    assert redactor.document(text, ()) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("mounted /Volumes/Holiday Photos on", "mounted /Volumes/"),
        ("home /Users/bertha/x", "home /Users/"),
        ("host Annas-MacBook-Pro up", "host "),
        ("Serial Number: C02XK1ABCDEF", "Serial Number: "),
        ("at 10.1.2.3 now", "at "),
        ("MDM server: https://mdm.orchard.example/mdm", "MDM server: "),
        ("Deferred enablement appears to be active for user 'robin'.", "Deferred enablement appears to be active for "),
    ],
)
def test_text_loses_names_and_addresses(redactor: Redactor, text: str, kept: str) -> None:
    other = redactor.text(text)
    assert other.startswith(kept)
    assert other != text
    assert not re.search("Holiday|bertha|Annas|C02XK|10.1.2.3|orchard|robin", other)


@pytest.mark.parametrize(
    "text",
    ["12:34:56", "2026-11-20 09:35:01", "root:wheel", "a mac and al", "127.0.0.1:9090", "255.255.255.0", "::", "1.2.3"],
)
def test_text_that_only_looks_private_stays(redactor: Redactor, text: str) -> None:
    assert redactor.text(text) == text


def test_bytes_that_are_no_utf8_pass_through_text(redactor: Redactor) -> None:
    assert redactor.document(b"level \xff\xfe 3\n", ()) == b"level \xff\xfe 3\n"


def test_system_facts_keep_mountpoints_and_interfaces_but_no_names(redactor: Redactor) -> None:
    facts = {
        "en0": {"up": True},
        "mounts": [{"mountpoint": "/Volumes/Holiday", "device": "/dev/disk3s1"}, {"user": "anna"}],
    }
    other = redactor.facts(facts)
    assert other["en0"] == {"up": True}
    assert other["mounts"][0]["device"] == "/dev/disk3s1"
    assert "Holiday" not in json.dumps(other)
    assert other["mounts"][1]["user"] != "anna"


def test_property_lists_with_nuls_between_them_are_redacted_one_by_one(redactor: Redactor) -> None:
    parts = [plistlib.dumps({"name": "P0-Cluster", "owner": "anna", "freq_hz": number}) for number in (1, 2)]
    redacted = redactor.document(b"\0".join(parts), ("name",)).split(b"\0")
    told = [plistlib.loads(each) for each in redacted]
    assert [(each["name"], each["freq_hz"]) for each in told] == [("P0-Cluster", 1), ("P0-Cluster", 2)]
    assert all(each["owner"] != "anna" for each in told)


def test_json_by_line_stays_by_line(redactor: Redactor) -> None:
    lines = b'{"power":1.5,"owner":"anna"}\n{"power":2.5,"owner":"anna"}\n'
    redacted = redactor.document(lines, ())
    assert redacted.endswith(b"\n")
    told = [json.loads(line) for line in redacted.splitlines()]
    assert [each["power"] for each in told] == [1.5, 2.5]
    assert b"anna" not in redacted


def test_of_json_by_line_with_a_line_that_is_none_only_the_first_stays(redactor: Redactor) -> None:
    assert redactor.document(b'{"power":1.5}\nanna\n', ()) == b'{"power": 1.5}\n'


NETWORK = """  SSID : Orchard Guests
    SSID                 : Orchard Guests
* (Connected)      UUID VPN (com.example.vpn) "Orchard Office"  [VPN:IKEv2]
host_name (string): Orchards-Air
  search domain[0] : orchard.example
  domain   : orchard.example
  HTTPSProxy : proxy.orchard.example
  ProxyAutoConfigURLString : http://orchard.example/proxy.pac
  ExceptionsList : <array> {
    0 : *.orchard.example
"""


def test_names_of_networks_services_and_domains_are_replaced(redactor: Redactor) -> None:
    other = redactor.text(NETWORK)
    assert "orchard" not in other.lower()
    assert [len(line) for line in other.splitlines()] == [len(line) for line in NETWORK.splitlines()]
    kept = "  SSID : <redacted>\n    SSID                 : None\n  domain   : local\n  HTTPEnable : 1\n"
    assert redactor.text(kept) == kept
    assert redacted(redactor, {"_name": "en0"}) == {"_name": "en0"}


@pytest.mark.parametrize(
    ("address", "reach"),
    [("fe80::1c2a:4d", "fe80::"), ("fd12:3456::1", "fd"), ("2001:db8:7::21", "2"), ("169.254.3.4", "169.254.")],
)
def test_an_address_keeps_its_reach_and_nothing_else(redactor: Redactor, address: str, reach: str) -> None:
    other = redactor.text(address)
    assert other != address
    assert other.startswith(reach)


JOB = b"""system/com.acme.sync = {
\tactive count = 1
\tpath = /Library/LaunchDaemons/com.acme.sync.plist
\tstate = spawn scheduled

\targuments = {
\t\t/opt/sync
\t\t--token=s3same
\t}
\tenvironment = {
\t\tSYNC_PASSWORD => s3same
\t\tstate = s3same
\t}
\tlast exit reason = OS_REASON_EXEC | code
\tlast exit code = 78: EX_CONFIG
\truns = 14022
\tprogram identifier = s3same
}
"""


def test_of_a_job_of_launchd_only_the_known_lines_stay(redactor: Redactor) -> None:
    kept = redactor.document(JOB, ()).decode().splitlines()
    assert (kept[0], kept[-1]) == ("system/com.acme.sync = {", "}")
    told = ["state = spawn scheduled", "last exit reason = OS_REASON_EXEC | code", "last exit code = 78: EX_CONFIG"]
    assert [line.strip() for line in kept[1:-1]] == [*told, "runs = 14022"]


@pytest.mark.parametrize("head", ["gui/501/a b = {", "com.acme.sync = {", "\n gui/501/x = {"])
def test_of_a_job_with_an_odd_head_no_secret_stays(redactor: Redactor, head: str) -> None:
    assert b"s3same" not in redactor.document(JOB.replace(b"system/com.acme.sync = {", head.encode()), ())


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (
            "Acme-Layoffs-Planner_2026-08-20-122624_Zoes-MBP.hang",
            r"\w{4}-\w{7}-\w{7}_2026-08-20-122624_\w{4}-\w{3}\.hang",
        ),
        ("ExcUserFault_Acme-2026-08-20-122624.ips", r"ExcUserFault_\w{4}-2026-08-20-122624\.ips"),
        (
            "Acme Pay_2026-08-20-122624_Zoe.cpu_resource.diag",
            r"\w{4} \w{3}_2026-08-20-122624_\w{3}\.cpu_resource\.diag",
        ),
        ("JetsamEvent-2026-08-20-122624.ips", r"JetsamEvent-2026-08-20-122624\.ips"),
    ],
)
def test_the_name_of_a_report_keeps_its_time_and_kind(redactor: Redactor, name: str, kept: str) -> None:
    told = redactor.file(name)
    assert re.fullmatch(kept, told)
    assert not re.search("acme|layoffs|pay|zoe", told, re.IGNORECASE)
    assert redactor.file(name) == told
