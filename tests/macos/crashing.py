"""Folders of diagnostic reports that a test fills, and a collector that looks at them, again and after restarts."""

import json
from dataclasses import dataclass, field
from typing import Any

import msgspec

from exporters.core.context import Context, Level
from exporters.core.flight import Look, look
from exporters.core.metrics import render
from exporters.macos.crash_history import REPORTS, CrashesConfig, Observations, State, observe, restore
from exporters.macos.crashes import crashes
from exporters.sources.base import Denied, SourceError
from exporters.sources.replay import Captured, Captures, Replay

RETIRED = f"{REPORTS}/Retired"
HOME = "/Users/robin"


def head(bug_type: object = "309", **more: Any) -> bytes:
    return json.dumps({"timestamp": "2026-08-27 13:53:52.00 -0600", "bug_type": bug_type, **more}).encode() + b"\n{"


@dataclass
class Mac:
    """Its folders: time and first line by the name of each report; an error for a folder that cannot be read."""

    folders: dict[str, dict[str, tuple[float, bytes | None]] | type[SourceError]] = field(
        default_factory=lambda: {REPORTS: {}, RETIRED: {}}
    )
    config: CrashesConfig = field(default_factory=CrashesConfig)
    level: Level = "standard"
    state: State | None = None
    last: Look = field(default_factory=Look)

    def write(self, name: str, time: float = 1e9, content: bytes | None = None, folder: str = REPORTS) -> None:
        held = self.folders[folder]
        assert isinstance(held, dict)
        held[name] = (time, content)

    def captures(self) -> Captures:
        found = Captures()
        for path, held in self.folders.items():
            if not isinstance(held, dict):
                found.listings[path] = Captured(error=held)
                continue
            entries = [{"name": name, "size": 1, "modified": time} for name, (time, _) in held.items()]
            found.listings[path] = Captured(json.dumps(entries).encode())
            for name, (_, content) in held.items():
                found.files[f"{path}/{name}"] = Captured(error=Denied) if content is None else Captured(content)
        return found

    def look(self, now: float = 0.0) -> dict[str, float]:
        """The series after one more look."""
        context = Context(self.config, self.level, b"test")
        self.last = look(crashes, Replay(self.captures()), context, self.state)
        if self.last.failed or not self.last.supported:
            return {}
        assert crashes.advance
        self.state = crashes.advance(self.state, self.last.reading, now, context)
        rows = (line.rsplit(" ", 1) for line in render(crashes.metrics(self.state, context)).decode().splitlines())
        return {series: float(value) for series, value in rows if not series.startswith("#")}

    def restart(self) -> None:
        """Through the bytes that are stored."""
        if self.state is not None:
            self.state = restore(msgspec.json.decode(msgspec.json.encode(observe(self.state)), type=Observations))

    def events(self) -> list[dict[str, str]]:
        return [dict(each) for each in self.state.events] if self.state else []


def counted(values: dict[str, float], folder: str = "system") -> dict[str, float]:
    """The counts that are not 0, by kind."""
    head = f'macos_crash_reports_total{{folder="{folder}",kind="'
    return {name.split('"')[3]: value for name, value in values.items() if name.startswith(head) and value}


def last(values: dict[str, float], kind: str, folder: str = "system") -> float | None:
    return values.get(f'macos_crash_last_report_timestamp_seconds{{folder="{folder}",kind="{kind}"}}')
