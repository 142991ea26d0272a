"""What the configuration says about endpoints: the targets, what is expected of them, and those that are shipped."""

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from exporters.sources.base import Probe
from exporters.sources.patterns import compiled
from exporters.sources.probe_check import HOST
from exporters.sources.strictyaml import load_yaml

Kind = Literal["http", "tcp", "tls", "dns", "ping"]
Preset = Literal["apple", "github", "google", "microsoft365", "slack", "zoom"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST = 40
"""Targets: all of them hanging at the longest timeout are given up after 75 s, eight at a time."""
GATEWAY = "gateway"
SHIPPED = "endpoints_saas.yml"
_V6 = r"[0-9A-Fa-f]*:[0-9A-Fa-f:.]*"
_PORT = r":[0-9]{1,5}"
FORMS: Mapping[Kind, tuple[re.Pattern[str], str]] = {
    "http": (
        re.compile(rf"https?://({HOST}|\[{_V6}\])({_PORT})?([/?][!-~]*)?\Z", re.IGNORECASE),
        "http(s)://HOST[:PORT]/PATH in ASCII, without a user name",
    ),
    "tcp": (re.compile(rf"({HOST}|\[{_V6}\]){_PORT}\Z"), "HOST:PORT or gateway:PORT, IPv6 as [ADDRESS]:PORT"),
    "tls": (re.compile(rf"({HOST}|\[{_V6}\]){_PORT}\Z"), "HOST:PORT, IPv6 as [ADDRESS]:PORT"),
    "dns": (re.compile(rf"{HOST}\Z"), "a name in ASCII"),
    "ping": (re.compile(rf"({HOST}|\[{_V6}\])({_PORT})?\Z|{_V6}\Z"), "HOST, HOST:PORT or the word gateway"),
}
_STATUS = re.compile(r"([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?\Z")

Name = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,40}$", description="a name of a-z, 0-9, _ and -, 40 at most")]
Timeout = Annotated[float, Meta(ge=0.1, le=15, description="seconds from 0.1 to 15")]


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to check: exactly one of the kinds says what. `timeout` in seconds, for the whole check.

    Of HTTP: `status` lists the codes and ranges that are good (200-299), `body` is a regular expression to be found.
    """

    name: Name
    http: str = ""
    tcp: str = ""
    tls: str = ""
    dns: str = ""
    ping: str = ""
    timeout: Timeout = 5.0
    status: tuple[int | str, ...] = ()
    body: str = ""

    def __post_init__(self) -> None:
        """What msgspec cannot check by types."""
        given = [kind for kind in KINDS if getattr(self, kind)]
        if len(given) != 1:
            raise ValueError(f"{self.name!r} needs exactly one of {', '.join(KINDS)}, not {len(given)}")
        form, words = FORMS[self.kind]
        if not form.match(self.address):  # not repeated: it may hold a password
            raise ValueError(f"{self.name!r}: {self.kind} is {words}")
        if self.kind != "http" and (self.status or self.body):
            raise ValueError(f"{self.name!r}: status and body are for http")
        if faulty := [str(each) for each in self.status if not _STATUS.match(str(each))]:
            raise ValueError(f"{self.name!r}: status is a list of codes and ranges such as 200-299, not {faulty[0]!r}")
        if self.body:
            self._compile()

    def _compile(self) -> None:
        try:
            compiled(self.body)
        except ValueError as error:
            raise ValueError(f"{self.name!r}: body: {error}") from error

    @property
    def kind(self) -> Kind:
        """Which of the kinds is given."""
        return next(kind for kind in KINDS if getattr(self, kind))

    @property
    def address(self) -> str:
        """What stands behind it."""
        return str(getattr(self, self.kind))

    def by_gateway(self) -> bool:
        """Whether the default gateway is meant."""
        return (self.ping or self.tcp.rpartition(":")[0]) == GATEWAY

    def expects(self, status: int) -> bool:
        """Whether an HTTP status is good."""
        found = [_STATUS.match(str(each)) for each in self.status or ("200-299",)]
        return any(int(each[1]) <= status <= int(each[2] or each[1]) for each in found if each)

    def probe(self, gateway: str | None = None) -> Probe | None:
        """The question; None while the gateway is not known."""
        if not self.by_gateway():
            return Probe(self.kind, self.address, self.timeout, self.body)
        return Probe(self.kind, self.address.replace(GATEWAY, gateway, 1), self.timeout) if gateway else None


class EndpointsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`targets`: what is checked; `presets`: names of lists that are shipped. Nothing is asked while both are empty."""

    targets: tuple[Target, ...] = ()
    presets: tuple[Preset, ...] = ()

    def __post_init__(self) -> None:
        """Each name is one `probe` label."""
        names = [each.name for each in self.all()]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two targets are called {twice!r}")
        if len(names) > MOST:
            raise ValueError(f"{len(names)} targets are too many, at most {MOST}")

    def all(self) -> tuple[Target, ...]:
        """Those of the presets, then those of the configuration."""
        shipped = (target for name in dict.fromkeys(self.presets) for target in presets()[name])
        return (*shipped, *self.targets)


@lru_cache(maxsize=1)
def presets() -> Mapping[str, tuple[Target, ...]]:
    """The shipped lists by name, read when the first of them is wanted."""
    text = (files(__package__) / SHIPPED).read_text(encoding="utf-8")
    return msgspec.convert(load_yaml(text), dict[str, tuple[Target, ...]])
