from __future__ import annotations

import stat
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from gateway.blobs.signing import Link, UrlSigner, check_expiry, load_secret
from gateway.errors import Forbidden, InvalidInput

LINK = Link("ns_a/0123", 1000, "a.png", "image/png")
SIGNER = UrlSigner(b"secret", public_url="https://files.example/gateway/")


def opened(url: str) -> tuple[str, dict[str, str]]:
    """Return the key and the parameters of a link, as a server sees them."""
    parts = urlsplit(url)
    key = unquote(parts.path.removeprefix("/gateway/blobs/"))
    return key, dict(parse_qsl(parts.query, keep_blank_values=True))


@pytest.mark.parametrize(
    "link",
    [
        LINK,
        Link("ns_a/0123", 1000, None, None),
        Link("a b/ü%2F?&=#+", 1000, 'ß "%41"\\;+&=?#/ 😀.png', "text/csv; charset=utf-8"),
    ],
)
def test_a_link_says_what_was_signed(link: Link) -> None:
    url = SIGNER.url("GET", link)

    assert url.startswith("https://files.example/gateway/blobs/")
    assert url.isascii()
    key, query = opened(url)
    assert SIGNER.verify("GET", key, query, now=999.9) == link


@pytest.mark.parametrize(
    "change",
    [
        {"expires": "2000"},
        {"expires": "٢٠٠٠"},
        {"expires": ""},
        {"filename": "a.html"},
        {"type": "text/html"},
        {"signature": ""},
        {"signature": "0" * 64},
        {"signature": "ü\ud800"},
    ],
    ids=str,
)
def test_refuses_a_link_that_was_altered(change: dict[str, str]) -> None:
    key, query = opened(SIGNER.url("GET", LINK))

    with pytest.raises(Forbidden, match="altered"):
        SIGNER.verify("GET", key, query | change, now=999)


@pytest.mark.parametrize("name", ["expires", "filename", "type", "signature"])
def test_refuses_a_link_that_lacks_a_part(name: str) -> None:
    key, query = opened(SIGNER.url("GET", LINK))
    del query[name]

    with pytest.raises(Forbidden, match="altered"):
        SIGNER.verify("GET", key, query, now=999)


def test_refuses_a_part_that_was_not_signed() -> None:
    key, query = opened(SIGNER.url("GET", Link("ns_a/0123", 1000, None, None)))

    with pytest.raises(Forbidden, match="altered"):
        SIGNER.verify("GET", key, query | {"type": "text/html"}, now=999)


def test_refuses_other_bytes_another_method_and_another_secret() -> None:
    key, query = opened(SIGNER.url("GET", LINK))

    with pytest.raises(Forbidden, match="altered"):
        SIGNER.verify("GET", key + "4", query, now=999)
    with pytest.raises(Forbidden, match="altered"):
        SIGNER.verify("PUT", key, query, now=999)
    with pytest.raises(Forbidden, match="altered"):
        UrlSigner(b"Secret", public_url="").verify("GET", key, query, now=999)


def test_parts_cannot_be_moved_into_one_another() -> None:
    key, query = opened(SIGNER.url("GET", Link("k", 1000, 'a", "b', None)))

    with pytest.raises(Forbidden, match="altered"):
        SIGNER.verify("GET", key, query | {"filename": "a", "type": "b"}, now=999)


def test_a_link_expires() -> None:
    key, query = opened(SIGNER.url("GET", LINK))

    with pytest.raises(Forbidden, match="expired"):
        SIGNER.verify("GET", key, query, now=1000)


def test_the_secret_is_made_once_and_hidden_from_other_users(tmp_path: Path) -> None:
    path = tmp_path / "blob_key"

    secret = load_secret(path)

    assert len(secret) == 32
    assert load_secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]
    assert load_secret(tmp_path / "other") != secret


def test_a_damaged_secret_is_told_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "blob_key"
    path.write_bytes(b"short")

    with pytest.raises(ValueError, match="remove it"):
        load_secret(path)


@pytest.mark.parametrize("seconds", [1, 3600, 604800])
def test_allows_an_expiry_within_bounds(seconds: int) -> None:
    assert check_expiry(seconds) == seconds


@pytest.mark.parametrize("seconds", [-1, 0, 604801])
def test_refuses_an_expiry_out_of_bounds(seconds: int) -> None:
    with pytest.raises(InvalidInput, match="from 1 to 604800 seconds") as failure:
        check_expiry(seconds)

    assert failure.value.path == ("expiresIn",)


UPLOAD = Link("ns_a/0123", 1000, None, "image/png", 5, "0" * 64, "id", 1)


def test_an_upload_says_what_was_signed() -> None:
    key, query = opened(SIGNER.url("PUT", UPLOAD))

    assert SIGNER.verify("PUT", key, query, now=999) == UPLOAD


@pytest.mark.parametrize("name", ["type", "size", "sha256", "upload", "part"])
def test_refuses_an_upload_of_which_a_part_was_altered(name: str) -> None:
    key, query = opened(SIGNER.url("PUT", UPLOAD))
    altered = query | {name: query[name] + "1"}
    del query[name]

    for wrong in (altered, query):
        with pytest.raises(Forbidden, match="altered"):
            SIGNER.verify("PUT", key, wrong, now=999)
