"""From an address to an authenticated SSH transport: own socket, strict host key, one key or one password."""

import io
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from paramiko.packet import Packetizer

from exporters.sources.base import Command, Denied, Question, SourceError, Unreachable
from exporters.sources.sshhold import LoginRefused

WIRE_LOG = "exporters.sources.ssh.wire"
KEY_KINDS: tuple[type[paramiko.PKey], ...] = (paramiko.Ed25519Key, paramiko.RSAKey, paramiko.ECDSAKey)
_LACKING = {"host key": "host key", "kex": "key exchange", "cipher": "cipher", "mac": "message authentication"}
_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_LONGEST_PACKET = 262_144
_IDLE_WAKE = 60.0


class HostKeyRefused(Unreachable):
    """The host's key is unknown or another one than before."""


class Incompatible(Unreachable):
    """The host offers no algorithm that is still held to be safe."""


@dataclass(frozen=True, slots=True)
class SshTarget:
    """One host. `address` is an IP address that was resolved once; `host` is the name that known_hosts has.

    `fingerprints` are pinned host keys ("SHA256:…"); without them `known_hosts` decides. `private_key` is the text of
    a key without passphrase. `forced` are the questions of the script that authorized_keys forces, `forced_dated` its
    commands that are asked for a day, which stands where their word is "DATE". `timeout` in seconds for each step
    (connect, banner, login, channel, first byte), `idle` in seconds, `limit` in bytes for all answers of a batch.
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
    forced_dated: tuple[Command, ...] = ()
    timeout: float = 5.0
    idle: float = 300.0
    limit: int = 16 * 1024 * 1024


def connect(target: SshTarget, opened: Callable[[socket.socket], None]) -> paramiko.Transport:
    """An authenticated transport; `opened` gets the socket before anything is waited for. Raises SourceErrors."""
    credential = target.password if target.password and not target.private_key else load_key(target.private_key)
    transport = _transport(target, opened)
    try:
        with hung_up_after(2 * target.timeout + 1, transport):
            _negotiate(transport, target)
            _log_in(transport, target, credential)
    except BaseException:
        end(transport)
        raise
    # Its thread wakes ten times a second otherwise: of 200 idle connections 6 % of a core.
    with suppress(OSError):  # lost already, which the first question finds out
        transport.sock.settimeout(_IDLE_WAKE)
    return transport


def end(transport: paramiko.Transport) -> None:
    """Closes at once: the hang-up wakes the reading thread, for which paramiko alone would wait."""
    hang_up(transport.sock)
    if transport.is_alive():
        # Its thread first: closed under it, the number of the socket may be another one's before it waits for it.
        transport.join(1.0)
    transport.close()
    transport.sock.close()
    transport.packetizer.complete_handshake()  # its timer would live on, and keep the process from ending


@contextmanager
def hung_up_after(seconds: float, transport: paramiko.Transport) -> Iterator[None]:
    """Ends a connection on which it takes longer: some waits of paramiko have no limit, as those of a full socket."""
    guard = threading.Timer(seconds, hang_up, (transport.sock,))
    guard.daemon = True
    guard.start()
    try:
        yield
    finally:
        guard.cancel()


def hang_up(sock: socket.socket | paramiko.Channel) -> None:
    """Wakes whoever waits for it."""
    with suppress(OSError):  # not connected yet, or the other side was faster
        sock.shutdown(socket.SHUT_RDWR)


def load_key(text: str) -> paramiko.PKey:
    """An ed25519, RSA or ECDSA private key."""
    for kind in KEY_KINDS:
        # Of another kind, or damaged.
        with suppress(paramiko.SSHException, ValueError, IndexError, TypeError, AssertionError):
            return kind.from_private_key(io.StringIO(text))
    raise Denied("the private key is no ed25519, RSA or ECDSA key without passphrase")


def _transport(target: SshTarget, opened: Callable[[socket.socket], None]) -> paramiko.Transport:
    family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
    with ExitStack() as failed:
        sock = failed.enter_context(_socket(family))
        opened(sock)
        transport = _connected(sock, target)
        failed.pop_all()
    transport.set_log_channel(_quiet())
    transport.banner_timeout = transport.handshake_timeout = target.timeout
    transport.channel_timeout = transport.clear_to_send_timeout = target.timeout
    return transport


def _socket(family: int) -> socket.socket:
    try:
        return socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise Unreachable(f"no connection: {error.strerror}") from error


def _connected(sock: socket.socket, target: SshTarget) -> paramiko.Transport:
    try:
        sock.settimeout(target.timeout)
        sock.connect((target.address, target.port))
        # Without it an exec waits 40 ms for the other side's delayed acknowledgement.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return paramiko.Transport(sock, packetizer_class=_Packetizer)
    except TimeoutError as error:
        raise Unreachable(f"no connection within {target.timeout:g} s") from error
    except (OSError, paramiko.SSHException) as error:
        raise Unreachable(f"no connection: {getattr(error, 'strerror', None) or 'the socket failed'}") from error


class _Packetizer(Packetizer):
    """Believes no length that no honest host sends: paramiko would gather up to 4 GB for one packet."""

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        if n > _LONGEST_PACKET:
            raise paramiko.SSHException("a packet is too long")
        return super().read_all(n, check_rekey)


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
    negotiated = threading.Event()
    try:
        transport.start_client(negotiated)
        negotiated.wait(target.timeout)
        key = transport.get_remote_server_key()
    except (paramiko.SSHException, OSError) as error:
        raise _no_ssh(transport.get_exception()) from error
    _check(key, target, known)


def _no_ssh(reason: Exception | None) -> Unreachable:
    if isinstance(reason, paramiko.ssh_exception.IncompatiblePeer):
        named = next((told for word, told in _LACKING.items() if word in str(reason)), "algorithm")
        # host keys and key exchanges by SHA-1 alone: what paramiko 5 dropped
        old = "; OpenWrt 19.07 and before offer SHA-1 alone: update it to 21.02 or later" if "key" in named else ""
        return Incompatible(f"it offers no {named} that is known and held to be safe here{old}")
    return Unreachable("it accepts connections but does not speak SSH in time")


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
    """One try. Waits itself: paramiko tells a refusal from a timeout or a lost connection by its text alone."""
    answered = threading.Event()
    try:
        if isinstance(credential, str):
            transport.auth_password(target.user, credential, answered, fallback=False)
        else:
            transport.auth_publickey(target.user, credential, answered)
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise Unreachable("the connection was lost during the login") from error
    if not answered.wait(target.timeout):
        raise Unreachable(f"no answer to the login within {target.timeout:g} s")
    if not transport.is_authenticated():
        raise _no_login(transport, target, credential)


def _no_login(transport: paramiko.Transport, target: SshTarget, credential: str | paramiko.PKey) -> SourceError:
    reason = transport.get_exception()
    if isinstance(reason, paramiko.ssh_exception.PartialAuthentication):
        return LoginRefused("it asks for a second way to log in, which is not supported")
    # A host that says goodbye in answer to a login has refused it: no error is left behind then.
    if reason is None or isinstance(reason, paramiko.AuthenticationException):
        return LoginRefused(_refusal(target, credential))
    return Unreachable("the connection was lost during the login")


def _refusal(target: SshTarget, credential: str | paramiko.PKey) -> str:
    what = "password" if isinstance(credential, str) else "key"
    return f"it refused the {what} for user {target.user}"
