"""The mutations that tests share, as clients write them, and short cuts to what they make."""

from __future__ import annotations

from typing import Any

from tests.client import Client

_ERRORS = """
errors {
  code message path
  ... on FieldError { allowed }
  ... on ConflictError { existing { id } currentVersion }
}
"""
_BUCKET = """
id bucketId bucketName description bucketSchema metadata status isLocked version createdAt updatedAt
lastUploadAt objectCount totalSizeBytes
storageStats { totalSizeBytes avgSizeBytes maxSizeBytes minSizeBytes }
"""
_OBJECT = """
id objectId bucketId keyPrefix metadata contentHash status error skipDuplicates version
documentCount createdAt updatedAt
sourceDetails { type sourceId }
blobs {
  id property type keyPrefix properties sourceUrl sharedBy presignedUrl
  details { filename sizeBytes mimeType hash }
}
"""
_DELETED = f"deletedId deletedObjects deletedDocuments {_ERRORS}"

CREATE_BUCKET = f"""
mutation ($input: CreateBucketInput!) {{
  createBucket(input: $input) {{ bucket {{ {_BUCKET} }} {_ERRORS} }}
}}
"""
PATCH_BUCKET = f"""
mutation ($input: PatchBucketInput!) {{
  patchBucket(input: $input) {{ bucket {{ {_BUCKET} }} {_ERRORS} }}
}}
"""
DELETE_BUCKET = f"mutation ($id: ID!) {{ deleteBucket(id: $id) {{ {_DELETED} }} }}"
READ_BUCKET = f"query ($id: ID!) {{ bucket(id: $id) {{ {_BUCKET} }} }}"

CREATE_OBJECT = f"""
mutation ($input: CreateObjectInput!) {{
  createObject(input: $input) {{ object {{ {_OBJECT} }} skippedBlobs {{ id }} {_ERRORS} }}
}}
"""
CREATE_OBJECTS = f"""
mutation ($inputs: [CreateObjectInput!]!, $onError: OnError! = CONTINUE) {{
  createObjects(inputs: $inputs, onError: $onError) {{
    results {{ object {{ {_OBJECT} }} skippedBlobs {{ id }} {_ERRORS} }}
    succeeded failed
  }}
}}
"""
PATCH_OBJECT = f"""
mutation ($input: PatchObjectInput!) {{
  patchObject(input: $input) {{ object {{ {_OBJECT} }} skippedBlobs {{ id }} {_ERRORS} }}
}}
"""
DELETE_OBJECT = f"mutation ($id: ID!) {{ deleteObject(id: $id) {{ {_DELETED} }} }}"
READ_OBJECT = f"query ($id: ID!) {{ object(id: $id) {{ {_OBJECT} }} }}"

_CREATE_COLLECTION = f"""
mutation ($input: CreateCollectionInput!) {{
  createCollection(input: $input) {{ collection {{ id }} {_ERRORS} }}
}}
"""
CREATE_DOCUMENT = f"""
mutation ($input: CreateDocumentInput!) {{
  createDocument(input: $input) {{ document {{ id documentBlobs {{ presignedUrl }} }} {_ERRORS} }}
}}
"""
CREATE_DOCUMENTS = f"""
mutation ($inputs: [CreateDocumentInput!]!, $onError: OnError! = CONTINUE) {{
  createDocuments(inputs: $inputs, onError: $onError) {{
    results {{ document {{ id metadata documentBlobs {{ presignedUrl }} }} {_ERRORS} }}
    succeeded failed
  }}
}}
"""
_STATUS = f"""
node {{
  __typename id
  ... on BucketObject {{ status error version updatedAt }}
  ... on Document {{ status error version updatedAt }}
}}
{_ERRORS}
"""
UPDATE_STATUS = f"""
mutation ($input: UpdateStatusInput!) {{ updateStatus(input: $input) {{ {_STATUS} }} }}
"""
UPDATE_STATUSES = f"""
mutation ($inputs: [UpdateStatusInput!]!) {{
  updateStatuses(inputs: $inputs) {{ results {{ {_STATUS} }} succeeded failed }}
}}
"""
DELETE_DOCUMENT = f"mutation ($id: ID!) {{ deleteDocument(id: $id) {{ {_DELETED} }} }}"

# Of each kind one: blobs, and metadata that is required, optional or filled in.
SCHEMA = {
    "properties": {
        "content": {"type": "json"},
        "thumbnail": {"type": "image"},
        "text": {"type": "text"},
        "title": {"type": "string", "required": True},
        "price": {"type": "float"},
        "state": {"type": "string", "enum": ["draft", "final"], "default": "draft"},
    }
}
FREE_SCHEMA = {"properties": {"text": {"type": "text"}}}


async def mutate(client: Client, operation: str, **variables: Any) -> dict[str, Any]:
    """Return the payload of an operation that has one root field."""
    (payload,) = (await client.execute(operation, **variables)).values()
    assert isinstance(payload, dict)
    return payload


async def refused(client: Client, operation: str, **variables: Any) -> list[dict[str, Any]]:
    """Return the errors of an operation, having seen that it left everything as it was."""
    before = await client.stored()
    payload = await mutate(client, operation, **variables)
    assert await client.stored() == before
    errors: list[dict[str, Any]] = payload.pop("errors")
    assert errors
    assert not any(payload.values())
    return errors


async def new_bucket(client: Client, **input: Any) -> dict[str, Any]:
    """Make a bucket that takes any metadata and blobs of text, or as the input says."""
    payload = await mutate(
        client, CREATE_BUCKET, input={"bucketName": "pics", "bucketSchema": FREE_SCHEMA} | input
    )
    assert payload["errors"] == []
    bucket: dict[str, Any] = payload["bucket"]
    return bucket


async def new_object(client: Client, bucket: dict[str, Any], **input: Any) -> dict[str, Any]:
    """Put an object into a bucket."""
    payload = await mutate(client, CREATE_OBJECT, input={"bucketId": bucket["id"]} | input)
    assert payload["errors"] == []
    made: dict[str, Any] = payload["object"]
    return made


async def patch_bucket(client: Client, bucket: dict[str, Any], **input: Any) -> dict[str, Any]:
    """Patch a bucket; return it."""
    payload = await mutate(client, PATCH_BUCKET, input={"id": bucket["id"]} | input)
    assert payload["errors"] == []
    patched: dict[str, Any] = payload["bucket"]
    return patched


def text_blob(text: str, **more: Any) -> dict[str, Any]:
    """Return the input of a blob of text."""
    return {"property": "text", "type": "text", "data": text} | more


def without_links(made: dict[str, Any]) -> dict[str, Any]:
    """Return an object without the links to its bytes, which differ from second to second."""
    blobs = [blob | {"presignedUrl": None} for blob in made["blobs"]]
    return made | {"blobs": blobs}


async def new_collection(client: Client, name: str, **source: Any) -> str:
    """Make a collection that is fed by ``bucketIds`` or by ``collectionIds``; return its id."""
    kind = "BUCKET" if "bucketIds" in source else "COLLECTION"
    payload = await mutate(
        client,
        _CREATE_COLLECTION,
        input={
            "collectionName": name,
            "source": {"type": kind, **source},
            "featureExtractor": {"name": name, "version": "v1"},
        },
    )
    assert payload["errors"] == []
    id: str = payload["collection"]["id"]
    return id


async def new_document(client: Client, collection_id: str, **input: Any) -> str:
    """Make a document; return its id."""
    payload = await mutate(client, CREATE_DOCUMENT, input={"collectionId": collection_id} | input)
    assert payload["errors"] == []
    id: str = payload["document"]["id"]
    return id


async def derive_three_deep(
    client: Client, bucket: dict[str, Any], *objects: dict[str, Any]
) -> None:
    """Make three documents of each object, each of the one before; the last has a thumbnail."""
    frames = await new_collection(client, f"frames of {bucket['id']}", bucketIds=[bucket["id"]])
    scenes = await new_collection(client, f"scenes of {bucket['id']}", collectionIds=[frames])
    for each in objects:
        frame = await new_document(client, frames, sourceObjectId=each["id"])
        scene = await new_document(client, scenes, sourceDocumentId=frame)
        thumbnail = {
            "field": "thumbnail",
            "role": "THUMBNAIL",
            "type": "text",
            "data": f"thumbnail of {each['id']}",
            "sourceBlobId": each["blobs"][0]["id"] if each["blobs"] else None,
        }
        await new_document(client, scenes, sourceDocumentId=scene, documentBlobs=[thumbnail])
