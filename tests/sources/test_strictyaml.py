"""Values mean what they look like; what is wrong is told with its line."""

import pytest

from exporters.sources.strictyaml import YamlError, lines_of, load_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("true", True),
        ("10:20:30:40:50:10", "10:20:30:40:50:10"),
        ("2026-11-20", "2026-11-20"),
        ("0x05ac", "0x05ac"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("12", 12),
        ("-1.5", -1.5),
        ("~", None),
        ("", None),
        (".inf", ".inf"),
    ],
)
def test_scalars(text: str, value: object) -> None:
    assert load_yaml(f"key: {text}") == {"key": value}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: 1\nb: 2\na: 3", "line 3: 'a' stands twice (first in line 1)"),
        ("a:\n  b: 1\n  b: 2", "line 3: 'b' stands twice (first in line 2)"),
        ("? [a]\n: b", "line 1: a key is a plain text"),
        ("a: [", "line 1: expected the node content"),
        ("a: !!python/object/apply:os.system [x]", "line 1: tags are not known here"),
        ("a: 1\nb: !!bool foo", "line 2: tags are not known here"),
        ("a: ! b", "line 1: tags"),
        ("&a [*a]", "line 1: 'a' holds itself"),
        ("x: &a {b: [1, *a]}", "line 1: 'a' holds itself"),
        ('a: "\\ud800"', "line 1: half a character"),
        ("a: \x00", "no YAML"),
        ("{" * 2000, "YAML|line 1"),
    ],
)
def test_faults_are_told_with_their_line(text: str, error: str) -> None:
    with pytest.raises(YamlError) as told:
        load_yaml(text)
    assert any(part in str(told.value) for part in error.split("|"))
    assert "\n" not in str(told.value)


def test_what_an_alias_shares_is_read_and_bounded() -> None:
    assert load_yaml("a: &x {b: 1}\nc: *x") == {"a": {"b": 1}, "c": {"b": 1}}
    deep = "\n".join(f"k{n}: &k{n} [*k{n - 1}, *k{n - 1}]" if n else "k0: &k0 [1]" for n in range(60))
    assert len(lines_of(deep)) < 1000


def test_lines_of_values() -> None:
    found = lines_of("a:\n  b: 1\nc:\n  - x\n  - y: 2\n")
    assert found[("a", "b")] == 2
    assert found[("c", 1, "y")] == 5
