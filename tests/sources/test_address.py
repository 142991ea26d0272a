"""One grammar of addresses: what can be asked, and what can never be."""

import pytest

from exporters.sources.address import NoAddress, Url, name_of, place


@pytest.mark.parametrize(
    ("text", "port", "found"),
    [
        ("a.example:80", None, ("a.example", 80)),
        ("a.example.:65535", None, ("a.example.", 65535)),
        ("_dmarc.a:1", None, ("_dmarc.a", 1)),
        ("192.0.2.1:1", None, ("192.0.2.1", 1)),
        ("[2001:db8::1]:80", None, ("2001:db8::1", 80)),
        ("[fe80::1%en0]:80", None, ("fe80::1%en0", 80)),
        ("2001:db8::1", 443, ("2001:db8::1", 443)),
        ("fe80::1%en0", 443, ("fe80::1%en0", 443)),
        ("[2001:db8::1]", 443, ("2001:db8::1", 443)),
        ("a", 443, ("a", 443)),
        ("a:7", 443, ("a", 7)),
    ],
)
def test_host_and_port(text: str, port: int | None, found: tuple[str, int]) -> None:
    assert place(text, port) == found


NOWHERE = ("", ":1", "a", "a:0", "a:65536", "a:1\n", "a b:1", "-a:1", "a-:1", "-h-:80", "a..b:1", "münchen:80", "u@a:1",
           "::1", "[::::]:80", "[:::::]:9", "[a]:1", "[::1", "1.2.3:1", "1.2.3.400:1", "a:1:2", "x" * 255 + ":1",
           f"{'x' * 64}:1", "[]:1", "[::1%]:1")  # fmt: skip


@pytest.mark.parametrize("text", NOWHERE)
def test_what_can_never_be_reached_is_no_address(text: str) -> None:
    with pytest.raises(NoAddress) as caught:
        place(text)
    assert len(text) < 4 or text not in str(caught.value)


@pytest.mark.parametrize("text", ["", "a:1", "1.2.3.400", "::1", "a b", "a\n", "*.a"])
def test_a_name_is_a_name(text: str) -> None:
    with pytest.raises(NoAddress):
        name_of(text)


@pytest.mark.parametrize(
    "text",
    ["a", "http:///", "http://a:0/", "http://127.0.0.1:99999/", "http://::1/", "http://h:80:90/", "http://u:p@a/",
     "http://u@a/", "http://[fe80::1%en0]/", "http://a/ b", "ftp://a/", "http://a\n", "http://münchen/"],
)  # fmt: skip
def test_a_url_that_cannot_be_asked_is_none(text: str) -> None:
    with pytest.raises(NoAddress):
        Url.of(text)


def test_a_url_is_taken_apart() -> None:
    assert Url.of("HTTPS://[2001:db8::1]:8443/a?b=c#d") == (True, "2001:db8::1", 8443, "[2001:db8::1]:8443", "/a?b=c")
    assert Url.of("http://a?b") == (False, "a", 80, "a", "/?b")
