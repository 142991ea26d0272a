"""What an address says about its device: randomised or not, and the maker by its prefix (table of PyPI `aiooui`)."""

import asyncio
import re
from collections.abc import Callable
from functools import cache, lru_cache

LONGEST = 64
NOBODY = ("Private", "IEEE Registration Authority")
"""Owners of prefixes that say nothing of the maker: hidden, or shared by many who have a part of the prefix each."""
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", re.IGNORECASE)
_GROUP, _LOCAL = 1, 2


def is_unicast(mac: str) -> bool:
    """Whether it can be the address of one device: neither zero nor multicast nor broadcast."""
    return bool(_MAC.fullmatch(mac) and mac.strip("0:")) and not int(mac[:2], 16) & _GROUP


def is_randomized(mac: str) -> bool:
    """Whether the device, or whoever set it up, chose the address: no maker gave it (locally administered bit)."""
    return is_unicast(mac) and bool(int(mac[:2], 16) & _LOCAL)


@lru_cache(maxsize=4096)
def vendor(mac: str) -> str:
    """The maker of the device, "" where the address does not tell, or where `aiooui` is not installed."""
    if not is_unicast(mac) or is_randomized(mac):
        return ""
    name = " ".join((_table()(mac) or "").split())
    return "" if name in NOBODY else name[:LONGEST].rstrip()


@cache
def _table() -> Callable[[str], str | None]:
    """The look-up, loaded at its first use. Threads that come at once load one each: the package's own has no lock."""
    try:
        import aiooui  # noqa: PLC0415 - a table of 0.8 MB, for routers only
    except ImportError:
        return lambda _: None
    manager = aiooui.OUIManager()
    asyncio.run(manager.async_load())
    return manager.get_vendor
