"""The line of authorized_keys, on both real servers, and the public half of a key."""

from dataclasses import replace
from pathlib import Path

import pytest

from exporters.sources.base import Command, Denied, File
from exporters.sources.ssh import LoginRefused, ScriptRefused, Ssh, authorized_keys_line, public_key_of, script
from exporters.sources.sshkeys import LONGEST_LINE
from sshservers import Server, new_key

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ"
QUESTIONS = (File("/proc/uptime"), Command(("echo", "ok")))


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_the_public_half_is_that_of_the_file(tmp_path: Path, kind: str) -> None:
    private = new_key(tmp_path / "key", kind)
    shown = public_key_of(private)
    assert (tmp_path / "key.pub").read_text().startswith(shown + " ")
    assert "\n" not in authorized_keys_line(shown, "echo hello")


def test_what_is_no_private_key_is_denied() -> None:
    with pytest.raises(Denied):
        public_key_of("rubbish")


def test_the_line_lets_this_key_ask(server: Server) -> None:
    line = authorized_keys_line(public_key_of(server.client_key), script(QUESTIONS))
    server.authorized_keys.write_text(line + "\n")
    source = Ssh(replace(server.target, forced=QUESTIONS))
    assert source.ask(QUESTIONS[1]).stdout == b"ok\n"
    source.close()


def test_the_longest_line_is_the_longest_that_dropbear_reads(server: Server) -> None:
    public = public_key_of(server.client_key)
    spare = LONGEST_LINE - len(authorized_keys_line(public, ""))
    server.authorized_keys.write_text(authorized_keys_line(public, "x" * spare) + "\n")
    with pytest.raises(ScriptRefused):  # logged in: the command of the line is none
        Ssh(server.target).ask(QUESTIONS[1])
    with pytest.raises(ValueError, match=r"has 4,200 bytes and dropbear reads 4,199"):
        authorized_keys_line(public, "x" * (spare + 1))
    server.authorized_keys.write_text(authorized_keys_line(public, "x" * spare) + " \n")
    if server.kind == "dropbear":
        with pytest.raises(LoginRefused):
            Ssh(server.target).ask(QUESTIONS[1])


def test_the_limit_counts_bytes() -> None:
    spare = LONGEST_LINE - len(authorized_keys_line(KEY, ""))
    assert authorized_keys_line(KEY, "ä" * (spare // 2))
    with pytest.raises(ValueError, match="bytes"):
        authorized_keys_line(KEY, "ä" * (spare // 2 + 1))


@pytest.mark.parametrize("text", ['a"b', "a\nb", "a\rb", "a\0b", "a\\"])
def test_a_script_that_would_end_the_command_early_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="forced command"):
        authorized_keys_line(KEY, text)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "rubbish",
        "ssh-ed25519",
        "ssh-ed25519 ",
        "ssh-ed25519 AAAA\nssh-rsa AAAA",
        "ssh-ed25519 AAAA a\rb",
        "ssh-ed25519 A*AA",
        'command="id" ssh-ed25519 AAAA',
        "ssh-dss AAAA",
        "sk-ssh-ed25519@openssh.com AAAA",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)
def test_what_is_no_line_of_a_public_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="public key"):
        authorized_keys_line(key, "true")


@pytest.mark.parametrize("key", [KEY, KEY + "\n", KEY + " root@attic", "ecdsa-sha2-nistp256 AAAA== Jürgen's key"])
def test_a_public_key_comes_with_or_without_a_comment(key: str) -> None:
    assert authorized_keys_line(key, "true").endswith(f" {key.strip()}")


def test_the_private_key_is_in_no_error(server: Server) -> None:
    with pytest.raises(Denied) as caught:
        public_key_of(server.client_key.replace("A", "B"))
    assert server.client_key[50:60] not in str(caught.value)
