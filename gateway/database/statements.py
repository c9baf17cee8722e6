"""From SQLAlchemy's statement to text and argument order for asyncpg."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy.dialects.postgresql import asyncpg as dialect_module
from sqlalchemy.sql import ClauseElement

DIALECT = dialect_module.dialect()  # type: ignore[no-untyped-call]


class Compiled(NamedTuple):
    """SQL with ``$1, $2, …``, and which named value goes where."""

    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """Put the caller's values, or else the statement's own, into the placeholders' order."""
        constants = self.constants
        try:
            return [values[name] if name in values else constants[name] for name in self.names]
        except KeyError as error:
            raise TypeError(f"the statement needs a value for {error}") from None


@lru_cache(maxsize=512)
def compiled(statement: ClauseElement) -> Compiled:
    """Return a statement's text; an object is compiled once, so keep it in a constant."""
    result: Any = statement.compile(dialect=DIALECT)
    required = {name for name, bind in result.binds.items() if bind.required}
    if unknown := required.intersection(bind.key for bind in result.post_compile_params):
        raise TypeError(
            f"IN over {unknown} would be another statement for each number of values;"
            " compare with any_(bindparam(…, type_=ARRAY(…)))"
        )
    # Lists that the statement itself brings are written out as one placeholder each.
    expanded = result.construct_expanded_state(dict.fromkeys(required))
    constants = {name: value for name, value in expanded.parameters.items() if name not in required}
    return Compiled(expanded.statement, tuple(expanded.positiontup or ()), constants)
