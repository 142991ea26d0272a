"""One run of a script over one channel: read as it comes, each answer within its time.

Files that are read at once have the time of one.
"""

import selectors
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import paramiko

from exporters.sources.base import Failed, Problem, Question, SourceError, TimedOut, Unreachable
from exporters.sources.sshauth import SshTarget, hung_up_after
from exporters.sources.sshbatch import seconds_of, timeout_of
from exporters.sources.sshtranscript import Transcript

CHUNK = 65536
GRACE = 1.0
LONGEST_COMMAND = 9000
"""Bytes of a command that dropbear takes; at a longer one it ends the connection."""
# Twice the window that the host was given for each stream: only one that ignores it comes so far.
FLOOD = 4 * 1024 * 1024


class ScriptRefused(Failed):
    """The host did not run the script: it is out of reach as a whole, which is no matter of one question."""

    problem: ClassVar[Problem] = "unreachable"


@dataclass(frozen=True, slots=True)
class Exec:
    """A command that is run on the host, the questions that it answers, and the word with which its script begins."""

    command: str
    questions: Sequence[Question[Any]]
    head: bytes


class _HungError(Exception):
    """Nothing more came in time."""


class _EndedError(Exception):
    """The script ended in good order before all was answered."""


class Run:
    """What came of an exec.

    `lost` says why it may be tried once more over a new connection; `refused` that the host does not run the script;
    `hung` why nothing more is asked now. Where it is not `healthy` the connection is not used again.
    """

    def __init__(self, asked: Exec, target: SshTarget) -> None:
        self.lost: SourceError | None = None
        self.refused: ScriptRefused | None = None
        self.hung: TimedOut | None = None
        self.healthy = True
        self._asked = asked
        self._timeout = target.timeout
        self._transcript = Transcript(asked.questions, asked.head, target.limit)
        self._rest: dict[Question[Any], SourceError] = {}

    def answers(self) -> dict[Question[Any], Any]:
        """Each question that was answered, and each that was reached or passed over, with its error."""
        return {**self._rest, **self._transcript.answers()}

    def through(self, transport: paramiko.Transport) -> None:
        """Runs it; raises nothing."""
        longest = self._timeout + seconds_of(self._asked.questions) + 2 * GRACE
        try:
            channel = self._begin(transport)
            with hung_up_after(longest, transport):
                self._listen(channel)
        except _HungError:
            self._hang()
        except ScriptRefused as error:
            self._refuse(error)
        except _EndedError:
            self._end()
        except (paramiko.SSHException, OSError, EOFError):
            self.healthy, self.lost = False, Unreachable("the connection was lost")

    def _begin(self, transport: paramiko.Transport) -> paramiko.Channel:
        command = self._asked.command.encode(errors="surrogateescape")
        if len(command) > LONGEST_COMMAND:
            raise ScriptRefused(f"the script has {len(command):,} bytes and dropbear takes {LONGEST_COMMAND:,}")
        with hung_up_after(2 * self._timeout, transport):
            try:
                channel = transport.open_session(timeout=self._timeout)
                channel.exec_command(command)
            except Exception as error:  # of any kind: what its thread has ended with after the rubbish of a host
                said_no = isinstance(error, paramiko.ChannelException) or str(error) == "Channel closed."
                if said_no and transport.is_active():
                    raise ScriptRefused("the host refuses to run commands") from error
                raise EOFError from error
        return channel

    def _listen(self, channel: paramiko.Channel) -> None:
        try:
            self._read(channel)
            # dropbear 2022 drops the connection where a channel is opened while the program of another ends.
            self.healthy = channel.status_event.wait(GRACE)
        finally:
            channel.close()

    def _read(self, channel: paramiko.Channel) -> None:
        """Until all is answered."""
        transcript, seen = self._transcript, (False, self._transcript.waiting)
        deadline = time.monotonic() + self._timeout
        with selectors.PollSelector() as selector:
            selector.register(channel, selectors.EVENT_READ)
            while transcript.waiting:
                if seen != (transcript.begun, transcript.waiting):
                    seen = (transcript.begun, transcript.waiting)
                    deadline = time.monotonic() + timeout_of(transcript.waiting[0][0])
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
        if len(channel.in_buffer) + len(channel.in_stderr_buffer) > FLOOD or (not came and lost):
            raise EOFError
        if not came and over and self._transcript.waiting:
            raise _EndedError

    def _hang(self) -> None:
        """A silent link is lost; a script that had begun hangs in one question, and what was before it stays."""
        self.healthy = False
        if not self._transcript.begun:
            self.lost = TimedOut(f"no answer within {self._timeout:g} s")
            return
        self.hung = TimedOut("not reached: a question before it got no answer")
        slow, *later = self._transcript.waiting
        self._rest = {each: self.hung for group in later for each in group}
        self._rest |= {each: TimedOut(f"no answer within {timeout_of(each):g} s") for each in slow}

    def _end(self) -> None:
        if not self._transcript.begun:
            text = "the host did not run the script: no POSIX shell, or authorized_keys forces another command"
            self._refuse(ScriptRefused(text))
            return
        self.healthy = False
        self._rest = dict.fromkeys(self._transcript.questions, Failed("the script ended early on the host"))

    def _refuse(self, error: ScriptRefused) -> None:
        # A connection keeps the forced command that authorized_keys had at its login: only a new one sees it mended.
        self.healthy = False
        self.refused = error
        self._rest = dict.fromkeys(self._transcript.questions, error)
