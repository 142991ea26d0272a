"""Files of /etc/config in every way of writing them that OpenWrt documents, and bad ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.openwrt.uci import Section, configured, sections
from exporters.sources.base import File, ParseError, Replies
from macos.looking import spoiled_bytes, steadily

WRITTEN = rb"""# written by hand
package 'example'

config example 'test'
	option string 'some value'
	option boolean '1'	# on
	list collection 'first item'
	list collection 'second item'

config 'wifi-device'
	option other "a \"b\" \\ 'c'"
	option owner 'Anna'\''s "Mac"'
"""
READ = (
    Section(
        "example", "test", {"string": ("some value",), "boolean": ("1",), "collection": ("first item", "second item")}
    ),
    Section("wifi-device", "", {"other": ("a \"b\" \\ 'c'",), "owner": ('Anna\'s "Mac"',)}),
)


def options(*lines: str) -> dict[str, tuple[str, ...]]:
    """Those of one section."""
    (found,) = sections("".join(f"{line}\n" for line in ("config some", *lines)).encode())
    return dict(found.options)


def test_sections_have_their_type_their_name_and_what_is_set() -> None:
    assert sections(WRITTEN) == READ
    assert sections(WRITTEN.replace(b"\n", b"\r\n")) == READ
    assert (READ[0].one("collection"), READ[0].one("boolean"), READ[0].one("no such")) == ("first item", "1", "")


@pytest.mark.parametrize("data", [b"", b"\n", b" \t\n\n", b"# nothing\n", b"package dhcp\n"])
def test_a_file_without_sections_has_none(data: bytes) -> None:
    assert sections(data) == ()


@pytest.mark.parametrize(
    "line",
    [
        "option example value",
        "option 'example' value",
        'option example "value"',
        "option \"example\"   'value'",
        "\t option\texample \t value \t",
        "option example value#comment",
        "option example 'value' # comment",
        "option example 'val''ue'",
        "option example va'lu'\"e\"",
        r"option example v\alue",
        "option example va\\\nlue",
        'option example "va\\\nlue"',
        "option example value;",
        "; option example value ; ",
        "o example value",
    ],
)
def test_one_value_can_be_written_in_many_ways(line: str) -> None:
    assert options(line) == {"example": ("value",)}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("'# no; comment'", "# no; comment"),
        ('"# no; comment"', "# no; comment"),
        (r"'back\slash'", r"back\slash"),
        (r'"back\\slash"', r"back\slash"),
        (r'"ends with \""', 'ends with "'),
        (r"a\ b", "a b"),
        (r"\#\;\'", "#;'"),
        ("'two\nlines'", "two\nlines"),
        ('"two\nlines"', "two\nlines"),
        ("'option example other'", "option example other"),
        ("Müller", "Müller"),
        ("a\u00a0b\u2028c", "a\u00a0b\u2028c"),
    ],
)
def test_quotes_keep_what_they_hold(written: str, value: str) -> None:
    assert options(f"option example {written}") == {"example": (value,)}


def test_statements_can_share_a_line() -> None:
    assert sections(b"config a 'x'; option b 1; list c 2; list c 3\n") == (
        Section("a", "x", {"b": ("1",), "c": ("2", "3")}),
    )


def test_the_last_value_of_an_option_counts_and_a_list_goes_on() -> None:
    assert options("option a 1", "option a 2") == {"a": ("2",)}
    assert options("list a 1", "option a 2") == {"a": ("2",)}
    assert options("option a 1", "list a 2") == {"a": ("1", "2")}


def test_what_is_set_to_nothing_is_not_set() -> None:
    assert options("option a ''", "option b") == {}
    assert options("option a 1", "option a ''") == {}


def test_a_section_that_is_opened_again_goes_on() -> None:
    data = b"config a 'x'\noption b 1\nconfig a\noption b 2\nconfig a 'x'\noption c 3\nconfig a\n"
    assert sections(data) == (
        Section("a", "x", {"b": ("1",), "c": ("3",)}),
        Section("a", "", {"b": ("2",)}),
        Section("a", "", {}),
    )


@pytest.mark.parametrize(
    "text",
    [
        "option a 1\n",
        "list a 1\n",
        "config a\noption\n",
        "config a\noption 'b\n",
        'config a\noption b "c\n',
        "config a\noption b 'c\" \"d'e'\n",
        "config a\noption b some value with space\n",
        "config a\noption b c\\\n",
        "config a b c\n",
        "config\n",
        "config ''\n",
        "config a 'no name'\n",
        "config a\noption b=c d\n",
        "config a x\nconfig b x\n",
        "package\n",
        "interface lan\n",
        "nlbwmon.@nlbwmon[0].database_limit='6'\n",
        "Segmentation fault\n",
    ],
)
def test_what_uci_itself_refuses_is_unreadable(text: str) -> None:
    with pytest.raises(ParseError):
        sections(text.encode())


def test_a_file_that_is_cut_within_a_line_is_unreadable() -> None:
    for end in range(1, len(WRITTEN)):
        if WRITTEN[end - 1 : end] != b"\n":
            with pytest.raises(ParseError):
                sections(WRITTEN[:end])


def test_a_fault_names_its_file_and_the_line_of_a_quote_and_nothing_of_the_content() -> None:
    file, faults = File("/etc/config/dhcp"), list[str]()
    replies = Replies({file: b"config host\n\toption name 'Anna\n"})
    assert configured(file, replies, faults) is None
    assert faults == ["/etc/config/dhcp: a quote that is not closed in line 2"]
    assert configured(File("/etc/config/other"), replies, faults) is None
    assert len(faults) == 1


TOKENS = ["config", "option", "list", " ", "\n", "'", '"', "\\", ";", "#", "a", "b", "\r", "\x00", "\u2028"]


@steadily
@given(
    st.binary() | st.lists(st.sampled_from(TOKENS)).map(lambda each: "".join(each).encode()) | spoiled_bytes(WRITTEN)
)
def test_any_file_is_read_or_unreadable(data: bytes) -> None:
    try:
        found = sections(data)
    except ParseError:
        return
    assert all(each.type for each in found)


VALUES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1)


@steadily
@given(VALUES)
def test_what_uci_writes_is_read_as_it_was(value: str) -> None:
    """It writes single quotes, and a quote as the end of one, an escaped one, and the start of the next."""
    quoted = value.replace("'", "'\\''")
    assert options(f"\toption example '{quoted}'") == {"example": (value,)}


def test_many_quotes_and_backslashes_are_read_in_no_time() -> None:
    """An expression that tries again for every character would not end."""
    for part in (b"'", b'"', b"\\", b"a", b"''", b'a"', b"\\\n", b"a;", b"#", b"1\nlist b "):
        try:
            sections(b"config a\noption b " + part * 50_001 + b"\n")
        except ParseError:
            continue
