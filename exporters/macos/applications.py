"""Applications by origin, architecture and signature; versions of chosen ones (system_profiler SPApplicationsDataType).

What macOS calls an application, helpers and print filters in any folder included. Only counts leave by default;
names only of those that the configuration asks for, and never of one in a home folder.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from exporters.core.choice import check_expression
from exporters.core.collector import collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import json
from exporters.sources.base import Command, ParseError, Replies

REPORT = Command(("system_profiler", "-json", "SPApplicationsDataType"), timeout=60)
PLACES = ("/Applications/", "/System/Applications/")
SIGNED = frozenset({"apple", "identified_developer", "mac_app_store"})
SOURCES = SIGNED | {"safari", "unknown"}
ARCHITECTURES = {
    "arch_arm": "apple_silicon",
    "arch_arm_i64": "universal",
    "arch_i64": "intel",
    "arch_i32_i64": "intel",
    "arch_i32": "intel_32",
    "arch_ios": "ios",
    "arch_web": "web",
}


class Applications(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of which applications the version is shown: a regular expression for whole names, and how many at most."""

    include: str = ""
    maximum: Annotated[int, Meta(ge=1, le=5000, description="a number from 1 to 5000")] = 100

    def __post_init__(self) -> None:
        """A bad expression is an error of the configuration."""
        check_expression(self.include)


class Item(msgspec.Struct, frozen=True):
    """The fields of one application that are read, as system_profiler prints them."""

    arch_kind: Any = None
    obtained_from: Any = None
    path: Any = None
    signed_by: Any = None
    version: Any = None


class Report(msgspec.Struct, frozen=True):
    """The whole report."""

    items: tuple[Item, ...] = msgspec.field(name="SPApplicationsDataType")


@dataclass(frozen=True, slots=True)
class Kind:
    """What an application is counted by; `signed` is None where the report tells no signature at all."""

    source: str
    architecture: str
    signed: bool | None


@dataclass(frozen=True, slots=True)
class Named:
    """One application that is shown."""

    bundle: str
    version: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Inventory:
    """How many there are of each kind, those that are shown, and how many more match; None where none does."""

    kinds: Mapping[Kind, int]
    shown: Sequence[Named] = ()
    unlisted: int | None = None


def parse(replies: Replies, context: Context) -> Inventory:
    """A flat list; every Mac has applications, so an empty one is no report."""
    items = json(replies[REPORT].stdout, Report).items
    if not items:
        raise ParseError("no application in the report")
    kinds = _kinds(items)
    counts = Counter(kinds)
    if not context.config.include:
        return Inventory(counts)
    shown = _shown(items, kinds, re.compile(context.config.include))
    maximum = context.config.maximum
    return Inventory(counts, shown[:maximum], max(0, len(shown) - maximum) if shown else None)


def _kinds(items: Sequence[Item]) -> Sequence[Kind]:
    """Of each application, in order. No certificates anywhere in a report means that it leaves them out."""
    told = any(item.signed_by for item in items)
    return [_kind(item, told) for item in items]


def _kind(item: Item, told: bool) -> Kind:
    origin, architecture = _word(item.obtained_from), _word(item.arch_kind)
    source = origin if origin in SOURCES else "other"
    signed = bool(item.signed_by) or source in SIGNED
    return Kind(source, ARCHITECTURES.get(architecture, "other"), signed if signed or told else None)


def _word(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _shown(items: Sequence[Item], kinds: Sequence[Kind], include: re.Pattern[str]) -> Sequence[Named]:
    """By name; two of the same name, version and kind in different folders are one."""
    named = ((_name(_word(item.path)), item, kind) for item, kind in zip(items, kinds, strict=True))
    found = {Named(name, _word(item.version), kind) for name, item, kind in named if name and include.fullmatch(name)}
    return sorted(found, key=lambda each: (each.bundle.casefold(), str(each)))


def _name(path: str) -> str | None:
    """Of the bundle, which no language changes; None outside of the common folders and inside of another bundle."""
    if not path.startswith(PLACES) or not path.endswith(".app") or ".app/" in path:
        return None
    return path.rpartition("/")[2].removesuffix(".app")


def _labels(kind: Kind) -> dict[str, str | None]:
    signed = None if kind.signed is None else str(kind.signed).lower()
    return {"source": kind.source, "architecture": kind.architecture, "signed": signed}


COUNT = gauge(
    "macos_applications",
    "Applications in all folders, by where they come from, what they run on, and whether a certificate signed them"
    " (system_profiler obtained_from, arch_kind, signed_by).",
    *("source", "architecture", "signed"),
)
INFO = gauge(
    "macos_application_info",
    "Version of an application that the configuration asks for; always 1 (system_profiler path, version).",
    *("bundle", "version", "source", "architecture", "signed"),
)
UNLISTED = gauge(
    "macos_applications_unlisted",
    "Applications that the configuration asks for, left out because they are more than its maximum"
    " (system_profiler SPApplicationsDataType).",
)


@collector(
    "applications",
    *(COUNT, INFO, UNLISTED),
    required=(REPORT,),
    parse=parse,
    cadence=12 * 3600,
    config=Applications,
    publishes=("arch_kind", "obtained_from", "path", "version"),
    unverified="the report as JSON: it was captured as a property list, whose keys are the same.",
)
def applications(reading: Inventory, _: Context) -> Iterable[Sample]:
    """Kinds of which there is none have no sample."""
    for kind, count in reading.kinds.items():
        yield from COUNT(count, **_labels(kind))
    for each in reading.shown:
        yield from INFO(1, bundle=each.bundle, version=each.version, **_labels(each.kind))
    yield from UNLISTED(reading.unlisted)
