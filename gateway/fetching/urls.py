"""Reads URLs that strangers wrote, so that they cannot mean one thing here and another there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import unquote

from yarl import URL

from gateway.fetching.rules import FetchRules

MOST_CHARACTERS = 4096
_MOST_SHOWN = 200

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]+)([^?#]*)(?:\?([^#]*))?(?:#.*)?")
_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:]+))(?::([0-9]{1,5})?)?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_MOST_HOST_CHARACTERS = 253
_UNSEEN = {"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"}  # Unicode's categories of controls and blanks
_USUAL_PORTS = {"http": 80, "https": 443}
_EXAMPLE = "one looks like https://example.com/a.png"


class BadUrl(ValueError):
    """A URL that is refused as it is written; the message goes on after "this URL"."""


def read_url(text: str, rules: FetchRules) -> URL:
    """Return the URL without its fragment, which is never sent.

    Path and query stay as they are written: to write them otherwise may break a signature.

    Raises:
        BadUrl: It cannot be read in one way only, or names a scheme or port that is not allowed.
    """
    if len(text) > MOST_CHARACTERS:
        raise BadUrl(f"has {len(text)} characters; the most is {MOST_CHARACTERS}")
    if "\\" in text or any(unicodedata.category(each) in _UNSEEN for each in text):
        raise BadUrl("holds a blank, a backslash or a control character; write %20 for a blank")
    parts = _URL.fullmatch(text)
    if parts is None:
        raise BadUrl(f"is not whole; {_EXAMPLE}")
    scheme, authority, path, query = parts[1].lower(), parts[2], parts[3] or "/", parts[4] or ""
    if scheme not in rules.schemes:
        allowed = _any_of(f"{each}://" for each in rules.schemes)
        raise BadUrl(f"begins with {scheme}://; it has to begin with {allowed}")
    if "@" in authority:
        raise BadUrl("holds a user name or a password; sign the URL instead, or send the bytes")
    host, given_port = _read_authority(authority)
    usual_port = _USUAL_PORTS[scheme]
    port = int(given_port or usual_port)
    if not 0 < port < 65_536:
        raise BadUrl(f"leads to port {port}; ports go from 1 to 65535")
    if port not in rules.ports:
        raise BadUrl(f"leads to port {port}; it has to be {_any_of(map(str, rules.ports))}")
    return URL.build(
        scheme=scheme,
        authority=host if port == usual_port else f"{host}:{port}",
        path=path if path.isascii() else URL.build(path=path).raw_path,
        query_string=query if query.isascii() else URL.build(query_string=query).raw_query_string,
        encoded=True,
    )


def shown(url: URL) -> str:
    """Return the URL for a message: without its query, which may be a signature."""
    text = str(url.with_query(None))
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def last_name(url: URL) -> str:
    """Return the last part of the path, decoded; empty if the path ends with a slash."""
    return unquote(url.raw_path.rpartition("/")[2], errors="replace")


def _read_authority(text: str) -> tuple[str, str | None]:
    """Return the host, in ASCII, lower case and brackets, and the port as it is written."""
    parts = _AUTHORITY.fullmatch(text)
    if parts is None:
        zone = "an address with a zone, " if "[" in text and "%" in text else ""
        raise BadUrl(f"has {zone}no host and port that can be read; {_EXAMPLE}")
    six, name, port = parts.groups()
    if six is not None:
        try:
            return f"[{IPv6Address(six)}]", port
        except AddressValueError as error:
            raise BadUrl("has an IPv6 address that is none") from error
    try:
        host = URL.build(scheme="http", host=name).raw_host or ""
    except ValueError as error:
        raise BadUrl("has a host that is no name of one") from error
    _check_host(host)
    return host, port


def _check_host(host: str) -> None:
    """Refuse what is neither a name nor an IPv4 address in its usual form.

    An address may be written as 2130706433, 0x7f.1 or 0177.0.0.1 too, and not all parts of a
    machine read these alike.
    """
    labels = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            IPv4Address(host)
        except AddressValueError as error:
            raise BadUrl("has a number as its host; an address looks like 192.0.2.1") from error
    elif len(host) > _MOST_HOST_CHARACTERS or not all(_LABEL.fullmatch(each) for each in labels):
        raise BadUrl("has a host that is no name of one")


def _any_of(allowed: Iterable[str]) -> str:
    return " or ".join(sorted(allowed))
