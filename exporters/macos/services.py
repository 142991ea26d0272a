"""launchd jobs: those of /Library/LaunchDaemons and LaunchAgents counted by state, some by name (`launchctl print`).

By name are the jobs that the configuration lists, and those that are in trouble. A job is looked for by the name of its
file, as the convention is; where launchd knows no job by that name, nothing is said of it but a count.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from exporters.core.collector import OPEN_WORDS, Partial, Questions, collector
from exporters.core.context import Context
from exporters.core.metrics import Sample, counter, enum, gauge
from exporters.core.read import amount, record
from exporters.macos import launchctl
from exporters.macos.launchctl import Job, Problem, State
from exporters.sources.base import Listing, ParseError, Replies, System

Domain = Literal["system", "gui"]
FOLDERS: Mapping[Domain, Listing] = {
    "system": Listing("/Library/LaunchDaemons", "*.plist"),
    "gui": Listing("/Library/LaunchAgents", "*.plist"),
}
CONSOLE = System("console")
NAMED = 10
"""Jobs in trouble that get series of their own, by name."""
STATES = get_args(State)
PROBLEMS = get_args(Problem)
COUNTED = (*(state for state in STATES if state != "not_loaded"), "unmatched", "unasked")

JobName = Annotated[
    str,
    Meta(
        pattern=r"^(system|gui)/[A-Za-z0-9][A-Za-z0-9_.@+-]{0,127}\Z",
        description="system/LABEL, or gui/LABEL for a job of the user at the screen",
    ),
]


class ServicesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`jobs`: always told by name. `max_jobs`: how many of the folders' jobs are asked for, one process each."""

    jobs: Annotated[tuple[JobName, ...], Meta(max_length=50, description="at most 50 jobs")] = ()
    max_jobs: Annotated[int, Meta(ge=0, le=200, description="a number of jobs from 0 to 200")] = 40


@dataclass(frozen=True, slots=True)
class Target:
    """A job that can be asked for: `name` is what launchctl calls it, `filed` whether a file in a folder names it."""

    domain: Domain
    label: str
    name: str
    filed: bool
    configured: bool


@dataclass(frozen=True, slots=True)
class Known:
    """A target and what launchctl told; no job where that could not be read."""

    target: Target
    job: Job | None


@dataclass(frozen=True, slots=True)
class Services:
    """The jobs that were asked for, and how many files of each folder that could be read were not."""

    jobs: tuple[Known, ...]
    unasked: Mapping[Domain, int]


def asked(replies: Replies, context: Context, _state: object) -> Questions:
    """One question a job."""
    return tuple(launchctl.question(target.name) for target in _targets(replies, context))


def _targets(replies: Replies, context: Context) -> tuple[Target, ...]:
    """Configured jobs, then those of the folders as far as they may be asked for; each once."""
    prefixes = _prefixes(replies)
    configured = {tuple(each.split("/", 1)) for each in context.config.jobs}
    files = tuple(_filed(replies, prefixes))
    filed = {*files[: context.config.max_jobs], *(each for each in files if each in configured)}
    return tuple(
        Target(domain, label, f"{prefixes[domain]}/{label}", (domain, label) in filed, (domain, label) in configured)
        for domain in prefixes
        for label in sorted(label for where, label in filed | configured if where == domain)
    )


def _prefixes(replies: Replies) -> dict[Domain, str]:
    """What launchctl calls the domains that there are: only who sits at the screen has agents."""
    console: Any = replies.get(CONSOLE)
    uid = amount(record(console).get("uid")) if console is not None else 0
    if uid != int(uid):
        raise ParseError("the user at the screen has no whole number")
    return {"system": "system", "gui": f"gui/{int(uid)}"} if uid else {"system": "system"}


def _filed(replies: Replies, domains: Iterable[Domain]) -> Iterator[tuple[Domain, str]]:
    """The jobs that files stand for; a file that is named unlike any label cannot be asked for."""
    for domain in domains:
        for entry in replies.get(FOLDERS[domain]) or ():
            label = entry.name.removesuffix(".plist")
            if OPEN_WORDS["JOB"].fullmatch(f"system/{label}"):
                yield domain, label


def parse(replies: Replies, context: Context) -> Services | Partial:
    """Each job by itself: one that cannot be read leaves the others as they are."""
    found: list[Known] = []
    faults: list[ParseError] = []
    for target in _targets(replies, context):
        output = replies.get(launchctl.question(target.name))
        try:
            found.append(Known(target, launchctl.read(output, target.name) if output else None))
        except ParseError as error:
            faults.append(error)
            found.append(Known(target, None))
    reading = Services(tuple(found), _unasked(replies, found))
    return Partial(reading, f"{len(faults)} of {len(found)} jobs: {faults[0]}") if faults else reading


def _unasked(replies: Replies, found: Sequence[Known]) -> dict[Domain, int]:
    filed = Counter(each.target.domain for each in found if each.target.filed)
    folders = ((domain, replies.get(FOLDERS[domain])) for domain in _prefixes(replies))
    return {domain: len(entries) - filed[domain] for domain, entries in folders if entries is not None}


JOBS = gauge(
    "macos_launchd_jobs",
    "Files in /Library/LaunchDaemons (system) and LaunchAgents (gui) by the state of their job; unmatched: launchd"
    " knows no job by the file's name, unasked: beyond max_jobs (launchctl print).",
    *("domain", "state"),
)
IN_TROUBLE = gauge(
    "macos_launchd_jobs_in_trouble",
    "Of these jobs, those with a problem, each counted for its worst (launchctl print).",
    *("domain", "problem"),
)
STATE = enum(
    "macos_launchd_job_state",
    "State of a job that is configured or in trouble (launchctl print state).",
    "state",
    STATES,
    *("domain", "launchd_job"),
)
PROBLEM = gauge(
    "macos_launchd_job_problem",
    f"1 while it lasts, the worst of: {', '.join(PROBLEMS)} (launchctl print).",
    *("domain", "launchd_job", "problem"),
)
EXIT_CODE = gauge(
    "macos_launchd_job_last_exit_code",
    "Code that a configured or troubled job last exited with, if it ever did (launchctl print last exit code).",
    *("domain", "launchd_job"),
)
RUNS = counter(
    "macos_launchd_job_runs_total",
    "Starts of a configured or troubled job since it was loaded (launchctl print runs).",
    *("domain", "launchd_job"),
)


def _named(reading: Services, context: Context) -> Iterator[Known]:
    """Those that are told by name; at the level `strict` only those whose names the configuration gives."""
    yield from (each for each in reading.jobs if each.target.configured)
    if context.level != "strict":
        others = (each for each in reading.jobs if not each.target.configured)
        yield from islice((each for each in others if each.job and each.job.problem), NAMED)


def _counts(reading: Services) -> Iterator[Sample]:
    """Of a domain only where each of its jobs could be read: other numbers would be too small."""
    for domain, unasked in reading.unasked.items():
        jobs = [each.job for each in reading.jobs if each.target.domain == domain and each.target.filed]
        if None not in jobs:
            known = [job for job in jobs if job]
            states = Counter("unmatched" if job.state == "not_loaded" else job.state for job in known)
            problems = Counter(job.problem for job in known)
            for state in COUNTED:
                yield from JOBS(unasked if state == "unasked" else states[state], domain=domain, state=state)
            for problem in PROBLEMS:
                yield from IN_TROUBLE(problems[problem], domain=domain, problem=problem)


def _one(known: Known) -> Iterator[Sample]:
    target, job = known.target, known.job or Job("unknown")
    labels = {"domain": target.domain, "launchd_job": target.label}
    yield from STATE.one_of(job.state, **labels)
    if job.problem:
        yield from PROBLEM(1, **labels, problem=job.problem)
    yield from EXIT_CODE(job.code, **labels)
    yield from RUNS(job.runs, **labels)


@collector(
    "services",
    *(JOBS, IN_TROUBLE, STATE, PROBLEM, EXIT_CODE, RUNS),
    optional=(*FOLDERS.values(), CONSOLE),
    then=asked,
    then_asks=(launchctl.question("JOB"),),
    parse=parse,
    cadence=900,
    config=ServicesConfig,
    publishes=("name",),
    unverified=(
        "A job in the state `waiting` and one that cannot be executed (`OS_REASON_EXEC`) were described by others, not"
        " captured."
    ),
)
def services(reading: Services, context: Context) -> Iterable[Sample]:
    """Counts by domain, then the jobs that are told by name."""
    yield from _counts(reading)
    for known in _named(reading, context):
        yield from _one(known)
