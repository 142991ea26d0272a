"""The configuration of `pomona router`: what it resolves, and every fault as one line with file, place and mend."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporters.cli import main
from exporters.core.errors import PersonError
from exporters.core.exchange import Request
from exporters.operate.routers.config import RouterSettings
from operate.loopback import LAPTOP, loaded, logs_kept, samples, serving
from sshservers import new_key

PIN = f"SHA256:{'A' * 43}"
PRINTED = "ssh-keygen -lf prints: SHA256:… (43 characters)"
SECRET = "correct horse battery"
ENVIRON = {"ROUTER_PASSWORD": SECRET}
AUTHS = "auths:\n  main:\n    password_env: ROUTER_PASSWORD\n"
TARGETS = "targets:\n  attic:\n    address: attic.lan\n    auth: main\n"


def load_text(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> RouterSettings:
    path = folder / "router.yml"
    path.write_text(text)
    return loaded(path, ENVIRON if environ is None else environ)


def fault(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> str:
    """The error without its file; it is one line."""
    with pytest.raises(PersonError) as caught:
        load_text(folder, text, environ)
    told = str(caught.value)
    assert "\n" not in told
    assert SECRET not in told
    return told.replace(f"{folder}/", "")


def test_an_empty_file_has_no_targets_and_the_default_module(tmp_path: Path) -> None:
    settings = load_text(tmp_path, "")
    assert settings.web.listen_address == ("127.0.0.1:10222",)
    assert settings.targets == {}
    assert list(settings.modules) == ["openwrt"]


def test_a_target_is_resolved_with_its_defaults(tmp_path: Path) -> None:
    target = load_text(tmp_path, AUTHS + TARGETS).targets["attic"]
    assert (target.name, target.username, target.password, target.private_key) == ("attic", "root", SECRET, "")
    assert (target.target.port, target.module.name, target.target.forced_command) == (22, "openwrt", False)
    assert target.known_hosts == Path.home() / ".ssh" / "known_hosts"
    pinned = load_text(tmp_path, f"{AUTHS}{TARGETS}    host_key: ['{PIN}']\n").targets["attic"]
    assert pinned.known_hosts is None


def test_what_may_hang_is_asked_last(tmp_path: Path) -> None:
    names = [each.name for each in load_text(tmp_path, "").modules["openwrt"].collectors]
    assert names[-1] == "nlbwmon"
    assert {"router", "interfaces", "dhcp", "wireless"} <= set(names)


def test_modules_have_their_own_collectors_and_settings(tmp_path: Path) -> None:
    modules = load_text(
        tmp_path, "modules:\n  a: {}\n  b: {nlbwmon: {max_devices: 7, cadence: 1m}, dhcp: {enabled: false}}\n"
    ).modules
    assert modules["a"].contexts["nlbwmon"].config.max_devices == 500
    assert modules["b"].contexts["nlbwmon"].config.max_devices == 7
    assert "dhcp" in {each.name for each in modules["a"].collectors}
    assert "dhcp" not in {each.name for each in modules["b"].collectors}
    assert [each.cadence for each in modules["b"].collectors if each.name == "nlbwmon"] == [60.0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            AUTHS + TARGETS.replace("main", "mian"),
            "router.yml:7: targets.attic.auth: there is no auth 'mian'; did you mean 'main'?",
        ),
        (
            f"{AUTHS}{TARGETS}    module: openwr\n",
            "router.yml:8: targets.attic.module: there is no module 'openwr'; did you mean 'openwrt'?",
        ),
        (
            f"{AUTHS}{TARGETS}    adress: x\n",
            "router.yml:8: targets.attic.adress: unknown key; did you mean 'address'?",
        ),
        (
            f"{AUTHS}    pasword_env: X\n",
            "router.yml:4: auths.main.pasword_env: unknown key; did you mean 'password_env'?",
        ),
        ("target: {}\n", "router.yml:1: target: unknown key; did you mean 'targets'?"),
        ("modules: {m: {nlbwmo: {}}}\n", "router.yml:1: modules.m.nlbwmo: unknown key; did you mean 'nlbwmon'?"),
        (
            f"{AUTHS}    private_key_file: ~/.ssh/id\n",
            "router.yml:2: auths.main: give one of private_key_file, private_key_env, password_file and password_env",
        ),
        (
            "auths:\n  main:\n    username: root\n",
            "router.yml:2: auths.main: give one of private_key_file, private_key_env, password_file and password_env",
        ),
        (AUTHS + "targets:\n  attic:\n    address: x\n", "router.yml:5: targets.attic: 'auth' is missing"),
        (AUTHS + "targets:\n  attic:\n    auth: main\n", "router.yml:5: targets.attic: 'address' is missing"),
        (
            f"{AUTHS}{TARGETS}    host_key: [x]\n",
            f"router.yml:5: targets.attic: 'x' is no fingerprint such as {PRINTED}",
        ),
        (
            f"{AUTHS}{TARGETS}    host_key: {PIN}\n",
            f"router.yml:8: targets.attic.host_key: expected a list, got '{PIN}'",
        ),
        (
            f"{AUTHS}{TARGETS}    port: 0\n",
            "router.yml:8: targets.attic.port: expected a port from 1 to 65535, got 0",
        ),
        (
            f"{AUTHS}{TARGETS}    port: 65536\n",
            "router.yml:8: targets.attic.port: expected a port from 1 to 65535, got 65536",
        ),
        (
            f"{AUTHS}{TARGETS}    port: ssh\n",
            "router.yml:8: targets.attic.port: expected a port from 1 to 65535, got 'ssh'",
        ),
        (
            AUTHS + TARGETS.replace("attic:", '"at tic":'),
            "router.yml:5: targets.at tic: the name of a target is made of letters, digits and . _ : -",
        ),
        (f"{AUTHS}{TARGETS}    port: 1\n    port: 2\n", "router.yml:9: 'port' stands twice (first in line 8)"),
    ],
)
def test_a_fault_is_one_line_with_its_place_and_mend(text: str, told: str, tmp_path: Path) -> None:
    assert fault(tmp_path, text) == told


@pytest.mark.parametrize("name", ["../attic", "-attic", "a" * 101, "attic\n", "ättic", "a/b", "a b"])
def test_names_of_targets_are_plain(name: str, tmp_path: Path) -> None:
    content = {
        "auths": {"main": {"password_env": "ROUTER_PASSWORD"}},
        "targets": {name: {"address": "x", "auth": "main"}},
    }
    with pytest.raises(PersonError, match="the name of a target is made of letters"):
        load_text(tmp_path, yaml.safe_dump(content))


def many(count: int) -> str:
    rows = "".join(f"  r{number}: {{address: 192.0.2.1, auth: main}}\n" for number in range(count))
    return f"{AUTHS}targets:\n{rows}"


def test_256_targets_fit_and_one_more_does_not(tmp_path: Path) -> None:
    assert len(load_text(tmp_path, many(256)).targets) == 256
    assert fault(tmp_path, many(257)) == "router.yml:4: targets: 257 of them, at most 256 fit one exporter"


def auth(**places: str) -> str:
    return yaml.safe_dump({"auths": {"main": places}})


def test_a_secret_that_is_not_there_is_told_by_its_place(tmp_path: Path) -> None:
    none = f"{tmp_path}/none"
    told = fault(tmp_path, auth(private_key_file=none))
    assert told == "router.yml:3: auths.main.private_key_file: none: No such file or directory"
    told = fault(tmp_path, auth(password_file=none))
    assert told == "router.yml:3: auths.main.password_file: none: No such file or directory"
    told = fault(tmp_path, auth(password_env="ROUTER_PASSWORD"), environ={})
    assert told == "router.yml:3: auths.main.password_env: the environment has no variable of that name"
    told = fault(tmp_path, auth(private_key_env="ROUTER_KEY"), environ={"ROUTER_KEY": ""})
    assert told == "router.yml:3: auths.main.private_key_env: the environment has no variable of that name"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "secret: empty"),
        (b" \n", "secret: empty"),
        (b"\xff\xfe", "secret: no UTF-8 text"),
        (SECRET.encode(), "the private key is no ed25519, RSA or ECDSA key without passphrase"),
    ],
)
def test_a_file_that_holds_no_private_key_is_told_without_what_it_holds(
    content: bytes, told: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(content)
    found = fault(tmp_path, auth(private_key_file=str(tmp_path / "secret")))
    assert found == f"router.yml:3: auths.main.private_key_file: {told}"


def test_a_folder_in_place_of_a_secret_is_told(tmp_path: Path) -> None:
    assert "Is a directory" in fault(tmp_path, auth(password_file=str(tmp_path)))


def test_a_password_keeps_its_blanks_and_loses_the_end_of_its_line(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(" two words \n")
    text = auth(password_file=str(tmp_path / "secret")) + TARGETS
    assert load_text(tmp_path, text).targets["attic"].password == " two words "


def test_secrets_are_in_no_document_repr_or_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    private = new_key(tmp_path / "client")
    text = f"{AUTHS}  other:\n    private_key_file: {tmp_path}/client\n{TARGETS}"
    text += "  cellar: {address: cellar.lan, auth: other}\n"
    settings = load_text(tmp_path, text)
    assert settings.targets["cellar"].private_key == private
    inner = private.splitlines()[1]
    for shown in (repr(settings), repr(settings.targets), yaml.safe_dump(dict(settings.document)), caplog.text):
        assert SECRET not in shown
        assert inner not in shown
    assert settings.document["auths"]["main"]["password_env"] == "ROUTER_PASSWORD"


def test_a_list_of_devices_with_a_fault_is_told_with_its_own_line(tmp_path: Path) -> None:
    (tmp_path / "devices.yml").write_text(f'"{LAPTOP}": {{ name: x }}\nnonsense: {{}}\n')
    text = f"{AUTHS}{TARGETS}    devices_file: {tmp_path}/devices.yml\n"
    assert fault(tmp_path, text).startswith("devices.yml:2: nonsense: no MAC address")
    assert fault(tmp_path, text.replace("devices.yml", "none.yml")) == "none.yml: No such file or directory"


def test_a_target_has_its_own_list_of_devices_or_that_of_all(tmp_path: Path) -> None:
    for name in ("all", "own"):
        (tmp_path / f"{name}.yml").write_text(f'"{LAPTOP}": {{ name: {name} }}\n')
    text = f"devices_file: {tmp_path}/all.yml\n{AUTHS}{TARGETS}"
    text += f"  cellar: {{address: x, auth: main, devices_file: {tmp_path}/own.yml}}\n"
    settings = load_text(tmp_path, text)
    found = {name: settings.devices[each.devices_file][LAPTOP].name for name, each in settings.targets.items()}
    assert found == {"attic": "all", "cellar": "own"}


def test_two_loads_of_one_file_have_equal_targets(tmp_path: Path) -> None:
    text = AUTHS + TARGETS
    assert load_text(tmp_path, text).targets == load_text(tmp_path, text).targets


def own(routers: Any) -> dict[str, float]:
    return samples(routers.table()["/metrics"](Request("GET", "/metrics")))


def test_a_reload_exchanges_what_changed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "router.yml"
    path.write_text(f"{AUTHS}{TARGETS}  cellar: {{address: cellar.lan, auth: main}}\n")
    more = "  cellar: {address: other.lan, auth: main}\n  roof: {address: x, auth: main}\n"
    with serving(path, **ENVIRON) as routers:
        attic, cellar = routers.runner("attic"), routers.runner("cellar")
        path.write_text(f"{AUTHS}{TARGETS}{more}")
        assert routers.reload() == ""
        assert routers.runner("attic") is attic
        assert routers.runner("cellar") not in (cellar, None)
        assert routers.runner("roof") is not None
        path.write_text(AUTHS)
        assert routers.reload() == ""
        assert routers.runner("attic") is None
        assert own(routers)["pomona_router_targets"] == 0


def test_a_bad_file_or_list_of_devices_keeps_the_running_configuration(tmp_path: Path) -> None:
    path, devices = tmp_path / "router.yml", tmp_path / "devices.yml"
    devices.write_text("")
    text = f"{AUTHS}{TARGETS}    devices_file: {devices}\n"
    path.write_text(text)
    with serving(path, **ENVIRON) as routers:
        attic = routers.runner("attic")
        for bad_file, bad_list in ((text.replace("main", "mian", 1), ""), (text, "nonsense: {}\n")):
            path.write_text(bad_file)
            devices.write_text(bad_list)
            assert routers.reload() != ""
            assert routers.runner("attic") is attic
            assert own(routers)["pomona_config_last_reload_successful"] == 0
        path.write_text(text)
        devices.write_text("")
        assert routers.reload() == ""
        assert own(routers)["pomona_config_last_reload_successful"] == 1


def test_a_list_of_devices_that_goes_and_comes_back_is_told(tmp_path: Path) -> None:
    path, devices = tmp_path / "router.yml", tmp_path / "devices.yml"
    devices.write_text("")
    path.write_text(f"{AUTHS}{TARGETS}    devices_file: {devices}\n")
    with serving(path, **ENVIRON) as routers:
        assert own(routers)["pomona_router_devices_last_reload_successful"] == 1
        devices.unlink()
        routers.tick()
        assert own(routers)["pomona_router_devices_last_reload_successful"] == 0
        devices.write_text("# back\n")
        routers.tick()
        assert own(routers)["pomona_router_devices_last_reload_successful"] == 1


def test_of_lists_of_devices_nothing_is_told_where_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "router.yml").write_text(AUTHS + TARGETS)
    with serving(tmp_path / "router.yml", **ENVIRON) as routers:
        assert "pomona_router_devices_last_reload_successful" not in own(routers)


def test_the_configuration_can_be_checked_without_a_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "router.yml"
    (tmp_path / "secret").write_text(SECRET)
    key = tmp_path / "privacy"
    key.write_text("0123456789abcdef")
    key.chmod(0o600)
    path.write_text(f"{auth(password_file=str(tmp_path / 'secret'))}{TARGETS}privacy: {{key_file: {key}}}\n")
    with logs_kept():
        assert main(["router", f"--config.file={path}", "--config.check"]) == 0
        assert capsys.readouterr().out == f"{path} is good; 1 targets.\n"
        path.write_text("targets: 5\n")
        assert main(["router", f"--config.file={path}", "--config.check"]) == 2
    assert capsys.readouterr().err == f"pomona: {path}:1: targets: expected a mapping, got 5\n"
