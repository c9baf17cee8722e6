import asyncio
import re
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

import gateway
from gateway.database import migrate, revisions
from gateway.database.revisions import MigrationFailed

Ask = Callable[[str, str], Coroutine[Any, Any, Any]]
THINGS = "op.execute('CREATE TABLE things (name text)')"
NO_THINGS = "op.execute('DROP TABLE things')"
INDEX = """
    with op.get_context().autocommit_block():
        op.execute("CREATE INDEX CONCURRENTLY ix_things_name ON things (name)")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder of migrations; its name is one that alembic's settings would misread."""
    folder = tmp_path / "100% of them"
    folder.mkdir()
    for name in ("env.py", "script.py.mako"):
        shutil.copy(revisions.migrations_folder() / name, folder)
    (folder / "versions").mkdir()
    return folder


@pytest.fixture
def write(folder: Path) -> Callable[..., None]:
    """Writes a migration that follows the last one written."""
    last: list[str] = []

    def write(revision: str, up: str, down: str = "pass") -> None:
        (folder / "versions" / f"{revision}.py").write_text(
            "from alembic import op\n"
            f"revision = {revision!r}\n"
            f"down_revision = {last[-1] if last else None!r}\n"
            f"def upgrade():\n    {up}\n"
            f"def downgrade():\n    {down}\n"
        )
        last.append(revision)

    return write


async def test_goes_up_and_down(
    any_postgres: str, folder: Path, write: Callable[..., None], ask: Ask
) -> None:
    url = any_postgres
    write("one", THINGS, NO_THINGS)
    write("two", "op.execute('ALTER TABLE things ADD size int')")

    assert revisions.head(folder) == "two"
    assert await revisions.current(url) is None
    assert await revisions.pending(url, folder=folder)

    await migrate.up(url, folder=folder)
    assert await revisions.current(url) == "two"
    assert not await revisions.pending(url, folder=folder)
    assert await ask(url, "SELECT count(size) FROM things") == 0

    await migrate.up(url, folder=folder)
    await migrate.down(url, "-1", folder=folder)
    assert await revisions.current(url) == "one"
    assert await revisions.pending(url, folder=folder)

    await migrate.down(url, "base", folder=folder)
    assert await revisions.current(url) is None
    assert await ask(url, "SELECT to_regclass('things')") is None

    await migrate.up(url, "one", folder=folder)
    assert await revisions.current(url) == "one"


async def test_one_that_fails_leaves_nothing_behind_and_those_before_it_stay(
    fresh_database_url: str, folder: Path, write: Callable[..., None], ask: Ask
) -> None:
    write("one", THINGS)
    write("two", "op.execute('CREATE TABLE more ()'); op.execute('SELECT 1 / 0')")

    with pytest.raises(MigrationFailed, match="division by zero"):
        await migrate.up(fresh_database_url, folder=folder)

    assert await revisions.current(fresh_database_url) == "one"
    assert await ask(fresh_database_url, "SELECT to_regclass('more')") is None


async def test_several_gateways_may_migrate_at_once(
    fresh_database_url: str, folder: Path, write: Callable[..., None], ask: Ask
) -> None:
    write("one", THINGS)
    write("two", INDEX)  # waits for the statements of all others, so none of them may wait inside

    await asyncio.gather(*(migrate.up(fresh_database_url, folder=folder) for _ in range(4)))

    assert await revisions.current(fresh_database_url) == "two"
    assert await ask(fresh_database_url, "SELECT to_regclass('ix_things_name')::text")


async def test_two_databases_are_migrated_side_by_side(
    fresh_database_url: str, any_postgres: str, folder: Path, write: Callable[..., None], ask: Ask
) -> None:
    write("one", THINGS)
    urls = fresh_database_url, any_postgres

    await asyncio.gather(*(migrate.up(url, folder=folder) for url in urls))

    assert [await ask(url, "SELECT count(*) FROM things") for url in urls] == [0, 0]


async def test_who_waits_too_long_for_another_is_told(
    fresh_database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "WAIT_FOR_OTHERS_S", 0.1)
    other = await asyncpg.connect(fresh_database_url)
    await other.execute("SELECT pg_advisory_lock($1)", migrate.LOCK_KEY)

    with pytest.raises(MigrationFailed, match="another gateway has been migrating"):
        await migrate.up(fresh_database_url, folder=folder)

    await other.close()
    await migrate.up(fresh_database_url, folder=folder)


async def test_no_migration_waits_long_for_a_table(
    fresh_database_url: str, folder: Path, write: Callable[..., None], ask: Ask
) -> None:
    write("one", """op.execute("CREATE TABLE seen AS SELECT current_setting('lock_timeout')")""")
    write("two", """op.execute("INSERT INTO seen SELECT current_setting('lock_timeout')")""")

    await migrate.up(fresh_database_url, folder=folder)

    seen = "SELECT string_agg(current_setting, ' ') FROM seen"
    assert await ask(fresh_database_url, seen) == "5s 5s"


async def test_a_table_in_use_is_told_of(
    fresh_database_url: str, folder: Path, write: Callable[..., None]
) -> None:
    write("one", THINGS)
    await migrate.up(fresh_database_url, folder=folder)
    write("two", "op.execute(\"SET LOCAL lock_timeout = '10ms'\"); " + NO_THINGS)
    other = await asyncpg.connect(fresh_database_url)
    await other.execute("BEGIN; SELECT FROM things")

    with pytest.raises(MigrationFailed, match="a table is in use by a long transaction"):
        await migrate.up(fresh_database_url, folder=folder)

    await other.close()
    await migrate.up(fresh_database_url, folder=folder)


async def test_a_database_that_is_newer_than_the_gateway_is_refused(
    fresh_database_url: str, folder: Path, write: Callable[..., None]
) -> None:
    write("one", THINGS)
    write("two", "pass")
    await migrate.up(fresh_database_url, folder=folder)
    (folder / "versions" / "two.py").unlink()

    for attempt in (migrate.up, revisions.pending):
        with pytest.raises(MigrationFailed, match=r"revision two, .* newer .* --down one`"):
            await attempt(fresh_database_url, folder=folder)


async def test_an_unknown_revision_is_told_of(fresh_database_url: str, folder: Path) -> None:
    with pytest.raises(MigrationFailed, match="'nowhere'"):
        await migrate.up(fresh_database_url, "nowhere", folder=folder)


@pytest.mark.parametrize(
    ("password", "written"),
    [
        ("50%", "50%"),
        ("50%25", "50%2525"),
        ("a@b:c/d?e#f %(x)s", "a%40b%3Ac%2Fd%3Fe%23f%20%25(x)s"),
    ],
)
@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+asyncpg"])
async def test_a_password_may_have_any_character(
    fresh_database_url: str, server: Any, folder: Path, password: str, written: str, scheme: str
) -> None:
    database = urlsplit(fresh_database_url).path.removeprefix("/")
    admin = await asyncpg.connect(server.postgres.superuser_url(database))
    role = f"role_of_{database}"
    await admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}' IN ROLE gateway")
    place = fresh_database_url.partition("@")[2]

    await migrate.up(f"{scheme}://{role}:{written}@{place}", folder=folder)

    await admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
    await admin.close()


async def test_a_database_that_cannot_be_reached_is_told_of() -> None:
    with pytest.raises(MigrationFailed, match="cannot connect to the database") as raised:
        await revisions.pending("postgresql://gateway:hush@/gateway?host=/no/such/folder")

    assert "hush" not in str(raised.value)


async def test_a_new_migration_is_named_by_date_and_effect_and_follows_the_last(
    fresh_database_url: str, folder: Path, write: Callable[..., None]
) -> None:
    write("one", THINGS)

    file = migrate.new("Give things a size", folder=folder)

    assert re.fullmatch(r"\d{4}-\d\d-\d\d_\d{4}_give_things_a_size\.py", file.name)
    assert file.read_text().startswith('"""Give things a size."""')
    await migrate.up(fresh_database_url, folder=folder)
    assert await revisions.current(fresh_database_url) == revisions.head(folder) != "one"
    await migrate.down(fresh_database_url, "base", folder=folder)


def test_migrations_are_beside_the_package_or_installed_inside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "gateway"
    package.mkdir()
    monkeypatch.setattr(gateway, "__file__", str(package / "__init__.py"))

    assert revisions.migrations_folder() == tmp_path / "migrations"
    (package / "_migrations").mkdir()
    assert revisions.migrations_folder() == package / "_migrations"
