"""`pomona agent`: the exporter of the machine it runs on, and what shows how it works here."""

import logging
import secrets
from pathlib import Path

import click

from exporters.core import log as logs
from exporters.core.clock import system_clock
from exporters.core.config import Settings
from exporters.core.errors import PersonError
from exporters.core.machine import Agent, once
from exporters.core.privacy import state_dir
from exporters.core.serve import serve
from exporters.core.webconfig import read_web_file
from exporters.operate.flags import FlaggedGroup, Given
from exporters.sources.local import Local
from exporters.sources.memory import Remembering

log = logging.getLogger("pomona")
_PATH = click.Path(path_type=Path)


@click.group(cls=FlaggedGroup, invoke_without_command=True)
@click.option("--once", "one", is_flag=True, help="Print one scrape and end.")
@click.option("--output", type=_PATH, metavar="FILE", help="With --once: replace this file instead of printing.")
@click.option("--config.check", "check_only", is_flag=True, help="Check the configuration and end.")
@click.pass_context
def agent(ctx: click.Context, one: bool, output: Path | None, check_only: bool) -> int:
    """Serve the metrics of this machine, by default on 127.0.0.1:10220."""
    if (one or output or check_only) and ctx.invoked_subcommand:
        raise click.UsageError("--once, --output and --config.check go without a subcommand.", ctx)
    if output and not one:
        raise click.UsageError("--output goes with --once.", ctx)
    if output and output.name in {"", ".."}:
        raise click.UsageError("--output needs the name of a file.", ctx)
    given = ctx.ensure_object(Given)
    if ctx.invoked_subcommand:
        return 0
    if check_only:
        return _check(given)
    settings, source = _settings(given), Remembering(given.source(), system_clock().elapsed)
    if one:
        _write(once(settings, source), output)
        return 0
    folder = None if given.replay else state_dir(settings.state.dir)
    return serve(lambda: Agent(settings, given.settings, source, folder, system_clock()))


@agent.command("check")
@click.pass_obj
def check_command(given: Given) -> int:
    """Say what works here and what each collector needs."""
    from exporters.operate import check  # noqa: PLC0415 - rich comes with it

    settings = _settings(given, make_key=False)
    where = check.nowhere if given.replay else None
    return check.run(settings.collectors, given.source(), settings.contexts, where=where)


@agent.command("show")
@click.pass_obj
def show_command(given: Given) -> int:
    """Show this machine as a live table."""
    from exporters.operate import show  # noqa: PLC0415 - rich comes with it

    settings = _settings(given, make_key=False)
    return show.run(settings.collectors, given.source(), settings.contexts)


@agent.command("capture")
@click.argument("folder", type=_PATH)
@click.pass_obj
def capture_command(given: Given, folder: Path) -> int:
    """Write a redacted capture folder, which --replay reads."""
    from exporters.operate import capture  # noqa: PLC0415 - rich comes with it

    settings = _settings(given, make_key=False)
    return capture.run(settings.collectors, given.source(), settings.contexts, folder, machine=given.machine())


@agent.command("sudoers")
@click.option("--user", metavar="NAME", default="", help="The user that runs the agent; by default whoever asks.")
@click.pass_obj
def sudoers_command(given: Given, user: str) -> int:
    """Print a sudoers drop-in for just the root commands of the collectors that are on."""
    from exporters.operate import sudoers  # noqa: PLC0415 - only when it is used

    settings = _settings(given, make_key=False)
    where, elsewhere = Local().where, settings.elsewhere
    click.echo(sudoers.drop_in(settings.collectors, settings.contexts, where, user, elsewhere=elsewhere), nl=False)
    return 0


def _check(given: Given) -> int:
    """Everything that a start reads, without writing a key."""
    settings = given.settings(make_key=False)
    if settings.web.config_file:
        read_web_file(Path(settings.web.config_file))
    click.echo(f"{given.config_file or 'The configuration'} is good; {len(settings.collectors)} collectors are on.")
    return 0


def _settings(given: Given, *, make_key: bool = True) -> Settings:
    """The configuration, with logs set up as it says."""
    settings = given.settings(make_key=make_key)
    logs.setup(settings.log.level, settings.log.format)
    if settings.warning:
        log.warning("%s", settings.warning)
    return settings


def _write(text: bytes, output: Path | None) -> None:
    """To stdout, or to a file that is replaced as a whole."""
    if output is None:
        click.echo(text, nl=False)
        return
    draft = output.with_name(f".{output.name}.{secrets.token_hex(4)}")
    try:
        draft.write_bytes(text)
        draft.replace(output)
    except OSError as error:
        raise PersonError(f"{output}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)
