"""`pomona router`: the exporter for OpenWrt routers over SSH, and what a person needs to set one up."""

import logging
import os
import resource
from functools import partial
from pathlib import Path

import click

from exporters.core import log as logs
from exporters.core.clock import system_clock
from exporters.core.collector import discover
from exporters.core.errors import PersonError
from exporters.core.explain import hint
from exporters.core.options import Privacy
from exporters.core.privacy import Key, load_key, state_dir
from exporters.core.serve import serve
from exporters.core.webconfig import read_web_file
from exporters.operate.flags import Given, SharedGroup
from exporters.operate.routers.config import RouterSettings, load
from exporters.operate.routers.service import THREADS, Routers

FILES = 2048
OPENWRT = ("exporters.openwrt",)
log = logging.getLogger("pomona")


@click.group(cls=SharedGroup, invoke_without_command=True)
@click.option("--config.check", "check_only", is_flag=True, help="Check the configuration and end.")
@click.pass_context
def router(ctx: click.Context, check_only: bool) -> int:
    """Serve the metrics of OpenWrt routers, by default on 127.0.0.1:10222."""
    given = ctx.ensure_object(Given)
    if check_only and ctx.invoked_subcommand:
        raise click.UsageError("--config.check goes without a subcommand.", ctx)
    if ctx.invoked_subcommand:
        return 0
    if check_only:
        return _check(given)
    settings = configured(given)
    if not settings.targets:
        raise PersonError(f"{given.config_file or 'no configuration'}: no targets; list them in --config.file FILE")
    # beside that of an agent on the same machine: a state directory has one owner
    folder = state_dir(settings.state.dir) if settings.state.dir else state_dir("") / "router"
    _allow_files()
    return serve(lambda: Routers(settings, partial(_settings, given), folder, system_clock()), THREADS)


@router.command("check")
@click.argument("target")
@click.pass_obj
def check_command(given: Given, target: str) -> int:
    """Say what works between here and nlbwmon on a router, and how to mend what does not."""
    from exporters.operate.routers import check  # noqa: PLC0415 - rich comes with it

    settings = configured(given, make_key=False)
    if target not in settings.targets:
        where = given.config_file or "no configuration (give --config.file FILE)"
        raise PersonError(f"{where}: no target {target!r}{hint(target, settings.targets)}")
    return check.run(settings.targets[target], config_file=given.config_file)


@router.command("authorized-key")
@click.argument("module")
@click.option("--auth", help="The auth whose key it is; not needed where there is only one.")
@click.pass_obj
def authorized_key_command(given: Given, module: str, auth: str | None) -> int:
    """Print the line for authorized_keys that lets the key run the questions of a module, and nothing else."""
    from exporters.operate.routers import keys  # noqa: PLC0415 - for this alone

    click.echo(keys.line(configured(given, make_key=False), module, auth))
    return 0


def configured(given: Given, *, make_key: bool = True) -> RouterSettings:
    """The configuration, with logs set up as it says."""
    settings = _settings(given, make_key=make_key)
    logs.setup(settings.log.level, settings.log.format)
    if settings.warning:
        log.warning("%s", settings.warning)
    return settings


def _settings(given: Given, *, make_key: bool = True) -> RouterSettings:
    def key(privacy: Privacy) -> Key:
        return load_key(privacy.key_file, given.spare, make=make_key)

    return load(discover(OPENWRT), given.config_file, os.environ, given.flags, key)


def _allow_files() -> None:
    """As many files as the system lets this user open: each router and each probe takes one; launchd allows 256."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if 0 <= wanted < FILES:
        log.warning("only %d files may be open (ulimit -Hn): many routers at once need %d", wanted, FILES)


def _check(given: Given) -> int:
    """Everything that a start reads, without writing a key."""
    settings = _settings(given, make_key=False)
    if settings.web.config_file:
        read_web_file(Path(settings.web.config_file))
    click.echo(f"{given.config_file or 'The configuration'} is good; {len(settings.targets)} targets.")
    return 0
