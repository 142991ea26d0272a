"""`pomona router` over real SSH servers: what a probe tells of a good router, of every kind of bad one, and how often
it asks."""

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from core.machines import HandClock
from exporters.core.clock import system_clock
from exporters.core.exchange import Request
from exporters.operate.routers import keys
from operate.loopback import (
    CAMERA,
    LAPTOP,
    asked,
    document,
    down,
    loaded,
    nlbw,
    probed,
    router,
    runs,
    samples,
    serving,
    target_of,
    traffic,
    written,
)
from sshservers import PasswordServer, Server, free_port, new_key

RECEIVED = f'openwrt_device_receive_bytes_total{{mac="{LAPTOP}"}}'


def test_a_good_router_tells_its_devices_and_that_it_is_up(server: Server, tmp_path: Path) -> None:
    clock = HandClock()
    with serving(written(tmp_path, document(server)), clock=clock) as routers:
        seen = probed(routers)
        assert down(seen) == ""
        assert seen[RECEIVED] == 0
        assert seen['openwrt_nlbwmon_status{status="ok"}'] == 1
        assert seen["openwrt_ssh_connects_total"] == 1
        assert seen["openwrt_time_seconds"] == 1_800_000_000
        nlbw(server, traffic((LAPTOP, 94_298_325 + 5000, 6_331_336)))
        clock.move(31)
        seen = probed(routers)
        assert seen[RECEIVED] == 5000
        assert seen["openwrt_ssh_connects_total"] == 1


def test_a_probe_is_one_exec_for_all_collectors(good: Server, tmp_path: Path) -> None:
    content = document(good) | {"modules": {"openwrt": {"wireless": {"enabled": False}}}}
    with serving(written(tmp_path, content)) as routers:
        assert down(probed(routers)) == ""
    assert good.log.read_text().count("Starting session: command") == 1


def test_within_its_minimum_age_a_second_probe_asks_nothing(good: Server, tmp_path: Path) -> None:
    clock = HandClock()
    with serving(written(tmp_path, document(good)), clock=clock) as routers:
        first = probed(routers)
        clock.move(29)
        again = probed(routers)
        assert runs(good) == 1
        assert again[RECEIVED] == first[RECEIVED]
        clock.move(1)
        probed(routers)
        assert runs(good) == 2


def test_two_probes_at_once_make_one_exec_and_get_the_same(good: Server, tmp_path: Path) -> None:
    nlbw(good, traffic((LAPTOP, 1, 1)), then=f"while [ ! -e {good.folder}/go ]; do sleep 0.05; done")
    with serving(written(tmp_path, document(good))) as routers, ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(probed, routers), pool.submit(probed, routers)
        while not runs(good):
            time.sleep(0.01)
        (good.folder / "go").touch()
        assert first.result(30)[RECEIVED] == second.result(30)[RECEIVED] == 0
    assert runs(good) == 1


def other_key(server: Server, folder: Path) -> dict[str, Any]:
    content = document(server)
    new_key(folder / "other_key")
    content["auths"]["main"]["private_key_file"] = str(folder / "other_key")
    return content


def other_host_key(server: Server, _: Path) -> dict[str, Any]:
    return document(server, attic={**target_of(server), "host_key": [f"SHA256:{'A' * 43}"]})


def unknown_host_key(server: Server, folder: Path) -> dict[str, Any]:
    (folder / "known_hosts").touch()
    target = {**target_of(server), "known_hosts_file": str(folder / "known_hosts")}
    del target["host_key"]
    return document(server, attic=target)


def nobody_listens(server: Server, _: Path) -> dict[str, Any]:
    return document(server, attic={**target_of(server), "port": free_port()})


def unknown_name(server: Server, _: Path) -> dict[str, Any]:
    return document(server, attic=target_of(server, address="no-such-name.invalid"))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (other_key, "login"),
        (other_host_key, "host_key"),
        (unknown_host_key, "host_key"),
        (nobody_listens, "unreachable"),
        (unknown_name, "name_resolution"),
    ],
)
def test_a_router_that_cannot_be_asked_gives_the_reason_alone(
    spoil: Any, why: str, good: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = HandClock()
    with serving(written(tmp_path, spoil(good, tmp_path)), clock=clock) as routers:
        assert down(probed(routers)) == why
        clock.move(31)
        assert down(probed(routers)) == why
    told = [each.__dict__["fields"] for each in caplog.records if each.getMessage() == "router down"]
    assert [(each["target"], each["reason"]) for each in told] == [("attic", why)]
    assert runs(good) == 0


def test_a_refused_login_is_not_tried_again_and_the_wait_is_told(good: Server, tmp_path: Path) -> None:
    clock = HandClock()
    with serving(written(tmp_path, other_key(good, tmp_path)), clock=clock) as routers:
        until = clock.now() + 900
        assert probed(routers)["openwrt_ssh_next_login_timestamp_seconds"] == until
        clock.move(100)
        assert probed(routers)["openwrt_ssh_next_login_timestamp_seconds"] == until
        assert good.connections() == 1
        assert not routers.reload()
        clock.move(31)
        probed(routers)
        assert good.connections() == 2, "whoever reloads has mended something"


def test_a_forced_command_of_another_module_is_told_and_its_own_one_works(server: Server, tmp_path: Path) -> None:
    content = document(server, attic=target_of(server) | {"forced_command": True})
    path = written(tmp_path, content)
    line = keys.line(loaded(path), "openwrt", None)
    server.authorized_keys.write_text(f"{line}\n")
    with serving(path) as routers:
        seen = probed(routers)
        assert down(seen) == ""
        assert RECEIVED in seen
    server.authorize('command="echo hello"')
    with serving(path) as routers:
        assert down(probed(routers)) == "command"


def test_a_router_that_dies_in_the_middle_is_down_and_counts_go_on_when_it_is_back(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = HandClock()
    caplog.set_level("INFO")
    nlbw(server, traffic((LAPTOP, 1000, 1000)))
    with serving(written(tmp_path, document(server)), clock=clock) as routers:
        assert probed(routers)[RECEIVED] == 0
        server.program("nlbw", f"touch {server.folder}/dying; sleep 60")
        clock.move(31)
        with ThreadPoolExecutor(1) as pool:
            dying = pool.submit(probed, routers)
            while not (server.folder / "dying").exists():
                time.sleep(0.01)
            server.kill()
            assert down(dying.result(60)) == "unreachable"
        nlbw(server, traffic((LAPTOP, 1700, 1000)))
        server.start()
        clock.move(100)
        seen = probed(routers)
        assert down(seen) == ""
        assert seen[RECEIVED] == 700
    told = [each.getMessage() for each in caplog.records]
    assert [each for each in told if each.startswith("router ")] == ["router down", "router up again"]


def test_nlbw_that_hangs_leaves_the_router_up_and_its_other_parts_told(good: Server, tmp_path: Path) -> None:
    good.program("nlbw", "sleep 60")
    with serving(written(tmp_path, document(good))) as routers:
        seen = probed(routers, timeout=30)
        assert down(seen) == ""
        assert seen['openwrt_nlbwmon_status{status="hang"}'] == 1
        assert seen["openwrt_time_seconds"] == 1_800_000_000
        assert RECEIVED not in seen


def test_a_probe_ends_with_its_scrape_whatever_the_router_does(good: Server, tmp_path: Path) -> None:
    good.program("nlbw", "sleep 60")
    with serving(written(tmp_path, document(good)), clock=system_clock()) as routers:
        begun = time.monotonic()
        assert down(probed(routers, timeout=1.5)) == "timeout"
        assert time.monotonic() - begun < 4


def test_a_password_logs_in_and_a_wrong_one_is_a_refused_login(good: Server, tmp_path: Path) -> None:
    password = PasswordServer("correct horse")
    target = target_of(good) | {"port": password.target.port, "host_key": [password.key.fingerprint]}
    path = written(
        tmp_path,
        {
            "auths": {"main": {"password_env": "ROUTER_PASSWORD"}},
            "targets": {"attic": target},
        },
    )
    with serving(path, ROUTER_PASSWORD="correct horse") as routers:
        assert down(probed(routers)) == ""
    with serving(path, ROUTER_PASSWORD="wrong pony") as routers:
        assert down(probed(routers)) == "login"
    password.close()
    assert password.tries == 2


def test_only_listed_targets_are_asked_and_no_address_comes_from_the_url(good: Server, tmp_path: Path) -> None:
    with serving(written(tmp_path, document(good))) as routers:
        for target in ("127.0.0.1", f"127.0.0.1:{good.port}", "other", ""):
            assert asked(routers, target=target).status == 400
        for target in ("attic", "other"):
            refused = asked(routers, target=target, module="nonsense")
            assert (refused.status, refused.body) == (400, b"unknown module 'nonsense'; there are openwrt\n")
        handler = routers.table()["/probe"]
        assert handler(Request("GET", "/probe", {"target": ("attic", "attic")})).status == 400
        more = {"address": "192.0.2.1", "auth": "other", "port": "1", "target": "attic"}
        assert down(samples(asked(routers, **more))) == ""
        assert asked(routers, target="attic", module="openwrt").status == 200
    assert good.connections() == 1


def test_a_module_of_another_target_is_refused(good: Server, tmp_path: Path) -> None:
    content = document(good)
    content["modules"] = {"openwrt": {}, "small": {"nlbwmon": {"enabled": False}}}
    content["targets"]["cellar"] = target_of(good, module="small")
    with serving(written(tmp_path, content)) as routers:
        refused = asked(routers, target="attic", module="small")
        assert (refused.status, refused.body) == (400, b"attic is asked by module openwrt\n")
        seen = probed(routers, "cellar")
        assert not [name for name in seen if "nlbwmon" in name]
        groups = json.loads(routers.table()["/targets"](Request("GET", "/targets")).body)
        assert [(group["targets"], group["labels"]) for group in groups] == [
            (["attic"], {"__param_module": "openwrt"}),
            (["cellar"], {"__param_module": "small"}),
        ]


def test_a_restart_misses_nothing_that_the_router_still_knows(good: Server, tmp_path: Path) -> None:
    path, clock = written(tmp_path, document(good)), HandClock()
    nlbw(good, traffic((LAPTOP, 1000, 10)))
    with serving(path, tmp_path / "state", clock) as routers:
        assert probed(routers)[RECEIVED] == 0
    nlbw(good, traffic((LAPTOP, 4000, 10), (CAMERA, 500, 500)))
    clock.move(600)
    with serving(path, tmp_path / "state", clock) as routers:
        assert [probed(routers)[RECEIVED] for _ in range(2)] == [0, 0], "two servers may scrape"
        clock.move(60)
        assert probed(routers)[RECEIVED] == 3000


def test_another_machine_under_an_old_name_begins_anew(good: Server, tmp_path: Path) -> None:
    clock = HandClock()
    nlbw(good, traffic((LAPTOP, 1000, 10)))
    with serving(written(tmp_path, document(good)), tmp_path / "state", clock) as routers:
        probed(routers)
    with router(tmp_path / "new") as new:
        nlbw(new, traffic((LAPTOP, 900_000, 10)))
        content = document(new)
        clock.move(600)
        with serving(written(tmp_path, content), tmp_path / "state", clock) as routers:
            probed(routers)
            assert probed(routers)[RECEIVED] == 0


def logged(log: Path, pattern: str, process: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        line = next((each for each in log.read_text().splitlines() if pattern in each), "")
        if line:
            return line
        time.sleep(0.02)
    raise AssertionError(log.read_text())


def test_sigterm_ends_the_process_while_a_probe_hangs(good: Server, tmp_path: Path) -> None:
    good.program("nlbw", f"touch {good.folder}/hanging; sleep 60")
    (tmp_path / "key").write_text("0123456789abcdef")
    (tmp_path / "key").chmod(0o600)
    content = document(good) | {"privacy": {"key_file": str(tmp_path / "key")}}
    flags = [f"--config.file={written(tmp_path, content)}", f"--state.dir={tmp_path / 'state'}"]
    log = tmp_path / "log"
    with log.open("wb") as stderr:
        argv = [sys.executable, "-m", "exporters", "router", *flags, "--web.listen-address=127.0.0.1:0"]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        port = int(logged(log, "listening on", process).rpartition(":")[2].strip('"'))
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/probe?target=attic")
        while not (good.folder / "hanging").exists():
            time.sleep(0.01)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - begun < 5
        connection.close()
    finally:
        process.kill()
        process.wait(10)
    assert "Traceback" not in log.read_text()
