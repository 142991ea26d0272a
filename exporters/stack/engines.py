"""The engines that `pomona up` runs, and the commands that install them where they are missing."""

import sys
from collections.abc import Mapping
from shutil import which

from exporters.sources.engines import Engines, find, folders

__all__ = ["Engines", "find", "folders", "installation"]

APT = ("apt-get", "--quiet")
BREW = ("brew", "install", "prometheus", "alertmanager")
Commands = tuple[tuple[str, ...], ...]


def installation(environment: Mapping[str, str], *, root: bool, platform: str = sys.platform) -> Commands:
    """The commands that install both engines here, none where neither apt nor brew can."""
    path = environment.get("PATH")
    if platform == "darwin":
        return (BREW,) if which("brew", path=path) else ()
    if which("apt-get", path=path) is None or not (root or which("sudo", path=path)):
        return ()
    rights = (
        ("env", "DEBIAN_FRONTEND=noninteractive") if root else ("sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive")
    )
    packages = ("install", "--yes", "--no-install-recommends", "prometheus", "prometheus-alertmanager")
    return ((*rights, *APT, "update"), (*rights, *APT, *packages))
