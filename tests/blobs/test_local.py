from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from gateway.blobs.local import LocalBlobStore
from gateway.blobs.signing import UrlSigner
from gateway.blobs.store import BlobStore, NoBytes, new_key
from gateway.errors import Unavailable

KEY = new_key("ns_a")


def opened(folder: Path) -> LocalBlobStore:
    return LocalBlobStore(folder, UrlSigner(b"secret", public_url="http://gateway.test"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def store(folder: Path) -> LocalBlobStore:
    return opened(folder)


def drafts(folder: Path) -> list[Path]:
    return list((folder / "tmp").iterdir())


def kill(_: Path) -> None:
    """Begin to remove a folder, and end."""
    raise OSError("killed")


async def test_gives_back_what_was_put(folder: Path, store: BlobStore) -> None:
    data = bytes(range(256)) * 1000

    await store.put(KEY, data)

    assert await store.read(KEY) == data
    assert await store.size(KEY) == len(data)
    assert await opened(folder).read(KEY) == data, "after a restart as well"
    assert drafts(folder) == []


async def test_keeps_zero_bytes_apart_from_nothing(store: BlobStore) -> None:
    await store.put(KEY, b"")

    assert await store.size(KEY) == 0
    assert await store.read(KEY) == b""


async def test_has_nothing_under_an_unknown_key(store: BlobStore) -> None:
    assert await store.size(KEY) is None
    assert await store.read(KEY) is None


async def test_putting_again_mends_a_file_that_was_cut_short(store: LocalBlobStore) -> None:
    await store.put(KEY, b"hello")
    store.path(KEY).write_bytes(b"hel")

    await store.put(KEY, b"hello")

    assert await store.read(KEY) == b"hello"


async def test_deletes(store: BlobStore) -> None:
    await store.put(KEY, b"hello")

    await store.delete(KEY)
    await store.delete(KEY)

    assert await store.size(KEY) is None


@pytest.mark.parametrize(
    "key", ["../../../etc/passwd", "/etc/passwd", "a\0b", "ü\n%2F", ".", "..", ""]
)
async def test_no_key_becomes_a_path(folder: Path, store: LocalBlobStore, key: str) -> None:
    await store.put(key, b"hello")

    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert kept == [store.path(key)]
    assert [each.key async for each in store.listed("")] == [key]
    assert await store.read(key) == b"hello"


async def test_hides_bytes_from_other_users_of_the_machine(
    folder: Path, store: LocalBlobStore
) -> None:
    await store.put(KEY, b"hello")

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(store.path(KEY).stat().st_mode) == 0o600


async def test_clears_away_what_a_killed_process_was_writing(
    folder: Path, store: BlobStore
) -> None:
    await store.put(KEY, b"hello")
    (folder / "tmp" / "half").write_bytes(b"hel")

    again = opened(folder)

    assert drafts(folder) == []
    assert await again.read(KEY) == b"hello"


async def test_check_leaves_nothing_behind(folder: Path, store: BlobStore) -> None:
    await store.check()

    assert [path for path in folder.rglob("*") if path.is_file()] == []


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def first_of(given: AsyncIterator[object]) -> object:
    return await anext(given)


ASKING: dict[str, Callable[[BlobStore], Awaitable[object]]] = {
    "put": lambda store: store.put(KEY, b"hello"),
    "put_stream": lambda store: store.put_stream(KEY, chunks(b"hello")),
    "copy": lambda store: store.copy(KEY, new_key("ns_b")),
    "size": lambda store: store.size(KEY),
    "read": lambda store: store.read(KEY),
    "stream": lambda store: first_of(store.stream(KEY)),
    "delete": lambda store: store.delete(KEY),
    "listed": lambda store: first_of(store.listed("")),
}


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING)
async def test_is_unavailable_where_its_folders_are_spoilt(
    store: LocalBlobStore, ask: Callable[[BlobStore], Awaitable[object]]
) -> None:
    store.path(KEY).parent.write_bytes(b"a file where a folder belongs")

    with pytest.raises(Unavailable) as failure:
        await ask(store)

    assert str(store.path(KEY).parent) not in failure.value.message


async def test_is_not_ready_where_it_cannot_write(folder: Path, store: BlobStore) -> None:
    (folder / "tmp").rmdir()

    with pytest.raises(Unavailable):
        await store.check()


async def test_a_put_that_fails_leaves_no_draft(folder: Path, store: LocalBlobStore) -> None:
    (store.path(KEY) / "in the way").mkdir(parents=True)

    with pytest.raises(Unavailable):
        await store.put(KEY, b"hello")

    assert drafts(folder) == []


def test_is_unavailable_where_its_folder_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Unavailable):
        opened(tmp_path / "file" / "blobs")


async def test_being_cancelled_waits_for_what_has_begun(store: LocalBlobStore) -> None:
    path = store.path(KEY)
    path.parent.mkdir()
    os.mkfifo(path)  # reading it blocks until someone writes
    reading = asyncio.create_task(store.read(KEY))
    await asyncio.sleep(0)

    reading.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    waited = not reading.done()
    path.write_bytes(b"hello")

    with pytest.raises(asyncio.CancelledError):
        await reading
    assert waited


async def test_a_stream_that_fails_leaves_no_draft(folder: Path, store: LocalBlobStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"hel"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.put_stream(KEY, broken())

    assert drafts(folder) == []


async def test_an_upload_in_parts_outlives_a_restart(folder: Path, store: LocalBlobStore) -> None:
    parts_id = await store.begin_parts(KEY, mime_type="image/png")
    await store.put_part(KEY, parts_id, 1, chunks(b"hello"), size_bytes=5)

    again = opened(folder)
    await again.join_parts(KEY, parts_id, await again.parts(KEY, parts_id))

    assert await again.read(KEY) == b"hello"
    assert list((folder / "parts").iterdir()) == []


async def test_parts_are_whole_or_gone(
    folder: Path, store: LocalBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts_id = await store.begin_parts(KEY, mime_type="image/png")
    await store.put_part(KEY, parts_id, 1, chunks(b"hello"), size_bytes=5)
    found = await store.parts(KEY, parts_id)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", kill)
        with pytest.raises(Unavailable):
            await store.join_parts(KEY, parts_id, found)

    again = opened(folder)
    with pytest.raises(NoBytes):
        await again.parts(KEY, parts_id)
    await again.join_parts(KEY, parts_id, found)
    assert await again.read(KEY) == b"hello"
    assert drafts(folder) == list((folder / "parts").iterdir()) == []


@pytest.mark.parametrize("parts_id", ["../../o", "/etc", "", "a\0"])
async def test_no_id_of_parts_becomes_a_path(store: LocalBlobStore, parts_id: str) -> None:
    await store.put(KEY, b"hello")

    with pytest.raises(NoBytes):
        await store.parts(KEY, parts_id)
    await store.abort_parts(KEY, parts_id)

    assert await store.read(KEY) == b"hello"


async def test_parts_belong_to_one_key(store: LocalBlobStore) -> None:
    parts_id = await store.begin_parts(KEY, mime_type="image/png")

    with pytest.raises(NoBytes):
        await store.put_part(new_key("ns_a"), parts_id, 1, chunks(b"hello"), size_bytes=5)
