"""Every setting, typed, read once from the environment."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PREFIX = "GATEWAY_"
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class InvalidSetting(ValueError):
    """A variable in the environment that cannot be read; the message names it."""


def _setting(default: Any, description: str) -> Any:
    return field(default=default, metadata={"description": description})


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
            InvalidSetting: a variable's text is not of its type, or names no setting.
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
        return cls(**values)


def _parse(variable: str, text: str, kind: type) -> Any:
    if variable == f"{PREFIX}PUBLIC_URL" and not text.startswith(("http://", "https://")):
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
