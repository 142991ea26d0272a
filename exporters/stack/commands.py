"""`pomona simulate` and `pomona up` on the command line."""

import sys

import click

from exporters.core import log as logs
from exporters.core.options import LogFormat, LogLevel
from exporters.core.privacy import state_dir

SPEED = click.FloatRange(min=0.1, max=10_000)
MACS = click.IntRange(min=1, max=100_000)
PORT = click.IntRange(min=1, max=65_530)


@click.command()
@click.option("--macs", type=MACS, default=7, show_default=True, help="How many Macs.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same Macs.")
@click.option("--speed", type=SPEED, default=1.0, show_default=True, help="How fast their own time runs.")
@click.option(
    "--web.listen-address",
    "addresses",
    multiple=True,
    default=("127.0.0.1:10226",),
    show_default=True,
    metavar="HOST:PORT",
    help="Where to listen; may be given more than once.",
)
@click.option("--log.level", "level", type=click.Choice(["debug", "info", "warn", "error"]), default="info")
@click.option("--log.format", "form", type=click.Choice(["logfmt", "json"]), default="logfmt")
def simulate_command(
    *, macs: int, seed: int, speed: float, addresses: tuple[str, ...], level: LogLevel, form: LogFormat
) -> int:
    """Serve any number of simulated Macs: /probe?target=sim-0001, and /targets for http_sd_configs."""
    from exporters.stack import simulate  # noqa: PLC0415 - only when it is used

    logs.setup(level, form)
    return simulate.run(macs, seed, speed, addresses)


@click.command()
@click.option(
    "--demo/--no-demo",
    default=sys.platform != "darwin",
    show_default="on, except on a Mac",
    help="Add a fleet of simulated Macs.",
)
@click.option("--macs", type=MACS, default=7, show_default=True, help="How many simulated Macs.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same simulated Macs.")
@click.option("--speed", type=SPEED, default=5.0, show_default=True, help="How fast their own time runs.")
@click.option("--state.dir", "folder", default="", metavar="DIR", help="Where data, configuration and logs lie.")
@click.option("--port-base", type=PORT, help="Use this port and the four after it instead of the usual ones.")
@click.option("--install", is_flag=True, help="Install Prometheus and Alertmanager if missing (apt or brew).")
def up_command(
    *, demo: bool, macs: int, seed: int, speed: float, folder: str, port_base: int | None, install: bool
) -> int:
    """Run exporters, Prometheus and Alertmanager on loopback, wired together; Ctrl-C ends all."""
    from exporters.stack import up  # noqa: PLC0415 - rich comes with it

    return up.run(
        macs=macs if demo else 0,
        seed=seed,
        speed=speed,
        folder=state_dir(folder) if folder else state_dir("") / "up",
        port_base=port_base,
        install=install,
    )
