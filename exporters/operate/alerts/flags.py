"""What the commands below `pomona alerts` share: where Alertmanager is and how to log in.

These flags may stand before or after the name of a command.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from exporters.operate.alerts.client import Alertmanager

URLS = ("http://127.0.0.1:9093",)
FILTERS = ("severity", "site", "instance", "team")
_PATH = click.Path(path_type=Path)


@dataclass(slots=True)
class Given:
    """What the command line and the environment gave."""

    urls: tuple[str, ...] = ()
    http_file: Path | None = None
    filters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    whole: bool = False
    as_json: bool = False

    def manager(self) -> "Alertmanager":
        """The Alertmanager that is meant; nothing is asked yet."""
        from exporters.operate.alerts import client, login  # noqa: PLC0415 - requests comes with it

        return client.Alertmanager(self.urls or URLS, login.session(self.http_file))

    def lists(self) -> bool:
        """Whether something was given that only a list takes."""
        return bool(self.filters or self.whole or self.as_json)


def connection() -> Iterator[click.Option]:
    """Where Alertmanager is."""
    yield click.Option(
        ["--alertmanager.url", "urls"],
        multiple=True,
        envvar="POMONA_ALERTMANAGER_URL",
        show_envvar=True,
        metavar="URL",
        expose_value=False,
        callback=_give,
        help="Where Alertmanager is; of several the first that answers. Default: http://127.0.0.1:9093.",
    )
    yield click.Option(
        ["--http.config.file", "http_file"],
        type=_PATH,
        envvar="POMONA_HTTP_CONFIG_FILE",
        show_envvar=True,
        metavar="FILE",
        expose_value=False,
        callback=_give,
        help="Login and TLS: the file that amtool reads.",
    )


def filters() -> Iterator[click.Option]:
    """What a list is narrowed by."""
    for label in FILTERS:
        yield click.Option(
            [f"--{label}"], multiple=True, expose_value=False, callback=_filter, help=f"Only this {label}; repeatable."
        )
    all_help = "Also those that a worse one stands for, and the Watchdog."
    yield click.Option(["--all", "whole"], is_flag=True, expose_value=False, callback=_give, help=all_help)
    yield click.Option(["--json", "as_json"], is_flag=True, expose_value=False, callback=_give, help="For programs.")


def names(_: click.Context, __: click.Parameter, begun: str) -> list[CompletionItem]:
    """The shipped alerts whose names begin so; nothing is asked over the network."""
    from exporters.operate.alerts.shipped import alert_names  # noqa: PLC0415 - when a shell completes

    return [CompletionItem(each) for each in sorted(alert_names()) if each.startswith(begun)]


def _give(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    """What was typed beats the environment, whether it stands before or after the name of the command."""
    name, given = str(parameter.name), ctx.ensure_object(Given)
    typed = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    if value not in (None, (), False) and (typed or not getattr(given, name)):
        setattr(given, name, value)


def _filter(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> None:
    if value:
        ctx.ensure_object(Given).filters[str(parameter.name)] = value
