"""The queries of the page, asked of made-up series by promtool: when they find something, and when nothing."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import ROOT, missing
from exporters.stack.engines import find

PAGE = (ROOT / "docs" / "collectors" / "components.md").read_text()
QUERIES = re.findall(r"^```promql\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PENDING = 'pomona_component_queue_items{instance="mac",component="it",state="pending"}'
OLDEST = 'pomona_component_queue_oldest_timestamp_seconds{instance="mac",component="it",state="pending"}'
DONE = 'pomona_component_queue_processed_total{instance="mac",component="it",outcome="done"}'
BEAT = 'pomona_component_heartbeat_timestamp_seconds{instance="mac",component="it"}'
THERE = 'pomona_component_check_success{instance="mac",component="it",check="heartbeat"}'


def query(about: str) -> str:
    (found,) = [each for each in QUERIES if about in each]
    return str(found)


@pytest.mark.parametrize(
    ("about", "series", "found"),
    [
        ("min_over_time", {PENDING: "3x60"}, False),
        ("min_over_time", {PENDING: "3x60", DONE: "7x60"}, True),
        ("min_over_time", {PENDING: "3x60", DONE: "0+1x60"}, False),
        ('queue_oldest_timestamp_seconds{state="pending"}', {PENDING: "3x60", OLDEST: "0+60x60"}, False),
        ('queue_oldest_timestamp_seconds{state="pending"}', {PENDING: "3x60", OLDEST: "0x60"}, True),
        ('check="heartbeat"', {THERE: "1x60", BEAT: "0+60x60"}, False),
        ('check="heartbeat"', {THERE: "1x60", BEAT: "0x60"}, True),
        ('check="heartbeat"', {THERE: "0x60"}, True),
    ],
)  # fmt: skip
def test_what_is_stuck_is_found_and_nothing_else(
    about: str, series: dict[str, str], found: bool, tmp_path: Path
) -> None:
    promtool = find(os.environ).promtool
    if promtool is None:
        missing("promtool is neither in POMONA_ENGINES nor on PATH")
    rule = {"record": "it:found:count", "expr": f"count({query(about)})"}
    written(tmp_path / "rules.yml", {"groups": [{"name": "page", "rules": [rule]}]})
    counted = [{"labels": "it:found:count", "value": 1}]
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": "it:found:count", "eval_time": "50m", "exp_samples": counted if found else []}],
    }
    written(tmp_path / "test.yml", {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test]})
    ended = subprocess.run(
        [str(promtool), "test", "rules", str(tmp_path / "test.yml")], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def written(path: Path, content: Any) -> None:
    path.write_text(yaml.safe_dump(content))
