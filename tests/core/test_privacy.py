"""The privacy key: where it lies, who may touch it, and that it outlives a restart and the state."""

import os
import stat
import sys
from pathlib import Path

import pytest

from exporters.core.context import Context
from exporters.core.errors import PersonError
from exporters.core.privacy import Key, KeyFileError, condensed, key_place, load_key, new_key, state_dir

SPARE = b"only for this run"
TEXT = b"0123456789abcdef0123456789abcdef"


def test_a_key_is_made_once_and_kept(tmp_path: Path) -> None:
    place = tmp_path / "etc" / "pomona" / "key"
    first = load_key("", SPARE, place)
    assert first.kept
    assert first.warning == ""
    assert len(first.secret) == 64
    assert first == load_key("", b"another spare", place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert list(place.parent.iterdir()) == [place]


def test_nothing_is_made_where_nothing_may_be_written(tmp_path: Path) -> None:
    assert load_key("", SPARE, tmp_path / "key", make=False) == Key(SPARE, kept=False)
    assert list(tmp_path.iterdir()) == []


def test_a_given_file_wins(tmp_path: Path) -> None:
    given, place = tmp_path / "fleet", tmp_path / "key"
    given.write_bytes(TEXT + b"\n")
    given.chmod(0o600)
    assert load_key(str(given), SPARE, place) == Key(condensed(TEXT))
    assert not place.exists()


def test_two_keys_are_never_alike() -> None:
    assert new_key() != new_key()
    assert Context(key=new_key()).hash("a") != Context(key=new_key()).hash("a")


def test_a_place_that_cannot_be_written_gives_a_key_for_this_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "key"
    key = load_key("", SPARE, place)
    assert (key.secret, key.kept) == (SPARE, False)
    assert key.warning == f"{place.parent}: File exists; hashes change with every start: set privacy.key_file"


def test_a_rival_that_was_first_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, link = tmp_path / "key", os.link

    def late(source: Path, target: Path) -> None:
        place.write_bytes(TEXT)
        place.chmod(0o600)
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert load_key("", SPARE, place) == Key(condensed(TEXT))
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [
        (b"", 0o600, "empty; make one with: openssl rand -hex 32"),
        (b" \n", 0o600, "empty; make one with: openssl rand -hex 32"),
        (b"short", 0o600, "too short for a key; make one with: openssl rand -hex 32"),
        (b"x" * 5000, 0o600, "too long for a key; make one with: openssl rand -hex 32"),
        (TEXT, 0o620, "others may write it; mend it with: chmod 600 {path}"),
        (TEXT, 0o602, "others may write it; mend it with: chmod 600 {path}"),
    ],
)
def test_a_key_that_cannot_be_trusted_ends_the_start(tmp_path: Path, content: bytes, mode: int, told: str) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(mode)
    for arguments in ((str(path), SPARE), ("", SPARE, path)):
        with pytest.raises(KeyFileError) as caught:
            load_key(*arguments)
        assert str(caught.value) == f"{path}: {told.format(path=path)}"


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_key_that_others_may_read_is_used_and_told(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    path.write_bytes(TEXT)
    path.chmod(mode)
    key = load_key(str(path), SPARE)
    assert (key.secret, key.kept) == (condensed(TEXT), True)
    assert key.warning == f"{path}: others may read the key; mend it with: chmod 600 {path}"
    assert TEXT.decode() not in key.warning + repr(key)


def test_what_is_no_file_is_no_key(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, told in (
        (tmp_path / "none", "No such file or directory"),
        (tmp_path, "no regular file"),
        (tmp_path / "pipe", "no regular file"),
    ):
        with pytest.raises(KeyFileError) as caught:
            load_key(str(path), SPARE)
        assert str(caught.value).removeprefix("privacy.key_file: ") == f"{path}: {told}"


def test_a_link_is_followed_only_where_a_person_named_it(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(TEXT)
    (tmp_path / "real").chmod(0o600)
    link = tmp_path / "link"
    link.symlink_to("real")
    assert load_key(str(link), SPARE) == Key(condensed(TEXT))
    with pytest.raises(KeyFileError, match="link: is a link"):
        load_key("", SPARE, link)


def test_a_link_to_nowhere_is_not_written_through(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    with pytest.raises(KeyFileError, match="is a link"):
        load_key("", SPARE, link)
    assert not (tmp_path / "target").exists()


def test_places_of_root() -> None:
    assert state_dir("", platform="linux", root=True) == Path("/var/lib/pomona")
    assert key_place(platform="linux", root=True) == Path("/etc/pomona/key")
    assert state_dir("", platform="darwin", root=True) == Path("/Library/Application Support/Pomona")
    assert key_place(platform="darwin", root=True) == Path("/Library/Preferences/Pomona/key")


@pytest.mark.parametrize("platform", ["linux", "darwin"])
@pytest.mark.parametrize("root", [True, False])
def test_the_key_lies_apart_from_the_state(platform: str, root: bool) -> None:
    state, key = state_dir("", platform=platform, root=root), key_place(platform=platform, root=root)
    assert state.is_absolute()
    assert key.is_absolute()
    assert state not in key.parents
    assert key.parent not in (state, *state.parents)


def test_a_given_state_directory_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_dir("/srv/pomona", root=True) == Path("/srv/pomona")
    assert state_dir("~/pomona") == tmp_path / "pomona"


def test_a_user_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["pwd"], "getpwuid", lambda uid: {}[uid])
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(PersonError, match=r"set state\.dir and privacy\.key_file"):
        key_place(platform="linux", root=False)
    with pytest.raises(PersonError, match=r"set state\.dir and privacy\.key_file"):
        key_place(platform="darwin", root=False)
    with pytest.raises(PersonError, match="~nobody-of-that-name/key: there is no such home directory"):
        load_key("~nobody-of-that-name/key", SPARE)


def test_keys_that_begin_alike_differ() -> None:
    start = b"-----BEGIN OPENSSH PRIVATE KEY-----\n" + b"A" * 80
    assert condensed(start + b"one") != condensed(start + b"two")
    assert len(condensed(start)) == 64
