"""The shipped rules and routes, quicker, on simulated Macs: real Prometheus fires, real Alertmanager tells."""

from collections.abc import Iterator, Mapping

import pytest

from e2e.asking import series, until
from e2e.fleet import CHARGE, DISCHARGING, LOW, Pace, SimulatedMac, Stack, discharging, on_mains, stacked, strange
from e2e.managing import configuration
from exporters.stack.engines import Engines

FACTOR = 1 / 30
"""Half a second from scrape to scrape, six seconds in which a gap does not end an alert."""
FALLING, VISITED, FLAPPING, LATE = "sim-0005", "sim-0004", "sim-0033", "sim-0019"
STRANGE = 'macos_peripherals{authorized="false",bus="usb"}'
STRANGER = "MacPeripheralUnauthorized"


def prepare(macs: Mapping[str, SimulatedMac]) -> None:
    for name in (FALLING, FLAPPING, LATE):
        macs[name].move(lambda mac: discharging(mac, 0.5, 1))
    macs[VISITED].move(lambda mac: not strange(mac))


@pytest.fixture(scope="module")
def stack(engines: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    macs = ((FALLING, VISITED, FLAPPING, LATE), prepare)
    folder = tmp_path_factory.mktemp("stack")
    with stacked(engines, folder, macs, Pace(FACTOR), lambda port: configuration(port, FACTOR)) as stack:
        yield stack


def states(stack: Stack, mac: SimulatedMac, severities: tuple[str, ...]) -> list[list[str]]:
    return [stack.manager.states(alertname=LOW, instance=mac.name, severity=severity) for severity in severities]


def test_a_falling_battery_is_told_once_at_each_tier_and_its_end(stack: Stack) -> None:
    mac = stack.macs[FALLING]
    stack.seen(mac, f"{CHARGE} > 0.5")
    assert not [each for each in stack.firing(mac.name) if each.startswith(LOW)]
    tiers = {"chat": (0.1, "warning"), "helpdesk": (0.05, "critical")}
    for receiver, (charge, severity) in tiers.items():
        mac.move(lambda mac, charge=charge: discharging(mac, 0, charge))
        alert = stack.alert(receiver, mac, LOW)
        assert alert.labels["severity"] == severity
        assert (alert.labels["job"], alert.labels["role"]) == ("pomona", "laptop")
        assert f"Battery of {mac.name} at" in alert.annotations["summary"]
    lower = ("warning", "info")
    until(lambda: states(stack, mac, lower) == [["suppressed"]] * 2, "the lower tiers suppressed")
    mac.move(on_mains)
    assert stack.alert("helpdesk", mac, LOW, "resolved").labels["severity"] == "critical"
    assert [len(stack.told.messages(receiver, instance=mac.name, alertname=LOW)) for receiver in tiers] == [1, 1]
    assert not stack.told.messages("pager", instance=mac.name, alertname=LOW)


def test_a_device_that_no_policy_allows_is_told_and_its_end(stack: Stack) -> None:
    mac = stack.macs[VISITED]
    stack.seen(mac, STRANGE)
    assert f"{STRANGER} critical" not in stack.firing(mac.name)
    mac.move(strange)
    alert = stack.alert("helpdesk", mac, STRANGER)
    assert alert.annotations["summary"] == f"Unauthorised usb device on {mac.name}"
    which = alert.annotations["description"].partition("This query says which: ")[2]
    assert [labels["vendor_id"] for labels, _ in series(stack.prometheus, which)] == ["0x0781"]
    mac.move(lambda mac: not strange(mac))
    assert stack.alert("helpdesk", mac, STRANGER, "resolved")


def test_a_battery_that_flaps_is_told_once(stack: Stack) -> None:
    mac = stack.macs[FLAPPING]
    for _ in range(3):
        mac.move(lambda mac: discharging(mac, 0, 0.05))
        stack.seen(mac, f"{CHARGE} < 0.05 and ignoring (state) {DISCHARGING} == 1")
        stack.alert("helpdesk", mac, LOW)
        mac.move(on_mains)
        # Longer than the interval of its group, in which an end would be told, and shorter than keep_firing_for.
        stack.seen(mac, f"max_over_time({DISCHARGING}[3s]) == 0")
        assert f"{LOW} critical" in stack.firing(mac.name)
        assert not stack.told.messages("helpdesk", "resolved", instance=mac.name, alertname=LOW)
    assert stack.alert("helpdesk", mac, LOW, "resolved")
    assert len(stack.told.messages("helpdesk", instance=mac.name, alertname=LOW)) == 1


def test_what_begins_and_ends_while_alertmanager_is_down_is_told_when_it_is_back(stack: Stack) -> None:
    mac, other, told = stack.macs[LATE], stack.macs[VISITED], {"instance": VISITED, "alertname": STRANGER}
    begun = len(stack.told.messages("helpdesk", **told))
    other.move(strange)
    until(lambda: len(stack.told.messages("helpdesk", **told)) > begun, "the stranger told")
    ended = len(stack.told.messages("helpdesk", "resolved", **told))
    stack.manager.remembers(len(stack.told.deliveries))
    stack.manager.end()
    other.move(lambda mac: not strange(mac))
    mac.move(lambda mac: discharging(mac, 0, 0.05))
    until(lambda: f"{LOW} critical" in stack.firing(mac.name), "the battery firing")
    until(lambda: f"{STRANGER} critical" not in stack.firing(other.name), "the stranger gone")
    stack.manager.start()
    assert stack.alert("helpdesk", mac, LOW)
    until(lambda: len(stack.told.messages("helpdesk", "resolved", **told)) > ended, "the end of the stranger told")
