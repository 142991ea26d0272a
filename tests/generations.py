"""The two generations of engines that are supported: Prometheus 2 with Alertmanager 0.25, and Prometheus 3."""

import os
import re
import subprocess

import pytest

from conftest import missing
from exporters.stack.engines import Engines, find, folders

MAJORS = ("2", "3")


def generations() -> dict[str, Engines]:
    """What POMONA_ENGINES and PATH have, by the major version of Prometheus; the first of each counts."""
    found: dict[str, Engines] = {}
    for folder in folders(os.environ):
        engines = find({"PATH": folder})
        if engines.prometheus and not engines.missing():
            told = subprocess.run([engines.prometheus, "--version"], capture_output=True, text=True, check=True)
            version = re.search(r"version (\d+)\.", told.stdout + told.stderr)
            assert version
            found.setdefault(version[1], engines)
    return found


def generation(major: str) -> Engines:
    """Prometheus, Alertmanager, promtool and amtool of one generation."""
    found = generations().get(major)
    if found is None:
        missing(f"no folder of POMONA_ENGINES or PATH has all engines of the generation of Prometheus {major}")
    assert found is not None
    return found


@pytest.fixture(scope="session", params=MAJORS, ids=lambda major: f"prometheus-{major}")
def engines(request: pytest.FixtureRequest) -> Engines:
    """Each generation."""
    return generation(request.param)
