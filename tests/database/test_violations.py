from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text

from gateway.database.pool import Database, open_database
from gateway.database.violations import on_violation
from gateway.errors import AlreadyExists, InvalidInput


@pytest.fixture
async def own(fresh_database_url: str) -> AsyncIterator[Database]:
    async with open_database(fresh_database_url) as database:
        async with database.transaction() as tx:
            await tx.run(
                text(
                    "CREATE TABLE things ("
                    "name text CONSTRAINT uq_things_name UNIQUE"
                    " CONSTRAINT ck_things_name CHECK (name <> ''))"
                )
            )
        yield database


ADD = text("INSERT INTO things VALUES (:name)")


async def test_raises_what_is_filed_under_the_constraint(own: Database) -> None:
    taken = AlreadyExists("'a' is taken", ("name",))

    async def add_twice() -> None:
        async with own.transaction() as tx:
            with on_violation(uq_things_name=taken, ck_things_name=InvalidInput("empty")):
                await tx.run(ADD, name="a")
                await tx.run(ADD, name="a")

    with pytest.raises(AlreadyExists) as raised:
        await add_twice()

    assert raised.value is taken
    assert isinstance(raised.value.__cause__, asyncpg.UniqueViolationError)
    async with own.transaction() as tx:
        assert await tx.value(text("SELECT count(*) FROM things")) == 0


async def test_a_constraint_that_is_not_filed_stays_a_bug(own: Database) -> None:
    async def add_nothing() -> None:
        async with own.transaction() as tx:
            with on_violation(uq_things_name=AlreadyExists("taken")):
                await tx.run(ADD, name="")

    with pytest.raises(asyncpg.CheckViolationError, match="ck_things_name"):
        await add_nothing()
