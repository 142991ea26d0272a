"""What people write today: connect, run, parse, print, with paramiko as it comes. Nothing of ours is used.

Measured as a function: the start of Python and the import of paramiko, another third of a second, are left out.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import paramiko


def scrape(port: int, user: str, key: Path, known_hosts: Path, commands: Sequence[str]) -> str:
    """The text for Prometheus; the last of the commands is nlbw."""
    client = paramiko.SSHClient()
    client.load_host_keys(str(known_hosts))
    client.connect("127.0.0.1", port, user, key_filename=str(key))
    answers = []
    for command in commands:
        _, stdout, _ = client.exec_command(command)
        answers.append(stdout.read())
        stdout.channel.recv_exit_status()  # without it dropbear drops the connection at the next exec
    client.close()
    return text(json.loads(answers[-1]))


def text(report: dict[str, list[list[object]]]) -> str:
    """Two metrics of each address."""
    lines = []
    for values in report["data"]:
        row = dict(zip(report["columns"], values, strict=True))  # type: ignore[call-overload]
        labels = f'{{mac="{row["mac"]}",ip="{row["ip"]}"}}'
        lines.append(f"nlbw_receive_bytes_total{labels} {row['rx_bytes']}")
        lines.append(f"nlbw_transmit_bytes_total{labels} {row['tx_bytes']}")
    return "\n".join(lines)
