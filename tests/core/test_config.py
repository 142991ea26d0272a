"""Four levels of configuration, and errors that say where and how to mend them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exporters.core.collector import DeclarationError, collector, discover
from exporters.core.config import ConfigError, Settings, load
from exporters.core.context import Context
from exporters.core.metrics import Sample, gauge
from exporters.core.options import Secret, plain
from exporters.core.privacy import Key, KeyFileError

KEY = Key(b"sixteen bytes of key")


class Login(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user: str
    kind: str = "basic"


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    roots: tuple[str, ...] = ("/",)
    most: int = 10
    password: Secret = Secret("")
    logins: tuple[Login, ...] = ()
    names: dict[str, str] = {}
    folder: str | None = None

    def __post_init__(self) -> None:
        if self.most > 100:
            raise ValueError("most is at most 100")


class Clash(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    enabled: int = 1


def _nothing(_: Any, __: Context) -> Iterable[Sample]:
    return ()


def declared(name: str, **fields: Any) -> Any:
    return collector(name, gauge(f"pomona_{name}_seen", "Seen (test)."), parse=lambda *_: None, **fields)(_nothing)


WALK = declared("walk", config=Limits, cadence=60.0)
SHARE = declared("share", config_of="walk")
RARE = declared("rare", enabled=False)
COLLECTORS = (RARE, SHARE, WALK)


def loaded(
    tmp_path: Path, text: str = "", environ: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None
) -> Settings:
    path = tmp_path / "pomona.yml"
    path.write_text(text)
    return load(COLLECTORS, path, environ or {}, flags or {}, lambda _: KEY)


def test_defaults_need_no_file() -> None:
    settings = load(COLLECTORS, None, {}, {}, lambda _: KEY)
    assert settings.web.listen_address == ("127.0.0.1:10220",)
    assert settings.web.telemetry_path == "/metrics"
    assert not settings.web.enable_lifecycle
    assert (settings.log.level, settings.log.format, settings.privacy.level) == ("info", "logfmt", "standard")
    assert settings.collectors == (SHARE, WALK)
    assert settings.contexts["walk"] == Context(Limits(), "standard", KEY.secret)


def test_every_discovered_collector_has_its_section() -> None:
    found = discover(("exporters.host", "exporters.macos"))
    settings = load(found, None, {}, {"collectors.load.enabled": False}, lambda _: KEY)
    assert set(settings.document["collectors"]) == {each.name for each in found} == set(settings.contexts)
    assert {each.name for each in settings.collectors} == {each.name for each in found if each.enabled} - {"load"}
    for each in found:
        section = settings.document["collectors"][each.name]
        assert section.get("cadence") == each.cadence


LEVELS: tuple[tuple[str, Mapping[str, str], Mapping[str, Any], str], ...] = (
    ("", {}, {}, "info"),
    ("log: {level: warn}", {}, {}, "warn"),
    ("log: {level: warn}", {"POMONA_LOG__LEVEL": "error"}, {}, "error"),
    ("log: {level: warn}", {"POMONA_LOG__LEVEL": "error"}, {"log.level": "debug"}, "debug"),
    ("", {}, {"log.level": "debug"}, "debug"),
)


@pytest.mark.parametrize(("text", "environ", "flags", "level"), LEVELS)
def test_file_then_environment_then_flags(
    tmp_path: Path, text: str, environ: Mapping[str, str], flags: Mapping[str, Any], level: str
) -> None:
    assert loaded(tmp_path, text, environ, flags).log.level == level


def test_a_higher_level_replaces_one_value_and_leaves_its_neighbours(tmp_path: Path) -> None:
    text = "collectors:\n  walk: &shared {most: 3, roots: [/a]}\nlog: {level: warn, format: json}"
    settings = loaded(tmp_path, text, {"POMONA_COLLECTORS__WALK__MOST": "4"}, {"log.level": "debug"})
    assert settings.contexts["walk"].config == Limits(roots=("/a",), most=4)
    assert (settings.log.level, settings.log.format) == ("debug", "json")


@pytest.mark.parametrize(
    ("written", "seconds"), [("90", 90), ("12.5", 12.5), ("90s", 90), ("5m", 300), ("1.5h", 5400), ("1d", 86400)]
)
def test_cadence_in_seconds_or_with_a_unit(tmp_path: Path, written: str, seconds: float) -> None:
    for settings in (
        loaded(tmp_path, f"collectors: {{walk: {{cadence: {written}}}}}"),
        loaded(tmp_path, "", {"POMONA_COLLECTORS__WALK__CADENCE": written}),
    ):
        assert {each.name: each.cadence for each in settings.collectors} == {"walk": seconds, "share": None}


def test_a_shared_config_is_the_same_object_for_both(tmp_path: Path) -> None:
    contexts = loaded(tmp_path, "collectors: {walk: {most: 7, enabled: false}}").contexts
    assert contexts["share"].config is contexts["walk"].config
    assert contexts["share"].config.most == 7
    assert contexts["rare"].config is None


def test_two_loads_of_one_configuration_are_equal(tmp_path: Path) -> None:
    text = "collectors: {walk: {most: 7, cadence: 5m}}"
    assert loaded(tmp_path, text) == loaded(tmp_path, text)


def test_sections_without_content_keep_their_defaults(tmp_path: Path) -> None:
    assert loaded(tmp_path, "web:\ncollectors:\n  walk:\n") == loaded(tmp_path, "# nothing\n")


def test_lists_and_booleans_in_variables(tmp_path: Path) -> None:
    environ = {
        "POMONA_WEB__LISTEN_ADDRESS": "127.0.0.1:1, [::1]:2",
        "POMONA_WEB__ENABLE_LIFECYCLE": "true",
        "POMONA_COLLECTORS__RARE__ENABLED": "1",
        "POMONA_COLLECTORS__WALK__FOLDER": "123",
        "POMONA_CORPUS": "is no configuration",
    }
    settings = loaded(tmp_path, "", environ)
    assert settings.web.listen_address == ("127.0.0.1:1", "[::1]:2")
    assert settings.web.enable_lifecycle
    assert RARE in settings.collectors
    assert settings.contexts["walk"].config.folder == "123"


def test_no_secret_is_shown(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "collectors: {walk: {password: hunter2}}")
    assert settings.contexts["walk"].config.password.reveal() == "hunter2"
    assert settings.document["collectors"]["walk"]["password"] == "<secret>"
    assert "hunter2" not in repr(settings)
    assert KEY.secret.decode() not in repr(settings)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("https://a.example/hook?token=Zq7#x", "https://a.example/<hidden>"),
        ("http://a.example:8080/hook/Zq7", "http://a.example:8080/<hidden>"),
        ("HTTP://a.example#Zq7", "HTTP://a.example/<hidden>"),
        ("http://a.example?Zq7", "http://a.example/<hidden>"),
        ("http://[::1]:80/Zq7", "http://[::1]:80/<hidden>"),
        ("http://a.example/", "http://a.example/"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("https://bob:Zq7@a.example/", "https://<hidden>"),
        ("https://bob:Zq7/x@a.example/", "https://<hidden>"),
        ("http://a.example Zq7", "http://<hidden>"),
        ("http://a.example/\nZq7", "http://a.example/<hidden>"),
        ("what? http://", "what? http://"),
    ],
)
def test_path_and_query_of_a_url_are_not_shown(given: str, shown: str) -> None:
    class Target(msgspec.Struct):
        urls: tuple[str, ...]

    assert plain(Target((given,))) == {"urls": [shown]}


def test_the_document_is_plain_and_complete(tmp_path: Path) -> None:
    document = loaded(tmp_path, "collectors: {walk: {cadence: 5m, logins: [{user: ann}]}}").document
    assert msgspec.json.decode(msgspec.json.encode(document)) == document
    assert document["collectors"]["walk"] == {
        "roots": ["/"],
        "most": 10,
        "password": "<secret>",
        "logins": [{"user": "ann", "kind": "basic"}],
        "names": {},
        "folder": None,
        "enabled": True,
        "cadence": 300.0,
    }
    assert loaded(tmp_path, msgspec.yaml.encode(document).decode()).document == document


def test_the_key_comes_from_where_the_privacy_section_says(tmp_path: Path) -> None:
    path = tmp_path / "pomona.yml"
    path.write_text("privacy: {key_file: /fleet/key, level: strict}")
    asked: list[tuple[str, str]] = []
    load(COLLECTORS, path, {}, {}, lambda privacy: asked.append((privacy.key_file, privacy.level)) or KEY)
    assert asked == [("/fleet/key", "strict")]


def test_a_bad_key_file_ends_the_load() -> None:
    def refuse(_: object) -> Key:
        raise KeyFileError("/fleet/key: empty")

    with pytest.raises(KeyFileError, match="empty"):
        load(COLLECTORS, None, {}, {}, refuse)


BAD_FILES = (
    ("web:\n  listen_adress: ':1'", "2: web.listen_adress: unknown key; did you mean 'listen_address'?"),
    ("wbe: {}", "1: wbe: unknown key; did you mean 'web'?"),
    ("log:\n  zzz: 1", "2: log.zzz: unknown key; known here: format, level"),
    ("collectors:\n  wlak: {}", "2: collectors.wlak: unknown key; did you mean 'walk'?"),
    (
        "collectors:\n  share:\n    cadence: 5",
        "3: collectors.share.cadence: unknown key; known here: enabled",
    ),
    (
        "collectors:\n  walk:\n    logins:\n    - user: ann\n    - user: bob\n      knid: x",
        "6: collectors.walk.logins[1].knid: unknown key; did you mean 'kind'?",
    ),
    ("collectors:\n  walk:\n    logins:\n    - kind: x", "4: collectors.walk.logins[0]: 'user' is missing"),
    ("collectors:\n  walk:\n    names:\n      a: b\n      c: 1", "5: collectors.walk.names.c: expected text, got 1"),
    ("collectors: {walk: {names: [a]}}", "1: collectors.walk.names: expected a mapping, got a list"),
    ("web:\n  listen_address: ':1'", "2: web.listen_address: expected a list of addresses, at least one, got ':1'"),
    (
        "web:\n  listen_address: []",
        "2: web.listen_address: expected a list of addresses, at least one, got an empty list",
    ),
    (
        "web:\n  listen_address:\n  - ':1'\n  - nowhere",
        "4: web.listen_address[1]: expected an address such as 127.0.0.1:10220, got 'nowhere'",
    ),
    ("web: {enable_lifecycle: on}", "1: web.enable_lifecycle: expected true or false, got 'on'"),
    (
        "web: {telemetry_path: metrics}",
        "1: web.telemetry_path: expected a path of its own such as /metrics, got 'metrics'",
    ),
    (
        "web: {telemetry_path: /-/healthy}",
        "1: web.telemetry_path: expected a path of its own such as /metrics, got '/-/healthy'",
    ),
    ("web: 5", "1: web: expected a mapping, got 5"),
    ("log:\n\n  level: loud", "3: log.level: expected one of debug, info, warn, error, got 'loud'"),
    (
        "events: {keep_days: 9999999999}",
        "1: events.keep_days: expected a number of days from 1 to 3650, got 9999999999",
    ),
    ("events: {keep_days: 0}", "1: events.keep_days: expected a number of days from 1 to 3650, got 0"),
    (
        f"events: {{keep_days: {10**30}}}",
        f"1: events.keep_days: expected a number of days from 1 to 3650, got {10**30}",
    ),
    ("privacy: {level: 1}", "1: privacy.level: expected one of standard, full, strict, got 1"),
    ("collectors: {walk: {most: 1.5}}", "1: collectors.walk.most: expected a whole number, got 1.5"),
    ("collectors: {walk: {most: 101}}", "1: collectors.walk: most is at most 100"),
    ("collectors: {walk: {password: [hunter2]}}", "1: collectors.walk.password: expected text"),
    ("collectors: {walk: {folder: 1}}", "1: collectors.walk.folder: expected text, got 1"),
    (
        "collectors: {walk: {cadence: 0.5}}",
        "1: collectors.walk.cadence: expected seconds, or a time such as 90s or 5m, at least 10 s",
    ),
    (
        "collectors: {walk: {cadence: often}}",
        "1: collectors.walk.cadence: expected seconds, or a time such as 90s or 5m, at least 10 s",
    ),
    (
        "collectors: {walk: {cadence: true}}",
        "1: collectors.walk.cadence: expected seconds, or a time such as 90s or 5m, at least 10 s",
    ),
    ("web: {}\nweb: {}", "2: 'web' stands twice (first in line 1)"),
    ("web: [", "1: expected the node content, but found '<stream end>'"),
    ("a: b: c", "1: mapping values are not allowed here"),
    ("- web", " expected a mapping, got a list"),
    ("5: 1", " a key is a plain text"),
    ("web: \x00", " no YAML: unacceptable character #x0000: special characters are not allowed in"),
)


@pytest.mark.parametrize(("text", "told"), BAD_FILES)
def test_a_bad_file_is_told_in_one_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    error = str(caught.value)
    assert error.startswith(f"{tmp_path / 'pomona.yml'}:{told}")
    assert "\n" not in error
    assert "hunter2" not in error


URL = "https://bob:hunter2@h/x"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"web: {URL}", "1: web: expected a mapping, got a URL"),
        (f"{URL}: 1", "1: (a URL): unknown key; known here: collectors, events, log, privacy, state, web"),
        (f"log: {{level: '{URL}'}}", "1: log.level: expected one of debug, info, warn, error, got a URL"),
        (f"collectors: {{walk: {{most: '{URL}'}}}}", "1: collectors.walk.most: expected a whole number, got a URL"),
        (f"collectors: {{walk: {{logins: ['{URL}']}}}}", "1: collectors.walk.logins[0]: expected a mapping, got a URL"),
        (f"collectors: {{walk: {{names: {{'{URL}': 1}}}}}}", "1: collectors.walk.names.(a URL): expected text, got 1"),
        (f"'{URL}': 1\n'{URL}': 2", "2: a URL stands twice (first in line 1)"),
    ],
)
def test_a_url_is_not_repeated(tmp_path: Path, text: str, told: str) -> None:
    """It may hold a password, and a reload writes the error into the log and into its answer."""
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text)
    assert str(caught.value) == f"{tmp_path / 'pomona.yml'}:{told}"


BAD_VARIABLES = (
    ("POMONA_EVENTS__KEEP_DAYS", "3651", "expected a number of days from 1 to 3650, got '3651'"),
    ("POMONA_WEB__LISTEN_ADDRESSES", ":1", "unknown variable; did you mean 'POMONA_WEB__LISTEN_ADDRESS'?"),
    ("POMONA_WEB__ENABLE_LIFECYCLE", "maybe", "expected true or false, got 'maybe'"),
    ("POMONA_WEB__LISTEN_ADDRESS", ":1,x", "expected an address such as 127.0.0.1:10220, got 'x'"),
    ("POMONA_WEB__LISTEN_ADDRESS", "", "expected a list of addresses, at least one, got an empty list"),
    ("POMONA_LOG__LEVEL", "WARN", "expected one of debug, info, warn, error, got 'WARN'"),
    ("POMONA_COLLECTORS__WALK__MOST", "ten", "expected a whole number, got 'ten'"),
    (
        "POMONA_COLLECTORS__WALK__CADENCE",
        "0",
        "expected seconds, or a time such as 90s or 5m, at least 10 s",
    ),
    ("POMONA_COLLECTORS__WALK__LOGINS", URL, "expected a mapping, got a URL"),
    ("POMONA_COLLECTORS__WALK__LOGINS", "ann", "expected a mapping, got 'ann'"),
)


@pytest.mark.parametrize(("name", "value", "told"), BAD_VARIABLES)
def test_a_bad_variable_is_named(tmp_path: Path, name: str, value: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "", {name: value})
    assert str(caught.value) == f"{name}: {told}"


def test_a_flag_that_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, "", {}, {"web.listen_address": ("x",)})
    assert str(caught.value) == "web.listen_address[0]: expected an address such as 127.0.0.1:10220, got 'x'"


def test_a_fault_of_the_file_is_told_even_where_a_flag_replaces_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"pomona.yml:1: log.level: "):
        loaded(tmp_path, "log: {level: loud}", {}, {"log.level": "warn"})


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, why in ((tmp_path / "none.yml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError) as caught:
            load(COLLECTORS, path, {}, {}, lambda _: KEY)
        assert str(caught.value) == f"{path}: {why}"


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "pomona.yml"
    path.write_bytes(b"web: \xff")
    with pytest.raises(ConfigError) as caught:
        load(COLLECTORS, path, {}, {}, lambda _: KEY)
    assert str(caught.value) == f"{path}: no UTF-8 text (byte 6)"


@pytest.mark.parametrize(
    ("collectors", "told"),
    [
        ((declared("clash", config=Clash),), "the config of 'clash' must not declare enabled or cadence"),
        ((SHARE,), "'share' shares the config of 'walk', which does not exist"),
    ],
)
def test_declarations_that_cannot_be_configured(collectors: tuple[Any, ...], told: str) -> None:
    with pytest.raises(DeclarationError, match=told):
        load(collectors, None, {}, {}, lambda _: KEY)
