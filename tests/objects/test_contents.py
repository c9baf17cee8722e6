from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, delete, func, insert, select, text, update

from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import UrlSigner
from gateway.blobs.store import Digest, new_key
from gateway.buckets.tables import BucketRow
from gateway.collections.tables import CollectionRow
from gateway.database.ids import new_id
from gateway.database.pool import Database
from gateway.database.transaction import Transaction
from gateway.documents.tables import DocumentBlobRow, DocumentRow
from gateway.enums import FieldType
from gateway.errors import Unavailable
from gateway.namespaces.tables import NamespaceRow
from gateway.objects import contents, sweeping
from gateway.objects.blob_data import BlobContent, read
from gateway.objects.tables import BlobRow, ContentRow, ObjectRow, RemovalRow

HELLO = read("hello", FieldType.TEXT, limit_bytes=100)
WORLD = read("world", FieldType.TEXT, limit_bytes=100)
STRUCTURED = read({"a": 1}, FieldType.JSON, limit_bytes=100)

_ADD_NAMESPACE = insert(NamespaceRow).values(
    id=bindparam("id"), namespace_name=bindparam("namespace_name")
)
_ADD_BUCKET = insert(BucketRow).values(
    namespace_id=bindparam("namespace_id"),
    id=bindparam("id"),
    bucket_name=bindparam("id"),
    bucket_schema=bindparam("bucket_schema"),
)
_ADD_OBJECT = insert(ObjectRow).values(
    namespace_id=bindparam("namespace_id"), id=bindparam("id"), bucket_id=bindparam("bucket_id")
)
_ADD_BLOB = insert(BlobRow).values(
    namespace_id=bindparam("namespace_id"),
    id=bindparam("id"),
    object_id=bindparam("object_id"),
    bucket_id=bindparam("bucket_id"),
    position=bindparam("position"),
    property="text",
    type="TEXT",
    hash=bindparam("hash"),
    has_bytes=bindparam("has_bytes"),
)
_REMOVE_BLOBS = delete(BlobRow).where(BlobRow.object_id == bindparam("object_id"))
_REMOVE_OBJECT = delete(ObjectRow).where(ObjectRow.id == bindparam("id"))
_KEPT = select(ContentRow.hash, ContentRow.key)
_CONDEMNED = select(RemovalRow.key)
_MAKE_OLD = update(ContentRow).values(created_at=func.now() - text("interval '1 hour'"))


class Namespace:
    """A namespace with one bucket, whose objects are made of contents alone."""

    def __init__(self, database: Database, store: LocalBlobStore, bucket_id: str, id: str) -> None:
        self.database = database
        self.store = store
        self.bucket_id = bucket_id
        self.id = id

    async def create(self, *wanted: BlobContent) -> str:
        async with self.database.transaction(self.id) as tx:
            return await self.create_in(tx, *wanted)

    async def create_in(self, tx: Transaction, *wanted: BlobContent) -> str:
        object_id = new_id("obj")
        mine = {"namespace_id": self.id, "bucket_id": self.bucket_id}
        await contents.keep(tx, self.store, contents=wanted)
        await tx.run(_ADD_OBJECT, id=object_id, **mine)
        for position, each in enumerate(wanted):
            await tx.run(
                _ADD_BLOB,
                id=new_id("blob"),
                object_id=object_id,
                position=position,
                hash=each.hash,
                has_bytes=each.data is not None,
                **mine,
            )
        return object_id

    async def delete(self, object_id: str) -> None:
        async with self.database.transaction(self.id) as tx:
            await tx.run(_REMOVE_BLOBS, object_id=object_id)
            await tx.run(_REMOVE_OBJECT, id=object_id)

    async def sweep(self, **bounds: Any) -> int:
        return await sweeping.sweep(self.database, self.store, self.id, **bounds)

    async def kept(self) -> list[str]:
        """Return the hashes of all contents, having seen that the store has nothing else."""
        keys = await self.keys()
        assert set(keys.values()) == {each.key async for each in self.store.listed(f"{self.id}/")}
        return sorted(keys)

    async def keys(self) -> dict[str, str]:
        """Return the key of each content's hash."""
        async with self.database.transaction(self.id) as tx:
            return {row["hash"]: row["key"] for row in await tx.rows(_KEPT)}

    async def condemned(self) -> list[str]:
        async with self.database.transaction(self.id) as tx:
            return [row["key"] for row in await tx.rows(_CONDEMNED)]

    async def bytes_of(self, content: BlobContent) -> bytes | None:
        key = (await self.keys()).get(str(content.hash))
        return None if key is None else await self.store.read(key)


class SlowToDelete(LocalBlobStore):
    """Deletes when it is told to go on."""

    def __init__(self, folder: Path, signer: UrlSigner) -> None:
        super().__init__(folder, signer)
        self.is_deleting = asyncio.Event()
        self.may_delete = asyncio.Event()

    async def delete(self, key: str) -> None:
        self.is_deleting.set()
        await self.may_delete.wait()
        await super().delete(key)


@pytest.fixture
def store(tmp_path: Path) -> LocalBlobStore:
    return LocalBlobStore(tmp_path / "blobs", UrlSigner(b"secret", public_url=""))


@pytest.fixture(params=["store", "s3_store"])
def any_store(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


async def new_namespace(database: Database, store: LocalBlobStore) -> Namespace:
    namespace = Namespace(database, store, new_id("bkt"), new_id("ns"))
    async with database.transaction() as tx:
        await tx.run(_ADD_NAMESPACE, id=namespace.id, namespace_name=namespace.id)
    async with database.transaction(namespace.id) as tx:
        await tx.run(
            _ADD_BUCKET, namespace_id=namespace.id, id=namespace.bucket_id, bucket_schema={}
        )
    return namespace


@pytest.fixture
async def namespace(database: Database, store: LocalBlobStore) -> Namespace:
    return await new_namespace(database, store)


def hashes(*wanted: BlobContent) -> list[str]:
    return sorted(str(each.hash) for each in wanted)


async def test_keeps_each_content_once(namespace: Namespace) -> None:
    await namespace.create(HELLO, WORLD, HELLO)
    await namespace.create(HELLO)

    assert await namespace.kept() == hashes(HELLO, WORLD)
    assert await namespace.bytes_of(HELLO) == b"hello"


async def test_structured_data_has_no_bytes_to_keep(namespace: Namespace) -> None:
    await namespace.create(STRUCTURED)

    assert await namespace.kept() == []
    assert await namespace.bytes_of(STRUCTURED) is None


async def test_bytes_are_not_shared_between_namespaces(
    namespace: Namespace, database: Database, store: LocalBlobStore
) -> None:
    other = await new_namespace(database, store)
    mine = await namespace.create(HELLO)
    await other.create(HELLO)

    await namespace.delete(mine)

    assert await namespace.sweep() == 1
    assert await namespace.kept() == []
    assert await other.kept() == hashes(HELLO)


async def test_a_failure_to_keep_bytes_leaves_no_row(namespace: Namespace, tmp_path: Path) -> None:
    (tmp_path / "blobs" / "tmp").rmdir()

    with pytest.raises(Unavailable):
        await namespace.create(HELLO)

    assert await namespace.keys() == {}


async def test_bytes_go_with_the_last_blob_that_names_them(namespace: Namespace) -> None:
    first = await namespace.create(HELLO, WORLD)
    second = await namespace.create(HELLO)

    await namespace.delete(first)
    assert await namespace.sweep() == 1
    assert await namespace.kept() == hashes(HELLO)

    await namespace.delete(second)
    assert await namespace.sweep() == 1
    assert await namespace.kept() == []
    assert await namespace.sweep() == 0


async def test_structured_data_of_the_same_hash_names_no_bytes(namespace: Namespace) -> None:
    canonical = read('{"a":1}', FieldType.TEXT, limit_bytes=100)
    assert canonical.hash == STRUCTURED.hash
    gone = await namespace.create(canonical)
    await namespace.create(STRUCTURED)

    await namespace.delete(gone)

    assert await namespace.sweep() == 1


async def test_a_documents_blob_holds_its_bytes(namespace: Namespace) -> None:
    ours = {"namespace_id": namespace.id}
    collection_id, document_id = new_id("col"), new_id("doc")
    async with namespace.database.transaction(namespace.id) as tx:
        await tx.run(
            insert(CollectionRow).values(
                **ours,
                id=collection_id,
                collection_name="frames",
                source_type="BUCKET",
                extractor_name="frames",
                extractor_version="v1",
            )
        )
        await tx.run(
            insert(DocumentRow).values(**ours, id=document_id, collection_id=collection_id)
        )
        await contents.keep(tx, namespace.store, contents=[HELLO])
        await tx.run(
            insert(DocumentBlobRow).values(
                **ours,
                document_id=document_id,
                position=0,
                field="thumbnail",
                role="THUMBNAIL",
                type="TEXT",
                hash=HELLO.hash,
                has_bytes=True,
            )
        )

    assert await namespace.sweep() == 0
    assert await namespace.kept() == hashes(HELLO)

    async with namespace.database.transaction(namespace.id) as tx:
        await tx.run(delete(DocumentBlobRow).where(DocumentBlobRow.document_id == document_id))
    assert await namespace.sweep() == 1


async def test_a_sweep_looks_at_the_given_hashes_only(namespace: Namespace) -> None:
    await namespace.delete(await namespace.create(HELLO, WORLD))

    assert await namespace.sweep(hashes=[WORLD.hash, "0" * 64]) == 1
    assert await namespace.sweep(hashes=[]) == 0
    assert await namespace.kept() == hashes(HELLO)


async def test_a_sweep_removes_no_more_than_its_limit(namespace: Namespace) -> None:
    await namespace.delete(await namespace.create(HELLO, WORLD))

    assert await namespace.sweep(limit=1) == 1
    assert len(await namespace.kept()) == 1
    assert await namespace.sweep(limit=1) == 1


async def test_a_sweep_spares_what_is_young(namespace: Namespace) -> None:
    await namespace.delete(await namespace.create(HELLO))

    assert await namespace.sweep(older_than_s=60.5) == 0
    async with namespace.database.transaction(namespace.id) as tx:
        await tx.run(_MAKE_OLD)
    assert await namespace.sweep(older_than_s=60.5) == 1


async def test_bytes_that_cannot_be_removed_are_removed_later(namespace: Namespace) -> None:
    gone = await namespace.create(HELLO, WORLD)
    paths = [namespace.store.path(key) for key in (await namespace.keys()).values()]
    await namespace.delete(gone)
    paths[0].unlink()
    paths[0].mkdir()

    with pytest.raises(Unavailable):
        await namespace.sweep()

    assert len(await namespace.condemned()) == 2
    paths[0].rmdir()
    assert await namespace.sweep(hashes=[]) == 2, "whatever it was to look for"
    assert await namespace.kept() == []
    assert await namespace.condemned() == []


async def test_a_sweep_waits_for_a_writer_and_spares_its_bytes(namespace: Namespace) -> None:
    await namespace.delete(await namespace.create(HELLO))

    async with namespace.database.transaction(namespace.id) as tx:
        await namespace.create_in(tx, HELLO)
        sweep = asyncio.create_task(namespace.sweep())
        await until_one_waits(namespace.database)

    assert await sweep == 0
    assert await namespace.kept() == hashes(HELLO)


async def test_a_removal_that_is_late_does_not_reach_bytes_that_came_again(
    namespace: Namespace, tmp_path: Path
) -> None:
    await namespace.delete(await namespace.create(HELLO))
    slow = SlowToDelete(tmp_path / "blobs", namespace.store.signer)
    sweep = asyncio.create_task(sweeping.sweep(namespace.database, slow, namespace.id))
    await slow.is_deleting.wait()

    async with asyncio.timeout(10):  # nobody waits for the store
        await namespace.create(HELLO)
        assert await namespace.sweep() == 1, "another gateway removes them too"
    slow.may_delete.set()
    await sweep

    assert await namespace.kept() == hashes(HELLO)
    assert await namespace.bytes_of(HELLO) == b"hello"


async def test_a_sweep_that_was_killed_is_finished_by_the_next(
    namespace: Namespace, tmp_path: Path
) -> None:
    await namespace.delete(await namespace.create(HELLO))
    slow = SlowToDelete(tmp_path / "blobs", namespace.store.signer)
    sweep = asyncio.create_task(sweeping.sweep(namespace.database, slow, namespace.id))
    await slow.is_deleting.wait()
    sweep.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sweep
    await namespace.create(HELLO)

    assert await namespace.sweep() == 1

    assert await namespace.kept() == hashes(HELLO)


async def test_adopts_bytes_that_came_otherwise(namespace: Namespace) -> None:
    key = new_key(namespace.id)
    await namespace.store.put(key, b"hello")

    async with namespace.database.transaction(namespace.id) as tx:
        first = await contents.adopt(tx, key=key, digest=Digest(5, str(HELLO.hash)))
        again = await contents.adopt(tx, key=key, digest=Digest(5, str(HELLO.hash)))
        await namespace.create_in(tx, HELLO)

    assert first
    assert again
    assert await namespace.keys() == {HELLO.hash: key}
    assert await namespace.kept() == hashes(HELLO)


async def test_removes_adopted_bytes_that_were_there_already(namespace: Namespace) -> None:
    await namespace.create(HELLO)
    key = new_key(namespace.id)
    await namespace.store.put(key, b"hello")

    async with namespace.database.transaction(namespace.id) as tx:
        assert not await contents.adopt(tx, key=key, digest=Digest(5, str(HELLO.hash)))

    assert await namespace.store.size(key) == 5, "not before the commit"
    assert await namespace.sweep() == 1
    assert await namespace.kept() == hashes(HELLO)


async def test_writers_of_stored_bytes_do_not_wait_for_each_other(namespace: Namespace) -> None:
    await namespace.create(HELLO)

    async with namespace.database.transaction(namespace.id) as tx:
        await namespace.create_in(tx, HELLO)
        async with asyncio.timeout(10):
            await namespace.create(HELLO)


async def test_bytes_outlive_any_overlap_of_creating_and_deleting(
    database: Database, any_store: LocalBlobStore
) -> None:
    rounds = 15 if isinstance(any_store, LocalBlobStore) else 3
    namespace = await new_namespace(database, any_store)

    async def live(wanted: Sequence[BlobContent]) -> None:
        for _ in range(rounds):
            object_id = await namespace.create(*wanted)
            for each in wanted:
                assert await namespace.bytes_of(each) == each.data, "a committed row has its bytes"
            await namespace.delete(object_id)
            await namespace.sweep(hashes=hashes(*wanted))

    await asyncio.gather(
        *(live(each) for each in [(HELLO,), (HELLO, WORLD), (WORLD, HELLO), (WORLD,)] * 2)
    )

    assert await namespace.kept() == []
    assert await namespace.condemned() == []


async def until_one_waits(database: Database) -> None:
    """Return once a connection of this database waits for a row's lock."""
    waiting = text(
        "SELECT EXISTS (SELECT FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock')"
    )
    async with asyncio.timeout(10):
        while True:
            async with database.transaction() as tx:
                if await tx.value(waiting):
                    return


def make_old(store: LocalBlobStore, *keys: str) -> None:
    for key in keys:
        os.utime(store.path(key), (0, 0))


async def test_removes_bytes_that_no_row_names(namespace: Namespace, database: Database) -> None:
    other = await new_namespace(database, namespace.store)
    await namespace.create(HELLO)
    await other.create(HELLO)
    kept = [*(await namespace.keys()).values(), *(await other.keys()).values()]
    strays = [new_key(namespace.id) for _ in range(3)]
    for key in strays:
        await namespace.store.put(key, b"left behind")
    make_old(namespace.store, *kept, *strays[:2])

    found = await sweeping.sweep_strays(database, namespace.store, namespace.id, older_than_s=3600)

    assert found == 2
    left = {each.key async for each in namespace.store.listed("")}
    assert left == {*kept, strays[2]}, "what is young may be of a transaction that runs"
    assert await namespace.condemned() == []


async def test_a_writer_that_fails_leaves_bytes_for_the_sweep(namespace: Namespace) -> None:
    with suppress(ZeroDivisionError):
        async with namespace.database.transaction(namespace.id) as tx:
            await namespace.create_in(tx, HELLO)
            raise ZeroDivisionError
    (stray,) = [each.key async for each in namespace.store.listed("")]
    make_old(namespace.store, stray)

    swept = await sweeping.sweep_strays(
        namespace.database, namespace.store, namespace.id, older_than_s=3600
    )

    assert swept == 1
    assert await namespace.kept() == []
