"""Folders that a configuration names must exist where the collector runs: told with their line, or not asked at all."""

import errno
import os
from collections.abc import Callable, Container, Iterator
from pathlib import Path

import msgspec
import pytest

from exporters.core.collector import Collector
from exporters.core.config import ConfigError, Settings, load
from exporters.core.explain import Place
from exporters.core.privacy import Key

HERE = ("exporters.host",)
Given = Callable[..., Settings]


class Watched(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    one: str = ""
    several: tuple[str, ...] = ()


def folders(config: Watched) -> Iterator[tuple[Place, str]]:
    if config.one:
        yield ("one",), config.one
    yield from ((("several", number), each) for number, each in enumerate(config.several))


WATCH = Collector(
    name="watch",
    about="Test.",
    families=(),
    parse=lambda *_: None,
    metrics=lambda *_: (),
    config=Watched,
    folders=folders,
    package="exporters.host",
)


@pytest.fixture
def given(tmp_path: Path) -> Given:
    """Loads a file, whose text may name the folder it lies in as DIR."""

    def loaded(text: str, here: Container[str] = HERE, **flags: object) -> Settings:
        path = tmp_path / "pomona.yml"
        path.write_text(text.replace("DIR", str(tmp_path)))
        return load((WATCH,), path, {}, flags, lambda _: Key(b"sixteen bytes of key"), here=here)

    return loaded


def told(given: Given, text: str, **flags: object) -> str:
    with pytest.raises(ConfigError) as caught:
        given(text, **flags)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_folder_is_told_with_its_line_and_how_to_mend_it(given: Given, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "there").mkdir()
    for name in ("none", "file", "file/below", "x" * 300):
        assert told(given, f"collectors:\n  watch:\n    several:\n    - DIR/there\n    - DIR/{name}\n") == (
            f"{tmp_path}/pomona.yml:5: collectors.watch.several[1]: "
            f"there is no folder '{tmp_path}/{name}': make it, or mend the path"
        )


def test_one_that_comes_from_elsewhere_is_told_by_its_place(given: Given) -> None:
    error = told(given, "log: {}\n", **{"collectors.watch.one": "/none/of/these"})
    assert error.endswith(
        "pomona.yml:1: collectors.watch.one: there is no folder '/none/of/these': make it, or mend the path"
    )


def test_folders_that_exist_are_taken(given: Given, tmp_path: Path) -> None:
    settings = given("collectors: {watch: {one: DIR}}")
    assert settings.contexts["watch"].config == Watched(one=str(tmp_path))


@pytest.mark.parametrize("here", [(), ("exporters.macos",)])
def test_no_folder_is_looked_for_where_the_collector_does_not_run(given: Given, here: Container[str]) -> None:
    assert given("collectors: {watch: {one: /none}}", here).collectors == (WATCH,)


def test_a_folder_that_cannot_be_seen_is_taken(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    """The collector tells it when it asks; `Path.is_dir` has no error for it any more."""

    def refuse(path: object, **_: object) -> os.stat_result:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr("exporters.core.config.os.stat", refuse)
    monkeypatch.setattr(Path, "is_dir", lambda _: False)
    assert given("collectors: {watch: {one: /denied/folder}}").collectors == (WATCH,)


def test_a_collector_that_is_off_needs_no_folder(given: Given) -> None:
    assert given("collectors: {watch: {one: /none, enabled: false}}").collectors == ()


def test_no_key_is_made_for_a_configuration_that_is_refused(tmp_path: Path) -> None:
    asked: list[object] = []
    with pytest.raises(ConfigError):
        load((WATCH,), None, {}, {"collectors.watch.one": str(tmp_path / "none")}, asked.append, here=HERE)  # type: ignore[arg-type]
    assert not asked
