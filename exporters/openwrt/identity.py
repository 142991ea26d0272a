"""How devices, interfaces and networks of a router are named in labels, by privacy level."""

import re

from exporters.core.context import Context

_PLAIN = re.compile(r"(?!.*[0-9a-f]{12})[a-z0-9][a-z0-9._@-]{0,31}")

_USUAL = re.compile(
    r"((br|pppoe|l2tp|6in4)-)?"
    r"(lan|wan|wwan|guest|dmz|iot|eth|usb|sfp|phy|wlan|ath|ra|radio|wg|tun|tap|ppp|dsl|lo|loopback)\d*"
    r"([-._@](lan|wan|eth|guest|ap|sta|mesh)?\d*)*"
)
"""Words that no person's name is made of."""


def identify(mac: str, context: Context) -> str:
    """A device: its address at `standard` and `full`, a hash at `strict`."""
    return context.hash(mac) if context.level == "strict" else mac


def join_id(mac: str, context: Context) -> str:
    """What a Mac with the same key publishes for the radio that uses this address; empty at `strict`."""
    return "" if context.level == "strict" else context.hash(mac.lower())


def named(name: str, context: Context) -> str:
    """An interface or network. Names in the system's own style (`br-lan`, `eth0.2`) are shown, at `strict` known ones.

    Any other was chosen by a person or holds an address: an identity, empty where it must not be shown.
    """
    if "\ufffd" in name or (context.level == "strict" and not _USUAL.fullmatch(name)):
        return ""
    return name if _PLAIN.fullmatch(name) else context.identity(name)
