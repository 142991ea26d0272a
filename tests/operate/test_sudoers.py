"""`pomona agent sudoers`: exactly the commands that are asked, nothing to be bent, in sudo's own grammar."""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from conftest import COLLECTORS, context_for, missing
from exporters.core.collector import Collector, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.macos.soc_power import SocPower
from exporters.operate.sudoers import ELSEWHERE, NOTHING, SudoersRefused, drop_in, root_commands
from exporters.sources.base import Command, Replies

VALUE = gauge("pomona_value", "A value (tool).")
PLAIN = Command(("plain", "-x"))
ROOT = Command(("tool", "info"), root=True)
ODD = Command(("tool", "--list=a,b", "c:d", "*"), root=True)
ALONE = Command(("alone",), root=True)


def parse(_replies: Replies, _: Context) -> float:
    return 1.0


@collector("plain", VALUE, required=(PLAIN,), parse=parse)
def plain(reading: float, _: Context) -> Iterable[Sample]:
    yield from VALUE(reading)


@collector("some", VALUE, required=(PLAIN, ROOT), optional=(ROOT,), then_asks=(ODD, ALONE), parse=parse)
def some(reading: float, _: Context) -> Iterable[Sample]:
    yield from VALUE(reading)


def printed(*collectors: Collector, user: str = "pomona", found: bool = True, safe: bool = True) -> str:
    contexts = {each.name: Context() for each in collectors}
    return drop_in(collectors, contexts, lambda name: f"/usr/bin/{name}" if found else None, user, safe=lambda _: safe)


def rules(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_each_root_command_gets_one_line_with_its_arguments_and_no_pattern() -> None:
    assert rules(printed(some)) == [
        "pomona ALL=(root) NOPASSWD: /usr/bin/tool info",
        r"pomona ALL=(root) NOPASSWD: /usr/bin/tool --list\=a\,b c\:d \*",
        'pomona ALL=(root) NOPASSWD: /usr/bin/alone ""',
    ]


def test_where_nothing_needs_root_nothing_is_allowed() -> None:
    assert printed(plain) == NOTHING


def test_what_runs_on_another_system_is_told_and_not_allowed() -> None:
    contexts = {each.name: Context() for each in (plain, some)}
    text = drop_in((plain,), contexts, lambda name: f"/usr/bin/{name}", "ada", elsewhere=(some,))
    assert text == ELSEWHERE
    assert drop_in((plain,), contexts, lambda _: None, "ada", elsewhere=(plain,)) == NOTHING
    both = drop_in((some,), contexts, lambda name: f"/usr/bin/{name}", "ada", safe=lambda _: True, elsewhere=(some,))
    assert ELSEWHERE in both
    assert len(rules(both)) == 3


def test_a_program_that_is_not_installed_is_told_once() -> None:
    twice = collector("some", VALUE, required=(ROOT, Command(("tool", "other"), root=True)), parse=parse)(some.metrics)
    assert printed(twice, found=False).count("# tool is not installed here") == 1


def test_what_is_not_installed_or_not_safe_is_a_comment() -> None:
    assert rules(printed(some, found=False)) == []
    assert "# tool is not installed here" in printed(some, found=False)
    assert rules(printed(some, safe=False)) == []
    assert "# /usr/bin/tool can be changed by another user than root" in printed(some, safe=False)


@pytest.mark.parametrize("user", ["", "pomona", "_pomona", "Ada.L"])
def test_the_user_is_named(user: str) -> None:
    text = printed(some, user=user)
    assert not user or all(line.startswith(f"{user} ") for line in rules(text))


@pytest.mark.parametrize("user", ["ALL", "ADMINS", "a b", "%admin", "x\ny", "#0", "a,b"])
def test_a_user_that_would_mean_something_else_is_refused(user: str) -> None:
    with pytest.raises(SudoersRefused, match="--user"):
        printed(some, user=user)


def test_sudo_understands_the_file(tmp_path: Path) -> None:
    visudo = shutil.which("visudo", path="/usr/sbin:/usr/bin:/sbin")
    if visudo is None:
        missing("visudo is not installed; install the package sudo")
    file = tmp_path / "pomona"
    file.write_text(printed(some))
    file.chmod(0o440)
    outcome = subprocess.run([str(visudo), "-cf", str(file)], capture_output=True, text=True, check=False)
    assert "parsed OK" in outcome.stdout, outcome.stderr


@pytest.mark.parametrize("name", sorted(COLLECTORS))
def test_by_default_no_collector_that_is_on_asks_root(name: str) -> None:
    """A refusal is written to the log of security events, so nobody is asked without having been told to."""
    declared = COLLECTORS[name]
    assert not declared.enabled or not list(root_commands(declared, context_for(declared)))


@pytest.mark.parametrize("name", sorted(COLLECTORS))
def test_the_arguments_of_root_commands_are_fixed(name: str) -> None:
    words, declared = {"DATE", "NAME", "JOB"}, COLLECTORS[name]
    assert all(words.isdisjoint(each.argv) for each in declared.then_asks_for(context_for(declared)) if each.root)


def test_soc_power_lists_what_its_configured_source_asks_and_each_once() -> None:
    declared = COLLECTORS["soc_power"]
    asked = {
        source: [each.argv[-1] for each in root_commands(declared, Context(SocPower(source=source)))]
        for source in ("macmon", "powermetrics")
    }
    assert asked == {"macmon": [], "powermetrics": ["cpu_power,gpu_power", "smc"]}
