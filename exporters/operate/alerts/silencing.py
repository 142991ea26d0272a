"""Acknowledging and muting alerts by silences that say who made them, and taking that back.

An acknowledgement holds for what fires now, in the tier that it has now: one silence for each thing, with its labels
and the severity, and without the labels that it lacks: what a silence does not name, it takes from anywhere. A worse
tier is sent all the same, and so is the same alert of another machine.
"""

import getpass
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from exporters.core.errors import PersonError
from exporters.core.explain import FEW, hint
from exporters.operate.alerts import things
from exporters.operate.alerts.chosen import HEARTBEAT, WORST, Chosen, identity, matchers, rank, thing
from exporters.operate.alerts.client import Alertmanager
from exporters.operate.alerts.shipped import alert_names
from exporters.operate.alerts.times import moment, span
from exporters.operate.alerts.wire import Alert, Matcher, NewSilence, Silence

MOST = 100
"""Silences by one acknowledgement."""
Kind = Literal["ack", "mute"]
MARKS: dict[Kind, str] = {"ack": "(pomona alerts ack)", "mute": "(pomona alerts mute)"}
"""The end of a comment, by which `unack` and `unmute` know what was made here."""


@dataclass(frozen=True, slots=True)
class Terms:
    """For how long, why, and who says so."""

    time: timedelta
    comment: str
    author: str


def ack(manager: Alertmanager, chosen: Chosen, terms: Terms) -> Iterator[str]:
    """Acknowledges what fires; a line for each silence."""
    worst = _worst(chosen, manager.alerts())
    if len(worst) > MOST:
        raise PersonError(f"{chosen} fires for {len(worst)} things: narrow it, or mute it (pomona alerts mute)")
    kept = manager.silences()
    yield from _warning(chosen)
    absent = dict.fromkeys(things.labels(), "")
    for alert in worst:
        labels = {**absent, **identity(alert), "severity": alert.severity}
        made, told = _keep(manager, labels, "ack", terms, kept)
        higher = " (a worse one is still sent)" if alert.severity in WORST[1:] else ""
        what = thing(alert.labels)
        yield f"acknowledged {alert.severity} {alert.name}{what and f' of {what}'} {told}{higher}: silence {made}"


def mute(manager: Alertmanager, chosen: Chosen, terms: Terms) -> Iterator[str]:
    """Mutes every tier, also before it fires; a line for each silence."""
    yield from _warning(chosen)
    alerts, kept = manager.alerts(), manager.silences()
    if chosen.name not in {each.name for each in alerts} and chosen.name not in alert_names():
        known = {*alert_names(), *(each.name for each in alerts)}
        yield f"note: no alert {chosen.name!r} fires, and none is shipped{hint(chosen.name, known)}"
    for labels in chosen.sets():
        count = sum(labels.items() <= each.labels.items() for each in alerts)
        made, told = _keep(manager, labels, "mute", terms, kept)
        now = f"{count or 'none'} fire{'s' * (count == 1)} now"
        yield f"muted {_words(matchers(labels))} {told}, {now}: silence {made}"


def end(manager: Alertmanager, chosen: Chosen, kind: Kind, *, every: bool) -> Iterator[str]:
    """Ends the silences of that kind, or all that name this alert; a line for each."""
    named = [each for each in manager.silences() if _is_meant(each.matchers, chosen)]
    ours = [each for each in named if every or each.comment.endswith(MARKS[kind])]
    if not ours:
        others = f"; {len(named)} made otherwise: --all ends those, too" if named else "; see: pomona alerts silences"
        raise PersonError(f"nothing to end: no silence by `pomona alerts {kind}` for {chosen}{others}")
    for each in ours:
        manager.expire(each.id)
        yield f"ended silence {each.id} by {each.created_by}: {_words(each.matchers)}"


def listed(manager: Alertmanager) -> Iterator[str]:
    """The silences that hold or are yet to begin, the next to end first."""
    now = datetime.now(UTC)
    for each in sorted(manager.silences(), key=lambda silence: silence.ends_at):
        begins = f"from {moment(each.starts_at, now)} " if each.status.state == "pending" else ""
        until = f"{begins}until {moment(each.ends_at, now)} ({span(each.ends_at - now)})"
        yield f"{each.id}  {until}  by {each.created_by}: {_words(each.matchers)}  {each.comment}"


def author(given: str | None) -> str:
    """Who is told to have made a silence: by default the login name."""
    try:
        name = given or getpass.getuser()
    except (OSError, KeyError) as error:
        raise PersonError("you have no login name here: give --author NAME") from error
    return name


def _warning(chosen: Chosen) -> Iterator[str]:
    if chosen.name == HEARTBEAT:
        yield f"note: while {HEARTBEAT} is silenced, whoever waits for its beats raises the alarm"


def _worst(chosen: Chosen, alerts: Iterable[Alert]) -> list[Alert]:
    """Of each thing the worst tier that fires."""
    every = list(alerts)
    found: dict[tuple[tuple[str, str], ...], Alert] = {}
    for each in every:
        key = tuple(sorted(identity(each).items()))
        if chosen.has(each.labels) and (key not in found or rank(each.severity) < rank(found[key].severity)):
            found[key] = each
    if not found:
        raise PersonError(_absent(chosen, every))
    return list(found.values())


def _absent(chosen: Chosen, alerts: Iterable[Alert]) -> str:
    """That it does not fire, and what does."""
    every = list(alerts)
    things = sorted({thing(each.labels) for each in every if each.name == chosen.name})
    if things:
        more = f" and {len(things) - FEW} more" if len(things) > FEW else ""
        return f"{chosen} does not fire; {chosen.name} does for {', '.join(things[:FEW])}{more}"
    firing = hint(chosen.name, {each.name for each in every}).replace("known here:", "these fire:")
    before = f"; to silence it beforehand: pomona alerts mute {chosen.name}" if chosen.name in alert_names() else ""
    return f"{chosen.name} does not fire{firing}{before}"


def _keep(
    manager: Alertmanager, labels: dict[str, str], kind: Kind, terms: Terms, kept: Iterable[Silence]
) -> tuple[str, str]:
    """Makes the silence, or changes the end of one for the same, whose comment stays unless another is given."""
    now, wanted = datetime.now(UTC), matchers(labels)
    before = next((each for each in kept if _is_same(each, wanted) and each.comment.endswith(MARKS[kind])), None)
    until = now + terms.time
    kept_comment = before.comment if before and not terms.comment else ""
    comment = kept_comment or f"{terms.comment} {MARKS[kind]}".strip()
    new = NewSilence(
        wanted,
        before.starts_at if before else now,
        until,
        terms.author,
        comment,
        before.id if before else "",
    )
    return manager.silence(new), f"until {moment(until, now)} ({span(terms.time)})"


def _is_same(silence: Silence, wanted: tuple[Matcher, ...]) -> bool:
    return tuple(sorted(silence.matchers, key=lambda each: each.name)) == wanted


def _is_meant(found: Iterable[Matcher], chosen: Chosen) -> bool:
    """Whether a silence is for this alert, and for these labels where some are given."""
    return chosen.has({each.name: each.value for each in found if each.is_equal and not each.is_regex})


def _words(found: Iterable[Matcher]) -> str:
    """The matchers, the alert's name first and without its label; not the labels that have to be absent."""
    named = (each for each in found if each.value or each.is_regex or not each.is_equal)
    every = sorted(named, key=lambda each: each.name != "alertname")
    return " ".join(str(each).removeprefix("alertname=") for each in every)
