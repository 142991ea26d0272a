"""What can be configured: the root schema, composed from fixed sections and the collectors' declarations."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct, defstruct, field

from exporters.core.collector import Collector, DeclarationError
from exporters.core.context import Level

MIN_CADENCE = 10.0
"""Seconds: twice as long as the answer of a program is remembered for another collector."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d|)\Z")
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_URL = re.compile(r"(https?://)(?:([^/?#\s@]*/?)\Z|(?:([^/?#\s@]*)[/?#](?!.*@))?.+)", re.IGNORECASE | re.DOTALL)
"""One that ends with its host; another one, with the host if no login can stand before it."""
_OWN = ("enabled", "cadence")

Address = Annotated[
    str,
    Meta(pattern=r"^(\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/]*):\d{1,5}\Z", description="an address such as 127.0.0.1:10220"),
]
Addresses = Annotated[tuple[Address, ...], Meta(min_length=1, description="a list of addresses, at least one")]
UrlPath = Annotated[
    str,
    Meta(pattern=r"^/(?!(-|config|probe|targets)(/|$))[\w.~/-]+\Z", description="a path of its own such as /metrics"),
]
LogLevel = Literal["debug", "info", "warn", "error"]
LogFormat = Literal["logfmt", "json"]


class Seconds(float):
    """A time in seconds, at least `least`; written as a number or as 90s, 5m, 12h, 1d."""

    __slots__ = ()
    least: ClassVar[float] = MIN_CADENCE


class Secret:
    """A text that no log, error or configuration page shows; `reveal` gives it to whoever must have it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "<secret>"


class Web(Struct, frozen=True, forbid_unknown_fields=True):
    """Where and how the metrics are served."""

    listen_address: Addresses = ("127.0.0.1:10220",)
    config_file: str = ""
    telemetry_path: UrlPath = "/metrics"
    enable_lifecycle: bool = False


class Log(Struct, frozen=True, forbid_unknown_fields=True):
    """What is logged, and in which shape."""

    level: LogLevel = "info"
    format: LogFormat = "logfmt"


class State(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the last observations lie; empty for the system's usual place."""

    dir: str = ""


class Events(Struct, frozen=True, forbid_unknown_fields=True):
    """The log of connections and disconnections, in the folder `events` of the state directory."""

    keep_days: Annotated[int, Meta(ge=1, le=3650, description="a number of days from 1 to 3650")] = 30


class Privacy(Struct, frozen=True, forbid_unknown_fields=True):
    """What may be published, and the key of the hashes that stand in for the rest; no file for a generated one."""

    level: Level = "standard"
    key_file: str = ""


def sections_of(collectors: Iterable[Collector]) -> type[Struct]:
    """One section for each collector."""
    sections = {each.name: _section(each) for each in collectors}
    return _struct("Collectors", [(name, kind, _made(kind)) for name, kind in sections.items()])


def root_of(collectors: Iterable[Collector]) -> type[Struct]:
    """The whole schema of an exporter for one machine: its collectors stand below `collectors`."""
    fixed: dict[str, type[Struct]] = {
        "web": Web,
        "log": Log,
        "state": State,
        "events": Events,
        "privacy": Privacy,
        "collectors": sections_of(collectors),
    }
    return _struct("Root", [(name, kind, _made(kind)) for name, kind in fixed.items()])


def _section(declared: Collector) -> type[Struct]:
    """`enabled`, `cadence` of a background collector, and the fields of its own config."""
    if declared.config and not set(_OWN).isdisjoint(declared.config.__struct_fields__):
        raise DeclarationError(f"the config of {declared.name!r} must not declare {' or '.join(_OWN)}")
    fields: list[tuple[str, Any, Any]] = [("enabled", bool, declared.enabled)]
    if declared.cadence is not None:
        kind = type("Seconds", (Seconds,), {"__slots__": (), "least": max(MIN_CADENCE, declared.least_cadence)})
        fields.append(("cadence", kind, kind(declared.cadence)))
    return _struct(declared.name, fields, declared.config)


def _struct(name: str, fields: list[tuple[str, Any, Any]], base: type[Struct] | None = None) -> type[Struct]:
    return defstruct(name, fields, bases=(base or Struct,), frozen=True, forbid_unknown_fields=True, kw_only=True)


def _made(kind: type[Struct]) -> Any:
    return field(default_factory=kind)


def custom(kind: type, value: Any) -> Any:
    """The types that msgspec does not know; the text of a ValueError becomes that of its error."""
    if issubclass(kind, Seconds):
        return _seconds(value, kind)
    if kind is not Secret:
        raise DeclarationError(f"no configuration can be a {kind.__name__}")
    if not isinstance(value, str):
        raise ValueError("expected text")  # noqa: TRY004 - msgspec turns only this into its own error
    return Secret(value)


def _seconds(value: Any, kind: type[Seconds]) -> Seconds:
    seconds = -1.0
    if isinstance(value, str) and (parts := _DURATION.match(value)):
        seconds = float(parts[1]) * _UNITS[parts[2]]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    if not kind.least <= seconds < float("inf"):
        why = ", because one look takes nearly as long" if kind.least > MIN_CADENCE else ""
        raise ValueError(f"expected seconds, or a time such as 90s or 5m, at least {kind.least:g} s{why}")
    return kind(seconds)


def plain(value: Any) -> Any:
    """Configuration as dictionaries, lists and scalars, with every secret hidden; of URLs what follows the port."""
    if isinstance(value, Struct):
        return {each.encode_name: plain(getattr(value, each.name)) for each in msgspec.structs.fields(value)}
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return _URL.sub(_without_path, value)
    return float(value) if isinstance(value, Seconds) else repr(value) if isinstance(value, Secret) else value


def _without_path(found: re.Match[str]) -> str:
    scheme, whole, host = found.groups()
    return scheme + (whole if whole is not None else f"{host}/<hidden>" if host else "<hidden>")
