"""`pomona alerts export`: the shipped files in a folder of the user's, who keeps what he has changed.

A list of checksums beside them, in the form of sha256sum, tells what was changed since.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

from exporters.core.errors import PersonError
from exporters.operate.alerts.shipped import texts

SUMS = ".pomona.sha256"
OWN = ("thresholds.rules.yml", "requests_adapter.rules.yml", "alertmanager.yml", "templates/pomona.tmpl")
"""What a user is meant to change."""
_URL = re.compile(r"https?://[^\s'\"{}#?@\\,\[\]]+\Z")
_BEFORE = r"(?:[>|]-? *\n *)?(?:&\w+ +)?['\"]?"
"""What may stand between a key and its text: the sign of a block, an anchor, a quote."""
_RUNBOOK = re.compile(rf"(\brunbook_url: *{_BEFORE})runbooks/")
_DASHBOARD = re.compile(rf"(\bdashboard_url: *{_BEFORE})/d/")


def write(folder: Path, runbooks: str | None, grafana: str | None, *, force: bool, own: bool) -> Iterator[str]:
    """Writes all or nothing but for what the user owns; a line for what was done.

    What he has changed is overwritten by `force`, and what he is meant to change by `own`.
    """
    wanted = dict(_wanted(runbooks, grafana))
    before = _sums(folder / SUMS)
    changed = [name for name, text in wanted.items() if _is_changed(folder / name, text, before.get(name))]
    if lost := [name for name in changed if name not in OWN and not force]:
        raise PersonError(
            f"{folder}: changed by you: {', '.join(lost)}; nothing was written. Move them away, or overwrite them by "
            f"--force, which keeps your {', '.join(OWN)}"
        )
    kept = [name for name in changed if name in OWN and not own]
    new = {name: text for name, text in wanted.items() if name not in kept}
    written = sum(_replace(folder / name, text) for name, text in new.items())
    sums = {**before, **{name: _sum(text) for name, text in new.items()}}
    _replace(folder / SUMS, "".join(f"{sums[name]}  {name}\n" for name in sorted(sums) if name in wanted))
    yield f"{folder}: {written} files written, {len(new) - written} were up to date"
    yield from (f"kept yours: {name}" for name in kept)
    yield from (
        f"no longer shipped, delete it: {name}" for name in sorted(before.keys() - wanted) if (folder / name).exists()
    )
    yield f"Check them by: pomona alerts check {folder}"


def _wanted(runbooks: str | None, grafana: str | None) -> Iterator[tuple[str, str]]:
    """Each file and its text, with whole addresses where they are given; tests expect the same ones."""
    pages, boards = _address("--runbooks", runbooks), _address("--grafana", grafana)
    for name, text in texts():
        yield name, _absolute(text, pages, boards) if name.endswith(".yml") else text


def _absolute(text: str, pages: str, boards: str) -> str:
    """The text with whole addresses; comments and order stay."""
    if pages:
        text = _RUNBOOK.sub(lambda found: f"{found[1]}{pages}/", text)
    return _DASHBOARD.sub(lambda found: f"{found[1]}{boards}/d/", text)


def _address(flag: str, url: str | None) -> str:
    if url is not None and not _URL.match(url):
        raise PersonError(f"{flag}: expected an address such as https://example.org/path, without login and query")
    return (url or "").rstrip("/")


def _is_changed(path: Path, text: str, known: str | None) -> bool:
    """Whether the file is neither what is to be written nor what was written before."""
    return path.exists() and _sum_of(path) not in {_sum(text), known}


def _sum(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _sum_of(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _sums(path: Path) -> Mapping[str, str]:
    if not path.exists():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise PersonError(f"{path}: no UTF-8 text; delete it, and what you have changed is asked about") from error
    lines = (line.split("  ", 1) for line in text.splitlines() if "  " in line)
    return {name: checksum for checksum, name in lines}


def _replace(path: Path, text: str) -> bool:
    """Writes the file as a whole, if it is not so already."""
    if path.exists() and _sum_of(path) == _sum(text):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return True
