"""Echoes: packets as the standard wants them, replies as each system hands them over, and TCP in their place."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from exporters.sources.probe_check import Check, Fault
from exporters.sources.probe_connect import Address
from exporters.sources.probe_ping import echo, is_reply, knock, request
from sources.probing import server

TOKEN = bytes(range(16))
IPV4_HEADER = bytes.fromhex("4500002c0000000040010000c0a82901c0a82963")


@contextmanager
def answered(reply: Callable[[bytes], bytes | None]) -> Iterator[Address]:
    """A machine that answers datagrams: ICMP itself may not be allowed where the tests run."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                packet, sender = listening.recvfrom(2048)
                if packet == b"end":
                    return
                if (told := reply(packet)) is not None:
                    listening.sendto(told, sender)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield Address(socket.AF_INET, listening.getsockname())
        finally:
            listening.sendto(b"end", listening.getsockname())
            thread.join(10)


def asked(address: Address, timeout: float) -> Check:
    check = Check(timeout)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        echo(check, sock, address)
    return check


def test_the_words_of_a_request_sum_up_to_nothing() -> None:
    packet = request(socket.AF_INET, 7, TOKEN)
    total = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    assert (total >> 16) + (total & 0xFFFF) == 0xFFFF
    assert packet[:2] == b"\x08\x00"
    assert request(socket.AF_INET6, 7, TOKEN)[:4] == b"\x80\0\0\0"


def test_a_reply_is_known_by_what_it_carries_with_or_without_the_header_before_it() -> None:
    reply = b"\0\0\x12\x34\0\1\0\7" + TOKEN
    assert is_reply(reply, socket.AF_INET, TOKEN)
    assert is_reply(IPV4_HEADER + reply, socket.AF_INET, TOKEN)
    assert is_reply(b"\x81\0" + reply[2:], socket.AF_INET6, TOKEN)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0",
        IPV4_HEADER,
        b"\0\0\x12\x34\0\1\0\7" + TOKEN[:-1],
        b"\0\0\x12\x34\0\1\0\7" + TOKEN[::-1],
        b"\x08\0\x12\x34\0\1\0\7" + TOKEN,
        b"\x03\x01\x12\x34\0\0\0\0" + IPV4_HEADER + request(socket.AF_INET, 1, TOKEN),
    ],
)
def test_anything_else_is_no_reply(packet: bytes) -> None:
    assert not is_reply(packet, socket.AF_INET, TOKEN)
    assert not is_reply(IPV4_HEADER + packet, socket.AF_INET, TOKEN)


def test_a_lost_request_is_repeated_and_foreign_replies_are_passed_over() -> None:
    heard: list[bytes] = []

    def reply(packet: bytes) -> bytes:
        heard.append(packet)
        return b"\0\0" + packet[2:] if len(heard) > 1 else b"\0\0" + packet[2:8] + TOKEN

    with answered(reply) as address:
        assert asked(address, 30.0).facts == {"method": "icmp", "family": "ipv4"}
    assert len(heard) > 1
    assert heard[0][8:] == heard[1][8:]


def test_silence_is_a_timeout() -> None:
    with answered(lambda _: None) as address, pytest.raises(Fault, match="timeout"):
        asked(address, 0.2)


def test_by_tcp_whoever_accepts_or_refuses_is_there() -> None:
    with server(lambda _: None) as port:
        open_, closed = Check(10), Check(10)
        knock(open_, Address(socket.AF_INET, ("127.0.0.1", port)))
    knock(closed, Address(socket.AF_INET, ("127.0.0.1", port)))
    for check in (open_, closed):
        assert check.facts["method"] == "tcp"
        assert set(check.phases) == {"connect"}
