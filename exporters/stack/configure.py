"""The configuration of `pomona up`: the shipped files with other addresses and paths, the fleet as a targets file.

Alertmanager's routes and inhibition are the shipped ones as well. Instead of every channel it tells `pomona up`, and it
does so at any hour: a demo at night would hide what it shows by day.
"""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from exporters.sources.strictyaml import load_yaml
from exporters.stack.ports import USUAL, Ports, address

PROMETHEUS, ALERTMANAGER = "prometheus.yml", "alertmanager.yml"
PACKAGES = {PROMETHEUS: "exporters.stack", ALERTMANAGER: "alert_rules"}
RULES, TEMPLATES = "alert_rules/*.rules.yml", "templates/*.tmpl"
HOURS = ("mute_time_intervals", "active_time_intervals")
TARGETS, ROUTERS, EXPORTERS = "targets/*.yml", "routers/*.yml", "exporters/*.yml"
RETENTION = "40d"
Named = tuple[str, Mapping[str, str]]
"""The name of a target and its labels."""


def shipped(name: str) -> Any:
    """The document of a file of the distribution."""
    return load_yaml((files(PACKAGES[name]) / name).read_text())


def derived(document: Any, changes: Mapping[str, str]) -> Any:
    """The document with every string that is a key of `changes` replaced; nothing else differs."""
    match document:
        case dict():
            return {key: derived(value, changes) for key, value in document.items()}
        case list():
            return [derived(value, changes) for value in document]
        case str():
            return changes.get(document, document)
    return document


def told_here(document: Mapping[str, Any], port: int) -> dict[str, Any]:
    """Alertmanager's configuration with one webhook to this port in place of the channels of each receiver."""
    receivers = [{"name": each["name"], "webhook_configs": [_webhook(each, port)]} for each in document["receivers"]]
    return {**document, "route": at_any_hour(document["route"]), "receivers": receivers}


def _webhook(receiver: Mapping[str, Any], port: int) -> dict[str, Any]:
    """It hears of ends where the first channel of the receiver does."""
    first = next(channels[0] for kind, channels in receiver.items() if kind.endswith("_configs"))
    return {"url": f"http://{address(port)}/", "send_resolved": first["send_resolved"]}


def at_any_hour(route: Mapping[str, Any]) -> dict[str, Any]:
    """The route and those below it without time intervals."""
    kept = {key: value for key, value in route.items() if key not in HOURS}
    below = [at_any_hour(each) for each in route.get("routes", ())]
    return {**kept, "routes": below} if below else kept


def changes(ports: Ports, folder: Path) -> dict[str, str]:
    """What `up` replaces in the shipped files: addresses, the places of rules, templates and targets."""
    return {
        address(USUAL.agent): address(ports.agent),
        address(USUAL.prometheus): address(ports.prometheus),
        address(USUAL.alertmanager): address(ports.alertmanager),
        RULES: f"{files('alert_rules')}/{Path(RULES).name}",
        TEMPLATES: f"{files('alert_rules')}/{TEMPLATES}",
        address(USUAL.router): address(ports.router),
        **{files: str(folder / files) for files in (TARGETS, ROUTERS, EXPORTERS)},
    }


def write(folder: Path, ports: Ports, fleet: Iterable[Named], routers: Iterable[Named] = ()) -> None:
    """Writes prometheus.yml, alertmanager.yml and the targets files of fleet and routers into the folder."""
    for each in (TARGETS, ROUTERS, EXPORTERS):
        (folder / each).parent.mkdir(parents=True, exist_ok=True)
    replaced = changes(ports, folder)
    documents = {PROMETHEUS: shipped(PROMETHEUS), ALERTMANAGER: told_here(shipped(ALERTMANAGER), ports.receiver)}
    for name, document in documents.items():
        (folder / name).write_text(yaml.safe_dump(derived(document, replaced), sort_keys=False))
    # Alertmanager would remember what an earlier run delivered, and deliver it again only after `repeat_interval`.
    (folder / "alertmanager" / "nflog").unlink(missing_ok=True)
    _list(folder / TARGETS, target_groups(address(ports.fleet), fleet))
    probed = [{"targets": [name], "labels": dict(labels)} for name, labels in routers]
    _list(folder / ROUTERS, probed)
    own = [{"targets": [address(ports.router)], "labels": {"site": "here", "role": "monitoring"}}]
    _list(folder / EXPORTERS, own if probed else [])


def _list(pattern: Path, groups: list[dict[str, Any]]) -> None:
    """An empty list too: an earlier run may have had targets."""
    pattern.with_name("simulated.yml").write_text(yaml.safe_dump(groups, sort_keys=False))


def target_groups(probed: str, fleet: Iterable[Named]) -> list[dict[str, Any]]:
    """Prometheus' form of a list of targets: each Mac is asked through `/probe` of the one process at `probed`."""
    return [
        {
            "targets": [probed],
            "labels": {"__metrics_path__": "/probe", "__param_target": name, "instance": name, **labels},
        }
        for name, labels in fleet
    ]


def prometheus(program: str, folder: Path, ports: Ports) -> tuple[str, ...]:
    """The command line of Prometheus."""
    return (
        program,
        f"--config.file={folder / PROMETHEUS}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--storage.tsdb.retention.time={RETENTION}",
        f"--web.listen-address={address(ports.prometheus)}",
    )


def alertmanager(program: str, folder: Path, ports: Ports) -> tuple[str, ...]:
    """The command line of Alertmanager: alone, without a cluster."""
    return (
        program,
        f"--config.file={folder / ALERTMANAGER}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address(ports.alertmanager)}",
        "--cluster.listen-address=",
    )
