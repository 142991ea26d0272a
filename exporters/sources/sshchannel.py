"""One run of a script over one channel: read as it comes, each answer within its time."""

import selectors
import threading
import time
from collections.abc import Sequence
from typing import Any

import paramiko

from exporters.sources.base import Failed, Question, SourceError, TimedOut, Unreachable
from exporters.sources.sshauth import SshTarget
from exporters.sources.sshbatch import Transcript, header, script, timeout_of

CHUNK = 65536
GRACE = 1.0


class _HungError(Exception):
    """Nothing more came in time."""


class _EndedError(Exception):
    """The script ended in good order before all was answered."""


class Run:
    """What came of it. `lost` says why the whole may be tried once more over a new connection."""

    def __init__(self, questions: Sequence[Question[Any]], target: SshTarget) -> None:
        self.questions = questions
        self.script = script(questions)
        self.lost: SourceError | None = None
        self.healthy = True
        self._timeout = target.timeout
        self._transcript = Transcript(questions, header(self.script), target.limit)
        self._rest: dict[Question[Any], SourceError] = {}

    def answers(self) -> dict[Question[Any], Any]:
        """Each question that was answered, and each that was reached or passed over, with its error."""
        return {**self._rest, **self._transcript.answers()}

    def through(self, transport: paramiko.Transport, command: str) -> None:
        """Runs the command; raises nothing."""
        try:
            channel = self._begin(transport, command)
            try:
                self._read(channel)
                # dropbear 2022 drops the connection where a channel is opened while the program of another ends.
                self.healthy = channel.status_event.wait(GRACE)
            finally:
                channel.close()
        except _HungError:
            self._hung()
        except _EndedError:
            self.healthy = False
            self._ended()
        except (paramiko.SSHException, OSError, EOFError):
            self.healthy, self.lost = False, Unreachable("the connection was lost")

    def _begin(self, transport: paramiko.Transport, command: str) -> paramiko.Channel:
        channel = transport.open_session(timeout=self._timeout)
        # paramiko waits without limit for the answer to an exec request; closing the channel ends that.
        guard = threading.Timer(self._timeout, channel.close)
        guard.daemon = True
        guard.start()
        try:
            channel.exec_command(command.encode(errors="surrogateescape"))
        except BaseException:
            channel.close()
            raise
        finally:
            guard.cancel()
        return channel

    def _read(self, channel: paramiko.Channel) -> None:
        """Until all is answered."""
        transcript, seen = self._transcript, (False, 0)
        deadline = time.monotonic() + self._timeout
        with selectors.PollSelector() as selector:
            selector.register(channel, selectors.EVENT_READ)
            while transcript.count < len(self.questions):
                if seen != (transcript.begun, transcript.count):
                    seen = (transcript.begun, transcript.count)
                    deadline = time.monotonic() + timeout_of(self.questions[transcript.count])
                left = deadline - time.monotonic()
                if left <= 0:
                    raise _HungError
                selector.select(left)
                self._take(channel)

    def _take(self, channel: paramiko.Channel) -> None:
        """One piece of each stream: a flood must not keep the deadline from being seen."""
        lost, over = channel.closed and not channel.eof_received, channel.eof_received
        came = False
        if channel.recv_ready():
            self._transcript.stdout.feed(channel.recv(CHUNK))
            came = True
        if channel.recv_stderr_ready():
            self._transcript.stderr.feed(channel.recv_stderr(CHUNK))
            came = True
        if not came and lost:
            raise EOFError
        if not came and over and self._transcript.count < len(self.questions):
            raise _EndedError

    def _hung(self) -> None:
        """A silent link is lost; a script that had begun hangs in one question, and what was before it stays."""
        self.healthy = False
        if not self._transcript.begun:
            self.lost = TimedOut(f"no answer within {self._timeout:g} s")
            return
        slow, *later = self.questions[self._transcript.count :]
        self._rest = {each: TimedOut("not reached: a question before it got no answer") for each in later}
        self._rest[slow] = TimedOut(f"no answer within {timeout_of(slow):g} s")

    def _ended(self) -> None:
        told = (
            "the script ended early on the host"
            if self._transcript.begun
            else "the host did not run the script: no POSIX shell, or authorized_keys forces another command"
        )
        self._rest = {each: Failed(told) for each in self.questions}
