"""Invented traffic of a home, and of more devices than any home has, as `nlbw -c json` prints it."""

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

DEVICES, DUAL_STACK = 20, 9
MANY = 10_000
_COLUMNS = ["family", "mac", "ip", "conns", "rx_bytes", "rx_pkts", "tx_bytes", "tx_pkts"]


class Record(NamedTuple):
    """One record of nlbwmon's database."""

    family: int
    mac: str
    ip: str
    protocol: str


def mac(number: int) -> str:
    """The address of a device."""
    return f"3c:22:fb:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"


def home() -> Iterator[Record]:
    """88 records of 20 devices, 9 of them with IPv6, too."""
    for number in range(DEVICES):
        more = ("QUIC", "Apple Push Service") if number < 5 else ()
        for protocol in ("HTTPS", "DNS", "other", *more):
            yield Record(4, mac(number), f"192.168.1.{number + 100}", protocol)
        for protocol in ("HTTPS", "DNS") if number < DUAL_STACK else ():
            yield Record(6, mac(number), f"fd42:1:2:3::{number + 100:x}", protocol)


def crowd(devices: int) -> Iterator[Record]:
    """10,000 records, each of an address of its own, of so many devices."""
    for number in range(MANY):
        octets = f"{number >> 8}.{number & 255}"
        yield Record(4, mac(number % devices), f"10.0.{octets}", "HTTPS")


def printed(records: Iterable[Record], age: int) -> bytes:
    """The answer grouped by family, mac and ip, largest first; all of it grows with the age."""
    sums: dict[tuple[int, str, str], int] = {}
    for family, address, ip, _ in records:
        sums[family, address, ip] = sums.get((family, address, ip), 0) + 1
    rows = [
        [*key, count + age, (count + age) * (51_234 + at), (count + age) * 190, (count + age) * 4_321, 170 * count]
        for at, (key, count) in enumerate(sums.items())
    ]
    return json.dumps({"columns": _COLUMNS, "data": rows[::-1]}, separators=(",", ":")).encode()
