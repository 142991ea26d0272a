"""`pomona agent sudoers`: a sudoers drop-in that allows exactly the root commands of the collectors that are on."""

import getpass
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from exporters.core.collector import Collector
from exporters.core.context import Context
from exporters.core.errors import PersonError
from exporters.sources.base import Command
from exporters.sources.where import of_root

Where = Callable[[str], str | None]
PLACE = "/etc/sudoers.d/pomona"
HEAD = f"""\
# Lets {{user}} ask, as root and without a password, what the collectors of pomona that are on need root for: nothing
# else, with exactly these arguments. Read it, then check and install it as an administrator:
#   visudo -cf FILE && sudo install -m 0440 -o root -g 0 FILE {PLACE}
"""
NOTHING = "# No collector that is on needs root: there is nothing to allow.\n"
USER = re.compile(r"(?![A-Z][A-Z0-9_]*\Z)[A-Za-z_][A-Za-z0-9_.-]{0,63}")
"""Words in capitals are aliases, and ALL is everybody."""
ELSEWHERE = (
    "# Collectors of macOS that the configuration lets ask for root are left out, for this is no Mac: print it there.\n"
)
SPECIAL = re.compile(r"[\\,:=!*?\[\]\"' ]")


class SudoersRefused(PersonError):
    """A user that no sudoers line can name."""


def drop_in(
    collectors: Iterable[Collector],
    contexts: Mapping[str, Context],
    where: Where,
    user: str = "",
    *,
    safe: Callable[[str], bool] = of_root,
    elsewhere: Iterable[Collector] = (),
) -> str:
    """The text of the file; a comment stands for a command that cannot be allowed.

    `elsewhere` are collectors that are on, but do not run on this system.
    """
    user = user or getpass.getuser()
    if not USER.fullmatch(user):
        raise SudoersRefused(f"{user!r} is no plain user name; give one with --user")
    needed = dict.fromkeys(command for each in collectors for command in root_commands(each, contexts[each.name]))
    left_out = ELSEWHERE if any(any(root_commands(each, contexts[each.name])) for each in elsewhere) else ""
    if not needed:
        return left_out or NOTHING
    lines = dict.fromkeys(_line(user, command, where, safe) for command in needed)
    return "".join((HEAD.format(user=user), left_out, *lines))


def root_commands(declared: Collector, context: Context) -> Iterator[Command]:
    """What it may ask that needs root."""
    return (each for each in declared.commands(context) if each.root)


def _line(user: str, command: Command, where: Where, safe: Callable[[str], bool]) -> str:
    name = command.argv[0]
    path = where(name)
    if path is None:
        return f"# {name} is not installed here: install it, then print this again.\n"
    if not safe(path):
        return f"# {path} can be changed by another user than root, so root must not run it.\n"
    arguments = " ".join(_escaped(each) for each in command.argv[1:]) or '""'
    return f"{user} ALL=(root) NOPASSWD: {_escaped(path)} {arguments}\n"


def _escaped(word: str) -> str:
    """As sudoers(5) wants it; nothing in it may stand for more than itself."""
    return SPECIAL.sub(lambda found: f"\\{found[0]}", word)
