"""Every setting, typed, read once from the environment."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PREFIX = "GATEWAY_"
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


_URLS = ("public_url", "s3_endpoint", "s3_public_endpoint")
_ADDRESSINGS = ("path", "virtual")
_BOTH_OR_NEITHER = (("s3_access_key", "s3_secret_key"), ("s3_secret_key", "s3_access_key"))


class InvalidSetting(ValueError):
    """A variable in the environment that cannot be read; the message names it."""


def _setting(default: Any, description: str, *, is_secret: bool = False) -> Any:
    return field(default=default, metadata={"description": description}, repr=not is_secret)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment decides: each field is ``GATEWAY_`` and its name in capitals."""

    database_url: str = _setting(
        "", "postgresql://… of the database; empty: a private PostgreSQL in the state folder"
    )
    database_pool_size: int = _setting(10, "connections to the database, at most")
    postgres_bin: str = _setting(
        "", "folder of the programs of the private PostgreSQL; empty: the newest that is found"
    )
    public_url: str = _setting(
        "", "where clients reach the gateway, for links; empty: the address it listens on"
    )
    s3_bucket: str = _setting(
        "", "bucket of S3 that keeps the bytes; empty: the state folder keeps them"
    )
    s3_endpoint: str = _setting("", "http(s)://… of the S3 server; empty: AWS")
    s3_public_endpoint: str = _setting(
        "", "where clients reach the S3 server, for links; empty: GATEWAY_S3_ENDPOINT"
    )
    s3_region: str = _setting(
        "", "region of the bucket; empty: what AWS_REGION or its files say, or else us-east-1"
    )
    s3_access_key: str = _setting(
        "", "access key for S3; empty: what AWS's variables, files or the machine's role say"
    )
    s3_secret_key: str = _setting("", "secret key for S3, with the access key", is_secret=True)
    s3_addressing: str = _setting(
        "", "path or virtual: the bucket in the path or in the host's name; empty: virtual for AWS"
    )
    s3_prefix: str = _setting("", "begins every key, so that the bucket may hold other things too")
    trusted_documents: str = _setting(
        "", "folder of documents that are planned at start, and found by their hashes"
    )
    trusted_documents_only: bool = _setting(
        False, "true: refuse every document that is not in the folder of trusted ones"
    )
    max_body_bytes: int = _setting(16 * 1024 * 1024, "size of a request's body, at most")
    max_metadata_bytes: int = _setting(256 * 1024, "size of one metadata value as JSON, at most")
    max_inline_bytes: int = _setting(
        10 * 1024 * 1024, "size of one blob sent inside a request, decoded, at most"
    )
    max_blobs_per_object: int = _setting(100, "blobs of one object, at most")
    max_name_characters: int = _setting(255, "length of a name, at most")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings; what is not set keeps its default.

        Raises:
            InvalidSetting: a variable's text is not of its type, or names no setting; or two do not
                go together.
        """
        fields = {each.name: each for each in dataclasses.fields(cls)}
        values: dict[str, Any] = {}
        for variable, text in environment.items():
            if not variable.startswith(PREFIX):
                continue
            name = variable.removeprefix(PREFIX).lower()
            if name not in fields:
                known = ", ".join(PREFIX + each.upper() for each in fields)
                raise InvalidSetting(f"{variable} is no setting; the settings are {known}")
            if text:  # a variable that is set to nothing is as good as not set
                values[name] = _parse(variable, text, type(fields[name].default))
        _check_s3(values)
        return cls(**values)


def _check_s3(values: Mapping[str, Any]) -> None:
    for name in values:
        if name.startswith("s3_") and "s3_bucket" not in values:
            raise InvalidSetting(
                f"{PREFIX}{name.upper()} is set, and {PREFIX}S3_BUCKET is not; name the bucket"
            )
    for name, other in _BOTH_OR_NEITHER:
        if name in values and other not in values:
            raise InvalidSetting(
                f"{PREFIX}{name.upper()} is set, and {PREFIX}{other.upper()} is not;"
                " set both or neither"
            )


def _parse(variable: str, text: str, kind: type) -> Any:
    name = variable.removeprefix(PREFIX).lower()
    if name == "s3_addressing" and text not in _ADDRESSINGS:
        raise InvalidSetting(f"{variable} is {text!r}; it has to be {' or '.join(_ADDRESSINGS)}")
    if name in _URLS and not text.startswith(("http://", "https://")):
        raise InvalidSetting(f"{variable} is {text!r}; it has to begin with http:// or https://")
    if kind is bool:
        if text.lower() not in _BOOLEANS:
            raise InvalidSetting(f"{variable} is {text!r}; it has to be true or false")
        return _BOOLEANS[text.lower()]
    if kind is not int:
        return text
    if not text.strip().isdecimal() or int(text) == 0:
        raise InvalidSetting(f"{variable} is {text!r}; it has to be a whole number above 0")
    return int(text)
