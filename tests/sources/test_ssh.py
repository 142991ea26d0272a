"""The SSH source over real servers: answers, one connection, forced commands, known hosts."""

import socket
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exporters.sources.base import (
    Command,
    Failed,
    File,
    Listing,
    NotFound,
    Output,
    System,
    TooLarge,
)
from exporters.sources.ssh import HostKeyRefused, Incompatible, Ssh, SshTarget, script
from sshservers import PasswordServer, Server, new_key

BATCH = (File("/proc/uptime"), Listing("/proc/sys/net/core", "somax*"), Command(("nlbw", "-c", "json"), (0, 247)))


@pytest.fixture
def source(server: Server) -> Any:
    server.program("nlbw", "printf '{\"columns\":[]}'; echo told >&2; exit 247")
    made = Ssh(server.target)
    yield made
    made.close()


def test_a_batch_is_answered_in_one_exec_over_one_connection(server: Server, source: Ssh) -> None:
    for _ in range(3):
        got = source.ask_many(BATCH)
        assert float(got[BATCH[0]].split()[0]) > 0
        assert [each.name for each in got[BATCH[1]]] == ["somaxconn"]
        assert got[BATCH[2]] == Output(b'{"columns":[]}', b"told\n", 247)
    assert server.connections() == 1


def test_single_questions_raise_their_typed_error(source: Ssh) -> None:
    assert source.ask(Command(("echo", "it's $HOME"))).stdout == b"it's $HOME\n"
    with pytest.raises(NotFound, match="no-such is not installed"):
        source.ask(Command(("no-such",)))
    with pytest.raises(Failed, match=r"^exit status 195$"):
        source.ask(Command(("sh", "-c", "echo secret >&2; exit 195")))
    with pytest.raises(NotFound):
        source.ask(System("load"))


def test_what_cannot_be_asked_leaves_the_rest_alone(source: Ssh) -> None:
    wrong, right = Command(("/bin/sh",)), File("/proc/uptime")
    got = source.ask_many((wrong, right, right))
    assert isinstance(got[wrong], Failed)
    assert isinstance(got[right], bytes)


@pytest.mark.parametrize("kind", ["sshd", "dropbear"])
def test_an_rsa_key_works_on_both_sides(start: Callable[..., Server], kind: str) -> None:
    source = Ssh(start(kind, key_kind="rsa").target)
    assert source.ask(Command(("echo", "ok"))).stdout == b"ok\n"
    source.close()


def test_20_mb_are_read_and_a_lower_limit_keeps_the_next_answer(server: Server) -> None:
    big, after = Command(("head", "-c", "20000000", "/dev/zero"), timeout=60), Command(("echo", "after"))
    whole = Ssh(replace(server.target, limit=32 * 1024 * 1024))
    assert len(whole.ask(big).stdout) == 20_000_000
    whole.close()
    bounded = Ssh(replace(server.target, limit=100_000))
    got = bounded.ask_many((big, after))
    assert isinstance(got[big], TooLarge)
    assert got[after] == Output(b"after\n")
    bounded.close()


def test_a_flood_on_stderr_blocks_nothing(source: Ssh) -> None:
    flood = "head -c 5000000 /dev/zero >&2; echo ok; head -c 5000000 /dev/zero >&2"
    output = source.ask(Command(("sh", "-c", flood), timeout=60))
    assert (output.stdout, len(output.stderr)) == (b"ok\n", 10_000_000)


def test_the_forced_command_is_the_script_and_nothing_else_runs(server: Server, tmp_path: Path) -> None:
    server.program("nlbw", "printf data")
    questions = (File("/proc/uptime"), Listing("/proc/sys/net/core", "somax*"), Command(("nlbw",)))
    server.authorize(f'command="{script(questions)}",no-pty,no-port-forwarding')
    source = Ssh(replace(server.target, forced=questions))
    got = source.ask_many((questions[2], questions[0], Command(("touch", str(tmp_path / "trap")))))
    assert got[questions[2]] == Output(b"data")
    assert isinstance(got[questions[0]], bytes)
    assert isinstance(list(got.values())[2], NotFound)
    source.close()
    plain = Ssh(server.target)
    with pytest.raises(Failed, match="authorized_keys forces another command"):
        plain.ask(Command(("touch", str(tmp_path / "trap"))))
    plain.close()
    assert not (tmp_path / "trap").exists()


def test_threads_take_turns_on_one_connection(server: Server, source: Ssh) -> None:
    # mkdir fails where another is under way; dropbear 2022 drops the connection where two overlap.
    server.program("busy", f"mkdir {server.folder}/run && echo alone && rmdir {server.folder}/run")
    with ThreadPoolExecutor(12) as pool:
        outputs = list(pool.map(lambda _: source.ask(Command(("busy",))), range(24)))
    assert outputs == [Output(b"alone\n")] * 24
    assert server.connections() == 1


def test_known_hosts_decides_where_no_fingerprint_is_pinned(server: Server, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    public = (server.folder / "host_key.pub").read_text()
    known.write_text(f"[127.0.0.1]:{server.port} {public}")
    target = replace(server.target, fingerprints=(), known_hosts=known)
    source = Ssh(target)
    assert source.ask(Command(("echo", "ok"))).stdout == b"ok\n"
    source.close()
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], check=True, capture_output=True)
    hashed = Ssh(target)
    assert hashed.ask(Command(("echo", "ok"))).stdout == b"ok\n"
    hashed.close()
    known.write_text(f"[attic]:{server.port} {public}")
    named = Ssh(replace(target, host="attic"))
    assert named.ask(Command(("echo", "ok"))).stdout == b"ok\n"
    named.close()


@pytest.mark.parametrize("kind", ["nothing", "no file", "unknown", "changed", "pinned", "rubbish"])
def test_a_host_key_that_is_not_known_is_never_taken(server: Server, tmp_path: Path, kind: str) -> None:
    known = tmp_path / "known_hosts"
    target = replace(server.target, fingerprints=(), known_hosts=known)
    if kind == "nothing":
        target = replace(target, known_hosts=None)
    elif kind == "pinned":
        target = replace(target, fingerprints=("SHA256:AAAA",))
    elif kind == "changed":
        new_key(tmp_path / "other")
        known.write_text(f"[127.0.0.1]:{server.port} {(tmp_path / 'other.pub').read_text()}")
    elif kind == "rubbish":
        known.write_bytes(b"\xff\xfe\n[127.0.0.1]:1 ssh-rsa !!!\n")
    elif kind == "unknown":
        known.write_text("")
    before = known.read_bytes() if known.exists() else None
    source = Ssh(target)
    with pytest.raises(HostKeyRefused) as caught:
        source.ask(Command(("true",)))
    assert source.login_wait == 0, "no login was tried"
    assert "Accepted" not in server.log.read_text()
    assert "succeeded" not in server.log.read_text()
    if kind in {"changed", "pinned", "unknown"}:
        assert server.fingerprint in str(caught.value)
    assert (known.read_bytes() if known.exists() else None) == before
    source.close()


@pytest.mark.parametrize(
    ("extra", "told", "old"),
    [
        ("KexAlgorithms diffie-hellman-group14-sha1", "no key exchange", True),
        ("Ciphers chacha20-poly1305@openssh.com", "no cipher", False),
    ],
)
def test_a_host_without_a_common_algorithm_is_told_in_plain_words(
    start: Callable[..., Server], extra: str, told: str, old: bool
) -> None:
    source = Ssh(start("sshd", extra=extra).target)
    with pytest.raises(Incompatible, match=told) as caught:
        source.ask(Command(("true",)))
    assert ("OpenWrt 19.07" in str(caught.value)) == old
    source.close()


def test_an_idle_connection_is_closed_and_the_next_question_opens_another(server: Server) -> None:
    now = [0.0]
    source = Ssh(replace(server.target, idle=60), clock=lambda: now[0])
    source.ask(Command(("true",)))
    source.close_idle(59)
    assert source.connected
    source.close_idle(60)
    assert not source.connected
    source.ask(Command(("true",)))
    assert server.connections() == 2
    source.close()


def test_a_password_logs_in_and_a_wrong_one_is_tried_once(password_server: PasswordServer) -> None:
    source = Ssh(password_server.target)
    assert source.ask(Command(("echo", "ok"))).stdout == b"ok\n"
    source.close()
    assert password_server.tries == 1
    wrong = Ssh(replace(password_server.target, password="battery staple"))
    for _ in range(3):
        with pytest.raises(Exception, match="refused") as caught:
            wrong.ask(Command(("true",)))
        assert "battery" not in str(caught.value)
    wrong.close()
    assert password_server.tries == 2


def test_secrets_are_in_no_representation() -> None:
    shown = repr(SshTarget("127.0.0.1", "root", password="xyzzy", private_key="plugh"))
    assert "xyzzy" not in shown
    assert "plugh" not in shown


def test_threads_end_with_the_source(source: Ssh) -> None:
    source.ask(Command(("true",)))
    wire = [each for each in threading.enumerate() if "paramiko" in type(each).__module__]
    source.close()
    for each in wire:
        each.join(5)
    assert wire
    assert not any(each.is_alive() for each in wire)


def test_small_messages_are_sent_at_once(server: Server) -> None:
    """Without TCP_NODELAY each exec waits 40 ms for an acknowledgement."""
    source = Ssh(server.target)
    source.ask(Command(("true",)))
    kept = source._link._kept
    assert kept is not None
    assert kept.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    source.close()
