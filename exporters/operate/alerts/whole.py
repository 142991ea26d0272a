"""Whether a folder has all that belongs together: shipped files gone, rules that stand twice, no thresholds."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from exporters.operate.alerts.rulefiles import Placed, Rules
from exporters.operate.alerts.thresholds import RECORD


def faults(folder: Path, rules: Rules, reference: Rules) -> Iterator[str]:
    """Everything that is wrong; a folder with none of the shipped files has rules of the user's alone."""
    shipped = [file.name for file in reference.files]
    gone = [name for name in shipped if not (folder / name).exists()]
    for name in gone if len(gone) < len(shipped) else ():
        yield (
            f"{folder / name}:1: it is gone, and its alerts, or those that need it, are silent; pomona alerts export "
            f"writes it; where you do not want it, leave groups: [] in it"
        )
    if len(gone) < len(shipped) and not rules.faults and not any(each.rule.record == RECORD for each in rules.rules):
        yield f"{folder}:1: no thresholds at all, so all that compares with one is silent; export writes them"
    yield from _twice(each for each in rules.rules if each.rule.record != RECORD)


def _twice(rules: Iterable[Placed]) -> Iterator[str]:
    """Files with rules that another has as well, told once for each pair of files."""
    first: dict[str, Placed] = {}
    told: set[tuple[Path, Path]] = set()
    for each in rules:
        before = first.setdefault(repr(each.rule), each)
        pair = before.file, each.file
        if before.file != each.file and pair not in told:
            told.add(pair)
            what = each.rule.alert or each.rule.record
            yield each.fault(f"{what} stands in {before.file.name}:{before.line} as well; keep one")
