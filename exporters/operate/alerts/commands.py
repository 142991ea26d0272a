"""`pomona alerts` on the command line."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from exporters.operate.alerts.flags import Given, connection, filters, names
from exporters.operate.alerts.times import duration

_PATH = click.Path(path_type=Path)
Decorated = Callable[..., Any]


@click.group(invoke_without_command=True, params=[*filters(), *connection()])
@click.pass_context
def alerts(ctx: click.Context) -> int:
    """List what Alertmanager has now; acknowledge and mute alerts; check and export the rule files."""
    given = ctx.ensure_object(Given)
    if ctx.invoked_subcommand is None:
        return _list(given)
    if given.lists() and ctx.invoked_subcommand != "list":
        raise click.UsageError("--severity, --site, --instance, --team, --all and --json go after the subcommand.", ctx)
    return 0


@alerts.command("list", params=[*filters(), *connection()])
@click.pass_obj
def list_command(given: Given) -> int:
    """List what fires, the worst first."""
    return _list(given)


def _which(command: Decorated) -> Decorated:
    """The arguments that choose alerts."""
    pairs = click.argument("pairs", metavar="[LABEL=VALUE]...", nargs=-1)
    some = click.option("--instance", "instances", multiple=True, help="Only this machine; repeatable.")
    name = click.argument("alert", shell_complete=names)
    decorated: Decorated = name(pairs(some(command)))
    return decorated


def _terms(command: Decorated) -> Decorated:
    """For how long, why, and by whom."""
    how_long = click.option(
        "--for",
        "time",
        callback=duration,
        metavar="DURATION",
        default="2h",
        show_default=True,
        help="How long: 30m, 2h, 1d, 1h30m.",
    )
    why = click.option("--comment", default="", help="Why; others read it.")
    who = click.option(
        "--author", envvar="POMONA_AUTHOR", show_envvar=True, help="Who says so; by default your login name."
    )
    decorated: Decorated = how_long(why(who(command)))
    return decorated


@alerts.command("ack", params=[*connection()])
@_which
@_terms
@click.pass_obj
def ack_command(
    given: Given,
    *,
    alert: str,
    pairs: tuple[str, ...],
    instances: tuple[str, ...],
    time: timedelta,
    comment: str,
    author: str | None,
) -> int:
    """Acknowledge ALERT as it fires at present: it is not sent again, but a worse tier of it is."""
    from exporters.operate.alerts import chosen, silencing  # noqa: PLC0415 - only when it is used

    terms = silencing.Terms(time, comment, silencing.author(author))
    return _say(silencing.ack(given.manager(), chosen.Chosen.of(alert, instances, pairs), terms))


@alerts.command("mute", params=[*connection()])
@_which
@_terms
@click.pass_obj
def mute_command(
    given: Given,
    *,
    alert: str,
    pairs: tuple[str, ...],
    instances: tuple[str, ...],
    time: timedelta,
    comment: str,
    author: str | None,
) -> int:
    """Mute every tier of ALERT, for all machines or for some; it need not fire yet."""
    from exporters.operate.alerts import chosen, silencing  # noqa: PLC0415 - only when it is used

    terms = silencing.Terms(time, comment, silencing.author(author))
    return _say(silencing.mute(given.manager(), chosen.Chosen.of(alert, instances, pairs), terms))


_EVERY = click.option("--all", "every", is_flag=True, help="Also silences of this alert that were made otherwise.")


@alerts.command("unack", params=[*connection()])
@_which
@_EVERY
@click.pass_obj
def unack_command(given: Given, alert: str, pairs: tuple[str, ...], instances: tuple[str, ...], every: bool) -> int:
    """Take back the acknowledgements of ALERT."""
    from exporters.operate.alerts import chosen, silencing  # noqa: PLC0415 - only when it is used

    return _say(silencing.end(given.manager(), chosen.Chosen.of(alert, instances, pairs), "ack", every=every))


@alerts.command("unmute", params=[*connection()])
@_which
@_EVERY
@click.pass_obj
def unmute_command(given: Given, alert: str, pairs: tuple[str, ...], instances: tuple[str, ...], every: bool) -> int:
    """End the mutes of ALERT."""
    from exporters.operate.alerts import chosen, silencing  # noqa: PLC0415 - only when it is used

    return _say(silencing.end(given.manager(), chosen.Chosen.of(alert, instances, pairs), "mute", every=every))


@alerts.command("silences", params=[*connection()])
@click.pass_obj
def silences_command(given: Given) -> int:
    """List the silences that hold or are yet to begin, whoever made them."""
    from exporters.operate.alerts import silencing  # noqa: PLC0415 - only when it is used

    return _say(silencing.listed(given.manager()), "no silences")


@alerts.command("check")
@click.argument("folder", type=_PATH, required=False, metavar="[DIR]")
def check_command(folder: Path | None) -> int:
    """Say what is wrong with the rules, thresholds, templates and alertmanager.yml in DIR, by default the shipped."""
    from exporters.operate.alerts import check  # noqa: PLC0415 - only when it is used

    return check.run(folder)


@alerts.command("export")
@click.argument("folder", type=_PATH, metavar="DIR")
@click.option("--runbooks", metavar="URL", help="Where your copy of the folder `runbooks` is to be read.")
@click.option("--grafana", metavar="URL", help="Where Grafana is.")
@click.option("--force", is_flag=True, help="Overwrite what you have changed, but for your own files.")
@click.option("--force-own", "own", is_flag=True, help="Overwrite your own files: thresholds, adapter, routes, texts.")
def export_command(folder: Path, runbooks: str | None, grafana: str | None, force: bool, own: bool) -> int:
    """Write the shipped rules, alertmanager.yml, templates, runbooks and tests into DIR; what you changed is kept."""
    from exporters.operate.alerts import export  # noqa: PLC0415 - only when it is used

    return _say(export.write(folder, runbooks, grafana, force=force, own=own))


def _list(given: Given) -> int:
    from exporters.operate.alerts import listing  # noqa: PLC0415 - rich comes with it

    return listing.run(given.manager(), given.filters, whole=given.whole, as_json=given.as_json)


def _say(lines: Iterable[str], nothing: str = "") -> int:
    """Each line when it is done, without control characters: names and comments are other people's."""
    said = False
    for line in lines:
        said = True
        click.echo("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line))
    if nothing and not said:
        click.echo(nothing)
    return 0
