"""Levels of performance: the page, the rules for endpoints and those for applications have the same bounds."""

import re
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT
from exporters.stack.engines import Engines

PAGE = (ROOT / "docs" / "performance.md").read_text()
RULES = ROOT / "alert_rules"
BOUNDS = re.compile(r"p95_1h > bool ([\d.]+)\) \+ \(\w+:\w+:ratio_1h > bool ([\d.]+)\)")
ROWS = re.compile(r"^\| [1-4] \| \w+ \| at most ([\d.]+) s \| at most ([\d.]+) % \|$", re.MULTILINE)
EXAMPLES = re.findall(r"```yaml\n(# \S*rules.yml\n.*?)```", PAGE, re.DOTALL)


def test_the_bounds_are_those_of_the_page() -> None:
    shown = [(float(seconds), round(float(percent) / 100, 6)) for seconds, percent in ROWS.findall(PAGE)]
    assert len(shown) == 4
    for name in ("endpoints", "requests"):
        found = BOUNDS.findall((RULES / f"{name}.rules.yml").read_text())
        assert [(float(seconds), float(ratio)) for seconds, ratio in found] == shown, name


@pytest.mark.parametrize("text", EXAMPLES, ids=[each.split("\n")[0] for each in EXAMPLES])
def test_the_examples_are_rules(text: str, engines: Engines, tmp_path: Path) -> None:
    file = tmp_path / "example.rules.yml"
    file.write_text(text)
    asked = (str(engines.promtool), "check", "rules", "--lint=all", "--lint-fatal", str(file))
    ended = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_example_of_the_adapter_records_what_the_shipped_one_does() -> None:
    def recorded(text: str) -> list[str]:
        return re.findall(r"- record: (\S+)", text)

    (example,) = (each for each in EXAMPLES if each.startswith("# requests_adapter"))
    assert recorded(example) == recorded((RULES / "requests_adapter.rules.yml").read_text())
