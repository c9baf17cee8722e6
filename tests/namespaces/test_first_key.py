from __future__ import annotations

from pathlib import Path

import pytest

from gateway.database.pool import Database
from gateway.database.state import CannotStart
from gateway.enums import Permission
from gateway.errors import Unauthenticated
from gateway.namespaces.authentication import Authenticator
from gateway.namespaces.first_key import ensure_default


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "dev-key"


async def count(database: Database, table: str) -> int:
    async with database.connection() as connection:
        number: int = await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
        return number


async def test_the_first_start_makes_a_key_for_everything(
    database: Database, key_file: Path
) -> None:
    first = await ensure_default(database, key_file)

    authenticator = Authenticator(database)
    caller = await authenticator.authenticate(f"Bearer {first.secret}", first.namespace_name)
    await authenticator.close()
    assert first.was_made
    assert first.namespace_name == "default"
    assert caller.namespaces is None
    assert all(caller.holds(permission) for permission in Permission)


async def test_only_the_owner_can_read_the_file(database: Database, key_file: Path) -> None:
    first = await ensure_default(database, key_file)

    assert key_file.stat().st_mode & 0o777 == 0o600
    assert key_file.read_text().strip() == first.secret
    assert list(key_file.parent.iterdir()) == [key_file]


async def test_later_starts_take_the_same_key(database: Database, key_file: Path) -> None:
    first = await ensure_default(database, key_file)
    key_file.write_text(first.secret + "\n")  # as an editor leaves it

    again = await ensure_default(database, key_file)

    assert again.secret == first.secret
    assert not again.was_made
    assert await count(database, "api_keys") == await count(database, "namespaces") == 1


@pytest.mark.parametrize("left", [None, b"", b"sk_something else", b"\xff\xfe\x00"])
async def test_a_lost_file_is_made_anew_with_another_key(
    database: Database, key_file: Path, left: bytes | None
) -> None:
    first = await ensure_default(database, key_file)
    if left is None:
        key_file.unlink()
    else:
        key_file.write_bytes(left)

    again = await ensure_default(database, key_file)

    assert again.was_made
    assert again.secret not in ("", first.secret)
    assert key_file.read_text() == again.secret
    assert key_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change", ["revoked_at = now()", "expires_at = now()", "namespaces = '{}'"]
)
async def test_a_key_that_no_longer_opens_everything_is_replaced(
    database: Database, key_file: Path, change: str
) -> None:
    first = await ensure_default(database, key_file)
    async with database.connection() as connection:
        await connection.execute(f"UPDATE api_keys SET {change}")  # noqa: S608

    again = await ensure_default(database, key_file)

    authenticator = Authenticator(database)
    assert again.was_made
    await authenticator.authenticate(f"Bearer {again.secret}", "default")
    await authenticator.close()
    if "namespaces" not in change:
        with pytest.raises(Unauthenticated):
            await authenticator.authenticate(f"Bearer {first.secret}", "default")


async def test_a_key_that_cannot_be_kept_is_not_made(database: Database, tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="cannot be kept in"):
        await ensure_default(database, tmp_path / "missing" / "dev-key")

    assert await count(database, "api_keys") == await count(database, "namespaces") == 0
