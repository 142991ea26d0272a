"""The SSH source against a host that sends what no honest one does: it ends in time, with a typed error."""

import base64
import socket
import struct
import threading
import time
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import paramiko
import psutil
import pytest
from paramiko.common import cMSG_GLOBAL_REQUEST

from exporters.sources.base import Command, Denied, Failed, Listing, Output, SourceError, TooLarge, Unreachable
from exporters.sources.ssh import Ssh, SshTarget
from exporters.sources.sshtranscript import Transcript
from sshservers import Listener, PasswordServer, new_key

ECHO = Command(("echo", "ok"), timeout=1.0)
HEAD, MARK = b"pomona-0", b"371a63e1-4d01-4e34-91e2-41ecf12e036c"
GREETING = b"SSH-2.0-x\r\n"


def packet(payload: bytes) -> bytes:
    padding = 16 - (5 + len(payload)) % 8
    return struct.pack(">IB", 1 + len(payload) + padding, padding) + payload + bytes(padding)


def name_list(names: bytes) -> bytes:
    return struct.pack(">I", len(names)) + names


RUBBISH = {
    "no UTF-8 in its algorithms": packet(b"\x14" + bytes(16) + name_list(b"\xff\xfe") * 10 + bytes(5)),
    "half a list of algorithms": packet(b"\x14" + bytes(16) + b"\xff\xff\xff\xff"),
    "an empty message": packet(b""),
    "a message of no known kind": packet(b"\xfa" * 20),
    "a packet of 2 GB": struct.pack(">IB", 2**31 - 4, 4) + bytes(400_000),
}


@pytest.mark.parametrize("kind", RUBBISH)
def test_rubbish_before_the_login_is_unreachable_at_once_and_leaves_nothing(kind: str) -> None:
    before, sockets = set(threading.enumerate()), psutil.Process().num_fds()
    with closing(Listener(lambda sock: sock.sendall(GREETING + RUBBISH[kind]))) as listener:
        source, begin = Ssh(replace(listener.target, timeout=30)), time.monotonic()
        with pytest.raises(Unreachable):
            source.ask(ECHO)
        assert time.monotonic() - begin < 10
        assert isinstance(source.report.trouble, Unreachable)
    left = set(threading.enumerate()) - before
    for each in left:
        each.join(5)
    assert not [each for each in left if each.is_alive()], "a timer of paramiko would keep the process for 30 s"
    assert psutil.Process().num_fds() == sockets


class Deaf(PasswordServer):
    """Asks again and again for a reply and never reads one, until the way to it is full."""

    def __init__(self, password: str) -> None:
        super().__init__(password)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        del command
        message = paramiko.Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string(b"keepalive@openssh.com")
        message.add_boolean(True)
        with suppress(EOFError):  # the client has hung up
            while True:
                channel.transport._send_message(message)
        return False


def test_a_host_that_reads_nothing_more_does_not_hold_a_question_for_ever() -> None:
    with closing(Deaf("x")) as server:
        source, begin = Ssh(replace(server.target, timeout=1.0)), time.monotonic()
        with pytest.raises(SourceError):
            source.ask(ECHO)
        assert time.monotonic() - begin < 30
        source.close()


class Chatty(PasswordServer):
    """Runs nothing, and sends what it is told without regard to the client's window."""

    def __init__(self, password: str, data: bytes) -> None:
        super().__init__(password)
        self.data = data

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._talk, args=(channel, command), daemon=True).start()
        return True

    def _talk(self, channel: paramiko.Channel, command: bytes) -> None:
        del command
        channel.out_window_size = 2**40
        with suppress(OSError, EOFError):  # the client has hung up
            while True:
                channel.sendall(self.data)


def test_a_flood_without_regard_to_the_window_ends_in_its_time() -> None:
    with closing(Chatty("x", bytes(1_000_000))) as server:
        source, begin = Ssh(replace(server.target, timeout=1.0)), time.monotonic()
        with pytest.raises(SourceError):
            source.ask(ECHO)
        assert time.monotonic() - begin < 20
        source.close()


def transcript(count: int, limit: int = 1000) -> Transcript:
    made = Transcript([Command((f"c{number}",)) for number in range(count)], HEAD, limit)
    for stream in (made.stdout, made.stderr):
        stream.feed(HEAD + b" " + MARK + b"\n")
    return made


@pytest.mark.parametrize("told", [MARK + b"\n", MARK, b"x" * 100, MARK + b" " * 100, HEAD + b" "])
def test_what_is_kept_of_endless_output_has_a_bound(told: bytes) -> None:
    heard = transcript(3)
    for _ in range(300):
        heard.stdout.feed(told * 100)
        assert len(heard.stdout._buffer) <= len(told) * 100 + 2000
        assert len(heard.stdout.done) <= 3
    assert len(heard.waiting) == 3, "the other stream is silent"


def test_a_closing_line_without_an_end_has_no_status() -> None:
    heard = transcript(1)
    heard.stdout.feed(b"data" + MARK + b" 0" + b"0" * 100)
    heard.stderr.feed(MARK + b"\n")
    assert [type(each) for each in heard.answers().values()] == [Failed]


def test_the_limit_is_that_of_all_answers_together() -> None:
    heard = transcript(3, limit=1000)
    for size in (600, 600, 300):
        heard.stdout.feed(bytes(size) + MARK + b" 0\n")
        heard.stderr.feed(MARK + b"\n")
    assert [type(each) for each in heard.answers().values()] == [Output, TooLarge, Output]


@pytest.mark.parametrize(
    "record",
    [
        b"9" * 5000 + b"/a/-rw 1 0 0 1 x\0",
        b"1/a/-rw 1 0 0 " + b"9" * 5000 + b" x\0",
        "٣/a/-rw 1 0 0 1 x\0".encode(),
        b"-1/a/-rw 1 0 0 1 x\0",
        b"1/a\0",
    ],
)
def test_a_listing_with_impossible_numbers_is_unreadable(record: bytes) -> None:
    heard = Transcript([Listing("/a")], HEAD, 100_000)
    for stream, said in ((heard.stdout, record), (heard.stderr, b"")):
        stream.feed(HEAD + b" " + MARK + b"\n" + said + MARK + b" 0\n")
    assert [str(each) for each in heard.answers().values()] == ["the listing is unreadable"]


def test_a_damaged_key_is_denied_and_nothing_else(tmp_path: Path) -> None:
    head, *body, foot = new_key(tmp_path / "key").splitlines()
    data = bytearray(base64.b64decode("".join(body)))
    public = base64.b64decode((tmp_path / "key.pub").read_text().split()[1])[-32:]
    data[data.rindex(public) - 1] ^= 1  # of the private half, which then does not fit the public one
    damaged = "\n".join((head, base64.b64encode(data).decode(), foot))
    source = Ssh(SshTarget("127.0.0.1", "root", private_key=damaged, fingerprints=("SHA256:A",)))
    with pytest.raises(Denied, match="the private key is no"):
        source.ask(ECHO)
    assert isinstance(source.report.trouble, Denied)
