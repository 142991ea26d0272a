"""`pomona router check`: what it finds on real servers and in answers, in order, and how each fault is mended."""

import io
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from exporters.operate.routers import check, keys
from exporters.operate.routers.findings import IDENTITY, Line, Seen, told, user
from exporters.operate.routers.target import questions
from exporters.sources.base import Command, File, NotFound, Output, TimedOut
from exporters.sources.replay import Replay, load_captures
from operate.loopback import FIXTURE, document, loaded, router, runs, target_of
from sshservers import PasswordServer, Server, free_port, new_key

WAY = ["name", "TCP", "SSH", "host key", "login", "user", "questions"]


@pytest.fixture
def good(tmp_path: Path) -> Iterator[Server]:
    with router(tmp_path / "sshd") as server:
        yield server


def configured(folder: Path, content: Mapping[str, Any], **environ: str) -> Any:
    path = folder / "router.yml"
    path.write_text(yaml.safe_dump(dict(content)))
    return loaded(path, environ)


def checked(folder: Path, content: Mapping[str, Any], **environ: str) -> tuple[int, str]:
    printed = io.StringIO()
    settings = configured(folder, content, **environ)
    status = check.run(settings.targets["attic"], console=Console(file=printed, width=60))
    return status, printed.getvalue()


def topics(text: str) -> dict[str, str]:
    """Each line's word by its topic, in the order in which they were printed."""
    return dict(re.findall(r"^(\S(?:\S| (?! ))*) +(ok|wrong|not known)\b", text, re.MULTILINE))


@pytest.mark.parametrize("kind", ["sshd", "dropbear"])
def test_a_good_router_is_told_in_order_and_nothing_is_to_mend(kind: str, tmp_path: Path) -> None:
    with router(tmp_path / kind, kind) as server:
        status, text = checked(tmp_path, document(server))
    found = topics(text)
    assert list(found)[:10] == [*WAY, "nlbwmon", "daemon", "data"]
    assert {found[each] for each in (*WAY, "nlbwmon", "daemon", "data", "offloading", "periods")} == {"ok"}
    assert "5 devices in 6 records" in text
    # the clock of the fixture is not ours, which is the only thing that is wrong
    assert [topic for topic, word in found.items() if word == "wrong"] == ["clock"]
    assert (status, text.splitlines()[-1]) == (1, "1 to mend")
    assert (server.folder / "client_key").read_text().splitlines()[1] not in text


def test_it_asks_once_over_one_connection_with_all_that_a_probe_asks(good: Server, tmp_path: Path) -> None:
    checked(tmp_path, document(good) | {"modules": {"openwrt": {"wireless": {"enabled": False}}}})
    assert (good.connections(), runs(good)) == (1, 1)
    assert good.log.read_text().count("Starting session: command") == 1


def test_a_clock_like_ours_leaves_nothing_to_mend(good: Server, tmp_path: Path) -> None:
    good.program("date", 'exec /bin/date "$@"')
    status, text = checked(tmp_path, document(good))
    assert (status, text.splitlines()[-1]) == (0, "nothing to mend")


def ends(text: str, topic: str) -> None:
    """Everything before the topic is well, the topic is wrong, and nothing comes after it."""
    found = topics(text)
    steps = [each for each in WAY[: WAY.index(topic) + 1] if each != "user"]
    assert [each for each in found if each != "user"] == steps
    assert [word for each, word in found.items() if each != "user"] == ["ok"] * (len(steps) - 1) + ["wrong"]
    assert text.endswith("The rest was not tried. 1 to mend\n")


def test_a_name_that_nobody_knows(good: Server, tmp_path: Path) -> None:
    target = target_of(good, address="no-such-name.invalid")
    status, text = checked(tmp_path, document(good, attic=target))
    assert status == 1
    ends(text, "name")
    assert "nslookup no-such-name.invalid" in text


def test_a_port_at_which_nobody_listens(good: Server, tmp_path: Path) -> None:
    port = free_port()
    status, text = checked(tmp_path, document(good, attic={**target_of(good), "port": port}))
    assert status == 1
    ends(text, "TCP")
    assert f"port {port} of 127.0.0.1: no connection: Connection refused" in text
    assert "/etc/init.d/dropbear enable; /etc/init.d/dropbear start" in text


def test_a_port_of_something_else_is_no_ssh(good: Server, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = {**target_of(good), "port": listener.getsockname()[1]}
        status, text = checked(tmp_path, document(good, attic=target))
    assert status == 1
    ends(text, "SSH")


def test_an_old_router_is_to_be_updated(tmp_path: Path) -> None:
    with router(tmp_path / "sshd", key_kind="rsa", extra="HostKeyAlgorithms ssh-rsa") as old:
        status, text = checked(tmp_path, document(old))
    assert status == 1
    ends(text, "SSH")
    assert "OpenWrt 21.02 or later" in text


def unknown(_: Server, folder: Path) -> dict[str, Any]:
    (folder / "known_hosts").write_text("")
    return {"known_hosts_file": str(folder / "known_hosts")}


def no_file(_: Server, folder: Path) -> dict[str, Any]:
    return {"known_hosts_file": str(folder / "no_such_file")}


def another(server: Server, folder: Path) -> dict[str, Any]:
    new_key(folder / "old_key")
    public = (folder / "old_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {public}")
    return {"known_hosts_file": str(folder / "known_hosts")}


def another_pin(_: Server, __: Path) -> dict[str, Any]:
    return {"host_key": [f"SHA256:{'A' * 43}"]}


@pytest.mark.parametrize(
    ("given", "changed"), [(unknown, False), (no_file, False), (another, True), (another_pin, True)]
)
def test_a_host_key_is_shown_to_be_compared_and_a_changed_one_warned_of(
    given: Callable[[Server, Path], dict[str, Any]], changed: bool, good: Server, tmp_path: Path
) -> None:
    target = {**target_of(good), **given(good, tmp_path)}
    if given is not another_pin:
        del target["host_key"]
    status, text = checked(tmp_path, document(good, attic=target))
    assert status == 1
    ends(text, "host key")
    assert ("somebody answers in its place" in text) == changed
    assert "dropbearkey -y -f /etc/dropbear/dropbear_ed25519_host_key" in text
    assert f'write below target attic: host_key: ["{good.fingerprint}"]' in text


def test_an_rsa_host_key_lies_in_another_file(tmp_path: Path) -> None:
    with router(tmp_path / "sshd", key_kind="rsa") as server:
        _, text = checked(tmp_path, document(server, attic={**target_of(server), "host_key": [f"SHA256:{'A' * 43}"]}))
    assert "dropbearkey -y -f /etc/dropbear/dropbear_rsa_host_key" in text


def test_a_refused_key_shows_its_public_half_and_where_it_belongs(good: Server, tmp_path: Path) -> None:
    new_key(tmp_path / "other")
    content = document(good)
    content["auths"]["main"]["private_key_file"] = str(tmp_path / "other")
    status, text = checked(tmp_path, content)
    assert status == 1
    ends(text, "login")
    public = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    assert f"echo '{public}' >> /etc/dropbear/authorized_keys" in text
    content["targets"]["attic"]["forced_command"] = True
    _, text = checked(tmp_path, content)
    assert "pomona router authorized-key openwrt --auth main" in text
    assert public not in text


def test_a_refused_password_is_not_shown(good: Server, tmp_path: Path) -> None:
    server = PasswordServer("correct horse")
    target = {**target_of(good), "port": server.target.port, "host_key": [server.key.fingerprint]}
    content = {"auths": {"main": {"password_env": "SECRET"}}, "targets": {"attic": target}}
    status, text = checked(tmp_path, content, SECRET="wrong pony")
    server.close()
    assert status == 1
    ends(text, "login")
    assert "PasswordAuth=on" in text
    assert "pony" not in text


def test_a_user_other_than_root_is_told_and_the_rest_is_tried(good: Server, tmp_path: Path) -> None:
    good.program("id", "echo 1000")
    good.program("nlbw", "exit 247")
    status, text = checked(tmp_path, document(good))
    found = topics(text)
    assert status == 1
    assert (found["user"], found["daemon"]) == ("wrong", "not known")
    assert "username: root below auths.main" in text


@pytest.mark.parametrize("kind", ["sshd", "dropbear"])
def test_the_forced_command_of_the_module_is_good_and_who_runs_it_unknown(kind: str, tmp_path: Path) -> None:
    with router(tmp_path / kind, kind) as server:
        content = document(server, attic={**target_of(server), "forced_command": True})
        server.authorized_keys.write_text(keys.line(configured(tmp_path, content), "openwrt", None) + "\n")
        _, text = checked(tmp_path, content)
    found = topics(text)
    assert (found["user"], found["questions"], found["data"]) == ("not known", "ok", "ok")
    assert "interfaces: [phy0-ap0, …] below modules.openwrt.wireless" in text


@pytest.mark.parametrize("forced", [True, False])
def test_another_forced_command_is_to_be_renewed(forced: bool, good: Server, tmp_path: Path) -> None:
    good.authorize('command="echo hello"')
    content = document(good, attic={**target_of(good), "forced_command": forced})
    status, text = checked(tmp_path, content)
    assert status == 1
    ends(text, "questions")
    assert "pomona router authorized-key openwrt --auth main" in text
    assert ("write forced_command: true" in text) != forced


def test_text_of_the_router_holds_no_markup_and_no_control_characters(good: Server, tmp_path: Path) -> None:
    good.program("nlbw", "printf '[red]\\033[31mboom\\nclock   ok  all is well' >&2; exit 1")
    _, text = checked(tmp_path, document(good))
    line = next(each for each in text.splitlines() if each.startswith("daemon"))
    assert "[red]" in line
    assert "boom clock ok all is well" in line
    assert "\033" not in text
    assert topics(text)["clock"] == "wrong"


def test_commands_are_not_broken_into_lines(good: Server, tmp_path: Path) -> None:
    _, text = checked(tmp_path, document(good))
    assert re.search(r"^  -> for 35 days by day, .*database_interval=.*restart$", text, re.MULTILINE)


# What the answers of a router say, without a server.


@pytest.fixture
def listed(good: Server, tmp_path: Path) -> Any:
    return configured(tmp_path, document(good)).targets["attic"]


@pytest.fixture
def seen(listed: Any) -> Seen:
    """The fixture's answers, those of a router that is well; the clock as ours."""
    answers = Replay(load_captures(FIXTURE)).ask_many((IDENTITY, *questions(listed.module)))
    return Seen(listed, "127.0.0.1", None, 1, dict(answers), 1_800_000_000.0, 1_800_000_001.0)


def changed(seen: Seen, **answers: Any) -> Seen:
    """`nlbw`, `uci_nlbwmon`, … by the words of the question; a File by the last part of its path."""
    found = dict(seen.answers)
    for words, answer in answers.items():
        question = next(each for each in found if _named(each) == words)
        found[question] = answer
    return replace(seen, answers=found)


def _named(question: Any) -> str:
    if isinstance(question, File):
        return question.path.rsplit("/", 1)[-1].replace(".", "_")
    argv = [each for each in question.argv if not each.startswith("-")]
    return {"uci": f"uci_{re.split(r'[.]', argv[-1])[0]}", "ubus": f"ubus_{argv[-1]}"}.get(argv[0], argv[0])


def lines(seen: Seen) -> dict[str, Line]:
    return {each.topic: each for each in told(seen)}


def conf(seen: Seen, name: str, **options: str) -> Output:
    """The answer of uci with other values."""
    text = next(got for each, got in seen.answers.items() if _named(each) == name).stdout.decode()
    for option, value in options.items():
        text = re.sub(rf"\.{option}='[^']*'", f".{option}='{value}'", text)
    return Output(text.encode())


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
    answer = conf(seen, "uci_firewall", flow_offloading=options["flow_offloading"])
    if "hardware" in options:
        answer = Output(answer.stdout + b"firewall.@defaults[0].flow_offloading_hw='1'\n")
    line = lines(changed(seen, uci_firewall=answer))["offloading"]
    assert line.word == "wrong"
    assert line.found.startswith(words)
    assert "uci set firewall.@defaults[0].flow_offloading=0" in line.mend[0]
    assert "throughput" in line.mend[1]
    assert lines(changed(seen, uci_firewall=NotFound("uci")))["offloading"].word == "not known"


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
    line = lines(changed(seen, uci_nlbwmon=conf(seen, "uci_nlbwmon", **options)))["periods"]
    assert (line.word, line.found) == ("ok", found)
    assert bool(line.mend) == advised
    assert not advised or "database_interval='2026-01-01/1'" in line.mend[0]
    assert not advised or "another interval starts a new database" in line.mend


def test_settings_that_uci_does_not_tell_are_not_known(seen: Seen) -> None:
    found = lines(changed(seen, uci_nlbwmon=NotFound("uci is not installed")))
    assert (found["periods"].word, found["commits"].word) == ("not known", "not known")


@pytest.mark.parametrize(("off", "word"), [(0, "ok"), (-290, "ok"), (40, "ok"), (400, "wrong"), (-86_400, "wrong")])
def test_a_clock_that_is_wrong_is_told_by_how_much(off: int, word: str, seen: Seen) -> None:
    line = lines(changed(seen, date=Output(b"%d +0100\n" % (1_800_000_000 + off))))["clock"]
    assert line.word == word
    assert off == 0 or re.search(rf"by {abs(off) - 1}|by {abs(off)}", line.found)
    assert word == "ok" or "sysntpd" in line.mend[0]


def test_a_full_database_asks_for_a_larger_one(seen: Seen) -> None:
    line = lines(changed(seen, uci_nlbwmon=conf(seen, "uci_nlbwmon", database_limit="6")))["data"]
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
