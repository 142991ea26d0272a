"""Whether a machine answers at all: an ICMP echo where the system allows it without root, else a TCP connection."""

import errno
import os
import socket
import struct
import time
from itertools import count

from exporters.sources.address import place
from exporters.sources.base import Probe
from exporters.sources.probe_check import Check, Fault, reason_of
from exporters.sources.probe_connect import Address, Lookups, connected

PORT = 443
"""Asked by TCP where the address names none; that nothing listens there is an answer, too."""
AGAIN = 1.0
"""Seconds after which a request that may be lost is repeated."""
LARGEST = 2048
FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT, errno.EOPNOTSUPP, errno.EINVAL})
_HEADER = struct.Struct("!BBHHH")
_REQUESTS = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}
"""The types of request and reply."""
_IPV4 = 4
_IPV4_SHORTEST = 20


def ping(check: Check, probe: Probe, lookups: Lookups) -> None:
    """Asks the first address of the name."""
    address, *_ = lookups.addresses(check, *place(probe.address, PORT))
    try:
        sock = _icmp(address.family)
    except OSError as error:
        if error.errno not in FORBIDDEN:
            raise Fault(reason_of(error)) from error
        knock(check, address)
        return
    with sock, check.phase("echo"):
        echo(check, sock, address)


def knock(check: Check, address: Address) -> None:
    """By TCP: whoever refuses is there."""
    check.facts |= {"method": "tcp", "family": address.version()}
    with check.phase("connect"):
        try:
            connected(check, [address]).close()
        except Fault as fault:
            if fault.reason != "refused":
                raise


def _icmp(family: int) -> socket.socket:
    """A socket for echoes alone: macOS gives it to everyone, Linux to the groups of `net.ipv4.ping_group_range`."""
    protocol = socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP
    return socket.socket(family, socket.SOCK_DGRAM, protocol)


def echo(check: Check, sock: socket.socket, address: Address) -> None:
    """By ICMP: until one of the requests is answered."""
    check.facts |= {"method": "icmp", "family": address.version()}
    token = os.urandom(16)
    try:
        for number in count(1):
            sock.sendto(request(address.family, number, token), address.place)
            if _answered(check, sock, address.family, token):
                return
    except OSError as error:
        raise Fault(reason_of(error)) from error


def _answered(check: Check, sock: socket.socket, family: int, token: bytes) -> bool:
    """Whether a reply came before it is time to ask again."""
    until = time.monotonic() + AGAIN
    while (pause := min(until - time.monotonic(), check.left())) > 0:
        sock.settimeout(pause)
        try:
            if is_reply(sock.recv(LARGEST), family, token):
                return True
        except TimeoutError:
            continue
    return False


def request(family: int, number: int, token: bytes) -> bytes:
    """An echo request; the kernel sums up those of IPv6."""
    kind, _ = _REQUESTS[socket.AddressFamily(family)]
    summed = _checksum(_HEADER.pack(kind, 0, 0, 0, number & 0xFFFF) + token) if family == socket.AF_INET else 0
    return _HEADER.pack(kind, 0, summed, 0, number & 0xFFFF) + token


def is_reply(packet: bytes, family: int, token: bytes) -> bool:
    """Whether it answers one of ours; macOS puts the IPv4 header before it."""
    if family == socket.AF_INET and len(packet) > _IPV4_SHORTEST and packet[0] >> 4 == _IPV4:
        packet = packet[(packet[0] & 0x0F) * 4 :]
    _, reply = _REQUESTS[socket.AddressFamily(family)]
    return packet[:2] == bytes((reply, 0)) and packet[_HEADER.size :] == token


def _checksum(data: bytes) -> int:
    """The sum of 16-bit words in one's complement (RFC 1071)."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF
