"""`pomona alerts list`: what fires, the worst first, and what keeps each from being sent."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporters.operate.alerts.chosen import HEARTBEAT, WORST, rank, thing
from exporters.operate.alerts.client import Alertmanager
from exporters.operate.alerts.times import moment, span
from exporters.operate.alerts.wire import Alert, Silence
from exporters.operate.terminal import plain, terminal

STYLES = {"critical": "bold red", "warning": "yellow", "info": "cyan"}


@dataclass(frozen=True, slots=True)
class Row:
    """An alert with what keeps it from being sent: silences, a worse alert, time intervals."""

    alert: Alert
    silences: tuple[Silence, ...]
    inhibited: bool
    muted: tuple[str, ...]

    @property
    def hidden(self) -> bool:
        """Whether a person need not see it: a worse one says the same."""
        return self.inhibited or self.alert.name == HEARTBEAT


def run(
    manager: Alertmanager,
    wanted: Mapping[str, Sequence[str]],
    *,
    whole: bool,
    as_json: bool,
    console: Console | None = None,
) -> int:
    """Prints what fires; `wanted` has the values allowed for some labels."""
    every = rows(manager)
    found = [row for row in every if _is_wanted(row.alert, wanted)]
    shown = sorted((row for row in found if whole or not row.hidden), key=_order)
    console = console or terminal()
    if as_json:
        console.print(plain(json.dumps([_record(row) for row in shown], indent=2, sort_keys=True)), soft_wrap=True)
        return 0
    if shown:
        console.print(_table(shown, datetime.now(UTC)))
    console.print(plain(_summary(shown, found, every)), soft_wrap=True)
    return 0


def rows(manager: Alertmanager) -> list[Row]:
    """All alerts, joined with the silences and the time intervals."""
    alerts = manager.alerts()
    silences, muted = {each.id: each for each in manager.silences()}, _muted(manager)
    return [
        Row(
            each,
            tuple(silences[one] for one in each.status.silenced_by if one in silences),
            bool(each.status.inhibited_by),
            muted.get(each.fingerprint, ()),
        )
        for each in alerts
    ]


def _muted(manager: Alertmanager) -> dict[str, tuple[str, ...]]:
    """The time intervals by alert, where every route that takes it is muted."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for group in manager.groups():
        for alert in group.alerts:
            found.setdefault(alert.fingerprint, []).append(alert.status.muted_by)
    return {key: tuple(dict.fromkeys(sum(names, ()))) for key, names in found.items() if all(names)}


def _is_wanted(alert: Alert, wanted: Mapping[str, Sequence[str]]) -> bool:
    return all(not values or alert.labels.get(label) in values for label, values in wanted.items())


def _order(row: Row) -> tuple[int, str, str]:
    return rank(row.alert.severity), row.alert.name, thing(row.alert.labels)


def _table(shown: Iterable[Row], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("Severity", "Alert"):
        table.add_column(name, no_wrap=True, overflow="fold")
    table.add_column("What", overflow="fold")
    table.add_column("Since", no_wrap=True, justify="right")
    table.add_column("State", overflow="fold")
    table.add_column("Summary", overflow="fold", ratio=1)
    for row in shown:
        labels, severity = row.alert.labels, row.alert.severity
        site = f" ({labels['site']})" if "instance" in labels and labels.get("site") else ""
        table.add_row(
            _flat(severity or "-", STYLES.get(severity, "")),
            _flat(row.alert.name),
            _flat(f"{thing(labels)}{site}"),
            span(now - row.alert.starts_at),
            _flat(_state(row, now)),
            _flat(row.alert.annotations.get("summary", "")),
            style="dim" if row.hidden or row.silences else None,
        )
    return table


def _flat(text: str, style: str = "") -> Text:
    return plain(" ".join(text.split()), style)


def _state(row: Row, now: datetime) -> str:
    """What keeps it back, else that nothing does."""
    words = [f"silenced until {moment(each.ends_at, now)} by {each.created_by}" for each in row.silences]
    if row.alert.status.silenced_by and not row.silences:
        words.append("silenced")
    if row.inhibited:
        words.append("inhibited")
    if row.muted:
        words.append(f"muted ({', '.join(row.muted)})")
    return ", ".join(words) or "active"


def _summary(shown: Sequence[Row], found: Sequence[Row], every: Sequence[Row]) -> str:
    counts = {each: sum(row.alert.severity == each for row in shown) for each in WORST}
    told = ", ".join(f"{count} {each}" for each, count in counts.items() if count)
    words = f"{len(shown)} alerts{f': {told}' if told else ''}" if len(shown) != 1 else "1 alert"
    if not shown:
        words = "no alerts" if len(found) == len(every) else "no such alerts"
    hidden = len(found) - len(shown)
    more = f"; {hidden} more that a worse one stands for, or that always fire: --all" if hidden else ""
    return words + more


def _record(row: Row) -> dict[str, Any]:
    alert = row.alert
    return {
        "alert": alert.name,
        "severity": alert.severity,
        "since": alert.starts_at.isoformat(),
        "labels": alert.labels,
        "annotations": alert.annotations,
        "fingerprint": alert.fingerprint,
        "inhibited": row.inhibited,
        "muted_by": row.muted,
        "silenced_by": [
            {"id": each.id, "until": each.ends_at.isoformat(), "by": each.created_by, "comment": each.comment}
            for each in row.silences
        ],
    }
