"""Which alerts a person means: a name, instances, and labels; every condition is equality."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from exporters.core.errors import PersonError
from exporters.operate.alerts.wire import Alert, Matcher

WORST = ("critical", "warning", "info")
HEARTBEAT = "Watchdog"
"""It fires always: that it stops is the news, and that is told elsewhere."""
SHARED = frozenset({"severity", "scope", "topic", "team", "job", "role"})
"""Labels of the rule and of the scrape: they do not tell one thing from another."""
_PAIR = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)=(.*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Chosen:
    """An alert's name with any of the instances, none for all, and all of the labels."""

    name: str
    instances: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, name: str, instances: Iterable[str], pairs: Sequence[str]) -> "Chosen":
        """As it stands on the command line; `pairs` are LABEL=VALUE."""
        if not name.strip():
            raise PersonError("ALERT: expected the name of an alert")
        labels = dict(each for each in map(_pair, pairs) if each[0] != "instance")
        more = [value for label, value in map(_pair, pairs) if label == "instance"]
        if len(labels) + len(more) != len(pairs):
            raise PersonError("LABEL=VALUE: a label was given twice")
        return cls(name, tuple(dict.fromkeys((*instances, *more))), tuple(labels.items()))

    def has(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert with these labels is meant."""
        return any(each.items() <= labels.items() for each in self.sets())

    def sets(self) -> Iterator[dict[str, str]]:
        """The labels to be equal, once for each instance."""
        common = {"alertname": self.name, **dict(self.labels)}
        yield from ({**common, "instance": each} for each in self.instances)
        if not self.instances:
            yield common

    def __str__(self) -> str:
        told = [*(f"instance={each}" for each in self.instances), *(f"{label}={value}" for label, value in self.labels)]
        return f"{self.name} with {' '.join(told)}" if told else self.name


def rank(severity: str) -> int:
    """0 for the worst tier."""
    return WORST.index(severity) if severity in WORST else len(WORST)


def identity(alert: Alert) -> dict[str, str]:
    """The labels that say what has the symptom, whatever the tier."""
    return {name: value for name, value in alert.labels.items() if name not in SHARED}


def thing(labels: Mapping[str, str]) -> str:
    """What has the symptom, in words: the instance, then what else tells it from others."""
    first = labels.get("instance", "")
    hidden = SHARED | {"alertname", "instance"} | ({"site"} if first else set())
    rest = (f"{name}={value}" for name, value in sorted(labels.items()) if name not in hidden)
    return " ".join(filter(None, (first, *rest)))


def matchers(labels: Mapping[str, str]) -> tuple[Matcher, ...]:
    """Equality with each label, in an order that does not depend on where they came from."""
    return tuple(Matcher(name, value) for name, value in sorted(labels.items()))


def _pair(text: str) -> tuple[str, str]:
    found = _PAIR.match(text)
    if found is None or not found[2]:
        raise PersonError(f"{text[:60]!r}: expected LABEL=VALUE, such as site=north")
    if found[1] == "alertname":
        raise PersonError("alertname: the name of the alert is given without it")
    return found[1], found[2]
