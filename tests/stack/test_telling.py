"""What `pomona up` prints of Alertmanager's deliveries."""

import re
from io import StringIO

from rich.console import Console

from exporters.stack.receiver import Alert, Delivery
from exporters.stack.telling import Teller


def printed(*deliveries: Delivery) -> list[str]:
    """Without the time of day."""
    output = StringIO()
    teller = Teller(Console(file=output, highlight=False, width=40))
    for delivery in deliveries:
        teller(delivery)
    return [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in output.getvalue().splitlines()]


def delivery(receiver: str, *statuses: str, severity: str = "critical", name: str = "ComponentDown") -> Delivery:
    labels = {"alertname": name, "severity": severity}
    return Delivery(
        receiver, tuple(Alert(each, labels, {"summary": "print-server of [mac-17] down"}) for each in statuses)
    )


def test_every_alert_of_a_delivery_is_one_line_with_whom_it_is_for() -> None:
    assert printed(delivery("pager", "firing", "resolved")) == [
        "pager ← critical ComponentDown: print-server of [mac-17] down",
        "pager ← resolved critical ComponentDown: print-server of [mac-17] down",
    ]


def test_the_watchdogs_beats_are_told_once() -> None:
    beat, other = delivery("watchdog", "firing", severity="none", name="Watchdog"), delivery("chat", "firing")
    assert [line.split()[0] for line in printed(beat, beat, other, beat, other)] == ["watchdog", "chat", "chat"]


def test_a_label_cannot_command_the_terminal_or_feign_a_line() -> None:
    labels = {"alertname": "Some\x1b[2J", "severity": "critical\x07"}
    told = Alert("firing", labels, {"summary": "of mac\n10:00:00 pager \u2190 all is well\x9b1m\x1b]0;x\r[/red]\\"})
    (line,) = printed(Delivery("chat", (told,)))
    assert line.startswith("chat \u2190 critical\ufffd Some\ufffd[2J: of mac 10:00:00 pager")
    assert line.isprintable()
