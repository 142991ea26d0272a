"""`pomona simulate` and `pomona up` on the command line."""

import sys

import click

from exporters.core import log as logs
from exporters.core.options import LogFormat, LogLevel
from exporters.core.privacy import expanded, state_dir

SPEED = click.FloatRange(min=0.1, max=10_000)
MACS = click.IntRange(min=0, max=100_000)
ROUTERS = click.IntRange(min=0, max=256)
DEVICES = click.IntRange(min=1, max=200)
PORT = click.IntRange(min=1, max=65_529)


@click.command()
@click.option("--macs", type=MACS, default=7, show_default=True, help="How many Macs.")
@click.option("--routers", type=ROUTERS, default=0, show_default=True, help="How many OpenWrt routers, over SSH.")
@click.option("--routers-dir", metavar="DIR", help="Where router.yml, the key and the lists of devices are written.")
@click.option("--routers-port", type=click.IntRange(0, 65_535), default=0, help="Their first port; 0 for any.")
@click.option("--router-devices", type=DEVICES, help="Devices behind each router, instead of 8 to 60.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same Macs and routers.")
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
    *,
    macs: int,
    routers: int,
    routers_dir: str | None,
    routers_port: int,
    router_devices: int | None,
    seed: int,
    speed: float,
    addresses: tuple[str, ...],
    level: LogLevel,
    form: LogFormat,
) -> int:
    """Serve any number of simulated Macs: /probe?target=sim-0001, and /targets for http_sd_configs.

    Routers have an SSH port each; with --routers-dir DIR `pomona router --config.file DIR/router.yml` reaches them.
    """
    from exporters.stack import simulate  # noqa: PLC0415 - only when it is used

    logs.setup(level, form)
    if routers and not routers_dir:
        raise click.UsageError("--routers needs --routers-dir DIR, where the files for `pomona router` are written")
    folder = expanded(routers_dir or "")
    return simulate.run(macs, seed, speed, addresses, simulate.Network(routers, folder, routers_port, router_devices))


@click.command()
@click.option(
    "--demo/--no-demo",
    default=sys.platform != "darwin",
    show_default="on, except on a Mac",
    help="Add simulated Macs and routers.",
)
@click.option("--macs", type=MACS, default=7, show_default=True, help="How many simulated Macs.")
@click.option("--routers", type=ROUTERS, default=3, show_default=True, help="How many simulated routers.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same Macs and routers.")
@click.option("--speed", type=SPEED, default=5.0, show_default=True, help="How fast their own time runs.")
@click.option("--state.dir", "folder", default="", metavar="DIR", help="Where data, configuration and logs lie.")
@click.option("--port-base", type=PORT, help="Use a block of ports from this one on instead of the usual ones.")
@click.option("--install", is_flag=True, help="Install Prometheus and Alertmanager if missing (apt or brew).")
def up_command(
    *,
    demo: bool,
    macs: int,
    routers: int,
    seed: int,
    speed: float,
    folder: str,
    port_base: int | None,
    install: bool,
) -> int:
    """Run exporters, Prometheus and Alertmanager on loopback, wired together; Ctrl-C ends all."""
    from exporters.stack import up  # noqa: PLC0415 - rich comes with it

    return up.run(
        simulated=up.Simulated(macs if demo else 0, routers if demo else 0, seed, speed),
        folder=state_dir(folder) if folder else state_dir("") / "up",
        port_base=port_base,
        install=install,
    )
