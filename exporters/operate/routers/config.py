"""The configuration of the router exporter: modules, auths and targets, as in snmp_exporter.

A target names its auth in the file; only listed targets are ever asked, and secrets come from files or the environment.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from exporters.core import options
from exporters.core.collector import Collector
from exporters.core.config import Fault, arranged, read
from exporters.core.context import Context
from exporters.core.explain import Place, hint
from exporters.core.options import Log, Privacy, State, Web, plain, sections_of
from exporters.core.privacy import Key, expanded
from exporters.core.stamp import Stamp, stamp
from exporters.openwrt.devices import Listed as Devices
from exporters.openwrt.devices import load_devices
from exporters.operate.routers.auth import Auth, Secrets
from exporters.sources.quoted import quoted

PORT = 10222
MOST_TARGETS = 256
MODULE = "openwrt"
HUNG = "nlbwmon"
"""The collector whose program may hang for ever: what it asks comes last in a batch."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252})")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


class RouterWeb(Web, frozen=True, forbid_unknown_fields=True):
    """Where and how it serves: on a port of its own."""

    listen_address: options.Addresses = (f"127.0.0.1:{PORT}",)


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """A router: its address, its auth, its host key, what is asked there, and labels for service discovery."""

    address: str
    auth: str
    module: str = MODULE
    port: Annotated[int, Meta(ge=1, le=65535, description="a port from 1 to 65535")] = 22
    host_key: tuple[str, ...] = ()
    known_hosts_file: str = ""
    forced_command: bool = False
    devices_file: str = ""
    labels: dict[str, str] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """An address alone, pinned keys as ssh-keygen -l prints them, labels that Prometheus takes."""
        if not _HOST.fullmatch(self.address) and not _is_ipv6(self.address):
            raise ValueError(f"{quoted(self.address)} is no name or IP address alone: a port stands in port:")
        for each in self.host_key:
            if not _FINGERPRINT.fullmatch(each):
                shown = quoted(each)
                raise ValueError(f"{shown} is no fingerprint such as ssh-keygen -lf prints: SHA256:… (43 characters)")
        for each in self.labels:
            if not _LABEL.fullmatch(each) or each.startswith("__"):
                raise ValueError(f"{quoted(each)} is no name of a label for a target")


def _is_ipv6(text: str) -> bool:
    try:
        return ip_address(text).version == 6  # noqa: PLR2004 - the version
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Module:
    """What is asked of a target: its collectors, those that may hang last, and their contexts."""

    name: str
    collectors: tuple[Collector, ...]
    contexts: Mapping[str, Context]


@dataclass(frozen=True, slots=True)
class Listed:
    """A target with all that its name stands for; `devices_file` is empty where there is none."""

    name: str
    target: Target
    module: Module
    username: str
    private_key: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    known_hosts: Path | None = None
    devices_file: str = ""


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """The effective configuration; `devices` are the lists by their file's name, `private_keys` the texts by auth.

    `document` is all of it, secrets hidden; `warning` what to mend about the keys.
    """

    web: RouterWeb
    log: Log
    state: State
    privacy: Privacy
    targets: Mapping[str, Listed]
    modules: Mapping[str, Module]
    devices: Mapping[str, Devices]
    stamp: Stamp
    private_keys: Mapping[str, str] = field(repr=False)
    document: Mapping[str, Any]
    key_kept: bool
    warning: str


def load(
    collectors: Sequence[Collector],
    path: Path | None,
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
    key: Callable[[Privacy], Key],
) -> RouterSettings:
    """All levels as one, every name resolved, every secret read; ConfigError says what to mend."""
    config, fault = read(schema(collectors), path, environ, flags)
    secret = key(config.privacy)
    modules = {name: _module(name, collectors, each, config, secret) for name, each in config.modules.items()}
    if len(config.targets) > MOST_TARGETS:
        raise fault(("targets",), f"{len(config.targets)} of them, at most {MOST_TARGETS} fit one exporter")
    reader = Secrets(environ, fault)
    secrets = {name: reader.of(("auths", name), each) for name, each in config.auths.items()}
    targets = {name: _listed(name, config, modules, secrets, fault) for name in config.targets}
    seen = stamp_of(targets.values())
    return RouterSettings(
        web=config.web,
        log=config.log,
        state=config.state,
        privacy=config.privacy,
        targets=targets,
        modules=modules,
        devices=devices_of(targets.values()),
        stamp=seen,
        private_keys={name: key for name, (key, _) in secrets.items() if key},
        document=plain(config),
        key_kept=secret.kept,
        warning="; ".join(filter(None, (secret.warning, *reader.warnings))),
    )


def _lists(targets: Iterable[Listed]) -> list[str]:
    """The files of devices that targets name."""
    return sorted({each.devices_file for each in targets} - {""})


def devices_of(targets: Iterable[Listed]) -> dict[str, Devices]:
    """The lists of devices that targets name, each read once."""
    return {name: load_devices(expanded(name)) for name in _lists(targets)}


def stamp_of(targets: Iterable[Listed]) -> Stamp:
    """The times of those lists, taken before they are read: a change that comes meanwhile is seen."""
    return stamp(expanded(name) for name in _lists(targets))


def schema(collectors: Sequence[Collector]) -> type[Struct]:
    """The whole file."""
    module: Any = sections_of(collectors)
    modules = msgspec.field(default_factory=lambda: {MODULE: module()})
    return msgspec.defstruct(
        "Root",
        [
            ("web", RouterWeb, RouterWeb()),
            ("log", Log, Log()),
            ("state", State, State()),
            ("privacy", Privacy, Privacy()),
            ("devices_file", str, ""),
            ("modules", dict[str, module], modules),
            ("auths", dict[str, Auth], msgspec.field(default_factory=dict)),
            ("targets", dict[str, Target], msgspec.field(default_factory=dict)),
        ],
        frozen=True,
        forbid_unknown_fields=True,
        kw_only=True,
    )


def _module(name: str, collectors: Sequence[Collector], given: Any, config: Any, key: Key) -> Module:
    running, contexts = arranged(collectors, given, config.privacy.level, key)
    return Module(name, tuple(sorted(running, key=lambda each: each.name == HUNG)), contexts)


def _listed(
    name: str, config: Any, modules: Mapping[str, Module], secrets: Mapping[str, tuple[str, str]], fault: Fault
) -> Listed:
    target: Target = config.targets[name]
    place = ("targets", name)
    if not _NAME.fullmatch(name):
        raise fault(place, "the name of a target is made of letters, digits and . _ : -")
    auth = _named(config.auths, target.auth, (*place, "auth"), fault)
    key, password = secrets[target.auth]
    return Listed(
        name=name,
        target=target,
        module=_named(modules, target.module, (*place, "module"), fault),
        username=auth.username,
        private_key=key,
        password=password,
        known_hosts=None if target.host_key else expanded(target.known_hosts_file or "~/.ssh/known_hosts"),
        devices_file=target.devices_file or config.devices_file,
    )


def _named(known: Mapping[str, Any], name: str, place: Place, fault: Fault) -> Any:
    if name not in known:
        raise fault(place, f"there is no {place[-1]} {quoted(name)}{hint(name, known)}")
    return known[name]
