"""The `pomona` command; a subcommand is imported when it is used."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from exporters.core.errors import PersonError

COMMANDS: Mapping[str, str] = {
    "agent": "exporters.operate.agent:agent",
    "alerts": "exporters.operate.alerts.commands:alerts",
    "router": "exporters.operate.router:router",
    "simulate": "exporters.stack.commands:simulate_command",
    "up": "exporters.stack.commands:up_command",
}
SHELLS: Mapping[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
MISUSED, INTERRUPTED = 2, 130


class Lazy(click.Group):
    """A group whose commands are named by `module:object`."""

    def __init__(self, *args: Any, named: Mapping[str, str], **fields: Any) -> None:
        super().__init__(*args, **fields)
        self._named = named

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, by alphabet."""
        return sorted({*super().list_commands(ctx), *self._named})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, imported now."""
        if cmd_name not in self._named:
            return super().get_command(ctx, cmd_name)
        module, _, name = self._named[cmd_name].partition(":")
        command = getattr(import_module(module), name)
        return command if isinstance(command, click.Command) else None


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"pomona {import_module('exporters.core.selfmetrics').release()}")
        ctx.exit()


@click.group(cls=Lazy, named=COMMANDS, invoke_without_command=True)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def pomona(ctx: click.Context) -> None:
    """Prometheus exporters for fleets of Macs and the routers they sit behind."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@pomona.command()
@click.argument("shell", type=click.Choice(list(SHELLS)))
def completion(shell: str) -> None:
    """Print what a shell needs to complete `pomona` commands."""
    complete = SHELLS[shell](pomona, {}, "pomona", "_POMONA_COMPLETE")
    click.echo(complete.source_template % complete.source_vars())


def main(args: Sequence[str] | None = None) -> int:
    """Runs the command; what a person did wrong ends in one line on stderr and status 2."""
    try:
        status = pomona.main(args, prog_name="pomona", standalone_mode=False)
    except click.Abort:
        return INTERRUPTED
    except (click.ClickException, PersonError, OSError) as error:
        click.echo(f"pomona: {' '.join(_told(error).split())}", err=True)
        return MISUSED
    return status if isinstance(status, int) else 0


def run() -> None:
    """The process. It ends without taking the interpreter down: a thread that hangs would run on in what is gone."""
    status = main()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError):  # whoever read it has gone first
            stream.flush()
    os._exit(status)


def _told(error: Exception) -> str:
    """One sentence: what and where."""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{error.format_message()} (see: {error.ctx.command_path} --help)"
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
