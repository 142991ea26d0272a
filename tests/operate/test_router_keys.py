"""`pomona router authorized-key`: the whole line, and one-line errors for what cannot be had."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporters.cli import main
from exporters.core.errors import PersonError
from exporters.operate.routers import keys
from exporters.operate.routers.config import RouterSettings
from operate.loopback import loaded, logs_kept
from sshservers import new_key


def settings(folder: Path, auths: Mapping[str, Any], modules: Mapping[str, Any] | None = None) -> RouterSettings:
    path = folder / "router.yml"
    path.write_text(yaml.safe_dump({"auths": auths, **({"modules": modules} if modules else {})}))
    return loaded(path, {"SECRET": "correct horse"})


def auth(folder: Path, name: str = "client", kind: str = "ed25519") -> dict[str, str]:
    new_key(folder / name, kind)
    return {"private_key_file": str(folder / name)}


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_the_line_holds_the_public_key_and_every_question_of_the_module(kind: str, tmp_path: Path) -> None:
    line = keys.line(settings(tmp_path, {"main": auth(tmp_path, kind=kind)}), "openwrt", None)
    kind_of_key, base64, *_ = (tmp_path / "client.pub").read_text().split()
    assert line.endswith(f" {kind_of_key} {base64}")
    assert line.startswith('command="')
    assert (line.count('"'), line.count("\n")) == (2, 0)
    for words in ("'nlbw' -c json -g family,mac,ip", "/proc/net/dev", "/etc/config/nlbwmon", "-t $d"):
        assert words in line
    assert "no-pty,no-port-forwarding" in line
    printed = subprocess.run(["ssh-keygen", "-lf", "-"], input=line.encode(), capture_output=True, check=True)
    own = subprocess.run(["ssh-keygen", "-lf", str(tmp_path / "client.pub")], capture_output=True, check=True)
    assert printed.stdout.split()[1] == own.stdout.split()[1]


def test_it_holds_no_part_of_the_private_key(tmp_path: Path) -> None:
    line = keys.line(settings(tmp_path, {"main": auth(tmp_path)}), "openwrt", None)
    inner = (tmp_path / "client").read_text().splitlines()[1:-1]
    assert not any(each in line for each in inner)


def test_a_module_asks_what_is_switched_on_in_it(tmp_path: Path) -> None:
    modules = {"small": {"interfaces": {"enabled": False}, "wireless": {"interfaces": ["phy1-ap0"]}}}
    line = keys.line(settings(tmp_path, {"main": auth(tmp_path)}, modules), "small", None)
    assert "network.interface" not in line
    assert "'iwinfo' phy1-ap0 assoclist" in line


def test_radios_that_are_not_named_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    given = {"main": auth(tmp_path)}
    keys.line(settings(tmp_path, given, {"openwrt": {"wireless": {"interfaces": ["phy0-ap0"]}}}), "openwrt", None)
    assert not caplog.records
    keys.line(settings(tmp_path, given), "openwrt", None)
    assert "write interfaces below modules.openwrt.wireless" in caplog.text


def test_one_of_several_auths_is_named_by_a_flag(tmp_path: Path) -> None:
    given = settings(
        tmp_path,
        {"main": auth(tmp_path, "one"), "spare": auth(tmp_path, "two"), "old": {"password_env": "SECRET"}},
    )
    with pytest.raises(PersonError, match=r"--auth: main, spare$"):
        keys.line(given, "openwrt", None)
    assert (tmp_path / "two.pub").read_text().split()[1] in keys.line(given, "openwrt", "spare")
    with pytest.raises(PersonError, match="no auth 'spar' with a private key; did you mean 'spare'"):
        keys.line(given, "openwrt", "spar")
    with pytest.raises(PersonError, match="no auth 'old' with a private key"):
        keys.line(given, "openwrt", "old")


def test_without_a_key_there_is_no_line(tmp_path: Path) -> None:
    with pytest.raises(PersonError, match="no auth has a private key"):
        keys.line(settings(tmp_path, {"old": {"password_env": "SECRET"}}), "openwrt", None)


def test_an_unknown_module_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(PersonError, match="no module 'openwr'; did you mean 'openwrt'"):
        keys.line(settings(tmp_path, {"main": auth(tmp_path)}), "openwr", None)


def test_a_line_that_is_too_long_for_dropbear_is_refused(tmp_path: Path) -> None:
    radios = [f"phy0-ap{number}" for number in range(100)]
    given = settings(tmp_path, {"main": auth(tmp_path)}, {"large": {"wireless": {"interfaces": radios}}})
    with pytest.raises(PersonError, match=r"module 'large': .*dropbear reads"):
        keys.line(given, "large", None)


def test_the_command_prints_the_line_alone_and_an_error_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = keys.line(settings(tmp_path, {"main": auth(tmp_path)}), "openwrt", None)
    key = tmp_path / "privacy"
    key.write_text("0123456789abcdef")
    key.chmod(0o600)
    path = tmp_path / "router.yml"
    path.write_text(path.read_text() + f"privacy: {{key_file: {key}}}\nlog: {{level: error}}\n")
    router = ["router", f"--config.file={path}"]
    with logs_kept():
        assert main([*router, "authorized-key", "openwrt"]) == 0
        assert capsys.readouterr().out == f"{expected}\n"
        assert main([*router, "authorized-key", "openwr"]) == 2
        assert capsys.readouterr().err == "pomona: there is no module 'openwr'; did you mean 'openwrt'?\n"
        assert main([*router, "check", "attic"]) == 2
        assert capsys.readouterr().err == f"pomona: {path}: no target 'attic'; known here: none\n"
