"""What `pomona up` tells and refuses before and while its parts run; tests/e2e runs them."""

from pathlib import Path

import pytest

from exporters.cli import main
from exporters.core.errors import PersonError
from exporters.stack.engines import Engines
from exporters.stack.folder import LOCK, held
from exporters.stack.simulated import LASTING
from exporters.stack.up import first_steps
from stack.scraping import Simulation

ALL = dict.fromkeys(("agent", "simulate", "router", "prometheus", "alertmanager"), "http://127.0.0.1:1")
TOOLS = Engines("prometheus", "alertmanager", "promtool", "amtool")


def told(urls: dict[str, str], simulation: Simulation) -> str:
    return "\n".join(first_steps(urls, TOOLS, simulation.fleet))


@pytest.mark.parametrize("speed", [1.0, 5.0])
def test_the_alert_that_is_promised_will_come(speed: float) -> None:
    simulation = Simulation(macs=7, speed=speed)
    name = simulation.fleet.low_at_first()
    assert name
    assert f"The battery of {name} runs low: expect the first within minutes." in told(ALL, simulation)
    for _ in range(int(LASTING / 15)):
        seen = simulation.probe(name)
        assert seen["macos_battery_charge_ratio"] < 0.2
        assert seen['macos_battery_state{state="discharging"}'] == 1
        simulation.clock.move(15)


@pytest.mark.parametrize(
    ("macs", "speed", "missing"),
    [(3, 5.0, ""), (7, 600.0, ""), (7, 5.0, "prometheus"), (7, 5.0, "alertmanager")],
    ids=["no such Mac", "too quick for a rule", "no Prometheus", "no Alertmanager"],
)
def test_no_alert_is_promised_where_none_will_come(macs: int, speed: float, missing: str) -> None:
    urls = {name: url for name, url in ALL.items() if name != missing}
    assert "expect" not in told(urls, Simulation(macs=macs, speed=speed))


def test_one_query_about_a_router_is_named_where_there_are_routers() -> None:
    simulation = Simulation(macs=1)
    query = "promtool query instant http://127.0.0.1:1 'topk(5, openwrt_nlbwmon_period_receive_bytes)'"
    assert query in told(ALL, simulation)
    without = {name: url for name, url in ALL.items() if name != "prometheus"}
    assert "curl 'http://127.0.0.1:1/probe?target=sim-r01&module=openwrt'" in told(without, simulation)
    assert "openwrt" not in told({name: url for name, url in ALL.items() if name != "router"}, simulation)


def test_a_home_directory_that_does_not_exist_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--no-demo", "--state.dir", "~nosuchuser/x"]) == 2
    assert capsys.readouterr().err == "pomona: ~nosuchuser/x: there is no such home directory\n"


def test_a_folder_is_held_by_one_run_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "up"
    with held(folder):
        assert folder.stat().st_mode & 0o777 == 0o700
        with pytest.raises(PersonError, match=rf"{folder}: another pomona up uses it; .*--state\.dir"), held(folder):
            pass
    with held(folder):
        assert (folder / LOCK).stat().st_mode & 0o777 == 0o600


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / LOCK).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=LOCK), held(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()
