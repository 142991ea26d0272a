"""Routers on loopback: real SSH servers with programs that print the answers of a fixture, and their configuration."""

import getpass
import logging
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from conftest import ROOT, missing
from core.machines import HandClock
from exporters.core.collector import discover
from exporters.core.exchange import Request, Response
from exporters.core.privacy import Key
from exporters.core.routes import probe
from exporters.operate.routers.config import RouterSettings, load
from exporters.operate.routers.service import Routers
from sshservers import DROPBEAR, SHIM, SSHD, Server, running

FIXTURE = ROOT / "tests" / "fixtures" / "nlbwmon" / "24.10-filogic"
COLLECTORS = discover(("exporters.openwrt",))
LAPTOP, CAMERA = "3c:22:fb:4a:90:11", "9c:8e:cd:21:6f:08"
CAT = """for each do
shift
case $each in
/proc/sys/net/netfilter/nf_conntrack_*) each={0}/conntrack-${{each##*_}}.txt;;
/proc/net/netlink|/proc/uptime) each={0}/${{each##*/}}.txt;;
esac
set -- "$@" "$each"
done
exec /bin/cat "$@"
"""
"""What the kernel of the machine that tests says must not matter. It has no /etc/config: no settings are told."""


@contextmanager
def router(folder: Path, kind: str = "sshd", **facts: Any) -> Iterator[Server]:
    """A router that is well: nlbwmon runs, and each run of nlbw is a line of the file `runs`."""
    wanted = SSHD if kind == "sshd" else DROPBEAR
    if not Path(wanted).exists():
        missing(f"{wanted} is not installed (apt install openssh-server dropbear-bin)")
    more = {"shim": _shim(folder.parent), **facts} if kind == "dropbear" else facts
    with running(Server(kind, folder, **more)) as server:
        answers(server)
        yield server


def _shim(folder: Path) -> Path:
    """What makes dropbear look into a folder of the test."""
    built = folder / "passwd_shim.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(built), str(SHIM), "-ldl"], check=True)
    return built


def answers(server: Server) -> None:
    server.program("id", "echo 0")
    server.program("cat", CAT.format(FIXTURE))
    server.program("date", f'case "$*" in *-r*) exec /bin/date "$@";; esac; cat {FIXTURE}/date.txt')
    server.program("ubus", f'case "$*" in *getHostHints) cat {FIXTURE}/hints.json;; *) exit 4;; esac')
    server.program("ip", ":")
    nlbw(server, (FIXTURE / "traffic.json").read_text())


def nlbw(server: Server, printed: str, then: str = ":") -> None:
    """What it prints from now on; `then` is done after it."""
    (server.folder / "traffic.json").write_text(printed)
    server.program("nlbw", f"echo $$ >>{server.folder}/runs; cat {server.folder}/traffic.json; {then}")


def traffic(*devices: tuple[str, int, int]) -> str:
    """What nlbw prints of (MAC, bytes received, bytes sent)."""
    rows = ",".join(f'[4,"{mac}","192.168.8.9",1,{rx},10,{tx},10]' for mac, rx, tx in devices)
    return f'{{"columns":["family","mac","ip","conns","rx_bytes","rx_pkts","tx_bytes","tx_pkts"],"data":[{rows}]}}'


def runs(server: Server) -> int:
    file = server.folder / "runs"
    return len(file.read_text().splitlines()) if file.exists() else 0


def target_of(server: Server, **more: str) -> dict[str, Any]:
    return {"address": "127.0.0.1", "port": server.port, "auth": "main", "host_key": [server.fingerprint], **more}


def document(server: Server, **targets: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with one auth, the key of that server, and by default the one target attic."""
    auth = {"username": getpass.getuser(), "private_key_file": str(server.folder / "client_key")}
    return {"auths": {"main": auth}, "targets": targets or {"attic": target_of(server)}}


def loaded(path: Path, environ: Mapping[str, str] | None = None) -> RouterSettings:
    return load(COLLECTORS, path, environ or {}, {}, lambda _: Key(b"sixteen bytes of key"))


def service(path: Path, folder: Path | None = None, clock: Any = None, **environ: str) -> Routers:
    again = partial(loaded, path, environ)
    return Routers(again(), again, folder, clock or HandClock())


@contextmanager
def serving(*args: Any, **fields: Any) -> Iterator[Routers]:
    routers = service(*args, **fields)
    with logs_kept():
        try:
            yield routers
        finally:
            routers.stop()


@contextmanager
def logs_kept() -> Iterator[None]:
    """What a start or a reload makes of the logs of this process does not outlive it."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers


def asked(routers: Routers, timeout: float | None = None, **query: str) -> Response:
    headers = {"x-prometheus-scrape-timeout-seconds": str(timeout)} if timeout else {}
    return probe(routers)(Request("GET", "/probe", {name: (value,) for name, value in query.items()}, headers))


def samples(response: Response) -> dict[str, float]:
    assert response.status == 200, response.body
    rows = (line.rsplit(" ", 1) for line in response.body.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in rows}


def probed(routers: Routers, target: str = "attic", timeout: float | None = None) -> dict[str, float]:
    return samples(asked(routers, timeout, target=target))


def down(seen: Mapping[str, float]) -> str:
    """Why the router is down, where a probe tells this and how long it took, and nothing else; "" where it is up."""
    reasons = [name for name in seen if name.startswith("openwrt_down_reason") and seen[name]]
    if seen["openwrt_up"] == 1:
        assert not reasons
        return ""
    way = re.compile(r"openwrt_(up|down_reason|probe_duration_seconds|ssh_\w+)\b.*")
    assert [name for name in seen if not way.fullmatch(name)] == []
    found = [re.findall(r'"(\w+)"', name)[0] for name in reasons]
    assert len(found) == 1
    return str(found[0])


def written(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "router.yml"
    path.write_text(yaml.safe_dump(content))
    return path
