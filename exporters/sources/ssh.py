"""A remote host over SSH: one kept connection, a batch of questions in one exec.

Host keys are strict, the address is fixed, nothing is installed on the host. paramiko is imported from here alone.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

import paramiko

from exporters.sources import sshauth, sshbatch, sshchannel
from exporters.sources.base import (
    Answer_co,
    Failed,
    NotFound,
    Outcome,
    Question,
    SourceError,
    TimedOut,
    Unreachable,
)
from exporters.sources.sshauth import HostKeyRefused, Incompatible, SshTarget
from exporters.sources.sshbatch import script
from exporters.sources.sshhold import Holds, LoginRefused

__all__ = ["HostKeyRefused", "Incompatible", "LoginRefused", "Ssh", "SshTarget", "script"]

TRIES = 2
ORIGINAL_COMMAND = "pomona"


class Ssh:
    """The source that answers Command, File and Listing on one host. `clock` gives seconds and never falls.

    One channel at a time: dropbear 2022 drops the connection where one is opened while another ends.
    """

    def __init__(self, target: SshTarget, clock: Callable[[], float] = time.monotonic) -> None:
        self.target = target
        self._clock = clock
        self._holds = Holds(clock)
        self._turn = threading.Lock()
        self._lock = threading.Lock()  # of what follows, which `close` reads while somebody has the turn
        self._kept: paramiko.Transport | None = None
        self._opening: socket.socket | None = None
        self._ended = False
        self._last_used = 0.0

    @property
    def retry_wait(self) -> float:
        """Seconds until the host is tried again after repeated failures; 0 where it may be tried now."""
        return self._holds.retry_wait

    @property
    def login_wait(self) -> float:
        """Seconds until a login is tried again after a refused one; 0 where it may be tried now."""
        return self._holds.login_wait

    @property
    def connected(self) -> bool:
        """Whether a connection is kept; a dead link is found out only by asking."""
        return self._kept is not None

    def ask(self, question: Question[Answer_co]) -> Answer_co:
        """The answer, or a `SourceError`."""
        answer = self.ask_many((question,))[question]
        if isinstance(answer, SourceError):
            raise answer
        return cast("Answer_co", answer)

    def ask_many(self, questions: Iterable[Question[Any]]) -> Outcome:
        """Each question with its answer or its error, in one exec; what may hang is asked last."""
        asked = tuple(dict.fromkeys(questions))
        refused = {each: self._refusal(each) for each in asked}
        fitting = tuple(each for each in asked if refused[each] is None)
        heard: Mapping[Question[Any], Any] = self._batch(self.target.forced or fitting) if fitting else {}
        return {each: refused[each] or heard[each] for each in asked}

    def close(self) -> None:
        """Ends what is under way; nothing is asked afterwards."""
        with self._lock:
            self._ended = True
            opening = self._opening
        if opening is not None:
            sshauth.hang_up(opening)
        self._drop()

    def close_idle(self, now: float) -> None:
        """Closes a connection that nobody has used for the target's idle time; `now` by the clock given."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            if now - self._last_used >= self.target.idle:
                self._drop()
        finally:
            self._turn.release()

    def _refusal(self, question: Question[Any]) -> SourceError | None:
        if self.target.forced and question not in self.target.forced:
            return NotFound("the forced command of authorized_keys does not ask this")
        return sshbatch.refusal(question)

    def _batch(self, questions: Sequence[Question[Any]]) -> Mapping[Question[Any], Any]:
        patience = self.target.timeout + sum(sshbatch.timeout_of(each) for each in questions)
        if not self._turn.acquire(timeout=patience):
            return dict.fromkeys(questions, TimedOut("another batch of questions to this host took too long"))
        try:
            return self._ask_in_turn(questions)
        finally:
            self._last_used = self._clock()
            self._turn.release()

    def _ask_in_turn(self, questions: Sequence[Question[Any]]) -> Mapping[Question[Any], Any]:
        """Answers from one run, or from a second one where the connection of the first was lost."""
        answers: dict[Question[Any], Any] = {}
        problem: SourceError = Unreachable("the connection was lost")
        try:
            for _ in range(TRIES):
                run = self._run(questions)
                answers |= run.answers()
                if run.lost is None:
                    self._holds.succeeded()
                    break
                problem = run.lost
            else:
                self._holds.failed()
        except SourceError as error:
            problem = error
        return {each: answers.get(each, problem) for each in questions}

    def _run(self, questions: Sequence[Question[Any]]) -> sshchannel.Run:
        run = sshchannel.Run(questions, self.target)
        run.through(self._transport(), ORIGINAL_COMMAND if self.target.forced else run.script)
        if not run.healthy:
            self._drop()
        return run

    def _transport(self) -> paramiko.Transport:
        """The kept one, or a new one; what fails on the way counts for the holds."""
        with self._lock:
            self._refuse_after_end()
            kept = self._kept
        return kept or self._connect()

    def _connect(self) -> paramiko.Transport:
        self._holds.check()
        try:
            transport = sshauth.connect(self.target, self._opened)
        except LoginRefused:
            self._holds.refused()
            raise
        except Unreachable:
            self._refuse_after_end()
            self._holds.failed()
            raise
        finally:
            with self._lock:
                self._opening = None
        with self._lock:
            self._kept = transport
            ended = self._ended
        if ended:
            self._drop()
        self._refuse_after_end()
        return transport

    def _opened(self, sock: socket.socket) -> None:
        with self._lock:
            self._opening = sock

    def _refuse_after_end(self) -> None:
        if self._ended:
            raise Failed("the exporter ends")

    def _drop(self) -> None:
        with self._lock:
            kept, self._kept = self._kept, None
        if kept is not None:
            sshauth.end(kept)
