"""System extensions by state, with their versions (systemextensionsctl list); kernel extensions on request (kmutil).

An extension that is activated and enabled need not run: whether its process does, the collector of services tells.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from exporters.core.collector import Partial, Questions, collector, told
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.read import attempt, whole_lines
from exporters.sources.base import Command, Output, ParseError, Replies

LIST = Command(("systemextensionsctl", "list"))
LOADED = Command(("kmutil", "showloaded", "--list-only"))
TITLES = "enabled\tactive\tteamID\tbundleID (version)\tname\t[state]"
TOTAL = re.compile(r"(\d{1,4}) extension\(s\)")
CATEGORY = re.compile(r"--- (\S+)(?: \(.*\))?\s*")
ROW = re.compile(r"[* ]?\t[* ]?\t([^\t]*)\t(\S+) \(([^()/\t]*)/?([^()\t]*)\)\t[^\t]*\t\[([^\t]*)\]")
KERNEL_TITLES = re.compile(r"Index\s+Refs\s+Address\s+Size\s+Wired\s+Name \(Version\).*")
KERNEL_ROW = re.compile(r"\s*\d+\s+\d+\s+(?:0x[0-9a-f]+|0)\s+\S+\s+\S+\s+(\S+) \([^()]*\)\s.*")
CATEGORIES = {
    "com.apple.system_extension.network_extension": "network",
    "com.apple.system_extension.endpoint_security": "endpoint_security",
    "com.apple.system_extension.driver_extension": "driver",
    "com.apple.system_extension.cmio": "camera",
}
STATES = {
    "activated enabled": "activated_enabled",
    "activated disabled": "activated_disabled",
    "activated waiting for user": "waiting_for_user",
    "activated waiting to upgrade": "waiting_to_upgrade",
}
ALL_STATES = (*STATES.values(), "terminated", "other")
MOST_SHOWN = 50


class ExtensionsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether loaded kernel extensions are counted as well."""

    kernel: bool = False


@dataclass(frozen=True, slots=True)
class Extension:
    """One version of an extension; two of them stand side by side during an upgrade."""

    team: str
    bundle: str
    version: str
    build: str
    state: str


@dataclass(frozen=True, slots=True)
class Extensions:
    """Each extension with its category, which may be several; loaded kernel extensions by vendor, if asked for."""

    system: Sequence[tuple[Extension, str]]
    kernel: Mapping[str, int] | None = None


def kernel_too(context: Context) -> Questions:
    """What the configuration asks for."""
    return (LOADED,) if context.config.kernel else ()


def parse(replies: Replies, _: Context) -> Extensions | Partial:
    """Both lists; system extensions alone where that of the kernel cannot be read."""
    faults: list[str] = []
    system = _system(replies[LIST])
    return told(Extensions(system, attempt(_kernel, replies.get(LOADED), faults, "kmutil")), faults)


def _written(output: Output) -> Sequence[str]:
    return [line for line in whole_lines(output.stdout) if line.strip()]


def _system(output: Output) -> Sequence[tuple[Extension, str]]:
    """`N extension(s)`, then for each category a headline, titles, and tab-separated rows."""
    head, *rest = _written(output) or [""]
    total = TOTAL.fullmatch(head)
    if total is None:
        raise ParseError("systemextensionsctl does not say how many extensions there are")
    found = list(_rows(rest))
    # whether an extension of two categories counts as one or two has not been seen
    if int(total[1]) not in {len(found), len({extension for extension, _ in found})}:
        raise ParseError("systemextensionsctl lists other than as many extensions as it says")
    return sorted(set(found), key=str)


def _rows(rows: Sequence[str]) -> Iterator[tuple[Extension, str]]:
    category = "other"
    for line in rows:
        if headline := CATEGORY.fullmatch(line):
            category = CATEGORIES.get(headline[1], "other")
        elif line != TITLES:
            yield _extension(line), category


def _extension(line: str) -> Extension:
    """`*`, `*`, team, `BUNDLE (VERSION/BUILD)`, name, `[state]`; the stars and the team may be missing."""
    row = ROW.fullmatch(line)
    if row is None:
        raise ParseError("systemextensionsctl gave a line of another form")
    team, bundle, version, build, words = row.groups()
    # there are several ways of being terminated
    state = STATES.get(words, "terminated" if words.startswith("terminat") else "other")
    return Extension(team.strip(), bundle, version, build, state)


def _kernel(output: Output) -> Mapping[str, int]:
    """Rows below the titles, `INDEX REFS ADDRESS SIZE WIRED NAME (VERSION) UUID <LINKED>`."""
    printed = _written(output)
    start = next((place for place, line in enumerate(printed, 1) if KERNEL_TITLES.fullmatch(line)), len(printed))
    rows = [KERNEL_ROW.fullmatch(line) for line in printed[start:]]
    names = [row[1] for row in rows if row]
    if len(names) < len(rows) or not any(name.startswith("com.apple.") for name in names):
        raise ParseError("no list of kernel extensions, of which some are always loaded")
    apple = sum(name.startswith("com.apple.") for name in names)
    return {"apple": apple, "other": len(names) - apple}


SYSTEM = gauge(
    "macos_system_extensions",
    "System extensions by state; one of two versions side by side is an upgrade under way (systemextensionsctl list).",
    "state",
)
INFO = gauge(
    "macos_system_extension_info",
    f"A system extension in one category, the first {MOST_SHOWN}; always 1 (systemextensionsctl list).",
    *("bundle", "version", "build", "team_id", "category", "state"),
)
KERNEL = gauge(
    "macos_kernel_extensions", "Loaded kernel extensions, only where asked for (kmutil showloaded).", "vendor"
)


@collector(
    "extensions",
    *(SYSTEM, INFO, KERNEL),
    required=(LIST,),
    optional=kernel_too,
    parse=parse,
    cadence=3600,
    config=ExtensionsConfig,
    publishes=("teamID", "bundleID (version)"),
    unverified=(
        "Kernel extensions (`kernel: true`): the rows have been seen on macOS 11 only, as kextstat printed them; those"
        " of `kmutil showloaded --list-only` are reported to be the same."
    ),
)
def extensions(reading: Extensions, _: Context) -> Iterable[Sample]:
    """Every state, so that none is a 0 that was measured; an extension of two categories counts once."""
    counts = Counter(extension.state for extension in {extension for extension, _ in reading.system})
    for state in ALL_STATES:
        yield from SYSTEM(counts[state], state=state)
    for each, category in reading.system[:MOST_SHOWN]:
        labels = {"bundle": each.bundle, "version": each.version, "build": each.build, "team_id": each.team}
        yield from INFO(1, **labels, category=category, state=each.state)
    for vendor, count in (reading.kernel or {}).items():
        yield from KERNEL(count, vendor=vendor)
