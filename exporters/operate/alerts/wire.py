"""What Alertmanager's API v2 says, as far as it is read here."""

from datetime import datetime

from msgspec import Struct, field


class Status(Struct, frozen=True, rename="camel"):
    """What keeps an alert from being sent: ids of silences, fingerprints of worse alerts, names of time intervals."""

    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    muted_by: tuple[str, ...] = ()


class Alert(Struct, frozen=True, rename="camel"):
    """An alert that fires; `fingerprint` is the hash of its labels."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: datetime
    fingerprint: str
    status: Status

    @property
    def name(self) -> str:
        """Which symptom it is."""
        return self.labels.get("alertname", "")

    @property
    def severity(self) -> str:
        """Which tier it is; empty where a rule gives none."""
        return self.labels.get("severity", "")


class Group(Struct, frozen=True):
    """The alerts of one notification; an alert is in one for each route that takes it."""

    alerts: tuple[Alert, ...]


class Matcher(Struct, frozen=True, rename="camel"):
    """A condition on one label."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def __str__(self) -> str:
        sign = {(False, True): "=", (False, False): "!=", (True, True): "=~", (True, False): "!~"}
        return f"{self.name}{sign[self.is_regex, self.is_equal]}{self.value}"


class State(Struct, frozen=True):
    """Whether a silence is pending, active or expired."""

    state: str


class Silence(Struct, frozen=True, rename="camel"):
    """A silence that is kept."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    status: State


class NewSilence(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A silence to be made; with the `id` of one that holds, its times are changed."""

    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    id: str = ""


class Made(Struct, frozen=True):
    """The answer to a new silence."""

    silence_id: str = field(name="silenceID")
