"""A small router on loopback: real dropbear, real forks, invented answers; with the files that lead to it."""

import getpass
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from shlex import join, quote

import yaml

from bench.home import DEVICES, home, mac, printed
from exporters.core.collector import discover
from exporters.core.privacy import Key
from exporters.openwrt.nlbw import TRAFFIC
from exporters.operate.router import OPENWRT
from exporters.operate.routers.config import MODULE, RouterSettings, load
from exporters.operate.routers.target import questions
from exporters.sources.base import Question
from sshservers import DROPBEAR, SHIM, Server, running

PROGRAMS: Mapping[str, Mapping[str, str]] = {
    "ubus": {
        "call network.interface dump": '{"interface": [{"interface": "wan", "up": true, "uptime": 80000,'
        ' "l3_device": "wan"}, {"interface": "lan", "up": true, "uptime": 80020, "l3_device": "br-lan"}]}\n'
    },
    "ip": {
        "neigh": "".join(
            f"192.168.1.{number + 100} dev br-lan lladdr {mac(number)} REACHABLE\n" for number in range(DEVICES)
        ),
    },
}
"""What a small router answers; without LuCI it has no host hints, this machine has no radio, leases or /etc/config."""


@dataclass(frozen=True, slots=True)
class SmallRouter:
    """A server with its programs, the files that lead to it, and what a probe asks there."""

    server: Server
    folder: Path
    asked: Sequence[Question[object]]
    ages: Iterator[int] = field(default_factory=count)

    def grow(self) -> None:
        """Lets every device have used more."""
        _program(self.server, "nlbw", {join(TRAFFIC.argv[1:]): printed(home(), next(self.ages)).decode()})

    @property
    def configuration(self) -> Path:
        """For `pomona router`; its target is called "home"."""
        return self.folder / "router.yml"

    @property
    def known_hosts(self) -> Path:
        """As ssh keeps it."""
        return self.folder / "known_hosts"


def available() -> bool:
    """Whether dropbear is installed, and the compiler that its shim needs."""
    return Path(DROPBEAR).exists() and shutil.which("cc") is not None


def started(folder: Path, stack: ExitStack) -> SmallRouter:
    """It runs as long as the stack."""
    shim = folder / "shim.so"
    subprocess.run([shutil.which("cc") or "cc", "-shared", "-fPIC", "-o", str(shim), str(SHIM), "-ldl"], check=True)
    server = Server("dropbear", folder / "router", shim=shim)
    for name, told in PROGRAMS.items():
        _program(server, name, told)
    stack.enter_context(running(server))
    settings = _written(folder, server)
    return SmallRouter(server, folder, questions(settings.modules[MODULE]))


def _written(folder: Path, server: Server) -> RouterSettings:
    public = (server.folder / "host_key.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {public}")
    (folder / "router.yml").write_text(yaml.safe_dump(_configuration(server)))
    return load(discover(OPENWRT), folder / "router.yml", {}, {}, lambda _: Key(b"bench" * 4))


def _configuration(server: Server) -> Mapping[str, object]:
    target = {"address": "127.0.0.1", "port": server.port, "auth": "key", "host_key": [server.fingerprint]}
    auth = {"username": getpass.getuser(), "private_key_file": str(server.folder / "client_key")}
    return {"auths": {"key": auth}, "targets": {"home": target}}


def _program(server: Server, name: str, told: Mapping[str, str]) -> None:
    """A shell that prints by itself, by its arguments: one start of a program, as on a router."""
    cases = [f"'{arguments}') printf %s {quote(text)} ;;" for arguments, text in told.items()]
    server.program(name, "\n".join(['case "$*" in', *cases, "*) exit 4 ;;", "esac"]))
