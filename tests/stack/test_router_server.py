"""The simulated routers behind real SSH, reached by the exporter's own source with the files that lie in the folder."""

import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest
import yaml

from exporters.core.errors import PersonError
from exporters.openwrt.devices import load_devices
from exporters.openwrt.nlbw import CIRCUMSTANCES, TRAFFIC
from exporters.sources.base import Command, File, NotFound, Output, SourceError, TimedOut, Unreachable
from exporters.sources.ssh import HostKeyRefused, LoginRefused
from exporters.stack.ports import taken
from exporters.stack.router_server import Servers, where
from exporters.stack.simulated_routers import REBOOT_AFTER, host_key, write
from sshservers import new_key
from stack.routing import SEED, Network, reached

UPTIME = File("/proc/uptime")


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def servers(network: Network) -> Iterator[Servers]:
    with Servers(network.routers) as running:
        yield running


def test_a_batch_of_questions_is_answered_over_one_connection(network: Network, servers: Servers) -> None:
    router = network.router()
    absent = File("/nowhere")
    with reached(servers, router) as source:
        for _ in range(2):
            answers = source.ask_many((*CIRCUMSTANCES, absent, TRAFFIC))
            assert answers[TRAFFIC] == Output(network.run(router, str(TRAFFIC)).stdout)
            assert isinstance(answers[absent], NotFound)
            assert not [each for key, each in answers.items() if key != absent and isinstance(each, SourceError)]
            network.clock.move(60)


def test_each_router_has_a_key_of_its_own_and_another_one_is_refused(network: Network, servers: Servers) -> None:
    one, other = network.routers.all[:2]
    assert host_key(SEED, one.name) == host_key(SEED, one.name)
    with reached(servers, one, fingerprints=(host_key(SEED, other.name).fingerprint,)) as source:
        assert isinstance(source.ask_many((UPTIME,))[UPTIME], HostKeyRefused)


def test_only_root_with_the_key_of_the_folder_comes_in(network: Network, servers: Servers, tmp_path: Path) -> None:
    router = network.router()
    with reached(servers, router, private_key=new_key(tmp_path / "other")) as source:
        assert isinstance(source.ask_many((UPTIME,))[UPTIME], LoginRefused)
    with reached(servers, router, private_key="", password="root") as source:
        assert isinstance(source.ask_many((UPTIME,))[UPTIME], LoginRefused)
    with reached(servers, router, user="admin") as source:
        assert isinstance(source.ask_many((UPTIME,))[UPTIME], LoginRefused)


def test_nothing_but_commands_is_opened(network: Network, servers: Servers) -> None:
    port = servers.ports[network.router().name]
    with paramiko.SSHClient() as client:
        client.get_host_keys().add(f"[127.0.0.1]:{port}", "ssh-ed25519", host_key(SEED, network.router().name))
        client.connect("127.0.0.1", port, "root", pkey=servers.client, allow_agent=False, look_for_keys=False)
        transport = client.get_transport()
        assert transport is not None
        with pytest.raises(paramiko.ChannelException, match="prohibited"):
            transport.open_channel("direct-tcpip", ("127.0.0.1", port), ("127.0.0.1", 1))
        with pytest.raises(paramiko.SSHException):
            client.invoke_shell()


def test_a_router_that_cannot_be_reached_refuses_at_once(network: Network, servers: Servers) -> None:
    with reached(servers, network.router("unreachable")) as source:
        assert isinstance(source.ask_many((UPTIME,))[UPTIME], Unreachable)


def test_a_daemon_that_hangs_gives_no_answer_and_the_rest_stays(network: Network, servers: Servers) -> None:
    network.clock.move(599)
    slow = Command(("nlbw", "-c", "json"), timeout=0.3)
    with reached(servers, network.router("hangs")) as source:
        answers = source.ask_many((UPTIME, slow))
        assert isinstance(answers[UPTIME], bytes)
        assert isinstance(answers[slow], TimedOut)
        network.clock.move(60)
        assert isinstance(source.ask(slow), Output)


def test_a_reboot_cuts_the_connection_and_afterwards_it_counts_from_there(network: Network, servers: Servers) -> None:
    router = network.router("reboots")
    with reached(servers, router) as source:
        before = float(source.ask(UPTIME).split()[0])
        network.clock.move(REBOOT_AFTER + 1)
        assert isinstance(source.ask_many((UPTIME,))[UPTIME], Unreachable)
    network.clock.move(60)
    with reached(servers, router) as source:
        assert float(source.ask(UPTIME).split()[0]) == 61 < before


def test_a_connection_from_before_a_reboot_is_not_used_after_it(network: Network, servers: Servers) -> None:
    with reached(servers, network.router("reboots")) as source:
        source.ask(UPTIME)
        network.clock.move(REBOOT_AFTER + 61)
        assert float(source.ask(UPTIME).split()[0]) == 61


def test_a_plain_command_ends_with_its_status(network: Network, servers: Servers) -> None:
    port = servers.ports[network.router("reboots").name]
    with paramiko.SSHClient() as client:
        client.get_host_keys().add(f"[127.0.0.1]:{port}", "ssh-ed25519", host_key(SEED, network.router("reboots").name))
        client.connect("127.0.0.1", port, "root", pkey=servers.client, allow_agent=False, look_for_keys=False)
        _, printed, said = client.exec_command("nlbw -c nope")
        assert printed.read() == b""
        assert said.read() == b"Unrecognized command 'nope'\n"
        assert printed.channel.recv_exit_status() == 1


def test_the_end_frees_ports_and_threads() -> None:
    before = set(threading.enumerate())
    network = Network()
    with Servers(network.routers) as running, reached(running, network.router()) as source:
        ports = list(running.ports.values())
        source.ask(UPTIME)
    assert not any(taken(port) for port in ports)
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert set(threading.enumerate()) <= before


def test_a_taken_port_is_told_in_one_line(servers: Servers) -> None:
    first = next(iter(servers.ports.values()))
    with (
        pytest.raises(PersonError, match=rf"port {first} \(sim-r01\) cannot be used: "),
        Servers(Network().routers, first),
    ):
        pass
    with pytest.raises(PersonError, match=r"port 65536 \(sim-r02\) cannot be used"), Servers(Network().routers, 65_535):
        pass


def test_the_folder_holds_what_the_exporter_needs_for_its_owner_alone(
    network: Network, servers: Servers, tmp_path: Path
) -> None:
    folder = tmp_path / "new" / "routers"
    write(folder, network.routers, servers.ports)
    modes = {each.name: each.stat().st_mode & 0o777 for each in folder.iterdir()}
    files = dict.fromkeys(("client_key", "client_key.pub", "router.yml"), 0o600)
    assert modes == {"devices": 0o700, **files}
    assert folder.stat().st_mode & 0o777 == 0o700
    public = (folder / "client_key.pub").read_bytes()
    write(folder, network.routers, servers.ports)
    assert (folder / "client_key.pub").read_bytes() == public
    target = yaml.safe_load((folder / "router.yml").read_text())["targets"][network.router().name]
    assert any(device.quota.day for device in load_devices(Path(target["devices_file"])).values())
    key = (folder / "client_key").read_text()
    with reached(servers, network.router(), private_key=key, fingerprints=tuple(target["host_key"])) as source:
        assert source.ask(UPTIME)


def test_where_they_listen_is_short() -> None:
    assert where({"a": 1}) == "127.0.0.1:1"
    assert where({"a": 1, "b": 2}) == "127.0.0.1:1…"
