"""Brings bytes into the store ahead of the transaction whose rows name them.

A store takes milliseconds, and a source on the network minutes, so no transaction is open
meanwhile: neither a connection of the pool nor the lock of a bucket waits for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType

from gateway import deadline
from gateway.blobs.store import BlobStore, new_key
from gateway.context import Context
from gateway.database.pool import Database
from gateway.enums import FieldType
from gateway.errors import FetchFailed, Refused, Unavailable, UserFailure
from gateway.fetching.fetcher import Fetcher
from gateway.gathering import Gathering
from gateway.idempotency.answers import Replayed
from gateway.objects import contents, mirroring
from gateway.objects.blob_data import BlobContent, Source

AT_A_TIME = 8  # of one mutation

Brought = list[BlobContent | None]
_Source = mirroring.Mirrored | FetchFailed


@dataclass(frozen=True, slots=True)
class Wanted:
    """A content that rows are to name.

    Args:
        content: None where it is known already, as of an upload.
        kind: The type of its blob.
        is_fetched: Whether bytes that a URL names are to come; else they stay where they are.
        is_renewed: Whether they are to come even if the namespace has the same.
    """

    content: BlobContent | None
    kind: FieldType
    is_fetched: bool = True
    is_renewed: bool = False

    @property
    def fetched_source(self) -> Source | None:
        """From where its bytes are fetched; None where they are not."""
        source = self.content.source if self.content else None
        return source if self.is_fetched and source and source.scheme != "s3" else None


class Bringing:
    """What one mutation brings; the block in which it is used ends after its transaction.

    If the mutation refuses what was brought or finds it made before, that is removed. If it ends in
    any other way than well, a row may name it all the same, and what none names is left to
    ``sweeping.sweep_strays``.
    """

    def __init__(
        self, database: Database, store: BlobStore, fetcher: Fetcher, namespace_id: str
    ) -> None:
        self.database = database
        self.rules = fetcher.rules
        self.namespace_id = namespace_id
        # Set by a block that ends well and has refused some inputs all the same.
        self.has_refused = False
        self._store = store
        self._fetcher = fetcher
        self._room = asyncio.Semaphore(AT_A_TIME)
        self._keys: list[str] = []
        self._may_be_named = False

    @classmethod
    def of(cls, context: Context) -> Bringing:
        """Return what brings for a request."""
        namespace_id = context.caller.namespace_id
        return cls(context.database, context.blobs, context.fetcher, namespace_id)

    async def __aenter__(self) -> Bringing:
        """Begin with nothing."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove what was brought for what is refused, if anything is."""
        if not self._keys:
            return
        is_refused = self.has_refused or isinstance(failure, UserFailure | Refused | Replayed)
        if is_refused or (failure and not self._may_be_named):
            # What cannot be removed now is a stray, as after a crash.
            with suppress(Unavailable):
                await self._remove()

    async def bring(
        self,
        wanted: Sequence[list[Wanted] | UserFailure | Refused],
        known: Collection[str],
        *,
        field: str,
        all_or_nothing: bool = False,
    ) -> list[Brought | UserFailure | Refused]:
        """Return the contents of each input with the keys of what came, or why it did not come.

        Each URL is fetched once, and the same bytes are put once. Contents whose bytes are there
        already have no key.

        Args:
            wanted: Of each input, what it brings, or why it is refused already.
            all_or_nothing: Bring nothing where one is refused.
            known: Hashes of contents that the namespace has.
            field: The field of an input that has them; paths of failures begin with it.

        Raises:
            Unavailable: The store cannot keep the bytes.
        """
        inputs = [each for each in wanted if isinstance(each, list)]
        if all_or_nothing and len(inputs) < len(wanted):
            return [
                [one.content for one in each] if isinstance(each, list) else each for each in wanted
            ]
        everything = [each for of_input in inputs for each in of_input]
        data = {
            content.hash: content.data
            for each in everything
            if (content := each.content) and content.data is not None and content.hash
            if each.is_renewed or content.hash not in known
        }
        keys = {content_hash: self._new_key() for content_hash in data}
        sources: dict[str, _Source] = {}
        works: list[Callable[[], Awaitable[None]]] = [
            *(partial(self._store.put, keys[each], data[each]) for each in data),
            *self._fetches(everything, sources),
        ]
        if works:
            with deadline.paused():
                await self._all(works)
        self._may_be_named = True
        return [
            _outcome(each, keys, sources, field) if isinstance(each, list) else each
            for each in wanted
        ]

    def _fetches(
        self, wanted: Iterable[Wanted], sources: dict[str, _Source]
    ) -> list[Callable[[], Awaitable[None]]]:
        """Return what fetches each URL, and enters in ``sources`` what came of it."""
        by_url: dict[str, list[tuple[Source, FieldType]]] = {}
        for each in wanted:
            if (source := each.fetched_source) is not None:
                by_url.setdefault(source.url, []).append((source, each.kind))

        async def fetch(url: str, its: Sequence[tuple[Source, FieldType]]) -> None:
            try:
                sources[url] = await mirroring.mirror(
                    self._fetcher, self._store, url, self._new_key(), its
                )
            except FetchFailed as failure:
                sources[url] = failure

        return [partial(fetch, url, its) for url, its in by_url.items()]

    def _new_key(self) -> str:
        key = new_key(self.namespace_id)
        self._keys.append(key)
        return key

    async def _all(self, works: Iterable[Callable[[], Awaitable[None]]]) -> None:
        """Do all, a few at a time; after a failure, the others are cancelled."""

        async def in_turn(work: Callable[[], Awaitable[None]]) -> None:
            async with self._room:
                await work()

        try:
            async with asyncio.TaskGroup() as group:
                for each in works:
                    group.create_task(in_turn(each))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _remove(self) -> None:
        """Remove what came and is not named by a row; no transaction is left that may name it."""
        keys: Collection[str] = self._keys
        if self._may_be_named:
            async with self.database.transaction(self.namespace_id, is_look=True) as tx:
                keys = await contents.find_unnamed(tx, keys)
        await asyncio.gather(*(self._remove_one(key) for key in keys))

    async def _remove_one(self, key: str) -> None:
        async with self._room:
            with suppress(Unavailable):
                await self._store.delete(key)


def _outcome(
    wanted: Sequence[Wanted], keys: Mapping[str, str], sources: Mapping[str, _Source], field: str
) -> Brought | UserFailure | Refused:
    gathering = Gathering()
    contents = [each.content for each in wanted]
    for index, each in enumerate(wanted):
        content, source = each.content, each.fetched_source
        if content is None:
            continue
        if content.data is not None and (key := keys.get(content.hash or "")):
            contents[index] = replace(content, key=key)
        elif source is not None:
            with gathering.below(field, str(index), *source.path):
                mirrored = sources[source.url]
                if isinstance(mirrored, FetchFailed):
                    # One for each place at which it is told.
                    raise FetchFailed(mirrored.message)
                contents[index] = mirroring.found(content, source, each.kind, mirrored)
    try:
        gathering.end()
    except (UserFailure, Refused) as failure:
        return failure
    return contents
