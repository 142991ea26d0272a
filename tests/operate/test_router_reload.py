"""What changes while the router exporter runs: lists of devices, the configuration, idle connections."""

from pathlib import Path
from typing import Any

from core.machines import HandClock
from exporters.core.exchange import Request
from operate.loopback import (
    LAPTOP,
    document,
    down,
    nlbw,
    probed,
    samples,
    serving,
    target_of,
    traffic,
    written,
)
from sshservers import Server, free_port

DEVICES = f'"{LAPTOP}": {{ name: NAME }}\n'
RECEIVED = f'openwrt_device_receive_bytes_total{{mac="{LAPTOP}"}}'


def name_of(seen: dict[str, float]) -> str:
    return next(name for name in seen if name.startswith("openwrt_device_info") and LAPTOP in name)


def own(routers: Any) -> dict[str, float]:
    return samples(routers.table()["/metrics"](Request("GET", "/metrics")))


def test_a_changed_list_of_devices_is_read_and_a_bad_one_changes_nothing(good: Server, tmp_path: Path) -> None:
    devices, clock = tmp_path / "devices.yml", HandClock()
    devices.write_text(DEVICES.replace("NAME", "Ada"))
    content = document(good) | {"devices_file": str(devices)}
    nlbw(good, traffic((LAPTOP, 1000, 10)))
    with serving(written(tmp_path, content), clock=clock) as routers:
        assert 'name="Ada"' in name_of(probed(routers))
        nlbw(good, traffic((LAPTOP, 1500, 10)))
        clock.move(31)
        assert probed(routers)[RECEIVED] == 500
        devices.write_text(DEVICES.replace("NAME", "Grace Hopper"))
        routers.tick()
        nlbw(good, traffic((LAPTOP, 1700, 10)))
        clock.move(31)
        seen = probed(routers)
        assert 'name="Grace Hopper"' in name_of(seen)
        assert seen[RECEIVED] == 700
        assert own(routers)["pomona_router_devices_last_reload_successful"] == 1
        devices.write_text("nonsense: {}\n")
        routers.tick()
        clock.move(31)
        assert 'name="Grace Hopper"' in name_of(probed(routers))
        assert own(routers)["pomona_router_devices_last_reload_successful"] == 0
        assert good.connections() == 1


def test_new_names_are_shown_by_the_next_probe_even_within_the_minimum_age(good: Server, tmp_path: Path) -> None:
    devices = tmp_path / "devices.yml"
    devices.write_text(DEVICES.replace("NAME", "Ada"))
    with serving(written(tmp_path, document(good) | {"devices_file": str(devices)})) as routers:
        probed(routers)
        devices.write_text(DEVICES.replace("NAME", "Grace Hopper"))
        routers.tick()
        assert 'name="Grace Hopper"' in name_of(probed(routers))


def test_a_reload_keeps_what_did_not_change_and_follows_what_did(good: Server, tmp_path: Path) -> None:
    content, clock = document(good), HandClock()
    content["targets"]["cellar"] = target_of(good)
    path = written(tmp_path, content)
    with serving(path, clock=clock) as routers:
        probed(routers)
        probed(routers, "cellar")
        kept, gone = routers.runner("attic"), routers.runner("cellar")
        del content["targets"]["cellar"]
        content["targets"]["roof"] = target_of(good)
        written(tmp_path, content)
        assert routers.reload() == ""
        assert routers.runner("attic") is kept
        assert routers.runner("cellar") is None
        assert down(probed(routers, "roof")) == ""
        clock.move(31)
        assert probed(routers)["openwrt_ssh_connects_total"] == 1
        assert b"openwrt_time_seconds" not in gone.scrape("text")
        assert own(routers)["pomona_router_targets"] == 2
        path.write_text("targets: {attic: {adress: 1}}")
        assert f"{path}:1: targets.attic.adress: unknown key; did you mean 'address'?" in routers.reload()
        assert routers.runner("attic") is kept
        assert own(routers)["pomona_config_last_reload_successful"] == 0


def test_a_reload_reads_the_lists_of_devices_too(good: Server, tmp_path: Path) -> None:
    devices = tmp_path / "devices.yml"
    devices.write_text(DEVICES.replace("NAME", "Ada"))
    with serving(written(tmp_path, document(good) | {"devices_file": str(devices)})) as routers:
        probed(routers)
        kept = routers.runner("attic")
        devices.write_text(DEVICES.replace("NAME", "Grace Hopper"))
        assert routers.reload() == ""
        assert routers.runner("attic") is kept
        assert 'name="Grace Hopper"' in name_of(probed(routers))


def test_a_target_that_changes_its_port_is_another_connection(good: Server, tmp_path: Path) -> None:
    content = document(good)
    path = written(tmp_path, content)
    with serving(path) as routers:
        probed(routers)
        old = routers.runner("attic")
        content["targets"]["attic"]["port"] = free_port()
        written(tmp_path, content)
        routers.reload()
        assert routers.runner("attic") is not old
        assert down(probed(routers)) == "unreachable"


def test_idle_connections_are_closed_and_opened_again(good: Server, tmp_path: Path) -> None:
    clock = HandClock()
    with serving(written(tmp_path, document(good)), clock=clock) as routers:
        probed(routers)
        clock.move(400)
        routers.tick()
        assert probed(routers)["openwrt_ssh_connects_total"] == 2
