"""What a simulated Mac tells of its Wi-Fi and its way out: system_profiler, route, scutil, ipconfig, addresses.

One model gets no address from its network for a while, now and then.
"""

import math
from typing import Any

import msgspec

from exporters.sources.replay import Captured
from exporters.stack.dynamics import HOUR, MINUTE, wave
from exporters.stack.view import Reports, View

SINCE_HIDDEN = 15
"""Major version of macOS from which on the network's name is hidden."""
CHANNELS = ("6 (2GHz, 20MHz)", "36 (5GHz, 80MHz)", "100 (5GHz, 80MHz)", "149 (5GHz, 40MHz)", "37 (6GHz, 160MHz)")
RATES = ((-55, 1201, 11), (-65, 864, 8), (-75, 432, 4), (-128, 97, 1))
"""From this signal on: rate in Mbit/s and index of modulation."""
SECURITIES = (
    "spairport_security_mode_wpa2_personal",
    "pairport_security_mode_wpa3_transition",
    "spairport_security_mode_wpa3_personal",
    "spairport_security_mode_wpa2_enterprise",
)
OPEN = "spairport_security_mode_none"
SERVICE = '* ({state})   51A0D000-0000-4000-8000-000000000001 VPN (com.example.vpn) "Example" [VPN:IKEv2]\n'
RESOLVER = "resolver #{number}\n  nameserver[0] : {server}\n  if_index : 14 ({interface})\n  flags    : {flags}\n"

GATEWAY = "192.168.1.1"
LOSES_NETWORK = "Mac15,12"
ROUND, KEPT = 7 * HOUR, 6 * HOUR
"""Seconds from one loss of the network to the next, and how long there is one before it."""


def offline(view: View) -> bool:
    """Whether its network has given it no address."""
    return view.model.identifier == LOSES_NETWORK and view.at.time % ROUND >= KEPT


def wifi_name(view: View) -> str:
    """A desktop has its cable first."""
    return "en0" if view.model.battery else "en1"


def airport(view: View) -> bytes:
    """`system_profiler -json -detailLevel basic SPAirPortDataType`: a desktop is on its cable."""
    interface: dict[str, Any] = {"_name": wifi_name(view), "spairport_status_information": "spairport_status_connected"}
    if view.model.battery is None:
        interface["spairport_status_information"] = "spairport_status_disassociated"
    else:
        interface["spairport_current_network_information"] = _network(view)
    awdl = {"spairport_network_type": "spairport_network_type_station"}
    interfaces = [interface, {"_name": "awdl0", "spairport_current_network_information": awdl}]
    versions = {"spairport_corewlan_version": "16.0 (1657)"}
    report = {"spairport_airport_interfaces": interfaces, "spairport_software_information": versions}
    return msgspec.json.encode({"SPAirPortDataType": [report]})


def _network(view: View) -> dict[str, Any]:
    signal = strength(view)
    _, rate, index = next(step for step in RATES if signal >= step[0])
    channel = _channel(view)
    slow = channel.startswith("6 ")
    return {
        "_name": "<redacted>" if view.model.major >= SINCE_HIDDEN else "Example Net",
        "spairport_network_channel": channel,
        "spairport_network_country_code": "DE",
        "spairport_network_mcs": index,
        "spairport_network_phymode": "802.11n" if slow else "802.11ax" if view.model.apple_silicon else "802.11ac",
        "spairport_network_rate": min(rate, 144) if slow else rate,
        "spairport_network_type": "spairport_network_type_station",
        "spairport_security_mode": _security(view),
        "spairport_signal_noise": f"{signal} dBm / {-90 - view.chance('noise').randrange(6)} dBm",
    }


def strength(view: View) -> int:
    """dBm: each Mac stands somewhere, one in four far from the access point, and people move."""
    random = view.chance("radio")
    place = random.uniform(68, 76) if random.random() < 0.25 else random.uniform(44, 66)  # noqa: PLR2004 - one in four
    return -round(wave(random, place, 0.15).at(view.at.time))


def _channel(view: View) -> str:
    """That of the nearer one of two access points."""
    random = view.chance("roaming")
    two = random.sample(CHANNELS[:4] if not view.model.apple_silicon else CHANNELS, 2)
    period = random.uniform(40 * MINUTE, 4 * HOUR)
    return two[math.floor(view.at.time / period + random.random()) % 2]


def _security(view: View) -> str:
    random = view.chance("security")
    return OPEN if random.random() < 0.05 else random.choice(SECURITIES)  # noqa: PLR2004 - one in twenty


def addresses(view: View) -> dict[str, Any]:
    """Of the cable or the radio, of Apple's links, and of the VPN while it is connected."""
    random = view.chance("addresses")
    mac = ":".join(f"{byte:02x}" for byte in (0x0A, *random.randbytes(5)))
    found: dict[str, Any] = {
        "lo0": _held(["127.0.0.1"], ["::1", "fe80::1%lo0"]),
        "en0": {"mac": mac, **_held([_address(view)], ["fe80::10%en0"])},
        "awdl0": {"mac": "0e:00:00:00:00:01", **_held([], ["fe80::11%awdl0"])},
        "utun0": _held([], ["fe80::12%utun0"]),
    }
    if view.model.battery is None:
        found["en1"] = {"mac": f"0a{mac[2:-2]}ff", **_held([], [])}
    return found | ({"utun4": _held([f"10.75.0.{random.randrange(2, 250)}"], [])} if _vpn(view) else {})


def _held(ipv4: list[str], ipv6: list[str]) -> dict[str, list[str]]:
    return {"ipv4": ipv4, "ipv6": ipv6}


def _address(view: View) -> str:
    """A Mac without one gives itself one that leads nowhere."""
    if offline(view):
        return "169.254.3.4"
    return f"192.168.1.{view.chance('address').randrange(20, 250)}"


def _has_service(view: View) -> bool:
    return view.chance("vpn").random() < 0.6  # noqa: PLR2004 - most have one


def _vpn(view: View) -> bool:
    """Connected for a part of each working day or night."""
    random = view.chance("vpn")
    return (
        not offline(view)
        and _has_service(view)
        and math.floor(view.at.time / (2 * HOUR) + random.uniform(0, 9)) % 3 > 0
    )


def route(view: View) -> bytes | Captured:
    """`route -n get default`."""
    if offline(view):
        return Captured(stderr=b"route: writing to routing socket: not in table\n")
    return (
        f"   route to: default\ndestination: default\n       mask: default\n    gateway: {GATEWAY}\n"
        "  interface: en0\n      flags: <UP,GATEWAY,DONE,STATIC,PRCLONING,GLOBAL>\n"
        " recvpipe  sendpipe  ssthresh  rtt,msec    rttvar  hopcount      mtu     expire\n"
        "       0         0         0         0         0         0      1500         0 \n"
    ).encode()


def summary(view: View) -> bytes:
    """`ipconfig getsummary en0`."""
    kind = "WiFi" if view.model.battery else "Ethernet"
    return f"<dictionary> {{\n  InterfaceType : {kind}\n  LinkStatusActive : TRUE\n}}\n".encode()


def dns(view: View) -> bytes:
    """`scutil --dns`: the router, and for some domains the VPN."""
    if offline(view):
        return b"No DNS configuration available\n"
    own = RESOLVER.format(number=1, server=GATEWAY, interface="en0", flags="Request A records")
    beside = RESOLVER.format(number=2, server="10.75.0.1", interface="utun4", flags="Supplemental, Request A records")
    scoped = RESOLVER.format(number=1, server=GATEWAY, interface="en0", flags="Scoped, Request A records")
    first = f"{own}\n{beside}" if _vpn(view) else own
    return f"DNS configuration\n\n{first}\nDNS configuration (for scoped queries)\n\n{scoped}".encode()


def services(view: View) -> bytes:
    """`scutil --nc list`."""
    state = "Connected" if _vpn(view) else "Disconnected"
    listed = SERVICE.format(state=state) if _has_service(view) else ""
    return f"Available network connection services in the current set (*=enabled):\n{listed}".encode()


def proxy(view: View) -> bytes:
    """`scutil --proxy`: one in six finds it by a file."""
    more = "  ProxyAutoConfigEnable : 1\n" if view.chance("proxy").random() < 1 / 6 else ""
    return f"<dictionary> {{\n  FTPPassive : 1\n{more}}}\n".encode()


REPORTS = Reports(
    commands={
        "system_profiler -json -detailLevel basic SPAirPortDataType": airport,
        "route -n get default": route,
        "ipconfig getsummary en0": summary,
        "scutil --dns": dns,
        "scutil --nc list": services,
        "scutil --proxy": proxy,
    },
    systems={"addresses": addresses},
)
