"""launchd jobs: asked for by their files' names, told by name only where asked for or in trouble, never guessed."""

import json
import re

import pytest
from hypothesis import given

from conftest import context_for
from exporters.core.context import Level
from exporters.core.flight import Look, look
from exporters.core.metrics import render
from exporters.macos.launchctl import question
from exporters.macos.services import NAMED, ServicesConfig, services
from exporters.sources.base import Denied, Failed, TimedOut
from exporters.sources.replay import Captured, Captures, Replay
from macos.looking import spoiled_bytes, steadily

VPN, SYNC, MENU = "system/com.example.vpn", "system/com.example.sync", "gui/501/com.example.menu"
MISSING = Captured(stderr=b'Bad request.\nCould not find service "x" in domain for system\n', exit=113)


def printed(target: str, state: str = "running", more: str = "\truns = 1\n") -> bytes:
    return f"{target} = {{\n\tactive count = 0\n\tstate = {state}\n\n\tprogram = /opt/x\n{more}}}\n".encode()


def folder(*labels: str) -> bytes:
    return json.dumps([{"name": f"{label}.plist", "size": 1, "modified": 1.0} for label in labels]).encode()


def asked(
    there: dict[str, bytes | Captured],
    *,
    daemons: bytes | Captured | None = None,
    agents: bytes | Captured | None = None,
    uid: object = 501,
    level: Level = "standard",
    **config: object,
) -> tuple[Look, dict[str, float]]:
    """The look at these jobs; by default the folders hold the files of all of them."""
    labels = {where: [job.split("/")[-1] for job in there if job.startswith(where)] for where in ("system", "gui")}
    answers = {
        "/Library/LaunchDaemons": folder(*labels["system"]) if daemons is None else daemons,
        "/Library/LaunchAgents": folder(*labels["gui"]) if agents is None else agents,
    }
    captures = Captures(
        commands={question(job).argv: _captured(each) for job, each in there.items()},
        listings={path: _captured(each) for path, each in answers.items()},
        systems={"console": Captured(json.dumps({"uid": uid}).encode())},
    )
    context = context_for(services, level)
    context = type(context)(ServicesConfig(**config), level, context.key)  # type: ignore[arg-type]
    seen = look(services, Replay(captures), context)
    if seen.failed or not seen.supported:
        return seen, {}
    rows = (line.rsplit(" ", 1) for line in render(services.metrics(seen.reading, context)).decode().splitlines())
    return seen, {series: float(value) for series, value in rows if not series.startswith("#")}


def _captured(answer: bytes | Captured) -> Captured:
    return Captured(answer) if isinstance(answer, bytes) else answer


def count(values: dict[str, float], state: str, domain: str = "system") -> float | None:
    return values.get(f'macos_launchd_jobs{{domain="{domain}",state="{state}"}}')


def named(values: dict[str, float]) -> set[str]:
    return {found[1] for series in values if (found := re.search(r'launchd_job="([^"]*)"', series))}


def problem(values: dict[str, float], label: str) -> str | None:
    found = [re.search(r'problem="(\w+)"', each) for each in values if each.startswith("macos_launchd_job_problem{")]
    return next((each[1] for each in found if each and label in each.string), None)


def test_a_quiet_mac_has_counts_and_no_names() -> None:
    _, values = asked({VPN: printed(VPN), SYNC: printed(SYNC, "not running"), MENU: printed(MENU, "waiting")})
    assert (count(values, "running"), count(values, "not_running"), count(values, "waiting", "gui")) == (1, 1, 1)
    assert named(values) == set()
    assert len(values) == 20


def test_a_crash_loop_is_told_by_name_with_its_code_and_its_starts() -> None:
    loop = printed(SYNC, "spawn scheduled", "\truns = 199773\n\tlast exit code = 1\n")
    _, values = asked({VPN: printed(VPN), SYNC: loop})
    assert named(values) == {"com.example.sync"}
    assert problem(values, "com.example.sync") == "restart_delay"
    assert values['macos_launchd_job_runs_total{domain="system",launchd_job="com.example.sync"}'] == 199773
    assert values['macos_launchd_job_last_exit_code{domain="system",launchd_job="com.example.sync"}'] == 1
    assert values['macos_launchd_jobs_in_trouble{domain="system",problem="restart_delay"}'] == 1


@pytest.mark.parametrize(
    ("more", "found", "code"),
    [
        ("\tlast exit code = 0\n", None, None),
        ("\tlast exit code = (never exited)\n", None, None),
        ("\tlast exit code = 78: EX_CONFIG\n", "exit_code", 78),
        ("\tlast exit code = -9\n", "exit_code", -9),
        ("\tlast exit code = (never exited)\n\tlast exit reason = OS_REASON_EXEC | 2\n", "cannot_execute", None),
        ("\tlast exit code = (never exited)\n\tlast exit reason = OS_REASON_SIGNAL\n", None, None),
        ("\tlast exit code = some\n", None, None),
        ("", None, None),
        ("\tendpoints = {\n\t\tlast exit code = 7\n\t\tstate = active\n\t}\n", None, None),
    ],
)
def test_how_it_last_ended(more: str, found: str | None, code: int | None) -> None:
    _, values = asked({VPN: printed(VPN, "not running", more)})
    assert problem(values, "com.example.vpn") == found
    assert values.get('macos_launchd_job_last_exit_code{domain="system",launchd_job="com.example.vpn"}') == code
    assert count(values, "not_running") == 1


def test_the_state_is_the_first_one_at_depth_one() -> None:
    answer = printed(VPN, "waiting", "\tevents = {\n\t\tstate = running\n\t}\n\tstate = running\n")
    assert count(asked({VPN: answer})[1], "waiting") == 1


def test_a_state_that_is_new_counts_as_unknown() -> None:
    assert count(asked({VPN: printed(VPN, "hibernating")})[1], "unknown") == 1


def test_a_file_without_a_job_of_its_name_is_only_counted() -> None:
    _, values = asked({VPN: MISSING})
    assert count(values, "unmatched") == 1
    assert named(values) == set()


def test_a_configured_job_that_launchd_does_not_know_is_not_loaded() -> None:
    _, values = asked({VPN: MISSING}, daemons=folder(), jobs=(VPN,))
    assert values['macos_launchd_job_state{domain="system",launchd_job="com.example.vpn",state="not_loaded"}'] == 1
    assert count(values, "unmatched") == 0


@pytest.mark.parametrize("stderr", [b"", b"Could not print service: 1: Operation not permitted\n"])
def test_exit_113_without_the_words_is_not_taken_for_not_loaded(stderr: bytes) -> None:
    seen, values = asked({VPN: Captured(stderr=stderr, exit=113)}, jobs=(VPN,))
    assert seen.problems.keys() == {"unparsable"}
    assert values['macos_launchd_job_state{domain="system",launchd_job="com.example.vpn",state="unknown"}'] == 1
    assert count(values, "running") is None


@pytest.mark.parametrize("error", [Failed, Denied, TimedOut])
def test_without_one_job_the_counts_of_its_domain_are_unknown(error: type[Exception]) -> None:
    seen, values = asked({VPN: Captured(error=error), SYNC: printed(SYNC), MENU: printed(MENU)})  # type: ignore[arg-type]
    assert seen.problems.keys() == {error.problem}  # type: ignore[attr-defined]
    assert count(values, "running") is None
    assert count(values, "running", "gui") == 1


def test_what_another_exit_status_tells_is_a_failure() -> None:
    assert asked({VPN: Captured(printed(VPN), exit=125)})[0].problems.keys() == {"failed"}


def test_agents_are_those_of_the_user_at_the_screen() -> None:
    agent = "gui/1437192384/com.example.menu"
    assert count(asked({agent: printed(agent)}, uid=1437192384)[1], "running", "gui") == 1
    _, nobody = asked({"gui/0/com.example.menu": printed(MENU)}, uid=0, jobs=("gui/com.example.menu",))
    assert not any("gui" in series for series in nobody)


@pytest.mark.parametrize("uid", ["x", None, -1, 501.5, [], True])
def test_a_user_that_is_no_number_is_unparsable(uid: object) -> None:
    assert asked({VPN: printed(VPN)}, uid=uid)[0].failed == "unparsable"


def test_a_folder_that_cannot_be_read_has_no_counts() -> None:
    seen, values = asked({VPN: printed(VPN), MENU: printed(MENU)}, agents=Captured(error=Denied))
    assert seen.problems.keys() == {"denied"}
    assert count(values, "running") == 1
    assert count(values, "running", "gui") is None


def test_where_there_are_no_such_folders_it_is_unsupported() -> None:
    assert not look(services, Replay(Captures()), context_for(services)).supported


def test_jobs_beyond_the_limit_and_odd_names_are_told_as_unasked() -> None:
    jobs: dict[str, bytes | Captured] = {
        f"system/com.example.{number:03}": printed(f"system/com.example.{number:03}") for number in range(60)
    }
    _, values = asked(jobs)
    assert (count(values, "running"), count(values, "unasked")) == (40, 20)
    _, values = asked(jobs, max_jobs=0, jobs=("system/com.example.059",))
    assert (count(values, "running"), count(values, "unasked")) == (1, 59)
    _, values = asked({VPN: printed(VPN)}, daemons=folder("com.example.vpn", "a name", "-x", "", "ä"))
    assert (count(values, "running"), count(values, "unasked")) == (1, 4)


def test_labels_of_homebrew_may_hold_a_version() -> None:
    job = "system/homebrew.mxcl.postgresql@16"
    assert count(asked({job: printed(job)})[1], "running") == 1


def test_few_in_trouble_are_told_by_name_and_all_are_counted() -> None:
    jobs = [f"system/com.example.{number:02}" for number in range(30)]
    told: dict[str, bytes | Captured] = {job: printed(job, "waiting", "\tlast exit code = 2\n") for job in jobs}
    _, values = asked(told)
    assert len(named(values)) == NAMED
    assert values['macos_launchd_jobs_in_trouble{domain="system",problem="exit_code"}'] == 30


def test_at_strict_only_names_of_the_configuration_are_told() -> None:
    loop = {job: printed(job, "spawn scheduled") for job in (VPN, SYNC)}
    _, values = asked({**loop}, level="strict", jobs=(VPN,))
    assert named(values) == {"com.example.vpn"}
    assert values['macos_launchd_jobs_in_trouble{domain="system",problem="restart_delay"}'] == 2


@pytest.mark.parametrize(
    "answer", [b"", b"}\n", printed(SYNC), printed(VPN)[:-2], printed(VPN).replace(b"state", b"zustand")]
)
def test_what_does_not_tell_of_the_job_to_its_end_is_unparsable(answer: bytes) -> None:
    seen, values = asked({VPN: answer})
    assert seen.problems.keys() == {"unparsable"}
    assert values.keys() == {each for each in values if "gui" in each}


@steadily
@given(spoiled_bytes(printed(VPN, "waiting", "\truns = 12\n\tlast exit code = 3: X\n")))
def test_any_output_is_read_or_unparsable(answer: bytes) -> None:
    assert asked({VPN: answer}, jobs=(VPN,))[0].problems.keys() <= {"unparsable"}


def test_a_refused_job_is_told_without_its_label() -> None:
    seen, _ = asked({"system/com.robin.payroll": Captured(error=Denied)})
    assert seen.problems == {"denied": "launchctl print JOB: as captured"}
