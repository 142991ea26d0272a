"""From an address to an authenticated SSH transport: own socket, strict host key, one key or one password."""

import io
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import paramiko

from exporters.sources.base import Denied, Question, Unreachable
from exporters.sources.sshhold import LoginRefused

WIRE_LOG = "exporters.sources.ssh.wire"
KEY_KINDS: tuple[type[paramiko.PKey], ...] = (paramiko.Ed25519Key, paramiko.RSAKey, paramiko.ECDSAKey)
_RSA = ("rsa-sha2-512", "rsa-sha2-256")


class HostKeyRefused(Unreachable):
    """The host's key is unknown or another one than before."""


class Incompatible(Unreachable):
    """The host offers no algorithm that is still held to be safe."""


@dataclass(frozen=True, slots=True)
class SshTarget:
    """One host. `address` is an IP address that was resolved once; `host` is the name that known_hosts has.

    `fingerprints` are pinned host keys ("SHA256:…"); without them `known_hosts` decides. `private_key` is the text of
    a key without passphrase. `forced` are the questions of the script that authorized_keys forces. `timeout` in
    seconds for each step (connect, banner, login, channel, first byte), `idle` in seconds, `limit` in bytes an answer.
    """

    address: str
    user: str
    port: int = 22
    host: str = ""
    fingerprints: tuple[str, ...] = ()
    known_hosts: Path | None = None
    private_key: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    forced: tuple[Question[object], ...] = ()
    timeout: float = 5.0
    idle: float = 300.0
    limit: int = 16 * 1024 * 1024


def connect(target: SshTarget, opened: Callable[[socket.socket], None]) -> paramiko.Transport:
    """An authenticated transport; `opened` gets the socket before anything is waited for. Raises SourceErrors."""
    credential = target.password if target.password and not target.private_key else load_key(target.private_key)
    transport = _transport(target, opened)
    try:
        _negotiate(transport, target)
        _log_in(transport, target, credential)
    except BaseException:
        end(transport)
        raise
    return transport


def end(transport: paramiko.Transport) -> None:
    """Closes at once: paramiko alone would first wait for its reading thread."""
    hang_up(transport.sock)
    transport.close()
    transport.sock.close()


def hang_up(sock: socket.socket | paramiko.Channel) -> None:
    """Wakes whoever waits for it."""
    with suppress(OSError):  # not connected yet, or the other side was faster
        sock.shutdown(socket.SHUT_RDWR)


def load_key(text: str) -> paramiko.PKey:
    """An ed25519, RSA or ECDSA private key."""
    for kind in KEY_KINDS:
        with suppress(paramiko.SSHException, ValueError, IndexError, TypeError):  # of another kind
            return kind.from_private_key(io.StringIO(text))
    raise Denied("the private key is no ed25519, RSA or ECDSA key without passphrase")


def _transport(target: SshTarget, opened: Callable[[socket.socket], None]) -> paramiko.Transport:
    family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened(sock)
        sock.settimeout(target.timeout)
        sock.connect((target.address, target.port))
        # Without it an exec waits 40 ms for the other side's delayed acknowledgement.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(sock)
    except TimeoutError as error:
        sock.close()
        raise Unreachable(f"no connection within {target.timeout:g} s") from error
    except (OSError, paramiko.SSHException) as error:
        sock.close()
        raise Unreachable(f"no connection: {getattr(error, 'strerror', None) or 'the socket failed'}") from error
    transport.set_log_channel(_quiet())
    transport.banner_timeout = transport.handshake_timeout = target.timeout
    transport.auth_timeout = transport.channel_timeout = target.timeout
    return transport


def _quiet() -> str:
    """A log channel that leads nowhere: paramiko logs what the other side sent, with tracebacks."""
    log = logging.getLogger(WIRE_LOG)
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    return WIRE_LOG


def _negotiate(transport: paramiko.Transport, target: SshTarget) -> None:
    known = {} if target.fingerprints else _known(target)
    options = transport.get_security_options()
    first = [kind for name in known for kind in (_RSA if name == "ssh-rsa" else (name,)) if kind in options.key_types]
    options.key_types = (*first, *(kind for kind in options.key_types if kind not in first))
    try:
        transport.start_client(timeout=target.timeout)
        key = transport.get_remote_server_key()
    except paramiko.ssh_exception.IncompatiblePeer as error:
        raise Incompatible(
            "it offers only algorithms that are no longer safe (SHA-1 keys or older), as OpenWrt 19.07 and before do:"
            " update it to OpenWrt 21.02 or later"
        ) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise Unreachable("it accepts connections but does not speak SSH in time") from error
    _check(key, target, known)


def _known(target: SshTarget) -> dict[str, paramiko.PKey]:
    """The keys that known_hosts has for the host's name or address, by kind."""
    if target.known_hosts is None:
        raise HostKeyRefused("neither known_hosts nor a fingerprint is configured")
    try:
        keys = paramiko.HostKeys(str(target.known_hosts))
    except (OSError, ValueError, paramiko.SSHException, paramiko.hostkeys.InvalidHostKey) as error:
        raise HostKeyRefused(f"{target.known_hosts} cannot be read") from error
    found: dict[str, paramiko.PKey] = {}
    for name in (target.address, target.host or target.address):
        found |= dict(keys.lookup(name if target.port == 22 else f"[{name}]:{target.port}") or {})  # noqa: PLR2004
    return found


def _check(key: paramiko.PKey, target: SshTarget, known: dict[str, paramiko.PKey]) -> None:
    shown = f"it shows {key.get_name()} {key.fingerprint}"
    if target.fingerprints:
        if key.fingerprint not in target.fingerprints:
            raise HostKeyRefused(f"the host key is not the pinned one: {shown}")
    elif not known:
        raise HostKeyRefused(f"the host key is not in {target.known_hosts}: {shown}")
    elif known.get(key.get_name()) != key:
        raise HostKeyRefused(f"the host key is not the one in {target.known_hosts}: {shown}")


def _log_in(transport: paramiko.Transport, target: SshTarget, credential: str | paramiko.PKey) -> None:
    begin = time.monotonic()
    try:
        if isinstance(credential, str):
            # Never keyboard-interactive as a second try: one login is one try.
            transport.auth_password(target.user, credential, fallback=False)
        else:
            transport.auth_publickey(target.user, credential)
    except paramiko.AuthenticationException as error:
        # paramiko raises the same for a timeout and for a connection that was lost meanwhile.
        if not transport.is_active():
            raise Unreachable("the connection was lost during the login") from error
        if time.monotonic() - begin >= target.timeout:
            raise Unreachable(f"no answer to the login within {target.timeout:g} s") from error
        raise LoginRefused(_refusal(target, credential)) from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise Unreachable("the connection was lost during the login") from error
    if not transport.is_authenticated():
        raise LoginRefused("it asks for a second way to log in, which is not supported")


def _refusal(target: SshTarget, credential: str | paramiko.PKey) -> str:
    what = "password" if isinstance(credential, str) else "key"
    return f"it refused the {what} for user {target.user}"
