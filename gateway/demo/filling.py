"""Fills a namespace by the mutations that clients use, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import orjson

from gateway.caller import Caller
from gateway.collections.extractors import extractor_id
from gateway.context import Context
from gateway.database.pool import Database
from gateway.database.state import CannotStart
from gateway.demo import examples
from gateway.demo.examples import Derived, Input
from gateway.enums import Permission
from gateway.http.strict_json import encode
from gateway.namespaces.service import get_namespace_ids
from gateway.schema import GatewaySchema

FIRST_QUERY = """\
{
  bucket(name: "contracts") {
    bucketName
    objects {
      nodes {
        keyPrefix
        metadata
        blobs {
          property
          type
          presignedUrl
        }
        documents(directOnly: true) {
          nodes {
            collection { collectionName }
            metadata
            children {
              nodes {
                collection { collectionName }
                metadata
                children {
                  nodes {
                    collection { collectionName }
                    metadata
                    features { featureExtractorId payload }
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}"""

_COUNTS = "{ buckets(first: 0) { totalCount } collections(first: 0) { totalCount } }"
_BLOBS = "query ($id: ID!) { object(id: $id) { blobs { id property } } }"
_CREATE = """
    mutation ($input: Create%(Kind)sInput!) {
      create%(Kind)s(input: $input) { %(kind)s { id } errors { message path } }
    }
"""


class _Collection(NamedTuple):
    id: str
    extractor_id: str


async def fill(
    schema: GatewaySchema,
    make_context: Callable[[Caller], Context],
    database: Database,
    *,
    namespace: str,
) -> str | None:
    """Add the examples to a namespace that has no bucket and no collection.

    Each example is a transaction of its own: if one is refused, those before it stay.

    Args:
        namespace: Its name or id.

    Returns:
        A first query, which shows them; None if the namespace is not empty and was left alone.

    Raises:
        NotFound: There is no such namespace.
        CannotStart: An example is refused, as by limits that are set very low.
        Unavailable: The database or the blob store gives no answer.
    """
    async with database.transaction() as tx:
        (namespace_id,) = await get_namespace_ids(
            tx, reach=None, references=[namespace], path=("namespace",)
        )
    within = frozenset({namespace_id})
    caller = Caller("", frozenset({Permission.WRITE}), within, namespace_id)
    client = _Client(schema, make_context(caller))
    counts = await client.execute(_COUNTS)
    if any(each["totalCount"] for each in counts.values()):
        return None

    products = await client.create("Bucket", examples.PRODUCT_IMAGES)
    await client.create("Object", examples.phone() | {"bucketId": products})
    contracts = await client.create("Bucket", examples.CONTRACTS)
    contract = await client.create("Object", examples.contract() | {"bucketId": contracts})
    collections = await _create_collections(client, contracts)
    made = await client.execute(_BLOBS, id=contract)
    (still,) = [
        {"blobId": each["id"]}
        for each in made["object"]["blobs"]
        if each["property"] == "thumbnail"
    ]
    source = {"sourceObjectId": contract, "sourceBlobs": [still]}
    await _create_documents(client, examples.frames(), collections, source)
    return FIRST_QUERY


async def _create_collections(client: _Client, bucket_id: str) -> list[_Collection]:
    source: Input = {"type": "BUCKET", "bucketIds": [bucket_id]}
    made = []
    for each in examples.COLLECTIONS:
        collection_id = await client.create("Collection", each | {"source": source})
        extractor = each["featureExtractor"]
        known_as = extractor_id(extractor["name"], extractor["version"])
        made.append(_Collection(collection_id, known_as))
        source = {"type": "COLLECTION", "collectionIds": [collection_id]}
    return made


async def _create_documents(
    client: _Client,
    documents: Iterable[Derived],
    collections: Sequence[_Collection],
    source: Input,
) -> None:
    """Create documents in the first collection, and what is made of them in those after it."""
    collection, *after = collections
    for each in documents:
        given = examples.as_input(each, extractor_id=collection.extractor_id)
        place = {"collectionId": collection.id}
        document = await client.create("Document", given | place | source)
        if each.children:
            await _create_documents(client, each.children, after, {"sourceDocumentId": document})


class _Client:
    """Executes operations as one caller."""

    def __init__(self, schema: GatewaySchema, context: Context) -> None:
        self._schema = schema
        self._context = context

    async def create(self, kind: str, given: Input) -> str:
        """Create an entity; return its id."""
        operation = _CREATE % {"Kind": kind, "kind": kind.lower()}
        (payload,) = (await self.execute(operation, input=given)).values()
        for error in payload["errors"]:
            where = ".".join(error["path"])
            raise CannotStart(f"an example was refused: {error['message']} (in {kind}, {where})")
        made: str = payload[kind.lower()]["id"]
        return made

    async def execute(self, operation: str, **variables: Any) -> dict[str, Any]:
        """Return the data of an operation."""
        result = await self._schema.execute(
            operation, variable_values=variables, context_value=self._context
        )
        for error in result.errors or []:
            raise error.original_error or error
        data: dict[str, Any] = orjson.loads(encode(result.data))
        return data
