"""Mistakes that a person makes in router.yml, and what must never come of them."""

from pathlib import Path

import pytest

from exporters.cli import main
from exporters.core.errors import PersonError
from operate.loopback import asked, document, loaded, probed, samples, serving, target_of, written
from sshservers import Server, new_key

AUTHS = "auths:\n  main:\n    password_env: ROUTER_PASSWORD\n"
TARGETS = "targets:\n  attic:\n    address: attic.lan\n    auth: main\n"


def fault(folder: Path, text: str) -> str:
    path = folder / "router.yml"
    path.write_text(text)
    with pytest.raises(PersonError) as caught:
        loaded(path, {"ROUTER_PASSWORD": "correct horse"})
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("label", ["1site", "bad name", "__address__", "ort-1"])
def test_a_label_that_prometheus_would_refuse_is_refused(label: str, tmp_path: Path) -> None:
    told = fault(tmp_path, f"{AUTHS}{TARGETS}    labels: {{ {label!r}: x }}\n")
    assert f"{label!r} is no name of a label" in told


@pytest.mark.parametrize("address", ["192.168.1.1:22", "http://attic", "root@attic", "", "attic lan"])
def test_an_address_is_a_name_or_an_ip_address_alone(address: str, tmp_path: Path) -> None:
    told = fault(tmp_path, AUTHS + TARGETS.replace("attic.lan", f"'{address}'"))
    assert "a port stands in port:" in told


@pytest.mark.parametrize("address", ["192.168.1.1", "fd00::1", "attic", "attic.example.org"])
def test_names_and_both_kinds_of_addresses_are_accepted(address: str, tmp_path: Path) -> None:
    path = tmp_path / "router.yml"
    path.write_text(AUTHS + TARGETS.replace("attic.lan", f"'{address}'"))
    assert loaded(path, {"ROUTER_PASSWORD": "correct horse"}).targets["attic"].target.address == address


def test_a_secret_that_stands_in_the_file_is_not_repeated(tmp_path: Path) -> None:
    key = new_key(tmp_path / "key").replace("\n", "\\n")
    told = fault(tmp_path, f'auths:\n  main:\n    private_key_file: "{key}"\n{TARGETS}')
    assert "expected the path of a file, not its content" in told
    assert "BEGIN" not in told
    told = fault(tmp_path, f"auths:\n  main:\n    password_env: 'Tr0ub4dor&3'\n{TARGETS}")
    assert "expected the name of a variable" in told
    assert "Tr0ub4dor" not in told


@pytest.mark.parametrize("where", ["private_key_file", "password_file", "password_env"])
def test_a_secret_of_one_line_in_the_wrong_place_is_not_repeated(where: str, tmp_path: Path) -> None:
    secret = "hunter2" if where.startswith("password") else "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU" * 12
    told = fault(tmp_path, f"auths:\n  main:\n    {where}: {secret}\n{TARGETS}")
    assert secret not in told
    assert where in told


def test_a_key_that_others_may_read_is_told(tmp_path: Path) -> None:
    new_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    path = tmp_path / "router.yml"
    path.write_text(f"auths:\n  main:\n    private_key_file: {tmp_path / 'key'}\n{TARGETS}")
    assert "mend it with: chmod 600" in loaded(path).warning
    (tmp_path / "key").chmod(0o600)
    assert not loaded(path).warning


def test_its_own_metrics_are_not_hidden_by_the_list_of_targets(tmp_path: Path) -> None:
    assert "a path of its own" in fault(tmp_path, f"web: {{ telemetry_path: /targets }}\n{AUTHS}{TARGETS}")


def test_an_exporter_without_targets_does_not_start(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "router.yml").write_text("")
    assert main(["router", "--config.file", str(tmp_path / "router.yml")]) == 2
    assert "no targets; list them in --config.file FILE" in capsys.readouterr().err


def test_where_nothing_was_asked_nothing_is_said_about_the_router(tmp_path: Path) -> None:
    content = {"auths": {"main": {"password_env": "ROUTER_PASSWORD"}}, "targets": {"attic": {}}}
    content["targets"]["attic"] = {"address": "192.0.2.1", "auth": "main", "host_key": [f"SHA256:{'A' * 43}"]}
    with serving(written(tmp_path, content), ROUTER_PASSWORD="correct horse") as routers:
        router = routers.runner("attic")
        assert router is not None
        text = router.scrape("text", frozenset()).decode()
    assert "openwrt_up" not in text
    assert "openwrt_probe_duration_seconds" in text


def test_a_router_that_a_reload_closed_is_not_called_down_and_counts_nothing_more(good: Server, tmp_path: Path) -> None:
    path = written(tmp_path, document(good))
    with serving(path, tmp_path / "state") as routers:
        assert probed(routers)["openwrt_up"] == 1
        old = routers.runner("attic")
        assert old is not None
        written(tmp_path, document(good, attic=target_of(good, labels={"site": "north"})))
        assert not routers.reload()
        assert routers.runner("attic") is not old
        text = old.scrape("text").decode()
        assert "openwrt_up 0" not in text
        assert probed(routers)["openwrt_up"] == 1


def test_an_unknown_target_is_named(good: Server, tmp_path: Path) -> None:
    with serving(written(tmp_path, document(good))) as routers:
        assert (
            asked(routers, target="nope").body
            == b"unknown target 'nope': only those that /targets lists may be probed\n"
        )
        assert samples(asked(routers, target="attic"))["openwrt_up"] == 1
