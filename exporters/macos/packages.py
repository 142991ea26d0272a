"""What was installed and when (system_profiler SPInstallHistoryDataType); on request receipts and Homebrew's packages.

Homebrew's folders are listed and its own command is never run: that takes seconds and refuses to work for root.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from exporters.core.collector import Partial, Questions, collector, told
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import attempt, json, maybe, text, whole_lines
from exporters.sources.base import Command, Output, ParseError, Replies

HISTORY = Command(("system_profiler", "-json", "SPInstallHistoryDataType"), timeout=60)
RECEIPTS = Command(("pkgutil", "--pkgs"), timeout=30)
XPROTECT = "XProtectPlistConfigData"
SOURCES = {"package_source_apple": "apple", "package_source_other": "other"}
FOLDERS = {
    "/opt/homebrew/Cellar": "formula",
    "/opt/homebrew/Caskroom": "cask",
    "/usr/local/Cellar": "formula",
    "/usr/local/Caskroom": "cask",
}
HOMEBREW = Command(("ls", "-1", *FOLDERS), ok_exits=(0, 1))
"""1 where a folder is missing, as some always are."""
MISSING = ": No such file or directory"
Counts = Mapping[str, int]


class PackagesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is counted besides the history of installations."""

    receipts: bool = False
    homebrew: bool = False


class Item(msgspec.Struct, frozen=True):
    """The fields of one installation that are read, as system_profiler prints them."""

    name: Any = msgspec.field(name="_name", default=None)
    install_date: Any = None
    package_source: Any = None


class Report(msgspec.Struct, frozen=True):
    """The whole report."""

    items: tuple[Item, ...] = msgspec.field(name="SPInstallHistoryDataType")


@dataclass(frozen=True, slots=True)
class Packages:
    """Installations and the Unix time of the last one by source, of XProtect's data, receipts by vendor, Homebrew's."""

    installs: Counts
    last: Mapping[str, float]
    xprotect: float | None
    receipts: Counts
    homebrew: Counts


def asked_for(context: Context) -> Questions:
    """What the configuration names."""
    wanted = {RECEIPTS: context.config.receipts, HOMEBREW: context.config.homebrew}
    return tuple(command for command, asked in wanted.items() if asked)


def parse(replies: Replies, _: Context) -> Packages | Partial:
    """The history, and of the rest what can be read."""
    items = json(replies[HISTORY].stdout, Report).items
    faults: list[str] = []
    packages = Packages(
        installs=Counter(_source(item) for item in items),
        last=_last(items),
        xprotect=max(_last(item for item in items if item.name == XPROTECT).values(), default=None),
        receipts=attempt(_receipts, replies.get(RECEIPTS), faults, RECEIPTS) or {},
        homebrew=attempt(_homebrew, replies.get(HOMEBREW), faults, HOMEBREW) or {},
    )
    return told(packages, faults)


def _written(output: Output) -> Sequence[str]:
    return [line for line in whole_lines(output.stdout) if line.strip()]


def _source(item: Item) -> str:
    return SOURCES.get(maybe(text, item.package_source) or "", "unknown")


def _last(items: Iterable[Item]) -> Mapping[str, float]:
    """Dates are ISO 8601 in UTC, with a Z."""
    last: dict[str, float] = {}
    for item in items:
        if item.install_date is not None:
            source = _source(item)
            last[source] = max(_time(text(item.install_date)), last.get(source, 0.0))
    return {source: time for source, time in last.items() if time > 0}


def _time(date: str) -> float:
    try:
        time = datetime.fromisoformat(date)
    except ValueError as error:
        raise ParseError("a date of the history of installations is none") from error
    if time.tzinfo is None:
        raise ParseError("a date of the history of installations lacks its zone")
    return time.timestamp()


def _receipts(output: Output) -> Counts:
    """An identifier a line."""
    receipts = _written(output)
    if not receipts:
        raise ParseError("pkgutil lists no receipt, but every Mac has some")
    apple = sum(line.startswith("com.apple.") for line in receipts)
    return {"apple": apple, "other": len(receipts) - apple}


def _homebrew(output: Output) -> Counts:
    """For each folder that exists its path and a colon, then a name a line; names count for the folder above."""
    if not all(line.endswith(MISSING) for line in whole_lines(output.stderr)):
        raise ParseError("ls tells of a folder of Homebrew that it cannot list")
    counts: dict[str, int] = {}
    kind = None
    for line in _written(output):
        headline = line.startswith("/")
        kind = FOLDERS.get(line.removesuffix(":")) if headline else kind
        if kind is None:
            raise ParseError("ls names no folder of Homebrew above what it lists")
        counts[kind] = counts.get(kind, 0) + (not headline)
    return counts


INSTALLS = gauge(
    "macos_package_installs",
    "Installations that macOS remembers, updates included (system_profiler SPInstallHistoryDataType package_source).",
    "source",
)
LAST = gauge(
    "macos_package_last_install_timestamp_seconds",
    "Unix time of the last installation (system_profiler SPInstallHistoryDataType install_date).",
    "source",
)
LAST_XPROTECT = gauge(
    "macos_xprotect_last_install_timestamp_seconds",
    "Unix time of the last installation of XProtect's data (system_profiler SPInstallHistoryDataType install_date of"
    f" {XPROTECT}).",
)
RECEIPT = gauge("macos_package_receipts", "Receipts of installed packages, only where asked for (pkgutil).", "vendor")
BREW = gauge(
    "macos_homebrew_packages", "Packages of Homebrew, only where asked for (ls of the Cellar and the Caskroom).", "kind"
)


@collector(
    "packages",
    *(INSTALLS, LAST, LAST_XPROTECT, RECEIPT, BREW),
    required=(HISTORY,),
    optional=asked_for,
    parse=parse,
    cadence=12 * 3600,
    config=PackagesConfig,
    publishes=("package_source",),
    unverified=(
        "Receipts (`receipts: true`) and Homebrew's packages (`homebrew: true`): the forms of `pkgutil --pkgs` and of"
        " Homebrew's folders are reported, there is no capture."
    ),
)
def packages(reading: Packages, _: Context) -> Iterable[Sample]:
    """Only what the answers name: no history, no receipts and no Homebrew give no sample."""
    for source, count in reading.installs.items():
        yield from INSTALLS(count, source=source)
    for source, time in reading.last.items():
        yield from LAST(time, source=source)
    yield from LAST_XPROTECT(reading.xprotect)
    for vendor, count in reading.receipts.items():
        yield from RECEIPT(count, vendor=vendor)
    for kind, count in reading.homebrew.items():
        yield from BREW(count, kind=kind)
