from __future__ import annotations

import pytest
from yarl import URL

from gateway.fetching.rules import FetchRules
from gateway.fetching.urls import BadUrl, last_name, read_url, shown


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("https://example.com/a.png", "https://example.com/a.png"),
        ("HTTPS://Example.COM/A.png", "https://example.com/A.png"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com?a=1", "https://example.com/?a=1"),
        ("https://example.com/a#top", "https://example.com/a"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("https://example.com.:443/", "https://example.com./"),
        ("https://a_b.example.com/", "https://a_b.example.com/"),
        ("https://münchen.example/ü?q=ü", "https://xn--mnchen-3ya.example/%C3%BC?q=%C3%BC"),
        ("http://192.0.2.1/", "http://192.0.2.1/"),
        ("http://[2001:DB8::1]/", "http://[2001:db8::1]/"),
        # A signature is over the text as it is written.
        ("https://example.com/%2f%41/../b?a=%2F+b%20&&c", None),
    ],
)
def test_reads_a_url(text: str, read: str | None) -> None:
    assert str(read_url(text, FetchRules())) == (read or text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ftp://example.com/a", "begins with ftp://; it has to begin with http:// or https://"),
        ("file:///etc/passwd", "is not whole"),
        ("gopher://example.com/", "begins with gopher://"),
        ("//example.com/a", "is not whole"),
        ("https:/example.com/a", "is not whole"),
        ("https:///a", "is not whole"),
        ("https://user:secret@example.com/", "a user name or a password"),
        ("https://example.com@127.0.0.1/", "a user name or a password"),
        ("https://@example.com/", "a user name or a password"),
        ("https://example.com\\@127.0.0.1/", "backslash"),
        ("https://example.com/a b", "blank"),
        (" https://example.com/", "blank"),
        ("https://example.com/\r\nHost: inside", "control character"),
        ("https://example.com/\x00", "control character"),
        ("https://exam\u200bple.com/", "control character"),
        ("https://example.com:22/", "leads to port 22; it has to be 443 or 80"),
        ("https://example.com:0/", "leads to port 0"),
        ("https://example.com:99999/", "leads to port 99999"),
        ("https://example.com:8\u0660/", "no host and port"),
        ("https://example.com:+80/", "no host and port"),
        ("https://:80/", "no host and port"),
        ("http://[fe80::1%25eth0]/", "an address with a zone"),
        ("http://[fe80::1%eth0]/", "an address with a zone"),
        ("http://[::1]x/", "no host and port"),
        ("http://[::1/", "no host and port"),
        ("http://[::1::2]/", "an IPv6 address that is none"),
        ("http://[127.0.0.1]/", "an IPv6 address that is none"),
        ("http://[v1.a]/", "no host and port"),
        ("http://2130706433/", "a number as its host"),
        ("http://0x7f000001/", "a number as its host"),
        ("http://0x7f.0.0.1/", "a number as its host"),
        ("http://0177.0.0.1/", "a number as its host"),
        ("http://127.1/", "a number as its host"),
        ("http://127.0.0.1./", "a number as its host"),
        ("http://1.2.3.256/", "a number as its host"),
        ("http://\uff11\uff12\uff17.1/", "a number as its host"),
        ("http://①②⑦.①/", "a number as its host"),
        ("http://a..b/", "a host that is no name of one"),
        ("http://ex%61mple.com/", "a host that is no name of one"),
        ("http://127.0.0.1%2f.example.com/", "a host that is no name of one"),
        ("http://-a.com/", "a host that is no name of one"),
        ("http://" + "a" * 64 + ".com/", "a host that is no name of one"),
        ("http://" + "a." * 127 + "com/", "a host that is no name of one"),
        ("http://a!b/", "a host that is no name of one"),
        ("http://" + "a" * 5000, "5007 characters; the most is 4096"),
    ],
)
def test_refuses_what_has_more_than_one_reading(text: str, reason: str) -> None:
    with pytest.raises(BadUrl) as failure:
        read_url(text, FetchRules())

    assert reason in str(failure.value)


def test_numbers_of_other_alphabets_are_the_address_they_stand_for() -> None:
    assert read_url("http://\uff11\uff12\uff17.0.0.1/", FetchRules()).raw_host == "127.0.0.1"


def test_schemes_and_ports_are_settings() -> None:
    rules = FetchRules(schemes=frozenset({"https"}), ports=frozenset({8443}))

    assert read_url("https://example.com:8443/", rules).port == 8443
    with pytest.raises(BadUrl, match="begins with http://; it has to begin with https://"):
        read_url("http://example.com:8443/", rules)
    with pytest.raises(BadUrl, match="leads to port 443; it has to be 8443"):
        read_url("https://example.com/", rules)


def test_is_shown_without_its_query_and_not_at_any_length() -> None:
    assert shown(URL("https://example.com/a.png?signature=secret")) == "https://example.com/a.png"
    assert len(shown(URL("https://example.com/" + "a" * 4000))) == 201


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("https://example.com/b/a%20b.png?c=/d", "a b.png"),
        ("https://example.com/%C3%BC.png", "ü.png"),
        ("https://example.com/%FF", "\ufffd"),
        ("https://example.com/a/", ""),
        ("https://example.com/", ""),
    ],
)
def test_the_last_part_of_the_path_is_a_name(text: str, name: str) -> None:
    assert last_name(read_url(text, FetchRules())) == name
