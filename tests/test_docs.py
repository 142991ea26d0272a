"""The documentation: links lead somewhere, examples are accepted by what will read them, nothing is forgotten."""

import os
import plistlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from conftest import COLLECTORS, ROOT, missing
from docs.__main__ import OWN
from exporters.core.collector import discover
from exporters.core.config import load
from exporters.core.metrics import series_names
from exporters.core.privacy import Key
from exporters.core.webconfig import read_web_file
from exporters.operate.routers.config import load as routers
from exporters.stack.engines import find
from sshservers import new_key

DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *DOCS.glob("collectors/*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"])
BLOCK = re.compile(r"^([ ]*)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
FAMILIES = (*(family for each in COLLECTORS.values() for family in each.families), *OWN)
KNOWN = {name for family in FAMILIES for name in series_names(family)}


def title(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """The page without its examples, in which brackets are no links and hashes no headings."""
    return re.sub(r"`[^`\n]*`", "", BLOCK.sub("", path.read_text()))


def anchors(path: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = HEADING.findall(BLOCK.sub("", path.read_text()))
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", each).strip().lower() for each in headings)
    return {re.sub(r"[^\w\- ]", "", each).replace(" ", "-") for each in plain}


def links(path: Path) -> Iterator[str]:
    return (each for each in LINK.findall(prose(path)) if "://" not in each)


def target(path: Path, link: str) -> Path:
    name = link.partition("#")[0]
    return (path.parent / name).resolve() if name else path


@pytest.mark.parametrize("path", PAGES, ids=title)
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in links(path):
        assert target(path, link).exists(), link
        anchor = link.partition("#")[2]
        assert not anchor or anchor in anchors(target(path, link)), link


def test_the_index_names_every_page() -> None:
    """Those of the collectors stand in the table of the README, which is generated."""
    linked = {target(page, link) for page in (DOCS / "README.md", ROOT / "README.md") for link in links(page)}
    there = {path for path in PAGES if DOCS in path.parents} - {DOCS / "README.md"}
    assert there <= linked


def blocks(language: str, first_line: str = "") -> list[tuple[str, str]]:
    """Where each stands, and its text."""
    found = []
    for path in PAGES:
        for number, (indent, kind, text) in enumerate(BLOCK.findall(path.read_text())):
            if kind == language and text.removeprefix(indent).startswith(first_line):
                found.append((f"{title(path)}-{number}", text))
    return found


def named(examples: list[tuple[str, str]]) -> pytest.MarkDecorator:
    assert examples
    return pytest.mark.parametrize("text", [text for _, text in examples], ids=[where for where, _ in examples])


@named(blocks("yaml", "# pomona.yml\n"))
def test_every_configuration_is_accepted(text: str, tmp_path: Path) -> None:
    file = tmp_path / "pomona.yml"
    file.write_text(text)
    settings = load(tuple(COLLECTORS.values()), file, {}, {}, lambda _: Key(b"a key for tests only"))
    assert settings.collectors


@named(blocks("yaml", "# web.yml\n"))
def test_every_web_file_is_accepted(text: str, tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(text)
    config = read_web_file(file)
    assert config.tls or config.users


@named(blocks("yaml", "# router.yml\n"))
def test_every_router_configuration_is_accepted(text: str, tmp_path: Path) -> None:
    new_key(tmp_path / "router_key")
    (tmp_path / "devices.yml").write_text(blocks("yaml", "# devices.yml\n")[0][1])
    file = tmp_path / "router.yml"
    file.write_text(text.replace("/etc/pomona", str(tmp_path)))
    settings = routers(discover(("exporters.openwrt",)), file, {}, {}, lambda _: Key(b"a key for tests only"))
    assert settings.targets
    assert all(settings.devices.values())


@named(blocks("yaml", "# router.yml, in part\n"))
def test_every_part_of_a_router_configuration_is_accepted(text: str, tmp_path: Path) -> None:
    file = tmp_path / "router.yml"
    file.write_text(text)
    settings = routers(discover(("exporters.openwrt",)), file, {}, {}, lambda _: Key(b"a key for tests only"))
    assert settings.modules["openwrt"].collectors


@named(blocks("xml"))
def test_every_property_list_names_a_program(text: str) -> None:
    document = plistlib.loads(text.encode())
    assert document["ProgramArguments"][:2] == ["/opt/pomona/bin/pomona", "agent"]


QUERIES = blocks("promql")


@named(QUERIES)
def test_every_query_names_metrics_that_exist(text: str) -> None:
    used = set(re.findall(r"\b(?:macos|pomona|openwrt)_[a-z0-9_]+", text))
    assert used <= KNOWN, sorted(used - KNOWN)


def test_every_query_is_promql(tmp_path: Path) -> None:
    promtool = find(os.environ).promtool
    if promtool is None:
        missing("promtool is neither in POMONA_ENGINES nor on PATH")
    rules = [{"record": f"query:{number}", "expr": text} for number, (_, text) in enumerate(QUERIES)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    ended = subprocess.run([str(promtool), "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
