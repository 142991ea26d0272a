"""`pomona alerts check`: each fault of a user's files is one line with file, line and mend."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ROOT
from exporters.cli import main
from exporters.stack.engines import Engines

THRESHOLDS = "thresholds.rules.yml"
Checked = Callable[[Path], tuple[int, list[str]]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's copy of the shipped folder."""
    return Path(shutil.copytree(ROOT / "alert_rules", tmp_path / "alert_rules"))


@pytest.fixture
def checked(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Checked:
    """Status and lines, without the tools of the engines, which have their own tests."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("POMONA_ENGINES", raising=False)
    monkeypatch.setattr("exporters.sources.engines.USUAL", ())

    def check(folder: Path) -> tuple[int, list[str]]:
        status = main(["alerts", "check", str(folder)])
        *lines, rules, alertmanager, summary = capsys.readouterr().out.splitlines()
        assert rules.startswith("expressions were not checked: promtool was not found (install it, or name its folder")
        assert alertmanager.startswith("alertmanager.yml was checked in part: amtool was not found")
        assert summary.startswith(f"{folder}: ")
        assert summary.endswith(f"{len(lines)} to mend" if lines else "nothing to mend")
        return status, lines

    return check


def write(path: Path, *rules: str, name: str = "own") -> Path:
    path.write_text(f"groups:\n  - name: {name}\n    rules:\n" + "".join(f"      - {each}\n" for each in rules))
    return path


def constant(value: str, threshold: str = "battery_charge_ratio", tier: str = "warning", **more: str) -> str:
    labels = ", ".join(f"{name}: {text}" for name, text in {"threshold": threshold, "tier": tier, **more}.items())
    return f"{{ record: pomona:threshold, expr: {value}, labels: {{ {labels} }} }}"


def test_the_shipped_files_are_good(engines: Engines, capsys: pytest.CaptureFixture[str]) -> None:
    assert engines.promtool
    assert main(["alerts", "check"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.endswith(": nothing to mend")


def test_without_the_tools_the_shipped_files_are_good_as_well(folder: Path, checked: Checked) -> None:
    assert checked(folder) == (0, [])


OWN_LINES = (
    (
        constant("0.1", "battery_charge_rato", site="a"),
        "unknown threshold 'battery_charge_rato'; did you mean 'battery_",
    ),
    (constant("0.1", tier="warn", site="a"), "unknown tier 'warn'; did you mean 'warning'?"),
    (constant("0.1", instnace="mac-1", site="a"), "unknown label 'instnace'; did you mean 'instance'?"),
    (constant("'0,1'", site="a"), "'0,1' is no plain number; write one such as 0.05, 20 or 10e9"),
    (constant("0.10"), f"battery_charge_ratio warning stands twice for everybody (first in {THRESHOLDS}:"),
    (
        constant("2", "endpoint_p95_seconds", instance="mac-1"),
        "endpoint_p95_seconds is not worked out for a machine, so",
    ),
    (constant("0.1", site="a", instance="mac-1"), "a line is for a site or for an instance; with both it breaks"),
    (
        constant("0.5", "cpu_busy_ratio", "info", site="a"),
        "no rule compares cpu_busy_ratio with tier info, so this changes nothing; known here: critical, warning",
    ),
    (
        constant("0.3", site="a"),
        "battery_charge_ratio: warning (0.3) is above info (0.2), so the worse comes first; swap",
    ),
    (constant("0.01", instance="mac-1"), "battery_charge_ratio: critical (0.05) is above warning (0.01), so the worse"),
    (
        constant("0.5", "cpu_busy_ratio", "critical", instance="mac-1"),
        "cpu_busy_ratio: critical (0.5) is below warning",
    ),
)


@pytest.mark.parametrize(("line", "told"), OWN_LINES)
def test_a_fault_in_a_threshold_is_told_at_its_line(folder: Path, checked: Checked, line: str, told: str) -> None:
    path = write(folder / "zz_own.rules.yml", line)
    status, (found,) = checked(folder)
    assert status == 1
    assert found.startswith(f"{path}:4: {told}")


GOOD_LINES = (
    constant("0.15", site="north"),
    constant("-1", site="north"),
    constant("-1", tier="info", instance="mac-1"),
    constant("+Inf", "cpu_busy_ratio", instance="mac-1"),
    constant("10e9", "filesystem_available_bytes", site="north"),
)


@pytest.mark.parametrize("line", GOOD_LINES)
def test_a_good_line_is_not_complained_about(folder: Path, checked: Checked, line: str) -> None:
    write(folder / "zz_own.rules.yml", line)
    assert checked(folder) == (0, [])


def test_an_order_that_three_lines_of_a_site_change_together_is_judged_together(folder: Path, checked: Checked) -> None:
    lines = (
        constant(value, tier=tier, site="a")
        for tier, value in (("info", "0.5"), ("warning", "0.4"), ("critical", "0.3"))
    )
    write(folder / "zz_own.rules.yml", *lines)
    assert checked(folder) == (0, [])


def test_a_line_that_is_gone_is_told_with_the_line_to_add_and_with_the_rule_that_misses_it(
    folder: Path, checked: Checked
) -> None:
    path = folder / THRESHOLDS
    line = next(
        each
        for each in path.read_text().splitlines()
        if "battery_charge_ratio, tier: critical" in each and "#" not in each
    )
    path.write_text(path.read_text().replace(f"{line}\n", ""))
    status, lines = checked(folder)
    assert status == 1
    assert lines[0].startswith(
        f"{path}:1: no line for everybody of battery_charge_ratio critical, so its alerts are silent; "
    )
    assert lines[0].endswith(f"add {line.strip()}")
    assert any("MacBatteryLow uses battery_charge_ratio critical, which has no line" in each for each in lines)


def test_rules_that_use_what_does_not_exist_are_told(folder: Path, checked: Checked) -> None:
    use = 'm > on (instance) group_left () instance:threshold{threshold="cpu_bsy_ratio", tier="warning"}'
    tier = 'm > on (instance) group_left () instance:threshold{threshold="cpu_busy_ratio", tier="info"}'
    path = write(folder / "own.rules.yml", f"{{ alert: A, expr: '{use}' }}", f"{{ alert: B, expr: '{tier}' }}")
    assert checked(folder) == (
        1,
        [
            f"{path}:4: A uses instance:threshold 'cpu_bsy_ratio', which has no line; did you mean 'cpu_busy_ratio'?",
            f"{path}:5: B uses cpu_busy_ratio info, which has no line; known here: critical, warning",
        ],
    )


def test_a_threshold_of_ones_own_needs_its_line_and_where_it_is_worked_out(folder: Path, checked: Checked) -> None:
    resolver = '{ record: "instance:threshold", labels: { threshold: own_things }, expr: "vector(1)" }'
    use = 'm > on (instance) group_left () instance:threshold{threshold="own_things", tier="warning"}'
    alert = f"{{ alert: A, expr: '{use}' }}"
    path = write(folder / "own.rules.yml", resolver, alert, constant("5", "own_things"))
    assert checked(folder) == (0, [])
    write(path, resolver, alert)
    assert "which has no line" in checked(folder)[1][0]


@pytest.mark.parametrize("name", [THRESHOLDS, "resolve_sites.rules.yml", "battery.rules.yml"])
def test_a_shipped_file_that_is_gone_is_told(folder: Path, checked: Checked, name: str) -> None:
    (folder / name).unlink()
    status, lines = checked(folder)
    assert status == 1
    assert lines[0].startswith(f"{folder / name}:1: it is gone, and its alerts, or those that need it, are silent; ")


def test_that_there_are_no_thresholds_is_told(folder: Path, checked: Checked) -> None:
    (folder / THRESHOLDS).write_text("groups: []\n")
    status, lines = checked(folder)
    assert status == 1
    assert lines[0].startswith(f"{folder}:1: no thresholds at all, so all that compares with one is silent; ")


def test_a_rule_file_that_was_copied_is_told_once(folder: Path, checked: Checked) -> None:
    copy = Path(shutil.copy(folder / "battery.rules.yml", folder / "zz_copy.rules.yml"))
    status, (found,) = checked(folder)
    assert status == 1
    assert found.startswith(f"{copy}:")
    assert " stands in battery.rules.yml:" in found


BROKEN = (
    ("groups: [", ":1: ", "expected the node content"),
    (
        "groups:\n  - name: a\n    rules:\n      - { alert: A, expr: 1, fro: 1m }",
        ":4: ",
        "fro: unknown key; did you mean 'for'?",
    ),
    ("groups:\n  - name: a\n    rules:\n      - { expr: 1 }", ":4: ", "a rule has either alert or record"),
    ("groups:\n  - name: a\n    name: b", ":3: ", "'name' stands twice"),
    ("group: []", ":1: ", "group: unknown key; did you mean 'groups'?"),
)


@pytest.mark.parametrize(("text", "line", "told"), BROKEN)
def test_a_file_that_cannot_be_read_is_told_once(
    folder: Path, checked: Checked, text: str, line: str, told: str
) -> None:
    path = folder / "own.rules.yml"
    path.write_text(text)
    status, (found,) = checked(folder)
    assert status == 1
    assert found.startswith(f"{path}{line}")
    assert told in found


def test_a_file_that_is_no_text_is_told(folder: Path, checked: Checked) -> None:
    (folder / "own.rules.yml").write_bytes(b"groups: \xff")
    assert "no UTF-8 text" in checked(folder)[1][0]


ROUTES = """route:
  receiver: mail
  routes:
    - receiver: pagr
      mute_time_intervals: [night]
    - { receiver: pager, active_time_intervals: [nihgt] }
receivers: [{ name: mail }, { name: pager }, { name: pager }]
time_intervals: [{ name: night }]
templates: [templates/*.tmpl, none/*.tmpl]
# {{ template "only a comment" . }}
x: '{{ template "subject" . }} {{ template "slack.default.title" . }} {{ template "__subject" . }}'
y: '{{- template "sbject" . }}'
"""


def test_names_that_alertmanagers_file_uses_and_nobody_defines_are_told(folder: Path, checked: Checked) -> None:
    (folder / "templates").mkdir(exist_ok=True)
    template = folder / "templates" / "own.tmpl"
    template.write_text('{{ define "subject" }}\n# {{ template "tail" . }}{{ end }}\n{{/* {{ template "no" }} */}}')
    file = folder / "alertmanager.yml"
    file.write_text(ROUTES)
    for other in (folder / "templates").glob("*.tmpl"):
        if other != template:
            other.unlink()
    assert checked(folder) == (
        1,
        [
            f"{file}:7: receiver 'pager' is defined twice; keep one",
            f"{file}:4: unknown receiver 'pagr'; did you mean 'pager'?",
            f"{file}:6: unknown time interval 'nihgt'; did you mean 'night'?",
            f"{file}:9: no file matches 'none/*.tmpl'; relative paths start at {folder}",
            f"{file}:12: template 'sbject' is not defined; did you mean 'subject'?",
            f"{template}:2: template 'tail' is not defined; known here: subject",
        ],
    )


@pytest.mark.parametrize(
    ("text", "told"), [("a: b: c", ":1: "), ("- a", ":1: expected a mapping"), ("a: 1", ":1: the first route")]
)
def test_a_broken_alertmanager_file_is_told(folder: Path, checked: Checked, text: str, told: str) -> None:
    (folder / "alertmanager.yml").write_text(text)
    assert checked(folder)[1][0].startswith(f"{folder / 'alertmanager.yml'}{told}")


def test_a_folder_without_rules_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "check", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"pomona: {tmp_path}: no *.rules.yml there; pomona alerts export DIR writes the shipped ones\n"
    )


def test_what_promtool_and_amtool_complain_about_is_passed_on(
    engines: Engines, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engines.promtool
    monkeypatch.setenv("POMONA_ENGINES", str(Path(engines.promtool).parent))
    rules = write(
        folder / "own.rules.yml", "{ alert: A, expr: 'up ==' }", "{ alert: B, expr: up, labels: { x: '{{ $y }}' } }"
    )
    twice = write(folder / "twice.rules.yml", '{ record: "a:b", expr: 1 }', '{ record: "a:b", expr: 2 }', name="twice")
    config = folder / "alertmanager.yml"
    config.write_text("route: { receiver: a }\nreceivers: [{ name: a }]\nglobal: { resolv_timeout: 5m }\n")
    assert main(["alerts", "check", str(folder)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[0].startswith(f'{rules}:4: group "own", rule 1, "A": could not parse expression: ')
    assert all(line.endswith("tool)") for line in lines[:4])
    assert 'rule 2, "B"' in lines[1]
    assert lines[2].startswith(f"{twice}:1: ")
    assert "duplicate" in lines[2]
    assert lines[3].startswith(f"{config}:3: ")
    assert "resolv_timeout" in lines[3]
    assert lines[4].endswith("4 to mend")
