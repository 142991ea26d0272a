"""What tests share: the corpus of captures, found beside the project or by POMONA_CORPUS."""

import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exporters.core.collector import Collector, discover
from exporters.core.context import Context, Level
from exporters.sources.strictyaml import load_yaml

ROOT = Path(__file__).parent.parent
PACKAGES = ("exporters.host", "exporters.macos", "exporters.openwrt")
COLLECTORS = {each.name: each for each in discover(PACKAGES)}


def context_for(declared: Collector, level: Level = "standard", folder: Path | None = None) -> Context:
    """The context of the default configuration, or of the config.yml that lies in a fixture folder."""
    owner = COLLECTORS[declared.config_of or declared.name]
    given = folder / "config.yml" if folder else None
    config = owner.config() if owner.config else None
    if owner.config and given and given.exists():
        config = msgspec.convert(load_yaml(given.read_text()), owner.config)
    return Context(config=config, level=level, key=b"fixture")


def remembered(declared: Collector, folder: Path) -> Any:
    """The state from the memory.json of a fixture folder, where the exporter ran before; None at its first start."""
    given = folder / "memory.json"
    if declared.memory is None or not given.exists():
        return None
    return declared.memory.restore(msgspec.json.decode(given.read_bytes(), type=declared.memory.kind))


def fixtures_of(name: str) -> list[Path]:
    """The fixture folders of a collector."""
    return sorted(path.parent for path in (ROOT / "tests" / "fixtures" / name).glob("*/index.yml"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-expected", action="store_true", help="write expected.prom instead of comparing")


def missing(what: str) -> None:
    """Skips with a reason; where CI says that nothing may be missing, fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder with captures of real machines, which are not part of the project."""
    folder = Path(os.environ.get("POMONA_CORPUS", ROOT.parent / "shared" / "corpus"))
    if not folder.is_dir():
        missing(f"the corpus of captures is not at {folder.name!r} beside the project; set POMONA_CORPUS")
    return folder
