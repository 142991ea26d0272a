"""A simulated Mac's reports as programs that print them and as a capture folder, so that an agent can be measured."""

import shlex
from pathlib import Path

import yaml

from bench.fakes import ANSWERS, OWN_FACTS
from exporters.core.clock import system_clock
from exporters.sources.replay import INDEX, Captured, Supply
from exporters.stack.machines import MODELS
from exporters.stack.simulated import Fleet, Mac


def macs() -> list[Mac]:
    """One simulated Mac of each model."""
    fleet = Fleet(len(MODELS), 1, 1.0, system_clock())
    return [mac for name in fleet.names() if (mac := fleet.mac(name))]


def write(mac: Mac, folder: Path) -> None:
    """One shell script for each program, which prints what was captured for its arguments; the rest as captures."""
    programs: dict[str, list[str]] = {}
    for position, (argv, supply) in enumerate(mac.captures.commands.items()):
        captured = _now(supply)
        if captured.error is None:
            programs.setdefault(argv[0], []).append(_case(folder / f"report-{position}", argv, captured))
    for program, cases in programs.items():
        script = folder / program
        script.write_text("\n".join(['#!/bin/sh\ncase "$*" in', *cases, "esac\nexit 64\n"]))
        script.chmod(0o755)
    _write_answers(mac, folder / ANSWERS)


def _now(supply: Supply) -> Captured:
    return supply() if callable(supply) else supply


def _case(report: Path, argv: tuple[str, ...], captured: Captured) -> str:
    """One line of the script; `exec` where there is but one stream to print, as most have."""
    report.write_bytes(captured.stdout)
    arguments, told = shlex.quote(" ".join(argv[1:])), f"/bin/cat {shlex.quote(str(report))}"
    if not captured.stderr and not captured.exit:
        return f"{arguments}) exec {told} ;;"
    errors = report.with_suffix(".stderr")
    errors.write_bytes(captured.stderr)
    return f"{arguments}) {told}; /bin/cat {shlex.quote(str(errors))} >&2; exit {captured.exit} ;;"


def _write_answers(mac: Mac, folder: Path) -> None:
    folder.mkdir()
    captures = mac.captures
    systems = {name: captures.systems[name] for name in OWN_FACTS if name in captures.systems}
    kinds = (("system", systems), ("file", captures.files), ("listing", captures.listings))
    named = [(kind, key, _now(supply)) for kind, supplies in kinds for key, supply in supplies.items()]
    answers = []
    for number, (kind, key, captured) in enumerate(named):
        if captured.error is None:
            (folder / f"answer-{number}").write_bytes(captured.stdout)
            answers.append({kind: key, "stdout": f"answer-{number}"})
    index = {"machine": mac.model.title, "key": "bench", "answers": answers}
    (folder / INDEX).write_text(yaml.safe_dump(index))
