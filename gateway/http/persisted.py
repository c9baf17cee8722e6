"""Documents that are asked for by their hash: ``extensions.persistedQuery``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.errors import BadUserInput, NotTrusted, PersistedQueryNotFound
from gateway.planner.caching import LeastUsedCache
from gateway.schema import GatewaySchema
from gateway.trusted import sha256_of


class PersistedTexts:
    """The texts that hashes stand for: trusted ones for good, those that clients send for a while.

    A client sends the hash alone; where it is not known, it sends hash and text once (Apollo's
    automatic persisted queries). Only valid documents are kept, so nobody fills this with junk.

    Args:
        trusted: Documents by their ids.
        most: How many others are kept.
        most_characters: How long these may be together.
    """

    def __init__(
        self,
        schema: GatewaySchema,
        *,
        trusted: Mapping[str, str],
        most: int = 4096,
        most_characters: int = 4 * 1024 * 1024,
    ) -> None:
        self._schema = schema
        self._trusted = trusted
        self.kept = LeastUsedCache[str, str](most, most_weight=most_characters)

    def text_of(self, query: str | None, extensions: Any) -> str | None:
        """Return the text that a request asks for: its own, or the one its hash stands for.

        Raises:
            PersistedQueryNotFound: Nobody has sent the text yet.
            NotTrusted: It is not among the trusted documents, and only these are answered.
            BadUserInput: The extension cannot be read, or the text has another hash.
        """
        asked = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
        text = query if asked is None else self._persisted(_hash_in(asked), query)
        if text and not self._schema.answers(text):
            raise NotTrusted
        return text

    def _persisted(self, hash_: str, query: str | None) -> str:
        trusted = self._trusted.get(hash_)
        if trusted is not None and query in (None, "", trusted):
            return trusted
        if not query:
            kept = self.kept.find(hash_.lower())
            if kept is None:
                raise PersistedQueryNotFound
            return kept
        if sha256_of(query) != hash_.lower():
            raise BadUserInput("extensions.persistedQuery.sha256Hash is not the SHA-256 of query")
        if self._schema.answers(query) and self._schema.is_valid(query):
            self.kept.keep(hash_.lower(), query, len(query))
        return query


def _hash_in(asked: Any) -> str:
    if not isinstance(asked, dict) or asked.get("version") != 1:
        raise BadUserInput('extensions.persistedQuery has to be {"version": 1, "sha256Hash": "…"}')
    found = asked.get("sha256Hash")
    if not isinstance(found, str) or not found:
        raise BadUserInput("extensions.persistedQuery.sha256Hash has to be a string")
    return found
