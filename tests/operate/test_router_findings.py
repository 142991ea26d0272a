"""What `pomona router check` makes of the answers of a router, without a server."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exporters.operate.routers import keys
from exporters.operate.routers.findings import IDENTITY, Line, Seen, told, user
from exporters.operate.routers.target import questions
from exporters.sources.base import Command, Denied, File, NotFound, Output, TimedOut
from exporters.sources.replay import Replay, load_captures
from operate.checking import checked, configured, topics
from operate.loopback import FIXTURE, document, target_of
from sshservers import Server


@pytest.fixture
def listed(good: Server, tmp_path: Path) -> Any:
    return configured(tmp_path, document(good) | {"privacy": {"level": "full"}}).targets["attic"]


@pytest.fixture
def seen(listed: Any) -> Seen:
    """The fixture's answers, those of a router that is well; the clock as ours."""
    answers = Replay(load_captures(FIXTURE)).ask_many((IDENTITY, *questions(listed.module)))
    return Seen(listed, "127.0.0.1", None, 1, dict(answers), 1_800_000_000.0, 1_800_000_001.0)


def changed(seen: Seen, **answers: Any) -> Seen:
    """`nlbw`, `ubus_getHostHints`, … by the words of the question; a File by the last part of its path."""
    found = dict(seen.answers)
    for words, answer in answers.items():
        question = next(each for each in found if _named(each) == words)
        found[question] = answer
    return replace(seen, answers=found)


def _named(question: Any) -> str:
    if isinstance(question, File):
        return question.path.rsplit("/", 1)[-1].replace(".", "_")
    argv = [each for each in question.argv if not each.startswith("-")]
    return f"ubus_{argv[-1]}" if argv[0] == "ubus" else argv[0]


def lines(seen: Seen) -> dict[str, Line]:
    return {each.topic: each for each in told(seen)}


def conf(seen: Seen, name: str, **options: str) -> bytes:
    """A file of /etc/config with other values."""
    text = next(got for each, got in seen.answers.items() if _named(each) == name).decode()
    for option, value in options.items():
        text = re.sub(rf"option {option} '[^']*'", f"option {option} '{value}'", text)
    return str(text).encode()


def test_a_router_that_is_well_has_no_wrong_line(seen: Seen) -> None:
    found = lines(seen)
    assert {each.word for each in found.values()} <= {"ok", "not known"}
    assert found["periods"].found == ("monthly periods, 10 kept; /var/lib/nlbwmon is in RAM, so a reboot loses them")
    assert found["commits"].found.startswith("counts are written every 1 day:")
    assert found["clock"] == Line("clock", "ok", "it is as ours")
    assert found["leases"].word == found["hints"].word == "ok"


@pytest.mark.parametrize(
    ("answer", "topic", "mend"),
    [
        (Output(b"", b"ash: nlbw: not found", 127), "nlbwmon", "opkg install nlbwmon"),
        (Output(b"", b"", 247), "daemon", "/etc/init.d/nlbwmon enable; /etc/init.d/nlbwmon start"),
        (TimedOut("no answer within 4 s"), "daemon", "/etc/init.d/nlbwmon restart"),
        (Output(b"", b"Unable to read protocol list", 1), "daemon", "nlbw -c json"),
        (Output(b"", b"", 195), "data", "/etc/init.d/nlbwmon restart"),
        (Output(b'{"columns":["a"b"]}'), "data", "/usr/share/nlbwmon/protocols"),
    ],
)
def test_each_way_in_which_nlbw_fails_has_its_mend(answer: Any, topic: str, mend: str, seen: Seen) -> None:
    found = lines(changed(seen, nlbw=answer))
    assert [each.topic for each in found.values() if each.word == "wrong"] == [topic]
    assert mend in " ".join(found[topic].mend)


def test_without_nlbwmon_its_daemon_and_data_are_not_known(seen: Seen) -> None:
    found = lines(changed(seen, nlbw=Output(b"", b"", 127)))
    assert (found["daemon"].word, found["data"].word) == ("not known", "not known")


EMPTY = Output(b'{"columns":["family","mac","ip","conns","rx_bytes","rx_pkts","tx_bytes","tx_pkts"],"data":[]}')


def test_no_record_is_wrong_where_there_are_connections_and_not_known_elsewhere(seen: Seen) -> None:
    assert lines(changed(seen, nlbw=EMPTY))["data"].word == "wrong"
    assert lines(changed(seen, nlbw=EMPTY, nf_conntrack_count=b"3\n"))["data"].word == "not known"


@pytest.mark.parametrize(("topic", "name"), [("accounting", "nf_conntrack_acct"), ("events", "nf_conntrack_events")])
def test_a_switch_of_the_kernel_that_is_off_is_turned_on_for_good(topic: str, name: str, seen: Seen) -> None:
    line = lines(changed(seen, **{name: b"0\n"}))[topic]
    assert line.word == "wrong"
    assert f"echo net.netfilter.{name}=1 >> /etc/sysctl.conf; sysctl -w net.netfilter.{name}=1" in line.mend[0]


def test_a_switch_of_which_nothing_is_told_is_not_known(seen: Seen) -> None:
    gone = NotFound("does not exist")
    found = lines(changed(seen, nf_conntrack_acct=gone, nf_conntrack_events=gone, nlbw=EMPTY))
    assert (found["accounting"].word, found["events"].word) == ("not known", "not known")


def test_lost_events_ask_for_a_larger_buffer(seen: Seen) -> None:
    netlink = (FIXTURE / "netlink.txt").read_bytes().replace(b"2        0        5120", b"2        7        5120")
    line = lines(changed(seen, netlink=netlink))["losses"]
    assert line.word == "wrong"
    assert "netlink_buffer_size" in " ".join(line.mend)
    heading = netlink.splitlines(keepends=True)[0]
    assert lines(changed(seen, netlink=heading))["losses"].word == "not known"
    assert lines(changed(seen, netlink=NotFound("does not exist")))["losses"].word == "not known"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"flow_offloading": "1"}, "software flow offloading is on"),
        ({"flow_offloading": "1", "hardware": "1"}, "software and hardware flow offloading is on"),
    ],
)
def test_flow_offloading_is_to_be_turned_off_and_what_that_costs(
    options: dict[str, str], words: str, seen: Seen
) -> None:
    firewall = conf(seen, "firewall", flow_offloading=options["flow_offloading"])
    if "hardware" in options:
        firewall = firewall.rstrip() + b"\n\toption flow_offloading_hw '1'\n"
    line = lines(changed(seen, firewall=firewall))["offloading"]
    assert line.word == "wrong"
    assert line.found.startswith(words)
    assert "uci set firewall.@defaults[0].flow_offloading=0" in line.mend[0]
    assert "throughput" in line.mend[1]
    assert lines(changed(seen, firewall=NotFound("does not exist")))["offloading"].word == "not known"


@pytest.mark.parametrize(
    ("interval", "kept", "found", "advised"),
    [
        ("1", "10", "monthly periods, 10 kept", True),
        ("2026-01-01/1", "35", "daily periods, 35 kept", False),
        ("2026-01-01/1", "34", "daily periods, 34 kept", True),
        ("2026-01-01/1", "0", "daily periods, all kept", False),
        ("2026-01-01/7", "0", "7-day periods, all kept", True),
    ],
)
def test_what_the_router_keeps_is_told_and_how_to_keep_35_days(
    interval: str, kept: str, found: str, advised: bool, seen: Seen
) -> None:
    options = {"database_interval": interval, "database_generations": kept, "database_directory": "/mnt/usb/nlbw"}
    line = lines(changed(seen, nlbwmon=conf(seen, "nlbwmon", **options)))["periods"]
    assert (line.word, line.found) == ("ok", found)
    assert bool(line.mend) == advised
    assert not advised or "database_interval='2026-01-01/1'" in line.mend[0]
    assert not advised or "another interval starts a new database" in line.mend


@pytest.mark.parametrize("answer", [NotFound("does not exist"), Denied("for root"), b"", b"config nlbwmon 'cut"])
def test_settings_that_the_router_does_not_tell_are_not_known(answer: Any, seen: Seen) -> None:
    found = lines(changed(seen, nlbwmon=answer))
    assert (found["periods"].word, found["commits"].word) == ("not known", "not known")


@pytest.mark.parametrize(("off", "word"), [(0, "ok"), (-290, "ok"), (40, "ok"), (400, "wrong"), (-86_400, "wrong")])
def test_a_clock_that_is_wrong_is_told_by_how_much(off: int, word: str, seen: Seen) -> None:
    line = lines(changed(seen, date=Output(b"%d +0100\n" % (1_800_000_000 + off))))["clock"]
    assert line.word == word
    assert off == 0 or re.search(rf"by {abs(off) - 1}|by {abs(off)}", line.found)
    assert word == "ok" or "sysntpd" in line.mend[0]


def test_a_full_database_asks_for_a_larger_one(seen: Seen) -> None:
    line = lines(changed(seen, nlbwmon=conf(seen, "nlbwmon", database_limit="6")))["data"]
    assert line.word == "wrong"
    assert "database_limit=12" in line.mend[0]


def test_optional_parts_that_are_missing_are_told_with_what_they_would_bring(seen: Seen) -> None:
    gone = changed(seen, ubus_getHostHints=Output(b"", b"", 4), dhcp_leases=NotFound("does not exist"))
    found = lines(gone)
    assert (found["hints"].word, found["leases"].word) == ("not known", "not known")
    assert "opkg install rpcd-mod-luci" in found["hints"].mend[0]
    assert "dhcp.@dnsmasq[0].leasefile" in found["leases"].mend[0]
    assert not any(each.word == "wrong" for each in found.values())


def test_radios_without_iwinfo_are_told(seen: Seen) -> None:
    radio = Command(("iwinfo", "phy0-ap0", "assoclist"))
    some = replace(seen, answers={**seen.answers, radio: NotFound("iwinfo is not installed")})
    assert lines(some)["iwinfo"].word == "not known"
    assert "opkg install iwinfo" in lines(some)["iwinfo"].mend[0]
    well = replace(seen, answers={**seen.answers, radio: Output(b"No station connected\n")})
    assert lines(well)["iwinfo"].word == "ok"
    other = Command(("iwinfo", "phy1-ap0", "assoclist"))
    half = replace(well, answers={**well.answers, other: NotFound("iwinfo is not installed")})
    assert "phy1-ap0" in lines(half)["iwinfo"].found


def test_radios_that_a_forced_command_names_are_asked(good: Server, tmp_path: Path) -> None:
    good.program("iwinfo", "echo 'No station connected'")
    modules = {"openwrt": {"wireless": {"interfaces": ["phy0-ap0"]}}}
    content = document(good, attic={**target_of(good), "forced_command": True}) | {"modules": modules}
    good.authorized_keys.write_text(keys.line(configured(tmp_path, content), "openwrt", None) + "\n")
    _, text = checked(tmp_path, content)
    assert topics(text)["iwinfo"] == "ok"


def test_a_module_without_nlbwmon_says_so_and_judges_the_rest(good: Server, tmp_path: Path) -> None:
    content = document(good) | {"modules": {"openwrt": {"nlbwmon": {"enabled": False}}}}
    _, text = checked(tmp_path, content)
    found = topics(text)
    assert found["nlbwmon"] == "not known"
    assert "daemon" not in found
    assert found["clock"] == "wrong"


def test_who_asks_is_not_known_where_nobody_says(seen: Seen) -> None:
    assert user(changed(seen, id=NotFound("id is not installed"))).word == "not known"
    assert user(changed(seen, id=Output(b"0\n"))).word == "ok"
    assert user(changed(seen, id=Output(b"1000\n"), nlbw=Output(b"", b"", 247))).word == "wrong"


def test_a_user_whom_nlbwmon_answers_need_not_be_root(seen: Seen) -> None:
    assert user(changed(seen, id=Output(b"1000\n"))).word == "ok"
