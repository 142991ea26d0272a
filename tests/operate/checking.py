"""Runs `pomona router check` against a router on loopback and reads what it prints."""

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from exporters.operate.routers import check
from operate.loopback import loaded


def configured(folder: Path, content: Mapping[str, Any], **environ: str) -> Any:
    path = folder / "router.yml"
    path.write_text(yaml.safe_dump(dict(content)))
    return loaded(path, environ)


def checked(folder: Path, content: Mapping[str, Any], **environ: str) -> tuple[int, str]:
    printed = io.StringIO()
    settings = configured(folder, content, **environ)
    status = check.run(settings.targets["attic"], console=Console(file=printed, width=60))
    return status, printed.getvalue()


def topics(text: str) -> dict[str, str]:
    """Each line's word by its topic, in the order in which they were printed."""
    return dict(re.findall(r"^(\S(?:\S| (?! ))*) +(ok|wrong|not known)\b", text, re.MULTILINE))
