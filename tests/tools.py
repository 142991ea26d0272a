"""Running promtool and amtool."""

import subprocess
from pathlib import Path

from conftest import ROOT


def ended(*argv: str | Path | None) -> subprocess.CompletedProcess[str]:
    """How it ended and what it printed."""
    return subprocess.run([str(each) for each in argv], capture_output=True, text=True, cwd=ROOT, check=False)


def tool(*argv: str | Path | None) -> str:
    """What it printed; a failure shows it."""
    told = ended(*argv)
    assert told.returncode == 0, told.stdout + told.stderr
    return told.stdout + told.stderr
