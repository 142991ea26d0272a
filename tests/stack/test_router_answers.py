"""What simulated routers tell is what the collectors of routers read, whatever is wrong with the router."""

from itertools import pairwise

import pytest

from conftest import COLLECTORS, context_for
from exporters.core.pool import Pool
from exporters.core.runner import Runner
from exporters.openwrt.nlbw import STATUSES
from exporters.stack.dynamics import MINUTE
from exporters.stack.simulated_routers import PLAIN, SPECIAL, known_devices
from stack.routing import SEED, Asked, Network
from stack.scraping import Scraped, scraped

ROUTERS = [each for each in COLLECTORS.values() if each.parse.__module__.startswith("exporters.openwrt")]
NATURES = (*SPECIAL, PLAIN)
REACHABLE = [number for number, nature in enumerate(NATURES) if not nature.unreachable]


def exporter(network: Network, number: int) -> Runner:
    source = Asked(network.routers.all[number], network.routers)
    contexts = {each.name: context_for(each) for each in ROUTERS}
    return Runner(ROUTERS, source, contexts, clock=network.clock, pool=Pool(4), on_demand=True)


def probe(network: Network, number: int) -> Scraped:
    return scraped(exporter(network, number))


def totals(seen: Scraped) -> Scraped:
    return {name: value for name, value in seen.items() if name.startswith("openwrt_device_receive_bytes_total")}


@pytest.mark.parametrize("number", REACHABLE, ids=[NATURES[number].title for number in REACHABLE])
def test_every_collector_reads_every_router(number: int) -> None:
    network = Network()
    seen = probe(network, number)
    unparsable = [name for name, value in seen.items() if "unparsable" in name and value]
    assert not unparsable
    assert seen["openwrt_memory_size_bytes"] > 0


@pytest.mark.parametrize("number", REACHABLE, ids=[NATURES[number].title for number in REACHABLE])
def test_the_files_of_every_router_tell_its_pool_its_settings_and_what_it_offloads(number: int) -> None:
    seen, nature = probe(Network(), number), NATURES[number]
    assert seen['openwrt_dhcp_pool_size{network="lan"}'] == 200
    assert seen['openwrt_nlbwmon_problem{problem="flow_offloading"}'] == nature.offloading
    assert ("openwrt_nlbwmon_refresh_interval_seconds" in seen) == nature.installed


@pytest.mark.parametrize(
    ("trait", "status"),
    [("", "ok"), ("offloading", "ok"), ("hangs", "hang"), ("not installed", "not_installed"), ("down", "daemon_down")],
)
def test_nlbwmon_is_in_the_state_that_the_router_is_made_for(trait: str, status: str) -> None:
    network = Network()
    network.clock.move(9.5 * MINUTE)
    titles = {"not installed": "without nlbwmon", "down": "is down", "": "without trouble"}
    number = next(
        number
        for number, each in enumerate(NATURES)
        if (titles[trait] in each.title if trait in titles else getattr(each, trait))
    )
    seen = probe(network, number)
    states = {each: seen.get(f'openwrt_nlbwmon_status{{status="{each}"}}') for each in STATUSES}
    assert states == {each: float(each == status) for each in STATUSES}
    assert seen["openwrt_conntrack_entries"] > 0


def test_the_exporter_counts_on_when_the_office_router_reboots_and_forgets() -> None:
    """Of what flowed around the reboot it misses some, but it counts nothing twice and never falls."""
    network = Network()
    number = next(number for number, each in enumerate(NATURES) if each.reboots)
    router, runner = network.routers.all[number], exporter(network, number)
    looks, began, began_at = [scraped(runner)], network.received(router), network.routers.now()
    for _ in range(50):
        network.clock.move(MINUTE)
        if router.up(network.routers.now()):
            looks.append(scraped(runner))
    assert network.received(router) < began
    for before, after in pairwise(map(totals, looks)):
        assert all(after[name] >= value for name, value in before.items())
    passed = network.routers.now() - began_at
    true = sum(
        each.down.total(each.active(passed)) - each.down.total(each.active(0.0)) for each in router.daemon.devices
    )
    grown = sum(totals(looks[-1]).values())
    assert 0.8 * true < grown <= 1.001 * true
    corrections = [name for name, value in looks[-1].items() if name.startswith("openwrt_corrections") and value]
    assert corrections


def test_a_router_has_leases_neighbours_and_stations_of_the_devices_that_nlbwmon_counts() -> None:
    network = Network()
    router = network.router()
    counted = {key[0] for key in network.table(router, "nlbw -c json -g mac")}
    leases = {line.split()[1] for line in network.read(router, "/tmp/dhcp.leases").splitlines()}
    neighbours = {line.split()[4] for line in network.run(router, "ip neigh").stdout.decode().splitlines()}
    assert counted - {"00:00:00:00:00:00"} <= leases == neighbours
    stations = network.run(router, "iwinfo phy1-ap0 assoclist").stdout.decode()
    assert {line[:17].lower() for line in stations.splitlines() if "SNR" in line} <= leases
    known = known_devices(router, SEED).keys()
    assert known < leases


def test_no_two_devices_of_a_fleet_have_one_address() -> None:
    routers = Network(count=40, devices=60).routers
    macs = [device.mac for router in routers.all for device in router.devices]
    assert len(macs) == len(set(macs)) == 40 * 60 + 1
    randomised = [mac for mac in macs if int(mac[:2], 16) & 2]
    assert 0 < len(randomised) < len(macs) / 2


def test_the_same_seed_gives_the_same_routers() -> None:
    assert [each.daemon.devices for each in Network().routers.all] == [
        each.daemon.devices for each in Network().routers.all
    ]
    sizes = {len(each.devices) for each in Network(count=40).routers.all}
    assert min(sizes) >= 8
    assert max(sizes) <= 61
