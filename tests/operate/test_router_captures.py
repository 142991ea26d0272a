"""Real captures of nlbw, printed by a program of that name on a real SSH server, through a whole probe."""

import gzip
import json
from itertools import pairwise
from pathlib import Path

import pytest

from core.machines import HandClock
from operate.loopback import document, down, nlbw, probed, serving, written
from sshservers import Server

EXITS = {
    "daemon-down.stderr.txt": (247, "daemon_down"),
    "permission-denied.stderr.txt": (247, "daemon_down"),
    "missing-protocols.stderr.txt": (1, "error"),
    "not-installed.stderr.txt": (127, "not_installed"),
    "json-t-missing.json.err": (195, "no_data"),
}


def totals(printed: str) -> tuple[int, int, int]:
    """Connections, bytes received and sent of all rows."""
    answer = json.loads(printed)
    at = [answer["columns"].index(name) for name in ("conns", "rx_bytes", "tx_bytes")]
    conns, rx, tx = (sum(row[index] for row in answer["data"]) for index in at)
    return conns, rx, tx


def told(seen: dict[str, float], name: str) -> float:
    return sum(value for series, value in seen.items() if series.startswith(f"openwrt_nlbwmon_period_{name}{{"))


@pytest.mark.parametrize(
    "name",
    [
        "home/t0-family-mac-ip.json",
        "variants/json-family-mac-ip.json",
        "empty/empty.json",
        "misc/acct-disabled.json",
        "limit/01-limit12.json",
        "large/1000-ips-mac-ip.json.gz",
        "large/10000-records-default.json.gz",
    ],
)
def test_the_period_gauges_have_the_totals_of_the_capture(
    corpus: Path, server: Server, tmp_path: Path, name: str
) -> None:
    content = (corpus / "router" / "nlbw" / name).read_bytes()
    printed = (gzip.decompress(content) if name.endswith(".gz") else content).decode()
    nlbw(server, printed)
    with serving(written(tmp_path, document(server))) as routers:
        seen = probed(routers)
    assert down(seen) == ""
    assert seen['openwrt_nlbwmon_status{status="ok"}'] == 1
    found = tuple(told(seen, each) for each in ("connections", "receive_bytes", "transmit_bytes"))
    assert found == totals(printed)


@pytest.mark.parametrize("name", sorted(EXITS))
def test_failures_of_nlbw_are_told_apart(corpus: Path, server: Server, tmp_path: Path, name: str) -> None:
    stderr, (status, word) = corpus / "router" / "nlbw" / "errors" / name, EXITS[name]
    server.program("nlbw", f"cat '{stderr}' >&2; exit {status}")
    with serving(written(tmp_path, document(server))) as routers:
        seen = probed(routers)
    assert down(seen) == ""
    assert seen[f'openwrt_nlbwmon_status{{status="{word}"}}'] == 1
    assert not [each for each in seen if each.startswith("openwrt_nlbwmon_period_")]


def test_the_increases_of_a_month_that_turns_never_count_twice(corpus: Path, server: Server, tmp_path: Path) -> None:
    """Its clock is not part of the capture, so no turn is proven: what falls moves the bases alone."""
    lines = (corpus / "router" / "nlbw" / "rollover" / "monthly-rollover.jsonl").read_text().splitlines()
    clock, counted, before, sizes = HandClock(), 0.0, 0.0, []
    with serving(written(tmp_path, document(server)), clock=clock) as routers:
        for line in lines:
            answer = json.loads(line)["nlbw_json_g_mac"]
            printed = answer if isinstance(answer, str) else json.dumps(answer)
            nlbw(server, printed)
            seen = probed(routers)
            now = sum(value for each, value in seen.items() if each.startswith("openwrt_device_receive_bytes_total"))
            assert now >= before, "a counter fell"
            counted, before = counted + now - before, now
            sizes.append(totals(printed)[1])
            clock.move(31)
    true = sum(max(0, later - earlier) for earlier, later in pairwise(sizes))
    assert 0 < counted <= true
