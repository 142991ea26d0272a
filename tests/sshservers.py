"""Real SSH servers on loopback ports: Debian's sshd and dropbear, and paramiko's for what those do only as root."""

import getpass
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import paramiko
import psutil
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from exporters.sources.ssh import SshTarget

SSHD, DROPBEAR = "/usr/sbin/sshd", "/usr/sbin/dropbear"
SHIM = Path(__file__).parent / "passwd_shim.c"
SSHD_CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/home/.ssh/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
SetEnv PATH={folder}/bin:/usr/bin:/bin
LogLevel VERBOSE
{extra}
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def shells() -> list[list[str]]:
    """Shells that may be the other side's; dash is nearest to busybox ash, which is tried where it is installed."""
    found = [each for each in ("dash", "bash", "busybox") if shutil.which(each)]
    return [["busybox", "sh"] if each == "busybox" else [each] for each in found]


def new_key(path: Path, kind: str = "ed25519") -> str:
    """Makes a key pair without passphrase; gives the text of the private one."""
    subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", kind, "-f", str(path)], check=True)
    return path.read_text()


@dataclass
class Server:
    """A server with a home folder, programs of its own first on PATH, and a log."""

    kind: str
    folder: Path
    key_kind: str = "ed25519"
    extra: str = ""
    shim: Path | None = None
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        (self.folder / "home" / ".ssh").mkdir(parents=True, mode=0o700)
        (self.folder / "home").chmod(0o700)
        (self.folder / "bin").mkdir()
        self.client_key = new_key(self.folder / "client_key", self.key_kind)
        new_key(self.folder / "host_key", self.key_kind)
        self.authorize()

    @property
    def authorized_keys(self) -> Path:
        return self.folder / "home" / ".ssh" / "authorized_keys"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def fingerprint(self) -> str:
        shown = subprocess.run(["ssh-keygen", "-lf", str(self.folder / "host_key")], capture_output=True, check=True)
        return shown.stdout.decode().split()[1]

    @property
    def target(self) -> SshTarget:
        return SshTarget(
            address="127.0.0.1",
            port=self.port,
            user=getpass.getuser(),
            private_key=self.client_key,
            fingerprints=(self.fingerprint,),
        )

    def authorize(self, options: str = "") -> None:
        public = (self.folder / "client_key.pub").read_text()
        self.authorized_keys.write_text(f"{options} {public}".lstrip())
        self.authorized_keys.chmod(0o600)

    def program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def fifo(self, name: str) -> Path:
        path = self.folder / name
        os.mkfifo(path)
        return path

    def connections(self) -> int:
        """How many the server has accepted, the one that waits for its start left out."""
        told = "Connection from" if self.kind == "sshd" else "Child connection from"
        return self.log.read_text().count(told) - 1

    def start(self) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment()
            )
        self._wait()

    def children(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def cut(self) -> None:
        """Kills what serves the connections that are open; new ones are accepted."""
        for each in self.children():
            with suppress(psutil.NoSuchProcess):
                each.kill()

    def kill(self) -> None:
        """The listener first, then all that it has started."""
        if self.process is None:
            return
        children = self.children() if self.process.poll() is None else []
        self.process.kill()
        for each in children:
            with suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.wait()
        self.process = None

    def _wait(self) -> None:
        """Until it greets."""
        assert self.process is not None
        while self.process.poll() is None:
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", self.port)) == 0 and sock.recv(4) == b"SSH-":
                    return
        raise AssertionError(self.log.read_text())

    def _environment(self) -> dict[str, str]:
        if self.kind == "sshd":
            return {"PATH": "/usr/bin:/bin"}
        home, shell = str(self.folder / "home"), str(self.folder / "shell")
        return {"PATH": "/usr/bin:/bin", "LD_PRELOAD": str(self.shim), "TEST_HOME": home, "TEST_SHELL": shell}

    def _command(self) -> Sequence[str]:
        host_key = self.folder / "host_key"
        if self.kind == "sshd":
            config = self.folder / "sshd_config"
            config.write_text(SSHD_CONFIG.format(port=self.port, folder=self.folder, extra=self.extra))
            if os.geteuid() == 0:
                Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # its runtime folder, which systemd makes elsewhere
            return (SSHD, "-D", "-e", "-f", str(config))
        converted = self.folder / "dropbear_key"
        if not converted.exists():
            shutil.copy(host_key, self.folder / "host_key.pem")
            command = ["dropbearconvert", "openssh", "dropbear", str(host_key), str(converted)]
            subprocess.run(command, capture_output=True, check=True)
        shell = self.folder / "shell"
        shell.write_text(f'#!/bin/sh\nPATH={self.folder}/bin:$PATH\nexport PATH\nexec /bin/dash "$@"\n')
        shell.chmod(0o755)
        port = f"127.0.0.1:{self.port}"
        return (DROPBEAR, "-F", "-E", "-r", str(converted), "-p", port, "-P", str(self.folder / "pid"))


@contextmanager
def running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.kill()


class Listener:
    """Accepts connections, counts them, and treats them as told."""

    def __init__(self, greet: Callable[[socket.socket], Any]) -> None:
        self.accepted = 0
        self._greet = greet
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._held: list[socket.socket] = []
        self.target = replace(SshTarget("127.0.0.1", "root", password="x", fingerprints=("SHA256:A",)), timeout=0.5)
        self.target = replace(self.target, port=self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._held.append(sock)
            self._greet(sock)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for each in (self._listener, *self._held):
            each.close()


class PasswordServer(paramiko.ServerInterface):
    """Lets one password in and runs what it is asked by sh; counts the tries."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.tries = 0
        self.key = paramiko.RSAKey.generate(2048)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._transports: list[paramiko.Transport] = []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def target(self) -> SshTarget:
        port = self._listener.getsockname()[1]
        target = SshTarget("127.0.0.1", "root", port, password=self.password, fingerprints=(self.key.fingerprint,))
        return replace(target, timeout=10.0)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._transports:
            each.close()

    def get_allowed_auths(self, _username: str) -> str:
        return "password"

    def check_auth_password(self, _username: str, password: str) -> int:
        self.tries += 1
        return AUTH_SUCCESSFUL if password == self.password else AUTH_FAILED

    def check_channel_request(self, _kind: str, _chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._run, args=(channel, command), daemon=True).start()
        return True

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(sock)
            transport.add_server_key(self.key)
            self._transports.append(transport)
            transport.start_server(event=threading.Event(), server=self)

    def _run(self, channel: paramiko.Channel, command: bytes) -> None:
        ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False)
        channel.sendall(ended.stdout)
        channel.sendall_stderr(ended.stderr)
        channel.send_exit_status(ended.returncode)
        channel.close()
