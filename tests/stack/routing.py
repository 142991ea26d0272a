"""Simulated routers on a clock that is moved by hand, asked without and with SSH."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from core.machines import HandClock
from exporters.sources.base import Command, File, NotFound, Output, Question, Unreachable, ask_each
from exporters.sources.ssh import Ssh, SshTarget
from exporters.stack.router_answers import Router
from exporters.stack.router_server import Servers
from exporters.stack.router_traffic import COUNTERS, Answer
from exporters.stack.simulated_routers import SPECIAL, Routers, client_key, host_key

SEED = 1
Table = Mapping[tuple[Any, ...], Mapping[str, int]]


class Network:
    """Routers and their clock."""

    def __init__(self, count: int = len(SPECIAL) + 1, speed: float = 1.0, devices: int | None = None) -> None:
        self.clock = HandClock()
        self.routers = Routers(count, SEED, speed, self.clock, devices)

    def router(self, nature: str = "") -> Router:
        """The one that has this trait; without a name the one without trouble."""
        fit = [each for each in self.routers.all if nature and getattr(each.nature, nature)]
        return fit[0] if fit else self.routers.all[-1]

    def run(self, router: Router, command: str) -> Answer:
        answer = router.run(shlex.split(command), self.routers.now())
        assert answer is not None
        return answer

    def read(self, router: Router, path: str) -> str:
        content = router.read(path, self.routers.now())
        assert content is not None
        return content.decode()

    def table(self, router: Router, command: str) -> Table:
        """nlbw's JSON: counters by what is not a counter."""
        return table(self.run(router, command).stdout)

    def received(self, router: Router, more: str = "") -> int:
        return sum(each["rx_bytes"] for each in self.table(router, f"nlbw -c json -g mac {more}").values())


def table(data: bytes) -> Table:
    told = json.loads(data)
    rows = [dict(zip(told["columns"], row, strict=True)) for row in told["data"]]
    keys = [name for name in told["columns"] if name not in COUNTERS]
    return {tuple(row[name] for name in keys): {name: row[name] for name in COUNTERS} for row in rows}


@dataclass
class Asked:
    """A source that asks a router in this process."""

    router: Router
    routers: Routers

    def ask(self, question: Question[Any]) -> Any:
        now = self.routers.now()
        if not self.router.up(now):
            raise Unreachable("down")
        if isinstance(question, File):
            if (content := self.router.read(question.path, now)) is None:
                raise NotFound(question.path)
            return content
        assert isinstance(question, Command)
        answer = self.router.run(question.argv, now)
        if answer is None or answer.status not in question.ok_exits:
            raise NotFound(str(question))
        return Output(answer.stdout, answer.stderr, answer.status)

    def ask_many(self, questions: Iterable[Question[Any]]) -> Mapping[Question[Any], Any]:
        return ask_each(self, questions)

    def close(self) -> None:
        return


@contextmanager
def reached(servers: Servers, router: Router, **fields: Any) -> Iterator[Ssh]:
    """The exporter's own way to a router."""
    given = {
        "private_key": client_key(SEED),
        "fingerprints": (host_key(SEED, router.name).fingerprint,),
        "port": servers.ports[router.name],
        "user": "root",
        **fields,
    }
    source = Ssh(SshTarget(address="127.0.0.1", **given))
    try:
        yield source
    finally:
        source.close()
