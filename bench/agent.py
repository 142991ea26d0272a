"""The agent under measurement, over fake programs: `python -m bench.agent FOLDER PORT [WEB-FILE]`."""

import sys
from pathlib import Path

import exporters.operate.agent  # noqa: F401 - what the command line imports counts, too
from bench.fakes import fake_mac
from exporters.core import config
from exporters.core.clock import system_clock
from exporters.core.collector import discover
from exporters.core.machine import Agent
from exporters.core.privacy import Key
from exporters.core.serve import serve
from exporters.operate.flags import packages
from exporters.sources.memory import Remembering

PACKAGES = packages(replay=True)


def main(folder: Path, port: str, web_file: str = "") -> int:
    """Serves like `pomona agent` does; the state lies in the folder."""
    collectors = discover(PACKAGES)
    source = fake_mac(folder)
    flags = {"web.listen_address": [f"127.0.0.1:{port}"], "log.level": "error", "web.config_file": web_file}

    def load() -> config.Settings:
        return config.load(collectors, None, {}, flags, lambda _: Key(b"bench" * 4))

    clock = system_clock()
    source = Remembering(source, clock=clock.elapsed)
    return serve(lambda: Agent(load(), load, source, folder / "state", clock))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:]))
