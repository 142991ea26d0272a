"""What can match nothing is refused before anything runs: one line with the place and how to mend it."""

import re
from pathlib import Path

import pytest

from conftest import COLLECTORS
from exporters.core.config import ConfigError, Settings, load
from exporters.core.privacy import Key
from exporters.host.component_config import Http, Process, Queue, questions
from exporters.sources.base import Listing, Probe, Processes

DECLARED = COLLECTORS["components"]
HEAD = "collectors:\n  components:\n    components:\n"
WEB = "    - name: web\n"


def given(tmp_path: Path, text: str) -> Settings:
    """A file with these components, whose folders must exist; DIR is a folder that does."""
    path = tmp_path / "pomona.yml"
    path.write_text(HEAD + text.replace("DIR", str(tmp_path)))
    key = Key(b"sixteen bytes of key")
    return load((DECLARED,), path, {}, {}, lambda _: key, here={DECLARED.package})


ONE = "4: collectors.components.components[0]"
REFUSED = (
    (WEB, f"{ONE}: nothing to watch: give process, tcp, http, heartbeat or queue"),
    ("    - tcp: a:1\n", f"{ONE}: 'name' is missing"),
    (
        "    - name: Web Shop\n      tcp: a:1\n",
        f"{ONE}.name: expected a name of a to z, 0 to 9, _ and -, got 'Web Shop'",
    ),
    ("    - name: ''\n", f"{ONE}.name: expected a name of a to z, 0 to 9, _ and -, got ''"),
    (
        f"{WEB}      process: {{}}\n",
        "5: collectors.components.components[0].process: give either executable or pidfile",
    ),
    (
        f"{WEB}      process: {{executable: a, pidfile: /b}}\n",
        "5: collectors.components.components[0].process: give either executable or pidfile",
    ),
    (
        f"{WEB}      process:\n        executable: '(nginx'\n",
        ("5: collectors.components.components[0].process: '(nginx' is no regular expression: missing ) at position 6"),
    ),
    (
        f"{WEB}      process: {{executable: sbin/nginx}}\n",
        (
            "5: collectors.components.components[0].process: 'sbin/nginx' matches no path: "
            "give all of it, from / on, or the base name alone"
        ),
    ),
    (
        f"{WEB}      process:\n        pidfile: run/web.pid\n",
        (
            "6: collectors.components.components[0].process.pidfile: "
            "expected the absolute path of a file, got 'run/web.pid'"
        ),
    ),
    (
        f"{WEB}      process: {{pidfile: /run/}}\n",
        "5: collectors.components.components[0].process.pidfile: expected the absolute path of a file, got '/run/'",
    ),
    (
        f"{WEB}      tcp: 8080\n",
        "5: collectors.components.components[0].tcp: expected an address such as 127.0.0.1:8080, got 8080",
    ),
    *(
        (f"{WEB}      tcp: '{address}'\n", f"{ONE}: tcp is HOST:PORT in ASCII, IPv6 as [ADDRESS]:PORT")
        for address in ("localhost:65536", "a:0", "::1", "[::::]:80", "münchen:80", "-h-:80", "a", "1.2.3.4.5:80")
    ),
    *(
        (
            f"{WEB}      http:\n        url: '{url}'\n",
            (
                "5: collectors.components.components[0].http: "
                "url is http(s)://HOST[:PORT]/PATH in ASCII, without a user name"
            ),
        )
        for url in ("localhost/health", "http://ann:pw7@h/", "http://h:99999/", "http://::1/", "http://h:80:90/")
    ),
    *(
        (
            f"{WEB}      http: {{url: 'http://a/', status: {status}}}\n",
            (
                "5: collectors.components.components[0].http: "
                f"status is codes and ranges such as 200-299, not {status.strip('[]')!r}"
            ),
        )
        for status in ("99", "[299-200]", "ok")
    ),
    (
        f"{WEB}      process:\n        executable: /opt/x/\n",
        (
            "5: collectors.components.components[0].process: '/opt/x/' matches no path: "
            "give all of it, from / on, or the base name alone"
        ),
    ),
    (
        f"{WEB}      queue: {{done: DIR, failed: /DIR/./}}\n",
        "5: collectors.components.components[0].queue: two states have the same folder",
    ),
    (
        f"{WEB}      http: {{url: 'http://a/', timeout: 31}}\n",
        "5: collectors.components.components[0].http.timeout: expected seconds, more than 0 and at most 30, got 31",
    ),
    (
        f"{WEB}      http: {{url: 'http://a/', field: a..b}}\n",
        (
            "5: collectors.components.components[0].http.field: "
            "expected the name of a JSON field such as queue.depth, got 'a..b'"
        ),
    ),
    (
        f"{WEB}      http: {{url: 'http://a/', healthy: ok}}\n",
        "5: collectors.components.components[0].http: healthy is the value of a field: name the field, too",
    ),
    (
        f"{WEB}      heartbeat: beat\n",
        "5: collectors.components.components[0].heartbeat: expected the absolute path of a file, got 'beat'",
    ),
    (
        f"{WEB}      heartbeat: DIR/none/beat\n",
        "5: collectors.components.components[0].heartbeat: there is no folder 'DIR/none': make it, or mend the path",
    ),
    (
        f"{WEB}      queue: {{}}\n",
        (
            "5: collectors.components.components[0].queue: "
            "no folder is named: give at least one of pending, processing, done, failed"
        ),
    ),
    (
        f"{WEB}      queue:\n        pending: in\n",
        "6: collectors.components.components[0].queue.pending: expected the absolute path of a folder, got 'in'",
    ),
    (
        f"{WEB}      queue: {{done: DIR, failed: DIR/}}\n",
        "5: collectors.components.components[0].queue: two states have the same folder",
    ),
    (
        f"{WEB}      queue: {{done: DIR, pattern: '*/x'}}\n",
        "5: collectors.components.components[0].queue: '*/x' matches no name of a file",
    ),
    (
        f"{WEB}      queue:\n        done: DIR\n        failed: DIR/none/\n",
        "7: collectors.components.components[0].queue.failed: there is no folder 'DIR/none': make it, or mend the path",
    ),
    (
        f"{WEB}      queue: {{dnoe: DIR}}\n",
        "5: collectors.components.components[0].queue.dnoe: unknown key; did you mean 'done'?",
    ),
    (
        "    - {name: a, tcp: 'a:1'}\n    - {name: b, tcp: 'a:1'}\n    - {name: a, tcp: 'a:2'}\n",
        "6: collectors.components.components[2].name: another component is called 'a', too",
    ),
    (
        "".join(f"    - {{name: c{number}, http: {{url: 'http://a/{number}', timeout: 16}}}}\n" for number in range(9)),
        (
            "2: collectors.components.cadence: all checks may take 32 s, 8 at once and each as long as the longest "
            "timeout, but the next round begins after 30 s: shorten the timeouts, or give a longer cadence"
        ),
    ),
    (
        "".join(f"    - {{name: c{number}, tcp: 'a:1'}}\n" for number in range(101)),
        "3: collectors.components.components: expected a list of at most 100, got a list",
    ),
)


@pytest.mark.parametrize(("text", "told"), REFUSED)
def test_what_can_match_nothing_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        given(tmp_path, text)
    assert str(caught.value) == f"{tmp_path}/pomona.yml:{told.replace('DIR', str(tmp_path))}"


@pytest.mark.parametrize("pattern", ["(", "a{99999999999999999999}", "(" * 5000 + ")" * 5000, "(" * 999])
def test_each_way_in_which_an_expression_is_none_is_told_in_one_line(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"pomona\.yml:5: .* is no regular expression") as caught:
        given(tmp_path, f"{WEB}      process: {{executable: '{pattern}'}}\n")
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "part",
    [
        "http: 'URL'",
        "http: {url: 'http://a/', status: 'URL'}",
        "http: {url: 'http://a/', status: ['URL']}",
        "http: {url: 'http://a/', timeout: 'URL'}",
        "process: {executable: 'URL/'}",
        "process: {executable: '(URL'}",
        "queue: {done: DIR, pattern: 'URL'}",
        "'URL': 1",
    ],
)
def test_no_url_is_repeated(tmp_path: Path, part: str) -> None:
    text = f"{WEB}      {part}\n".replace("URL", "https://bob:hunter2@h/")
    with pytest.raises(ConfigError, match="a URL") as caught:
        given(tmp_path, text)
    assert "hunter2" not in str(caught.value)


NOWHERE = "give all of it, from / on, or the base name alone"


@pytest.mark.parametrize(
    ("part", "told"),
    [
        *(
            (f"process: {{executable: '{each}'}}", NOWHERE)
            for each in ("opt/.*", "(?:/opt/x/)", "[/]", "/opt/[/]", "^$", "(?:)", "/opt/x/$", r"\A\Z")
        ),
        *((f"heartbeat: {each}", "the absolute path of a file") for each in ("/tmp/.", "/tmp/..", "/..", "/.")),
        *((f"queue: {{done: DIR, pattern: '{each}'}}", "matches no name of a file") for each in ("..", ".", "x[z-a]")),
        ("queue: {failed: DIR, done: DIR/q2/../}", "two states have the same folder"),
        ("http: {url: 'http://a/', field: a, healthy: .nan}", "no value of JSON is .nan"),
    ],
)
def test_more_that_can_match_nothing(tmp_path: Path, part: str, told: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(told)):
        given(tmp_path, f"{WEB}      {part}\n")


@pytest.mark.parametrize(
    "part",
    [
        *(
            f"process: {{executable: '{each}'}}"
            for each in (
                *("/opt/.*", ".*/nginx", ".+/nginx", "nginx", "[^/]+", "o?/opt/x", "opt/x|nginx", "(opt/)?nginx"),
                *("nginx(?!/)", "nginx(?<!/)", "/(?:opt|srv)/x", "x(/|y)", r"\S+/x", "^nginx$", "n/?", "n/*x"),
            )
        ),
        *(f"heartbeat: DIR/{each}" for each in ("...", ".beat", "b.", "a..")),
        *(f"queue: {{done: DIR, pattern: '{each}'}}" for each in ("...", "[.]", "[z]", "[(?!)]", "*(?!)*", "[!a-z]")),
        "queue: {failed: DIR, done: DIR/../}",
        "http: {url: 'http://a/', field: a, healthy: nan}",
    ],
)
def test_what_can_match_something_is_taken(tmp_path: Path, part: str) -> None:
    assert questions(given(tmp_path, f"{WEB}      {part}\n").contexts["components"])


def test_nothing_is_asked_until_something_is_configured(tmp_path: Path) -> None:
    assert questions(given(tmp_path, "      []\n").contexts["components"]) == ()
    assert DECLARED.enabled


def test_each_part_becomes_one_question(tmp_path: Path) -> None:
    (tmp_path / "odd*name").mkdir()
    text = (
        "    - name: web\n"
        "      process: {executable: '.*/nginx|/opt/web'}\n"
        "      tcp: '[::1]:80'\n"
        "      http: {url: 'https://a.example/health?full=1', timeout: 1.5, field: a.b}\n"
        "      heartbeat: 'DIR/odd*name/b[1]?.beat'\n"
        "      queue: {pending: DIR/, pattern: '*.job'}\n"
        "    - name: twin\n"
        "      tcp: '[::1]:80'\n"
        "      process: {pidfile: /run/twin.pid}\n"
        "    - name: root\n"
        "      heartbeat: /beat\n"
    )
    asked = questions(given(tmp_path, text).contexts["components"])
    assert asked[:-1] == (
        Processes(executable=".*/nginx|/opt/web"),
        Probe("tcp", "[::1]:80"),
        Probe("http", "https://a.example/health?full=1", 1.5, field="a.b"),
        Listing(f"{tmp_path}/odd*name", "b[[]1][?].beat"),
        Listing(str(tmp_path), "*.job"),
        Processes(pidfile="/run/twin.pid"),
        Listing("/", "beat"),
    )


def test_a_pidfile_may_lie_in_a_folder_that_its_program_makes(tmp_path: Path) -> None:
    assert given(tmp_path, f"{WEB}      process: {{pidfile: DIR/none/web.pid}}\n")


def test_the_page_shows_an_example_with_all_that_can_be_said() -> None:
    """Every key stands in the example, so that nobody has to look for one elsewhere."""
    text = (Path(__file__).parents[2] / "docs" / "collectors" / "components.md").read_text()
    example = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0]
    for kind in (Process, Http, Queue):
        for name in kind.__struct_fields__:
            assert re.search(rf"^\s+{name}: ", example, re.MULTILINE), name
