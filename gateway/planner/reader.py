"""Stage 4, run it: the only stage with I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asyncpg.exceptions import CharacterNotInRepertoireError, UntranslatableCharacterError

from gateway.database.pool import Database
from gateway.errors import BadUserInput


class Reader:
    """Runs finished statements."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, sql: str, parameters: Sequence[Any]) -> bytes | None:
        """Return the JSON that a statement builds, None where there is no such row.

        Raises:
            BadUserInput: a parameter has a character that PostgreSQL cannot take.
            Unavailable: PostgreSQL gives no answer.
        """
        try:
            answer: bytes | None = await self._database.value(sql, parameters)
        except (CharacterNotInRepertoireError, UntranslatableCharacterError) as error:
            raise BadUserInput(
                "a text has a NUL character (U+0000), which nothing stored can have; leave it out"
            ) from error
        return answer


class NoReader(Reader):
    """Finds nothing, and asks nobody: statements are planned with it, not run."""

    def __init__(self) -> None:
        pass

    async def read(self, sql: str, parameters: Sequence[Any]) -> None:
        """Return that there is no such row."""
