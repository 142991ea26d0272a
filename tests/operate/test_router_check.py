"""`pomona router check`: what it finds on real servers and in answers, in order, and how each fault is mended."""

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from exporters.operate.routers import keys
from operate.checking import checked, configured, topics
from operate.loopback import document, router, runs, target_of
from sshservers import PasswordServer, Server, free_port, new_key

WAY = ["name", "TCP", "SSH", "host key", "login", "user", "questions"]


@pytest.fixture
def good(tmp_path: Path) -> Iterator[Server]:
    with router(tmp_path / "sshd") as server:
        yield server


@pytest.mark.parametrize("kind", ["sshd", "dropbear"])
def test_a_good_router_is_told_in_order_and_nothing_is_to_mend(kind: str, tmp_path: Path) -> None:
    with router(tmp_path / kind, kind) as server:
        status, text = checked(tmp_path, document(server))
    found = topics(text)
    assert list(found)[:10] == [*WAY, "nlbwmon", "daemon", "data"]
    assert {found[each] for each in (*WAY, "nlbwmon", "daemon", "data")} == {"ok"}
    assert "4 devices in 6 records" in text
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
    assert re.search(r"^  -> on the router: /etc/init.d/sysntpd enable; .*: uci show system.ntp$", text, re.MULTILINE)
