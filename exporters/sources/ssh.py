"""A remote host over SSH: one kept connection, a batch of questions in one exec.

Host keys are strict, the address is fixed, nothing is installed on the host. paramiko is imported from here alone.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from exporters.sources import sshbatch
from exporters.sources.base import Answer_co, Failed, NotFound, Outcome, Question, SourceError, TimedOut
from exporters.sources.sshauth import HostKeyRefused, Incompatible, SshTarget
from exporters.sources.sshbatch import ORIGINAL_COMMAND, dated_command, header, script, seconds_of
from exporters.sources.sshchannel import Exec, Run, ScriptRefused
from exporters.sources.sshhold import LoginRefused
from exporters.sources.sshkeys import authorized_keys_line, public_key_of
from exporters.sources.sshlink import Link

__all__ = [
    "HostKeyRefused",
    "Incompatible",
    "LoginRefused",
    "Report",
    "ScriptRefused",
    "Ssh",
    "SshTarget",
    "authorized_keys_line",
    "public_key_of",
    "script",
]

TRIES = 2
MOST_DATED = 40


@dataclass(frozen=True, slots=True)
class Report:
    """What came of the last batch of questions.

    `trouble` is why nothing was answered, or why the host was lost on the way; None where the script ran, and during
    a hold what has caused it. `connects` counts the connections opened so far. The times are those of the last connect,
    from TCP to login, and of the last exec.
    """

    trouble: SourceError | None = None
    connects: int = 0
    connect_seconds: float | None = None
    exec_seconds: float | None = None


class Ssh:
    """The source that answers Command, File and Listing on one host. `clock` gives seconds and never falls.

    One channel at a time: dropbear 2022 drops the connection where one is opened while another ends. An ask takes at
    most the time of its questions and of the steps of a connect, twice where the connection is lost on the way, after
    as long a wait for its turn.
    """

    def __init__(self, target: SshTarget, clock: Callable[[], float] = time.monotonic) -> None:
        self.target = target
        self._clock = clock
        self._link = Link(target, clock)
        self._head = header(script(target.forced, target.forced_dated)) if target.forced else b""
        self._turn = threading.Lock()
        self._report = Report()
        self._exec_seconds: float | None = None
        self._last_used = 0.0

    @property
    def report(self) -> Report:
        """What came of the last batch that has ended; never waits for one that runs."""
        return self._report

    @property
    def retry_wait(self) -> float:
        """Seconds until the host is tried again after repeated failures; 0 where it may be tried now."""
        return self._link.holds.retry_wait

    @property
    def login_wait(self) -> float:
        """Seconds until a login is tried again after a refused one; 0 where it may be tried now."""
        return self._link.holds.login_wait

    @property
    def connected(self) -> bool:
        """Whether a connection is kept; a dead link is found out only by asking."""
        return self._link.connected

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        """The answer, or a `SourceError`."""
        answer = self.ask_many((question,))[question]
        if isinstance(answer, SourceError):
            raise answer
        return cast("Answer_co", answer)

    def ask_many(self, questions: Iterable[Question[Any]]) -> Outcome:
        """Each question with its answer or its error, in one exec; what may hang is asked last.

        With a forced command each dated question is one more exec.
        """
        asked = tuple(dict.fromkeys(questions))
        refused = dict(self._refusals(asked))
        fitting = tuple(each for each in asked if each not in refused)
        heard = self._batch(tuple(self._execs(fitting))) if fitting else {}
        return {each: refused[each] if each in refused else heard[each] for each in asked}

    def close(self) -> None:
        """Ends what is under way; nothing is asked afterwards."""
        self._link.close()

    def release(self) -> None:
        """Tries again at once, whatever failed before."""
        self._link.holds.release()

    def close_idle(self, now: float) -> None:
        """Closes a connection that nobody has used for the target's idle time; `now` by the clock given."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            if now - self._last_used >= self.target.idle:
                self._link.drop()
        finally:
            self._turn.release()

    def _refusals(self, asked: Sequence[Question[Any]]) -> Iterator[tuple[Question[Any], SourceError]]:
        dated = 0
        for each in asked:
            if self.target.forced and each not in self.target.forced:
                dated += self._dated(each) is not None
                if self._dated(each) is None:
                    yield each, NotFound("the forced command of authorized_keys does not ask this")
                elif dated > MOST_DATED:
                    yield each, Failed(f"more than {MOST_DATED} dated questions in one batch")
            elif (refusal := sshbatch.refusal(each)) is not None:
                yield each, refusal

    def _execs(self, questions: Sequence[Question[Any]]) -> Iterator[Exec]:
        if not self.target.forced:
            text = script(questions)
            yield Exec(text, questions, header(text))
            return
        if any(each in self.target.forced for each in questions):
            yield Exec(ORIGINAL_COMMAND, self.target.forced, self._head)
        for each in questions:
            if (command := self._dated(each)) is not None:
                yield Exec(command, (each,), self._head)

    def _dated(self, question: Question[Any]) -> str | None:
        return dated_command(question, self.target.forced_dated)

    def _batch(self, execs: Sequence[Exec]) -> Mapping[Question[Any], Any]:
        questions = [each for one in execs for each in one.questions]
        if not self._turn.acquire(timeout=self.target.timeout + sum(seconds_of(one.questions) for one in execs)):
            return dict.fromkeys(questions, TimedOut("another batch of questions to this host took too long"))
        try:
            return self._ask_in_turn(execs)
        finally:
            link = self._link
            self._report = Report(link.trouble, link.connects, link.connect_seconds, self._exec_seconds)
            self._last_used = self._clock()
            self._turn.release()

    def _ask_in_turn(self, execs: Sequence[Exec]) -> Mapping[Question[Any], Any]:
        """What was answered stays, whatever happens to the rest."""
        answers: dict[Question[Any], Any] = {}
        problem: SourceError | None = None
        try:
            for run in self._runs(execs):
                answers |= run.answers()
        except SourceError as error:
            problem = error
        return {each: answers.get(each, problem) for one in execs for each in one.questions}

    def _runs(self, execs: Sequence[Exec]) -> Iterator[Run]:
        """One of each, and one more where a connection was lost. Raises what keeps the rest from being asked."""
        waiting, losses = list(execs), 0
        while waiting:
            run = self._run(waiting[0])
            yield run
            if run.lost is None:
                self._link.answered(run.refused)
                waiting.pop(0)
            elif (losses := losses + 1) == TRIES:
                self._link.failed(run.lost)
                raise run.lost
            if stop := run.refused or run.hung:
                raise stop

    def _run(self, asked: Exec) -> Run:
        transport, run = self._link.transport(), Run(asked, self.target)
        begin = self._clock()
        run.through(transport)
        self._exec_seconds = self._clock() - begin
        if not run.healthy:
            self._link.drop()
        return run
