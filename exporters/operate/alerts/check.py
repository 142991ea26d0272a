"""`pomona alerts check`: what is wrong with the files of a folder, a line each, and how to mend it."""

from collections.abc import Iterable, Iterator
from importlib.resources import as_file, files
from pathlib import Path

import click

from exporters.operate.alerts import routing, rulefiles, thresholds, tiers, tools, whole
from exporters.operate.alerts.rulefiles import Rules
from exporters.operate.alerts.shipped import PACKAGE


def run(folder: Path | None) -> int:
    """Prints a line for each fault; 0 where there is none, else 1."""
    with as_file(files(PACKAGE)) as shipped:
        return _run(folder or shipped, rulefiles.read(shipped))


def _run(folder: Path, reference: Rules) -> int:
    rules = rulefiles.read(folder)
    faults = [*rules.faults, *_own(folder, rules, reference)]
    notes: list[str] = []
    faults += _said(tools.promtool(rules.files), "expressions were not checked", notes)
    if (folder / routing.FILE).is_file():
        faults += _said(tools.amtool(folder / routing.FILE), f"{routing.FILE} was checked in part", notes)
    for each in (*dict.fromkeys(faults), *notes, _summary(folder, rules, len(faults))):
        click.echo(each)
    return int(bool(faults))


def _said(complaints: Iterable[str], untold: str, notes: list[str]) -> list[str]:
    """What a tool complains about; a note where it cannot be run."""
    try:
        return list(complaints)
    except tools.NotRun as error:
        notes.append(f"{untold}: {error}")
        return []


def _own(folder: Path, rules: Rules, reference: Rules) -> Iterator[str]:
    """What is found without any tool."""
    yield from whole.faults(folder, rules, reference)
    yield from thresholds.faults(rules.rules, reference.rules)
    yield from tiers.faults(thresholds.constants(rules.rules), thresholds.constants(reference.rules))
    yield from routing.faults(folder)


def _summary(folder: Path, rules: Rules, faults: int) -> str:
    alerts = len({each.rule.alert for each in rules.rules} - {""})
    constants = len(thresholds.constants(rules.rules))
    there = f"{len(rules.files) + len(rules.faults)} rule files, {alerts} alerts, {constants} thresholds"
    return f"{folder}: {there}: {f'{faults} to mend' if faults else 'nothing to mend'}"
