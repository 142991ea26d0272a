"""What the configuration says about endpoints: the targets, what is expected of them, and those that are shipped."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from exporters.core.explain import Place
from exporters.host.cadence import too_slow
from exporters.host.http_status import Status, is_good, statuses
from exporters.sources.address import NoAddress, Url, name_of, place
from exporters.sources.base import Probe
from exporters.sources.patterns import compiled
from exporters.sources.probes import most_seconds
from exporters.sources.strictyaml import load_yaml

Kind = Literal["http", "tcp", "tls", "dns", "ping"]
Preset = Literal["apple", "github", "google", "microsoft365", "slack", "zoom"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MOST = 40
"""Targets."""
GATEWAY = "gateway"
SHIPPED = "endpoints_saas.yml"
FORMS: Mapping[Kind, tuple[Callable[[str], str], str]] = {
    "http": (lambda text: Url.of(text).host, "http(s)://HOST[:PORT]/PATH in ASCII, without a user name"),
    "tcp": (lambda text: place(text)[0], "HOST:PORT or gateway:PORT, IPv6 as [ADDRESS]:PORT"),
    "tls": (lambda text: place(text)[0], "HOST:PORT, IPv6 as [ADDRESS]:PORT"),
    "dns": (name_of, "a name in ASCII"),
    "ping": (lambda text: place(text, 1)[0], "HOST, HOST:PORT or the word gateway"),
}
"""What reads an address and tells the host in it, and the form in words."""

Name = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,40}\Z", description="a name of a-z, 0-9, _ and -, 40 at most")]
Timeout = Annotated[float, Meta(ge=0.1, le=15, description="seconds from 0.1 to 15")]


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing to check: exactly one of the kinds says what. `timeout` in seconds, for the whole check.

    Of HTTP: `status` are the codes and ranges that are good (200-299), `body` is a regular expression to be found.
    """

    name: Name
    http: str = ""
    tcp: str = ""
    tls: str = ""
    dns: str = ""
    ping: str = ""
    timeout: Timeout = 5.0
    status: Status = ()
    body: str = ""

    def __post_init__(self) -> None:
        """What msgspec cannot check by types."""
        given = [kind for kind in KINDS if getattr(self, kind)]
        if len(given) != 1:
            raise ValueError(f"{self.name!r} needs exactly one of {', '.join(KINDS)}, not {len(given)}")
        self._check_address()
        if self.kind != "http" and (self.status or self.body):
            raise ValueError(f"{self.name!r}: status and body are for http")
        statuses(self.status)
        if self.body:
            self._compile()

    def _check_address(self) -> None:
        """It is not repeated: it may hold a password."""
        read, words = FORMS[self.kind]
        try:
            host = read(self.address)
        except NoAddress as error:
            raise ValueError(f"{self.name!r}: {self.kind} is {words}") from error
        if host.lower() == GATEWAY and not self.by_gateway():
            what = "the gateway is for ping and tcp, in small letters; a machine of that name is 'gateway.'"
            raise ValueError(f"{self.name!r}: {what}")

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
        return (self.ping or self.tcp).partition(":")[0] == GATEWAY

    def expects(self, status: int) -> bool:
        """Whether an HTTP status is good."""
        return is_good(self.status, status)

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
        """Not more than can be asked."""
        if (number := len(self.all())) > MOST:
            raise ValueError(f"{number} targets are too many, at most {MOST}")

    def all(self) -> tuple[Target, ...]:
        """Those of the presets, then those of the configuration."""
        shipped = (target for name in dict.fromkeys(self.presets) for target in presets()[name])
        return (*shipped, *self.targets)


def mistakes(section: Any) -> Iterator[tuple[Place, str]]:
    """A name, which is one `probe` label, that stands twice; targets that together may hang for too long."""
    targets = section.all()
    shipped = len(targets) - len(section.targets)
    for number, each in enumerate(targets):
        if each.name in {other.name for other in targets[:number]}:
            yield ("targets", number - shipped, "name"), f"another target is called {each.name!r}, too"
    rounds = ([each for each in targets if each.by_gateway() is second] for second in (False, True))
    seconds = (most_seconds(filter(None, (each.probe("gateway") for each in one))) for one in rounds)
    yield from too_slow(sum(seconds), section.cadence)


@lru_cache(maxsize=1)
def presets() -> Mapping[str, tuple[Target, ...]]:
    """The shipped lists by name, read when the first of them is wanted."""
    text = (files(__package__) / SHIPPED).read_text(encoding="utf-8")
    return msgspec.convert(load_yaml(text), dict[str, tuple[Target, ...]])
