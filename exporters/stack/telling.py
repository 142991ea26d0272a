"""Prints whom Alertmanager would have told of what, one line an alert."""

import time

from rich.console import Console
from rich.markup import escape

from exporters.core.printable import printable
from exporters.stack.receiver import Alert, Delivery

COLOURS = {"critical": "red", "warning": "yellow"}
WATCHDOG = "watchdog"


class Teller:
    """Called with each delivery; of the watchdog's beats, one a minute, it prints the first."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._beaten = False

    def __call__(self, delivery: Delivery) -> None:
        """Prints `10:00:42 pager ← critical ComponentDown: …` for each alert."""
        beat = delivery.receiver == WATCHDOG
        if not (beat and self._beaten):
            for alert in delivery.alerts:
                told = f"{time.strftime('%H:%M:%S')} {_told(delivery.receiver, alert)}"
                self._console.print(told, soft_wrap=True, highlight=False)
        self._beaten = self._beaten or beat


def _told(receiver: str, alert: Alert) -> str:
    severity, resolved = alert.labels.get("severity", ""), alert.status == "resolved"
    colour = "green" if resolved else COLOURS.get(severity, "cyan")
    what = f"{'resolved ' if resolved else ''}{severity} {alert.labels.get('alertname', '')}"
    text = escape(_line(f"{what}: {alert.annotations.get('summary', '')}"))
    return f"{escape(_line(receiver))} ← [{colour}]{text}[/{colour}]"


def _line(text: str) -> str:
    return printable(" ".join(text.split()))
