"""Makes documents: what is left out derived, what is stated checked against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice

from gateway.blobs.store import BlobStore
from gateway.database.transaction import Transaction
from gateway.documents import deriving, document_rows, given_documents, source_blobs
from gateway.documents.artifacts import Artifact
from gateway.documents.contradictions import Contradiction, told
from gateway.documents.document_rows import NewDocument
from gateway.documents.given_documents import GivenDocument
from gateway.documents.origin import Origin, find_origins
from gateway.errors import NotFound, Overtaken, Refused, UserFailure
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.threads import off_loop

Outcome = str | UserFailure | Refused


async def create_document(
    tx: Transaction, store: BlobStore, limits: Limits, given: GivenDocument
) -> str:
    """Keep a document and its artifacts; return its id.

    Its metadata is that of the root object, with the caller's keys in place of equal ones.

    Raises:
        NotFound: An id that is stated is not here.
        InvalidInput: Something stated does not agree with the source, or cannot be as it is.
        TooLarge: Something is beyond its limit.
        Refused: Several of these.
        Unavailable: The store cannot keep the bytes.
    """
    (made,) = await _prepare(tx, limits, [given])
    if isinstance(made, UserFailure | Refused):
        raise made
    try:
        await document_rows.keep(tx, store, [made])
    except Overtaken as overtaken:
        raise NotFound("this was deleted just now", (made.named_by,)) from overtaken
    return made.id


async def create_documents(
    tx: Transaction,
    store: BlobStore,
    limits: Limits,
    given: Sequence[GivenDocument],
    *,
    all_or_nothing: bool = False,
) -> list[Outcome]:
    """Keep documents as ``create_document`` does; return of each its id, or why it is not kept.

    Args:
        all_or_nothing: Keep none where one cannot be kept.

    Raises:
        Overtaken: Something they name was deleted just now; try again in another transaction.
        Unavailable: The store cannot keep the bytes.
    """
    outcomes = await _prepare(tx, limits, given)
    made = [each for each in outcomes if isinstance(each, NewDocument)]
    if len(made) == len(given) or not all_or_nothing:
        await document_rows.keep(tx, store, made)
    return [each.id if isinstance(each, NewDocument) else each for each in outcomes]


async def find_refused(
    tx: Transaction, limits: Limits, given: Sequence[GivenDocument]
) -> list[UserFailure | Refused | None]:
    """Return why documents would be refused now, whatever the bytes are that their URLs name."""
    outcomes = await _prepare(tx, limits, given, may_be_elsewhere=True)
    return [None if isinstance(each, NewDocument) else each for each in outcomes]


async def _prepare(
    tx: Transaction,
    limits: Limits,
    given: Sequence[GivenDocument],
    *,
    may_be_elsewhere: bool = False,
) -> list[NewDocument | UserFailure | Refused]:
    """Return documents as they are to be kept, or all that is wrong with them."""
    given = await given_documents.with_uploads(tx, given)
    # Not on the event loop: 10 MiB of structured data take seconds to become canonical.
    contents = await off_loop(
        [each.weight for each in given],
        given_documents.read_all,
        given,
        limits,
        may_be_elsewhere=may_be_elsewhere,
    )
    origins = await find_origins(tx, [(each.collection_id, each.stated) for each in given])
    found = [
        [] if isinstance(origin, UserFailure | Refused) else list(_contradictions(each, origin))
        for each, origin in zip(given, origins, strict=True)
    ]
    failures = iter(await told(tx, list(chain.from_iterable(found))))
    contradicted = [list(islice(failures, len(each))) for each in found]
    return await off_loop(
        [each.metadata for each in given],
        lambda: [
            _outcome(*each, limits)
            for each in zip(given, contents, origins, contradicted, strict=True)
        ],
    )


def _outcome(
    given: GivenDocument,
    artifacts: list[Artifact] | UserFailure | Refused,
    origin: Origin | UserFailure | Refused,
    contradicted: list[UserFailure],
    limits: Limits,
) -> NewDocument | UserFailure | Refused:
    gathering = Gathering()
    for each in (artifacts, origin):
        with gathering.below():
            if isinstance(each, UserFailure | Refused):
                raise each
    gathering.failures += contradicted
    try:
        gathering.end()
        if isinstance(artifacts, UserFailure | Refused) or isinstance(
            origin, UserFailure | Refused
        ):
            raise AssertionError("their failures were gathered")
        return document_rows.make(given, artifacts, origin, limits)
    except (UserFailure, Refused) as failure:
        return failure


def _contradictions(given: GivenDocument, origin: Origin) -> Iterator[Contradiction]:
    yield from deriving.contradictions(given.stated, origin.lineage)
    yield from source_blobs.contradictions(given.source_blobs or (), origin.root_blobs)
    for index, artifact in enumerate(given.artifacts):
        blob_id = artifact.source_blob_id
        if blob_id is not None and blob_id not in origin.root_blobs:
            path = ("documentBlobs", str(index), "sourceBlobId")
            yield source_blobs.not_of_root(blob_id, path)
