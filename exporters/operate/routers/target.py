"""One router: its connection, its Runner, and what a probe of it tells."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from exporters.core.clock import Clock
from exporters.core.context import Context
from exporters.core.log import event
from exporters.core.metrics import Format, render
from exporters.core.pool import Pool
from exporters.core.runner import Runner
from exporters.core.state import Section, Store
from exporters.openwrt.target import known, reason, samples
from exporters.operate.routers.config import Listed, Module
from exporters.sources.base import Command, Question, TimedOut
from exporters.sources.named import Named
from exporters.sources.ssh import Report, SshTarget

log = logging.getLogger("pomona.target")


def questions(module: Module) -> tuple[Question[object], ...]:
    """Everything that a probe asks in its first round, in the order of the batch."""
    every = (
        question
        for each in module.collectors
        for question in (
            *each.required_for(module.contexts[each.name]),
            *each.optional_for(module.contexts[each.name]),
        )
    )
    return tuple(dict.fromkeys(every))


def dated(module: Module) -> tuple[Command, ...]:
    """The commands of a second round that differ by a date alone: a forced command can allow those."""
    return tuple(
        command
        for each in module.collectors
        for command in each.then_asks_for(module.contexts[each.name])
        if "DATE" in command.argv
    )


def ssh_target(listed: Listed) -> SshTarget:
    """How to reach it; the address is found when it is first asked."""
    target, forced = listed.target, listed.target.forced_command
    return SshTarget(
        address="",
        host=target.address,
        port=target.port,
        user=listed.username,
        fingerprints=target.host_key,
        known_hosts=listed.known_hosts,
        private_key=listed.private_key,
        password=listed.password,
        forced=questions(listed.module) if forced else (),
        forced_dated=dated(listed.module) if forced else (),
    )


class Router:
    """A target that is probed; `contexts` hold the devices that a person listed."""

    def __init__(
        self, listed: Listed, contexts: Mapping[str, Context], *, clock: Clock, pool: Pool, store: Store | None
    ) -> None:
        self.listed = listed
        self._clock, self._pool = clock, pool
        # another machine under an old name must not go on from the counts of the old one
        target = listed.target
        self._store = Section(store, f"{listed.name}@{target.address}:{target.port}") if store else None
        self._source = Named(ssh_target(listed), clock.elapsed)
        self._runner = self._made(contexts, None)
        self._down = ""

    @property
    def names(self) -> frozenset[str]:
        """The collectors that can be chosen by `collect[]`."""
        return self._runner.names

    def release(self) -> None:
        """Tries again at once: a person has asked for it."""
        self._source.release()

    def renew(self, contexts: Mapping[str, Context]) -> None:
        """Goes on with other lists of devices."""
        self._runner = self._made(contexts, self._runner)

    def scrape(
        self, form: Format, chosen: frozenset[str] | None = None, timeout: float = 10.0, *, taken: bool = True
    ) -> bytes:
        """What the router tells, and how the way to it is; only the latter where it does not answer."""
        began = self._clock.elapsed()
        runner = self._runner
        text = runner.scrape(form, chosen, timeout, taken=False)
        seconds, report = self._clock.elapsed() - began, self._source.report
        if seconds >= timeout:
            report = replace(report, trouble=TimedOut(f"no answer within the {timeout:g} s of the scrape"))
        self._tell(report)
        tries = (self._clock.now() + wait if wait else None for wait in self._source.waits)
        way = render(samples(report, seconds, *tries), form)
        if report.trouble:
            return way
        if taken:
            runner.take(chosen)
        return text + way

    def tick(self) -> None:
        """Closes a connection that nobody uses."""
        self._source.close_idle()

    def close(self) -> None:
        """Ends what is under way; what it has seen since is for its successor to find."""
        self._runner.retire()
        self._source.close()

    def _made(self, contexts: Mapping[str, Context], previous: Runner | None) -> Runner:
        return Runner(
            self.listed.module.collectors,
            self._source,
            contexts,
            clock=self._clock,
            pool=self._pool,
            store=self._store,
            sink=self._note,
            on_demand=True,
            together=True,
            previous=previous,
            target=self.listed.name,
        )

    def _note(self, events: Sequence[Mapping[str, str]]) -> None:
        """What collectors noticed, as lines of the log."""
        for each in events:
            event(log, "info", "noticed on a router", target=self.listed.name, **each)

    def _tell(self, report: Report) -> None:
        """One line when it goes down, or for another reason, and one when it is back."""
        if not known(report):
            return
        why, before = reason(report.trouble), self._down
        self._down = why
        if why and why != before:
            event(log, "warn", "router down", target=self.listed.name, reason=why, detail=str(report.trouble))
        if before and not why:
            event(log, "info", "router up again", target=self.listed.name)
