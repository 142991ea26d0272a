"""What `pomona up` makes of the shipped files: other ports, paths and channels, no hours, nothing else."""

import re
import socket
from dataclasses import astuple
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import COLLECTORS, ROOT
from exporters.core.errors import PersonError
from exporters.stack import configure
from exporters.stack.engines import Engines
from exporters.stack.ports import USUAL, Ports, chosen, taken
from stack.routing import Network
from stack.scraping import Simulation
from tools import tool

MOVED = Ports(20001, 20002, 20003, prometheus=20004, alertmanager=20005, router=20006, routers=20007)
SHIPPED = {"prometheus.yml": ROOT / "prometheus.yml", "alertmanager.yml": ROOT / "alert_rules" / "alertmanager.yml"}


def differences(one: Any, other: Any) -> list[tuple[Any, Any]]:
    """The scalars that differ; a difference of shape is told as a whole."""
    if isinstance(one, dict) and isinstance(other, dict) and list(one) == list(other):
        return [each for key in one for each in differences(one[key], other[key])]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [each for pair in zip(one, other, strict=True) for each in differences(*pair)]
    return [] if one == other else [(one, other)]


def written(folder: Path, name: str) -> Any:
    return yaml.safe_load((folder / name).read_text())


def without(document: Any, names: set[str]) -> Any:
    """The document without these keys, at any depth."""
    match document:
        case dict():
            return {key: without(value, names) for key, value in document.items() if key not in names}
        case list():
            return [without(each, names) for each in document]
    return document


def test_only_ports_and_paths_differ_in_the_configuration_of_prometheus(tmp_path: Path) -> None:
    configure.write(tmp_path, MOVED, [])
    changed = differences(yaml.safe_load(SHIPPED["prometheus.yml"].read_text()), written(tmp_path, "prometheus.yml"))
    rules = f"{ROOT / 'alert_rules'}/*.rules.yml"
    allowed = {
        "127.0.0.1:10220": "127.0.0.1:20001",
        "127.0.0.1:10222": "127.0.0.1:20006",
        "127.0.0.1:9090": "127.0.0.1:20004",
        "127.0.0.1:9093": "127.0.0.1:20005",
        "alert_rules/*.rules.yml": rules,
        **{f"{each}/*.yml": f"{tmp_path}/{each}/*.yml" for each in ("targets", "routers", "exporters")},
    }
    assert changed
    assert all(allowed[before] == after for before, after in changed)


def test_alertmanager_tells_pomona_up_instead_of_every_channel_and_does_so_at_any_hour(tmp_path: Path) -> None:
    """Routes, their order and their waits, inhibition, the names of receivers and what hears of ends stay."""
    configure.write(tmp_path, MOVED, [])
    shipped, ours = yaml.safe_load(SHIPPED["alertmanager.yml"].read_text()), written(tmp_path, "alertmanager.yml")
    hours = {"mute_time_intervals", "active_time_intervals"}
    assert ours["route"] == without(shipped["route"], hours) != shipped["route"]
    assert ours["templates"] == [f"{ROOT / 'alert_rules'}/templates/*.tmpl"]
    for before, after in zip(shipped["receivers"], ours["receivers"], strict=True):
        (channels,) = (value for name, value in before.items() if name != "name")
        webhook = {"url": "http://127.0.0.1:20003/", "send_resolved": channels[0]["send_resolved"]}
        assert after == {"name": before["name"], "webhook_configs": [webhook]}
    rest = {"route", "templates", "receivers"}
    assert ours.keys() == shipped.keys()
    assert {name: ours[name] for name in ours.keys() - rest} == {name: shipped[name] for name in shipped.keys() - rest}


def test_alertmanager_accepts_what_it_gets(engines: Engines, tmp_path: Path) -> None:
    configure.write(tmp_path, MOVED, [])
    told = tool(engines.amtool, "check-config", tmp_path / "alertmanager.yml")
    assert "1 templates" in told


def test_nothing_keeps_a_usual_port_when_all_are_moved(tmp_path: Path) -> None:
    configure.write(tmp_path, MOVED, [])
    text = "".join((tmp_path / name).read_text() for name in SHIPPED)
    assert not [port for port in astuple(USUAL) if f":{port}" in text]


def test_the_package_holds_the_very_file_of_the_root() -> None:
    assert (files("exporters.stack") / "prometheus.yml").read_text() == (ROOT / "prometheus.yml").read_text()


def test_each_simulated_mac_is_a_target_of_its_own(tmp_path: Path) -> None:
    simulation = Simulation(macs=3)
    configure.write(tmp_path, MOVED, simulation.fleet.targets())
    groups = written(tmp_path, "targets/simulated.yml")
    assert [group["labels"]["instance"] for group in groups] == ["sim-0001", "sim-0002", "sim-0003"]
    for group in groups:
        assert group["targets"] == ["127.0.0.1:20002"]
        assert group["labels"]["__metrics_path__"] == "/probe"
        assert group["labels"]["__param_target"] == group["labels"]["instance"]
        assert group["labels"]["site"]
        assert group["labels"]["role"] in {"laptop", "desktop"}


def relabelled(rules: list[dict[str, Any]], labels: dict[str, str]) -> dict[str, str]:
    """What Prometheus makes of a target's labels, as far as our rules go."""
    for rule in rules:
        sources = [labels.get(name, "") for name in rule.get("source_labels", ())]
        value = ";".join(sources) if sources else rule.get("replacement", "")
        labels = {**labels, rule["target_label"]: value}
    return labels


def test_each_router_is_asked_through_the_exporter_and_keeps_its_name(tmp_path: Path) -> None:
    network = Network(count=3)
    configure.write(tmp_path, MOVED, [], network.routers.targets())
    jobs = {each["job_name"]: each for each in written(tmp_path, "prometheus.yml")["scrape_configs"]}
    job = jobs["pomona-router"]
    assert (job["metrics_path"], job["scrape_interval"]) == ("/probe", "30s")
    found = []
    for group in written(tmp_path, "routers/simulated.yml"):
        (name,) = group["targets"]
        found.append(relabelled(job["relabel_configs"], {"__address__": name, **group["labels"]}))
    assert [each["__param_target"] for each in found] == ["sim-r01", "sim-r02", "sim-r03"]
    for each in found:
        assert each["__address__"] == "127.0.0.1:20006"
        assert each["instance"] == each["__param_target"]
        assert each["site"]
        assert each["role"] == "router"
    (own,) = written(tmp_path, "exporters/simulated.yml")
    assert own["targets"] == ["127.0.0.1:20006"]


def test_a_run_without_routers_takes_back_those_of_the_run_before(tmp_path: Path) -> None:
    configure.write(tmp_path, MOVED, [], Network(count=3).routers.targets())
    configure.write(tmp_path, MOVED, [])
    assert [written(tmp_path, f"{each}/simulated.yml") for each in ("routers", "exporters")] == [[], []]


def test_a_block_of_ports_has_one_for_each_router() -> None:
    base = next(base for base in range(20_000, 32_000, 10) if not any(taken(base + part) for part in range(9)))
    assert chosen(base, 3).routers == base + 6
    with (
        socket.create_server(("127.0.0.1", base + 8)),
        pytest.raises(PersonError, match=rf"port {base + 8} \(simulated routers\) is in use"),
    ):
        chosen(base, 3)
    with pytest.raises(PersonError, match="beyond port 65535"):
        chosen(65_529, 2)


def test_data_is_kept_for_40_days_and_alertmanager_stays_alone(tmp_path: Path) -> None:
    assert "--storage.tsdb.retention.time=40d" in configure.prometheus("prometheus", tmp_path, MOVED)
    assert "--cluster.listen-address=" in configure.alertmanager("alertmanager", tmp_path, MOVED)


def test_what_an_earlier_run_delivered_is_forgotten_and_silences_are_not(tmp_path: Path) -> None:
    kept = tmp_path / "alertmanager"
    kept.mkdir()
    for name in ("nflog", "silences"):
        (kept / name).write_bytes(b"x")
    configure.write(tmp_path, USUAL, [])
    assert [each.name for each in kept.iterdir()] == ["silences"]


@pytest.mark.parametrize("job", ["pomona", "pomona-router"])
def test_what_a_machine_could_disturb_the_rules_with_is_dropped(job: str) -> None:
    jobs = {each["job_name"]: each for each in yaml.safe_load(SHIPPED["prometheus.yml"].read_text())["scrape_configs"]}
    (drop,) = jobs[job]["metric_relabel_configs"]
    assert (drop["source_labels"], drop["action"]) == (["__name__"], "drop")
    forged = ("pomona:threshold", "instance:threshold", "ALERTS", "ALERTS_FOR_STATE", "up", "scrape_samples_scraped")
    assert all(re.fullmatch(drop["regex"], name) for name in forged)
    ours = [family.name for collector in COLLECTORS.values() for family in collector.families]
    assert not [name for name in ours if re.fullmatch(drop["regex"], name)]
