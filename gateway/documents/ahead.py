"""What is done with documents ahead of the transaction that keeps them: their bytes are brought."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.buckets.schema_fields import read_type
from gateway.documents import creating
from gateway.documents.artifacts import GivenArtifact, read_artifact
from gateway.documents.given_documents import GivenDocument
from gateway.errors import InvalidInput, Refused, UserFailure
from gateway.fetching.rules import FetchRules
from gateway.gathering import Gathering
from gateway.limits import Limits
from gateway.objects import blob_data, contents, mirroring
from gateway.objects.blob_data import Source
from gateway.objects.bringing import Bringing, Brought, Wanted
from gateway.threads import off_loop

_FIELD = "documentBlobs"


async def bring_document(bringing: Bringing, limits: Limits, given: GivenDocument) -> GivenDocument:
    """Return a document with the contents of its artifacts, whose bytes are in the store.

    What can be refused without the bytes is refused before they come.

    Raises:
        NotFound, InvalidInput, TooLarge: As of ``creating.create_document``, or of a URL.
        FetchFailed: The bytes of a URL cannot be had.
        Refused: Several of these.
        Unavailable: The store cannot keep the bytes.
    """
    (brought,) = await bring_documents(bringing, limits, [given])
    if isinstance(brought, UserFailure | Refused):
        raise brought
    return brought


async def bring_documents(
    bringing: Bringing,
    limits: Limits,
    given: Sequence[GivenDocument],
    *,
    all_or_nothing: bool = False,
) -> list[GivenDocument | UserFailure | Refused]:
    """Return of each document what ``bring_document`` returns, or why it is refused.

    One that has no bytes is returned as it is, and looked at by nobody yet.

    Args:
        all_or_nothing: Bring nothing where one is refused.

    Raises:
        Unavailable: The store cannot keep the bytes.
    """
    outcomes: list[GivenDocument | UserFailure | Refused] = list(given)
    places = [index for index, each in enumerate(given) if _may_have_bytes(each)]
    if not places:
        return outcomes
    documents = [given[index] for index in places]
    documents = await off_loop(
        [each.weight for each in documents],
        lambda: [_with_contents(each, limits) for each in documents],
    )
    hashes = [
        each.content.hash
        for document in documents
        for each in document.artifacts
        if each.content and each.content.data is not None and each.content.hash
    ]
    async with bringing.database.transaction(bringing.namespace_id, is_look=True) as tx:
        refused = await creating.find_refused(tx, limits, documents)
        known = await contents.find_known(tx, hashes)
    wanted = [
        refusal or _wanted(each, bringing.rules)
        for each, refusal in zip(documents, refused, strict=True)
    ]
    brought = await bringing.bring(wanted, known, field=_FIELD, all_or_nothing=all_or_nothing)
    for index, each, its in zip(places, documents, brought, strict=True):
        outcomes[index] = its if isinstance(its, UserFailure | Refused) else _with(each, its)
    return outcomes


def _may_have_bytes(given: GivenDocument) -> bool:
    return any(blob_data.may_have_bytes(each.data) for each in given.artifacts)


def _with_contents(given: GivenDocument, limits: Limits) -> GivenDocument:
    """Return a document with what its artifacts were found to be; what cannot be read is left."""
    if len(given.artifacts) > limits.blobs_per_object:
        return given
    return replace(given, artifacts=[_with_content(each, limits) for each in given.artifacts])


def _with_content(given: GivenArtifact, limits: Limits) -> GivenArtifact:
    if given.data is None:
        return given
    try:
        read = read_artifact(given, limits, may_be_elsewhere=True)
    except (UserFailure, Refused):
        return given
    return replace(given, content=read.content)


def _wanted(given: GivenDocument, rules: FetchRules) -> list[Wanted] | UserFailure | Refused:
    """Return what a document wants in the store that is not refused for anything else."""
    gathering = Gathering()
    wanted = []
    for index, each in enumerate(given.artifacts):
        kind = read_type(each.type)
        if kind is None:
            raise AssertionError("what cannot be read was refused")
        if each.content and (source := each.content.source):
            with gathering.below(_FIELD, str(index), *source.path):
                _check(source, rules)
        wanted.append(Wanted(each.content, kind))
    try:
        gathering.end()
    except (UserFailure, Refused) as failure:
        return failure
    return wanted


def _check(source: Source, rules: FetchRules) -> None:
    """Return if bytes can be fetched for an artifact.

    Raises:
        InvalidInput: They cannot.
    """
    if source.scheme == "s3":
        raise InvalidInput(
            "nothing is fetched from S3, and what an extractor made is kept here; send the bytes,"
            " or a URL of http or https that leads to them"
        )
    mirroring.check(source, rules)


def _with(given: GivenDocument, contents: Brought) -> GivenDocument:
    pairs = zip(given.artifacts, contents, strict=True)
    return replace(given, artifacts=[replace(each, content=content) for each, content in pairs])
