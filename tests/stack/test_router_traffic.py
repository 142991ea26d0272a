"""nlbwmon of a simulated router behaves as the real one: columns, steps, periods, rollback, exit statuses."""

from itertools import pairwise
from pathlib import Path

import pytest

from exporters.stack.dynamics import HOUR, MINUTE
from exporters.stack.router_model import DAY
from exporters.stack.simulated_routers import REBOOT_AFTER, VISITOR_AFTER, known_devices
from stack.routing import SEED, Network, Table, table

REFRESH = 30
MIDNIGHT = DAY - 1_800_000_000 % DAY
ALL = "nlbw -c json -g family,mac,ip"


def fell(before: Table, after: Table) -> bool:
    return any(counts[name] < before[key][name] for key, counts in after.items() if key in before for name in counts)


def variants(corpus: Path) -> list[tuple[Path, str]]:
    """The commands of the real nlbw, and where their output is."""
    folder = corpus / "router" / "nlbw" / "variants"
    lines = [line.partition(" rc=0 args: ") for line in (folder / "COMMANDS").read_text().splitlines()]
    return [(folder / name, args) for name, _, args in lines if (folder / name).is_file() and name.startswith("json-")]


def test_every_grouping_has_the_columns_and_types_of_the_real_nlbw(corpus: Path) -> None:
    network = Network()
    compared = 0
    for path, args in variants(corpus):
        if "-t" in args:
            continue
        real, ours = table(path.read_bytes()), table(network.run(network.router(), f"nlbw {args}").stdout)
        shapes = [tuple(type(each) for each in key if each is not None) for key in (next(iter(real)), next(iter(ours)))]
        assert shapes[0] == shapes[1], args
        compared += 1
    assert compared > 5


def test_all_groupings_have_the_same_totals() -> None:
    network = Network()
    groupings = ("mac", "family,mac,ip", "mac,layer7", "ip", "proto", "host", "fam")
    totals = {
        tuple(sum(each[name] for each in found.values()) for name in ("conns", "rx_bytes", "tx_bytes", "rx_pkts"))
        for found in (network.table(network.router(), f"nlbw -c json -g {names}") for names in groupings)
    }
    assert len(totals) == 1
    assert all(next(iter(totals)))


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_counters_move_by_the_refresh_interval_and_never_fall_within_a_period(speed: float) -> None:
    network = Network(speed=speed)
    router, looks = network.router(), []
    for _ in range(120):
        looks.append(network.table(router, ALL))
        network.clock.move(REFRESH / 3)
    assert not any(fell(one, other) for one, other in pairwise(looks))
    changes = sum(one != other for one, other in pairwise(looks))
    assert 0.9 * len(looks) / 3 <= changes <= 1.1 * len(looks) / 3


def test_sorted_by_what_was_received_and_without_a_newline() -> None:
    network = Network()
    printed = network.run(network.router(), ALL).stdout
    received = [each["rx_bytes"] for each in table(printed).values()]
    assert received == sorted(received, reverse=True)
    assert printed.endswith(b"]]}")


def test_a_new_period_begins_at_nothing_and_the_old_one_stays_to_be_asked() -> None:
    network = Network()
    router = network.router()
    network.clock.move(MIDNIGHT - MINUTE)
    last = network.received(router)
    network.clock.move(2 * MINUTE)
    assert network.received(router) < last / 100
    assert network.received(router, "-t 2027-01-15") >= last


def test_the_list_is_empty_until_the_first_commit_of_a_period_and_its_file_is_as_of_that_commit() -> None:
    network = Network()
    router = network.router()
    network.clock.move(MIDNIGHT + MINUTE)
    assert network.run(router, "nlbw -c list").stdout == b""
    assert network.run(router, "nlbw -c json -g mac -t 2027-01-16").status == 195
    network.clock.move(DAY - 2 * MINUTE)
    assert network.run(router, "nlbw -c list").stdout.startswith(b"2027-01-16\n2027-01-15\n")
    assert 0 < network.received(router, "-t 2027-01-16") < network.received(router)


def test_a_month_turns_at_local_midnight() -> None:
    network = Network()
    router = network.router("monthly")
    network.clock.move(16 * DAY + MIDNIGHT - HOUR - MINUTE)
    before = network.received(router)
    network.clock.move(2 * MINUTE)
    assert network.received(router) < before / 100
    assert network.received(router, "-t 2027-01-01") >= before


def test_a_reboot_takes_back_what_was_not_committed() -> None:
    network = Network()
    router = network.router("reboots")
    network.clock.move(REBOOT_AFTER - 1)
    before = network.received(router)
    network.clock.move(2)
    assert not router.up(network.routers.now())
    network.clock.move(MINUTE)
    assert router.up(network.routers.now())
    assert float(network.read(router, "/proc/uptime").split()[0]) == pytest.approx(61)
    assert 0 < network.received(router) < 0.9 * before


def test_a_device_that_nobody_knows_comes_within_minutes_to_the_first_router() -> None:
    network = Network(count=1, speed=5.0)
    router = network.routers.all[0]

    def macs() -> set[str]:
        return {key[0] for key in network.table(router, "nlbw -c json -g mac")}

    before = macs()
    network.clock.move(VISITOR_AFTER + 2 * REFRESH)
    (visitor,) = macs() - before
    assert known_devices(router, SEED).keys() == before - {"00:00:00:00:00:00"}
    assert visitor in network.read(router, "/tmp/dhcp.leases")


def test_offloaded_flows_are_hardly_counted() -> None:
    network = Network()
    router = network.router("offloading")
    seen = network.received(router)
    line = next(line for line in network.read(router, "/proc/net/dev").splitlines() if "wan:" in line)
    assert 0 < seen < int(line.split()[1]) / 20


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("nlbw -c nope", "bad-cmd.txt.err"),
        ("nlbw -c json -t foo", "bad-date.txt.err"),
        ("nlbw -c json -g bogus", "bad-group.txt.err"),
        ("nlbw -c json -g -mac", "bad-group-neg.txt.err"),
        ("nlbw -n", "no-cmd.txt.err"),
        ("nlbw -c json -t 2025-01-01", "json-t-missing.json.err"),
    ],
)
def test_wrong_questions_are_refused_in_the_words_of_the_real_nlbw(corpus: Path, command: str, name: str) -> None:
    network = Network()
    answer = network.run(network.router(), command)
    assert answer.stderr == (corpus / "router" / "nlbw" / "errors" / name).read_bytes()
    assert (answer.stdout, answer.status) == (b"", 195 if "2025" in command else 1)


def test_without_daemon_or_program_it_fails_as_the_real_ones_do(corpus: Path) -> None:
    network = Network()
    folder = corpus / "router" / "nlbw" / "errors"
    for title, status, name in (
        ("is down", 247, "daemon-down.stderr.txt"),
        ("without nlbwmon", 127, "not-installed.stderr.txt"),
    ):
        router = next(each for each in network.routers.all if title in each.nature.title)
        answer = network.run(router, ALL)
        assert (answer.status, answer.stderr) == (status, (folder / name).read_bytes())
        assert network.read(router, "/proc/uptime")
