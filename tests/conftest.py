"""What tests share: the corpus of captures, found beside the project or by POMONA_CORPUS."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("exporters.host", "exporters.macos")


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
