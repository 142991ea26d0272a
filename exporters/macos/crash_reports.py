"""What the name of a diagnostic report tells of it, and its first line, which is JSON whatever follows."""

import re
from typing import Literal, get_args

from exporters.core.read import flag, json, maybe, number, record

Kind = Literal[
    "crash", "hang", "spin", "panic", "jetsam", "user_fault", "resource", "stackshot", "gpu_restart", "other"
]
KINDS = get_args(Kind)
HEAD = 4096
"""Bytes; first lines have some 400."""
BUG_TYPES: dict[float, Kind] = {
    202: "resource",
    210: "panic",
    284: "gpu_restart",
    288: "stackshot",
    298: "jetsam",
    308: "crash",
    309: "crash",
}
NAMES: tuple[tuple[re.Pattern[str], Kind | None], ...] = (
    (re.compile(r".*\.panic"), "panic"),
    (re.compile(r"ExcUserFault_.*\.ips"), "user_fault"),
    (re.compile(r"JetsamEvent-.*\.ips"), "jetsam"),
    (re.compile(r".*\.ips"), None),
    (re.compile(r".*\.crash"), "crash"),
    (re.compile(r".*\.hang"), "hang"),
    (re.compile(r".*\.spin"), "spin"),
    (re.compile(r".*_resource\.diag"), "resource"),
)
PROCESS = re.compile(r"(?:ExcUserFault_)?(.{1,64}?)[-_]\d{4}-\d\d-\d\d-\d{6}")
WITH_PROCESS = frozenset({"crash", "hang", "spin", "user_fault", "resource"})
SIMULATOR = 7


def by_name(name: str) -> Kind | None:
    """The kind that the name tells; None where only the first line does."""
    return next((kind for pattern, kind in NAMES if pattern.fullmatch(name)), "other")


def by_head(content: bytes) -> Kind | Literal["simulator"]:
    """The kind by the first line. A crash that is simulated is none: macOS reported, and the process went on."""
    head = record(json(content.partition(b"\n")[0]))
    if maybe(number, head.get("platform")) == SIMULATOR:
        return "simulator"
    kind = BUG_TYPES.get(number(head.get("bug_type")), "other")
    return "user_fault" if kind == "crash" and maybe(flag, head.get("is_simulated")) else kind


def process(name: str, kind: str) -> str | None:
    """The process that a report is about: what stands before the time, behind which may be the Mac's own name."""
    found = PROCESS.match(name) if kind in WITH_PROCESS else None
    return found[1] if found else None
