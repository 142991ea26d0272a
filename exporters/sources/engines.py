"""Where Prometheus, Alertmanager and their tools are."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from shutil import which

ENVIRONMENT = "POMONA_ENGINES"
USUAL = ("/opt/homebrew/bin", "/usr/local/bin")
NAMES: Mapping[str, tuple[str, ...]] = {
    "prometheus": ("prometheus",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
    "promtool": ("promtool",),
    "amtool": ("amtool",),
}


@dataclass(frozen=True, slots=True)
class Engines:
    """The program of each engine, None where it was not found."""

    prometheus: str | None = None
    alertmanager: str | None = None
    promtool: str | None = None
    amtool: str | None = None

    def missing(self) -> tuple[str, ...]:
        """The names of what was not found."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) is None)


def find(environment: Mapping[str, str]) -> Engines:
    """The first of each in the folders of POMONA_ENGINES, then of PATH, then where Homebrew puts them."""
    path = os.pathsep.join(folders(environment))
    return Engines(**{engine: _first(names, path) for engine, names in NAMES.items()})


def folders(environment: Mapping[str, str]) -> Iterator[str]:
    """Where to look, in this order; both variables are lists of folders."""
    for variable in (ENVIRONMENT, "PATH"):
        yield from (folder for folder in environment.get(variable, "").split(os.pathsep) if folder)
    yield from USUAL


def _first(names: tuple[str, ...], path: str) -> str | None:
    """Folder by folder: a later folder's better name does not win over an earlier folder."""
    for folder in path.split(os.pathsep):
        for name in names:
            if found := which(name, path=folder):
                return str(Path(found).absolute())
    return None
