"""The flags that every command of the agent takes, those of the collectors made from the declarations."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import click

from exporters.core.collector import Collector, discover
from exporters.core.config import Settings, load
from exporters.core.errors import PersonError
from exporters.core.options import LogFormat, LogLevel, Privacy
from exporters.core.privacy import Key, load_key, new_key
from exporters.sources.base import Source
from exporters.sources.local import Local
from exporters.sources.replay import CaptureError, Captures, Replay, load_captures

HOST, MAC = "exporters.host", "exporters.macos"


def packages(replay: bool, platform: str = sys.platform) -> tuple[str, ...]:
    """Where the collectors lie: a Mac and a replay have them all, other systems those for any system."""
    return (HOST, MAC) if replay or platform == "darwin" else (HOST,)


@dataclass(slots=True)
class Given:
    """What the command line gave: values by their place in the configuration, its file, a capture folder."""

    flags: dict[str, Any] = field(default_factory=dict)
    config_file: Path | None = None
    replay: Path | None = None
    spare: bytes = field(default_factory=new_key, repr=False)

    def collectors(self) -> tuple[Collector, ...]:
        """What can run."""
        return discover(packages(self.replay is not None))

    def source(self) -> Source:
        """Who answers: this machine, or the captures."""
        return Replay(_captures(self.replay)) if self.replay else Local()

    def machine(self) -> str:
        """What the captures call their machine; empty for this one."""
        return _captures(self.replay).machine if self.replay else ""

    def settings(self, *, make_key: bool = True) -> Settings:
        """The configuration as it is now; `make_key` allows to write a new privacy key where there is none.

        One file serves a whole fleet: sections of collectors that do not run here are checked all the same, but for
        the folders that they name; a replay needs no folders.
        """
        key = partial(self._key, make=make_key)
        here = packages(self.replay is not None)
        with_folders = () if self.replay else here
        settings = load(discover((HOST, MAC)), self.config_file, os.environ, self.flags, key, here=with_folders)
        on = settings.collectors
        return replace(
            settings,
            collectors=tuple(each for each in on if each.package in here),
            elsewhere=tuple(each for each in on if each.package not in here),
        )

    def _key(self, privacy: Privacy, *, make: bool) -> Key:
        if self.replay:
            return Key(_captures(self.replay).key)
        return load_key(privacy.key_file, self.spare, make=make)


def _captures(folder: Path) -> Captures:
    try:
        return load_captures(folder)
    except CaptureError as error:
        raise PersonError(str(error)) from error


class Setting(click.Option):
    """A flag that overrides one place of the configuration."""

    def __init__(self, place: str, flag: str, **fields: Any) -> None:
        name = place.replace(".", "__")
        super().__init__([flag, name], expose_value=False, default=None, callback=self._give, **fields)
        self._place = place

    def _give(self, ctx: click.Context, _: click.Parameter, value: Any) -> None:
        if value not in (None, ()):
            ctx.ensure_object(Given).flags[self._place] = value


class SharedCommand(click.Command):
    """A command with the flags that every exporter has."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own parameters and the shared flags."""
        if "flags" not in ctx.meta:
            ctx.meta["flags"] = tuple(common())
        *own, help_ = super().get_params(ctx)
        return [*own, *ctx.meta["flags"], help_]


class SharedGroup(SharedCommand, click.Group):
    """An exporter without collectors of its own machine."""

    command_class = SharedCommand


class _Flagged(SharedCommand):
    """A command with the flags of the collectors, too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """A replay brings more collectors, and so more flags: it must be known before they are read."""
        given = ctx.ensure_object(Given)
        named = any(arg == "--replay" or arg.startswith("--replay=") for arg in args)
        ctx.meta["flags"] = tuple(_flags(packages(named or given.replay is not None)))
        return super().parse_args(ctx, args)


class FlaggedCommand(_Flagged):
    """A subcommand of the agent."""


class FlaggedGroup(_Flagged, click.Group):
    """The agent, which runs without a subcommand, too."""

    command_class = FlaggedCommand


def _flags(names: tuple[str, ...]) -> Iterator[click.Option]:
    yield from common()
    yield _file("--replay", "replay", "DIR", "Answer from a capture folder instead of this machine.")
    for each in discover(names):
        yield Setting(
            f"collectors.{each.name}.enabled",
            f"--collector.{each.name}/--no-collector.{each.name}",
            help=f"{each.about.splitlines()[0]} Default: {'on' if each.enabled else 'off'}.",
        )


def common() -> Iterator[click.Option]:
    """The flags of every exporter."""
    yield _file("--config.file", "config_file", "FILE", "YAML file with the configuration.")
    yield Setting("web.listen_address", "--web.listen-address", multiple=True, help="Where to serve; repeatable.")
    yield Setting("web.config_file", "--web.config.file", help="exporter-toolkit web file: TLS, logins, headers.")
    yield Setting("web.telemetry_path", "--web.telemetry-path", help="Path of the metrics.")
    yield Setting(
        "web.enable_lifecycle",
        "--web.enable-lifecycle/--no-web.enable-lifecycle",
        help="Let POST /-/reload read the configuration again.",
    )
    yield Setting("state.dir", "--state.dir", help="Directory of the last observations.")
    yield Setting("log.level", "--log.level", type=click.Choice(get_args(LogLevel)), help="Lowest level to log.")
    yield Setting("log.format", "--log.format", type=click.Choice(get_args(LogFormat)), help="Shape of the log lines.")


def _file(flag: str, name: str, metavar: str, text: str) -> click.Option:
    def give(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
        if value is not None:
            setattr(ctx.ensure_object(Given), name, value)

    kind = click.Path(path_type=Path)
    return click.Option([flag, name], type=kind, metavar=metavar, expose_value=False, callback=give, help=text)
