"""Simulated routers, sim-r01 and so on: who they are, and the files with which `pomona router` reaches them."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from io import StringIO
from math import inf
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import paramiko
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from exporters.core.clock import Clock
from exporters.stack.dynamics import HOUR, MINUTE
from exporters.stack.ports import LOOPBACK
from exporters.stack.router_answers import Nature, Router
from exporters.stack.router_model import DAY, Device, household
from exporters.stack.router_traffic import Daemon, Life, Periods
from exporters.stack.simulated import SITES

USER = "root"
ROUTER_FILE, DEVICES, KEY_FILE = "router.yml", "devices", "client_key"
SPECIAL = (
    Nature("a home, where a device comes that nobody knows", visitor=True),
    Nature("an office whose router reboots daily and then forgets what it has not committed", reboots=True, offset=0),
    Nature("a flat with flow offloading and without Wi-Fi", offloading=True, radios=False, luci=False, monthly=True),
    Nature("a router without nlbwmon", installed=False),
    Nature("a router whose nlbwmon is down", daemon=False),
    Nature("a router whose nlbwmon hangs now and then", hangs=True),
    Nature("a router that cannot be reached", unreachable=True),
)
PLAIN = Nature("a router without trouble")
VISITOR_AFTER = 3 * MINUTE
REBOOT_AFTER = 15 * MINUTE
"""Seconds from the start of the simulation to the first reboot of the router that reboots."""
GENERATIONS = 35
KNOWN = 0.7
QUOTAS: Mapping[str, Mapping[str, str]] = {
    "tv": {"day": "20GB", "month": "300GB"},
    "laptop": {"day": "5GB", "month": "100GB"},
    "camera": {"day": "500MB"},
}
PEOPLE = ("Anna", "Ben", "Chloe", "Dario", "Emre", "Freya", "Goran")


class Routers:
    """`count` routers on one clock. The same seed gives the same ones; `devices` is how many each has, None for any."""

    def __init__(self, count: int, seed: int, speed: float, clock: Clock, devices: int | None = None) -> None:
        self.seed, self._speed, self._clock, self._devices = seed, speed, clock, devices
        self._begun, self._elapsed = clock.now(), clock.elapsed()
        self.all: Sequence[Router] = [self._router(number) for number in range(count)]

    def now(self) -> float:
        """The routers' own clocks, in Unix seconds: they go on evenly when somebody sets this machine's."""
        return self._begun + self._clock.elapsed() - self._elapsed

    def targets(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Each name with its target labels."""
        for router in self.all:
            site = SITES[crc32(router.name.encode()) % len(SITES)]
            yield router.name, {"site": site, "role": "router"}

    def _router(self, number: int) -> Router:
        nature = SPECIAL[number] if number < len(SPECIAL) else PLAIN
        random = Random(f"{self.seed}/router-size/{number}")  # noqa: S311 - a simulation
        size = self._devices or (14 if number == 0 else random.randint(8, 60))
        devices = household(number, size, self.seed, VISITOR_AFTER * self._speed if nature.visitor else inf)
        life = self._life(nature, random)
        periods = Periods(nature.monthly, nature.offset)
        daemon = Daemon(devices, periods, life, GENERATIONS, self._begun, self._speed, nature.offloading)
        return Router(f"sim-r{number + 1:02}", nature, daemon)

    def _life(self, nature: Nature, random: Random) -> Life:
        """A reboot comes before the commit that would have been due."""
        if not nature.reboots:
            booted = self._begun - random.uniform(2, 20) * DAY
            return Life(booted, booted, DAY)
        every = max(DAY / self._speed, HOUR)
        booted = self._begun + REBOOT_AFTER
        return Life(booted - 2 * every, booted, float(int(0.4 * every)), every)


def host_key(seed: int, name: str) -> paramiko.PKey:
    """The router's ed25519 key: the same in every process, secret to nobody."""
    return paramiko.Ed25519Key.from_private_key(StringIO(_private(f"{seed}/{name}")))


def client_key(seed: int) -> str:
    """The private key that every router lets in: it opens nothing but the simulation."""
    return _private(f"{seed}/client")


def _private(words: str) -> str:
    key = Ed25519PrivateKey.from_private_bytes(sha256(f"simulated/{words}".encode()).digest())
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def write(folder: Path, routers: Routers, ports: Mapping[str, int]) -> None:
    """Writes the key, a list of devices for each, and router.yml, with which `pomona router` works at once."""
    folder = folder.absolute()
    for each in (folder, folder / DEVICES):
        each.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = client_key(routers.seed)
    public = paramiko.Ed25519Key.from_private_key(StringIO(key))
    _write(folder / KEY_FILE, key)
    _write(folder / f"{KEY_FILE}.pub", f"{public.get_name()} {public.get_base64()} simulated\n")
    for router in routers.all:
        known = known_devices(router, routers.seed)
        _write(_devices_file(folder, router.name), yaml.safe_dump(known, sort_keys=False, allow_unicode=True))
    _write(folder / ROUTER_FILE, yaml.safe_dump(configuration(folder, routers, ports), sort_keys=False))


def configuration(folder: Path, routers: Routers, ports: Mapping[str, int]) -> dict[str, Any]:
    """What router.yml holds: one auth, the pinned key of each target, where the names of its devices are."""
    return {
        "auths": {"simulated": {"username": USER, "private_key_file": str(folder / KEY_FILE)}},
        "targets": {
            name: {
                "address": LOOPBACK,
                "port": ports[name],
                "auth": "simulated",
                "host_key": [host_key(routers.seed, name).fingerprint],
                "devices_file": str(_devices_file(folder, name)),
                "labels": dict(labels),
            }
            for name, labels in routers.targets()
        },
    }


def known_devices(router: Router, seed: int) -> dict[str, dict[str, Any]]:
    """What a person knows of them: most devices; all but the visitor where one comes, so that it stands out."""
    random = Random(f"{seed}/{router.name}/known")  # noqa: S311 - a simulation
    known: dict[str, dict[str, Any]] = {}
    for each in router.devices:
        often = each.kind.known and random.random() < KNOWN
        if often or (router.nature.visitor and each.arrives < 0):
            known[each.mac] = _entry(each, random.choice)
    return known


def _devices_file(folder: Path, name: str) -> Path:
    return folder / DEVICES / f"{name}.yml"


def _entry(device: Device, choose: Callable[[Sequence[str]], str]) -> dict[str, Any]:
    category = device.kind.category
    entry: dict[str, Any] = {"name": f"{choose(PEOPLE)}'s {category}", "category": category, "group": "simulated"}
    return entry | ({"quota": dict(QUOTAS[category])} if category in QUOTAS else {})


def _write(path: Path, text: str) -> None:
    """Another process may read it at any time: it is there as a whole, for its owner alone."""
    new = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w") as file:
        file.write(text)
    new.replace(path)
