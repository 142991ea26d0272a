"""Rules of the house: imports point downwards, processes start in few places, nothing is hidden."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT

LAYERS = (
    {"__main__"},
    {"cli"},
    {"operate", "stack"},
    {"host", "macos", "openwrt"},
    {"core"},
    {"sources"},
)
MAY_START_PROCESSES = ("exporters/sources/", "exporters/stack/supervisor.py", "agent_shim/execute.py")
MAY_SPEAK_SSH = ("exporters/sources/ssh", "exporters/stack/router_server.py", "exporters/stack/simulated_routers.py")
SOURCES = sorted(path for path in (ROOT / "exporters").rglob("*.py") if "__pycache__" not in path.parts)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def layer(part: str) -> int:
    return next(number for number, parts in enumerate(LAYERS) if part in parts)


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def is_part(path: Path) -> bool:
    return path.name != "__init__.py" or path.parent.name != "exporters"


@pytest.mark.parametrize("path", [path for path in SOURCES if is_part(path)], ids=name)
def test_imports_point_downwards(path: Path) -> None:
    own = path.relative_to(ROOT / "exporters").parts[0].removesuffix(".py")
    for module in imported(path):
        if module.startswith("exporters."):
            other = module.split(".")[1]
            assert other == own or layer(other) > layer(own), f"{name(path)} imports {module}"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_processes_start_in_few_places_and_without_a_shell(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"shell=True|os\.system\(|os\.popen\(", text)
    if not name(path).startswith(MAY_START_PROCESSES):
        assert not re.search(r"^\s*(import|from) subprocess|os\.(fork|exec|spawn|posix_spawn)", text, re.MULTILINE)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_ssh_is_spoken_in_few_places(path: Path) -> None:
    assert name(path).startswith(MAY_SPEAK_SSH) or "paramiko" not in {each.split(".")[0] for each in imported(path)}


@pytest.mark.parametrize("folder", ["exporters", "tests", "bench", "docs"])
def test_no_file_is_long(folder: str) -> None:
    long = {name(path) for path in (ROOT / folder).rglob("*.py") if len(path.read_text().splitlines()) > 400}
    assert not long


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_module_prints(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"^\s*print\(", text, re.MULTILINE)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_exception_is_swallowed(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler):
            assert not all(isinstance(each, ast.Pass) for each in node.body), f"{name(path)}:{node.lineno}"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
