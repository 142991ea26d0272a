"""What the collector `components` watches, as the configuration names it, and the questions that this makes."""

import os
import re
from collections.abc import Iterator, Mapping
from fnmatch import translate
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from exporters.core.collector import Questions
from exporters.core.context import Context
from exporters.core.explain import Place
from exporters.host.cadence import too_slow
from exporters.host.http_status import Status, statuses
from exporters.host.recent import CLOCKS
from exporters.sources.address import NoAddress, Url, place
from exporters.sources.base import Listing, Probe, Processes, Question
from exporters.sources.patterns import compiled
from exporters.sources.probes import most_seconds
from exporters.sources.quoted import quoted

MOST = 100
"""Components."""
STATES = ("pending", "processing", "done", "failed")
"""The folders of a queue."""
_NOWHERE = re.compile(
    r"""(?!\.+\+)[\w.+-]+(/[\w.+-]+)+         # words with a / between them, and none before
    |\w(?![?*{])[^|(\[\\]*/(?![?*{])[^|]*     # a word, then a / that must be there
    |([^|(]|\((?!\?[!<=]))*(/|\[/\])\)*\$?    # a / at the end
    |([$^()|]|\?:|\\[AZz])*                   # nothing at all
    """,
    re.VERBOSE,
)
"""Expressions that match neither an absolute path nor a name, as far as that is easily seen."""

Name = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,63}\Z", description="a name of a to z, 0 to 9, _ and -")]
Folder = Annotated[str, Meta(pattern=r"^/[^\0]*\Z", description="the absolute path of a folder")]
FilePath = Annotated[
    str, Meta(pattern=r"^/([^\0]*/)?(?!\.{1,2}\Z)[^/\0]+\Z", description="the absolute path of a file")
]
Address = Annotated[str, Meta(description="an address such as 127.0.0.1:8080")]
UrlText = Annotated[str, Meta(description="a URL such as http://127.0.0.1:8080/health")]
Field = Annotated[str, Meta(pattern=r"^[^.]+(\.[^.]+)*\Z", description="the name of a JSON field such as queue.depth")]
Timeout = Annotated[float, Meta(gt=0, le=30, description="seconds, more than 0 and at most 30")]


def _plain(path: str) -> str:
    """One way to write a path; what links and `..` lead to is left to the system."""
    return "/" + "/".join(step for step in path.split("/") if step not in {"", "."})


def _is_never(pattern: str) -> bool:
    """Whether a class of characters in a shell pattern is empty, as that of `[z-a]` is."""
    return "(?!)" in translate(pattern) and "(" not in pattern


class Process(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The processes of a program, by a regular expression for its whole path or base name, or that of a pidfile."""

    executable: str | None = None
    pidfile: FilePath | None = None

    def __post_init__(self) -> None:
        """One of them, and an expression that can match a path or a base name."""
        if bool(self.executable) == bool(self.pidfile):
            raise ValueError("give either executable or pidfile")
        if self.executable:
            compiled(self.executable)
        if self.executable and _NOWHERE.fullmatch(self.executable):
            raise ValueError(
                f"{quoted(self.executable)} matches no path: give all of it, from / on, or the base name alone"
            )


class Http(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page that says whether all is well: by its status (200 to 299 if none is named), and by a field of its JSON."""

    url: UrlText
    status: Status = ()
    timeout: Timeout = 5.0
    field: Field | None = None
    healthy: bool | int | float | str | None = None

    def __post_init__(self) -> None:
        """A URL that can be asked, statuses that an answer can have, no value without the field that it stands in."""
        try:
            Url.of(self.url)
        except NoAddress as error:  # it is not repeated: it may hold a password
            raise ValueError("url is http(s)://HOST[:PORT]/PATH in ASCII, without a user name") from error
        statuses(self.status)
        if self.healthy is not None and self.field is None:
            raise ValueError("healthy is the value of a field: name the field, too")
        if str(self.healthy).lower() == ".nan":
            raise ValueError("healthy: no value of JSON is .nan")


class Queue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Folders through which items (files) move; `pattern` is a shell pattern for their names."""

    pending: Folder | None = None
    processing: Folder | None = None
    done: Folder | None = None
    failed: Folder | None = None
    pattern: str = "*"

    def __post_init__(self) -> None:
        """At least one folder, each another, and a pattern that a name can match."""
        named = [folder for _, folder in self.folders()]
        if not named:
            raise ValueError(f"no folder is named: give at least one of {', '.join(STATES)}")
        if len({os.path.normpath(each) for each in named}) < len(named):
            raise ValueError("two states have the same folder")
        if self.pattern in {"", ".", ".."} or "/" in self.pattern or _is_never(self.pattern):
            raise ValueError(f"{quoted(self.pattern)} matches no name of a file")

    def folders(self) -> Iterator[tuple[str, str]]:
        """State and folder of those that are named."""
        named = ((state, getattr(self, state)) for state in STATES)
        yield from ((state, _plain(path)) for state, path in named if path is not None)


class Component(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A service under a name of its own, and how to see that it works; `heartbeat` is a file that it touches."""

    name: Name
    process: Process | None = None
    tcp: Address | None = None
    http: Http | None = None
    heartbeat: FilePath | None = None
    queue: Queue | None = None

    def __post_init__(self) -> None:
        """There must be something to watch, and a port that can be asked."""
        try:
            _ = self.tcp is not None and place(self.tcp)
        except NoAddress as error:
            raise ValueError("tcp is HOST:PORT in ASCII, IPv6 as [ADDRESS]:PORT") from error
        if not self.asks():
            raise ValueError("nothing to watch: give process, tcp, http, heartbeat or queue")

    def asks(self) -> Mapping[str, Question[Any]]:
        """A question for each check, for the heartbeat and for each folder of the queue."""
        asked: dict[str, Question[Any]] = {}
        if self.process is not None:
            asked["process"] = Processes(self.process.executable or "", self.process.pidfile or "")
        if self.tcp is not None:
            asked["tcp"] = Probe("tcp", self.tcp)
        if self.http is not None:
            asked["http"] = Probe("http", self.http.url, self.http.timeout, field=self.http.field or "")
        if self.heartbeat is not None:
            folder, _, name = self.heartbeat.rpartition("/")
            asked["heartbeat"] = Listing(folder or "/", re.sub(r"([*?[])", r"[\1]", name), private=True)
        if self.queue is not None:
            asked |= {
                state: Listing(folder, self.queue.pattern, private=True) for state, folder in self.queue.folders()
            }
        return asked


class Components(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`components`: what is watched, at most `MOST`; nothing is asked while there is none."""

    components: Annotated[tuple[Component, ...], Meta(max_length=MOST, description=f"a list of at most {MOST}")] = ()


def questions(context: Context) -> Questions:
    """All that the configuration makes worth asking.

    The clocks say whether the machine slept. And they always answer, so that components whose folders are all gone are
    no collector that is unsupported here.
    """
    asked = dict.fromkeys(question for each in context.config.components for question in each.asks().values())
    return (*asked, CLOCKS) if asked else ()


def mistakes(section: Any) -> Iterator[tuple[Place, str]]:
    """A name that stands twice; pages that together may hang for longer than until the next round."""
    seen: set[str] = set()
    for number, each in enumerate(section.components):
        if each.name in seen:
            yield ("components", number, "name"), f"another component is called {each.name!r}, too"
        seen.add(each.name)
    asked = (question for each in section.components for question in each.asks().values())
    yield from too_slow(most_seconds(each for each in asked if isinstance(each, Probe)), section.cadence)


def folders(config: Components) -> Iterator[tuple[Place, str]]:
    """The folders of queues and heartbeats, which must exist; that of a pidfile may be made by its program."""
    for number, each in enumerate(config.components):
        place: Place = ("components", number)
        if each.heartbeat is not None:
            yield (*place, "heartbeat"), each.heartbeat.rpartition("/")[0] or "/"
        for state, folder in each.queue.folders() if each.queue is not None else ():
            yield (*place, "queue", state), folder
