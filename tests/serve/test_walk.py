"""The main job as a client does it: by HTTP alone, from a bucket to faces and back."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Any

from gateway.demo.files import Color, page, picture
from tests.serve.gateways import Gateway, fetch, until

PNG = picture(40, 30, top=Color(24, 44, 97), bottom=Color(252, 147, 91), disc=Color(255, 221, 148))
PDF = page("Service Agreement 2024", ["Nobody owes anybody anything."])

# As in the reference's page on creating a bucket.
PRODUCT_IMAGES = {
    "bucketName": "product_images",
    "bucketSchema": {
        "properties": {
            "image": {"description": "Product image blob", "type": "image"},
            "metadata": {
                "description": "Product information",
                "properties": {
                    "title": {"type": "string"},
                    "category": {"type": "string"},
                    "price": {"type": "float"},
                },
                "type": "object",
            },
        }
    },
    "description": "Product images with metadata for e-commerce",
    "metadata": {"department": "Sales", "region": "US"},
}
CONTRACTS = {
    "bucketName": "walked_contracts",
    "bucketSchema": {
        "properties": {
            "content": {"type": "json"},
            "thumbnail": {"type": "image"},
            "paper": {"type": "pdf"},
        }
    },
}
# The first blob is that of the reference's page on creating an object.
CONTRACT = {
    "keyPrefix": "/documents",
    "metadata": {"category": "contracts", "status": "draft", "year": 2024},
    "blobs": [
        {
            "property": "content",
            "type": "json",
            "keyPrefix": "/contract-2024/content.pdf",
            "data": {"num_pages": 5, "title": "Service Agreement 2024"},
            "metadata": {"author": "John Doe", "department": "Legal"},
        },
        {
            "property": "thumbnail",
            "type": "image",
            "keyPrefix": "/contract-2024/thumbnail.png",
            "data": {"base64": b64encode(PNG).decode(), "mime_type": "image/png"},
            "metadata": {"height": 30, "width": 40},
        },
        {
            "property": "paper",
            "type": "PDF",
            "data": {"base64": b64encode(PDF).decode(), "filename": "contract.pdf"},
        },
    ],
}

ERRORS = "errors { code message path ... on ConflictError { currentVersion } }"
CREATE = """
mutation ($input: Create%(Kind)sInput!) {
  create%(Kind)s(input: $input) { %(kind)s { id } %(errors)s }
}
"""
PATCH_OBJECT = f"""
mutation ($input: PatchObjectInput!) {{
  patchObject(input: $input) {{ object {{ metadata version }} {ERRORS} }}
}}
"""
DELETE = f"""
mutation ($id: ID!) {{
  delete%s(id: $id) {{ deletedId deletedObjects deletedDocuments {ERRORS} }}
}}
"""
DOWN = """
query ($id: ID!) {
  bucket(id: $id) {
    bucketName objectCount totalSizeBytes
    objects {
      nodes {
        id keyPrefix metadata documentCount
        blobs { property type properties presignedUrl details { sizeBytes mimeType hash } }
        documents(directOnly: true) {
          nodes {
            id collection { collectionName } metadata
            children {
              nodes {
                id collection { collectionName } metadata
                children { nodes { id collection { collectionName } metadata } }
              }
            }
          }
        }
      }
    }
  }
}
"""
UP = """
query ($id: ID!) {
  document(id: $id) {
    ancestors { id }
    source { __typename ... on Document { id } }
    rootObject { id keyPrefix }
    lineagePath
    lineage(direction: UPSTREAM) {
      root complete
      nodes { distance childCount node { __typename id } }
      edges { from to featureExtractorId }
    }
  }
}
"""


def operation(kind: str) -> str:
    return CREATE % {"Kind": kind, "kind": kind.lower(), "errors": ERRORS}


def create(gateway: Gateway, kind: str, **input: Any) -> str:
    """Make a bucket, an object, a collection or a document; return its id."""
    made = gateway.mutate(operation(kind), **input)
    id: str = made[kind.lower()]["id"]
    return id


def create_collections(gateway: Gateway, bucket_id: str) -> list[str]:
    """Make frames of the bucket, scenes of the frames, faces of the scenes; return their ids."""
    ids: list[str] = []
    for name in ("frames", "scenes", "faces"):
        fed_by_collection = {"type": "COLLECTION", "collectionIds": ids[-1:]}
        fed_by_bucket = {"type": "BUCKET", "bucketIds": [bucket_id]}
        made = create(
            gateway,
            "Collection",
            collectionName=name,
            source=fed_by_collection if ids else fed_by_bucket,
            featureExtractor={"name": f"{name}_extractor", "version": "v1"},
        )
        ids.append(made)
    return ids


def create_documents(gateway: Gateway, collections: list[str], object_id: str) -> list[str]:
    """Make a document of the object in the first collection, of that one in the next, and so on."""
    ids: list[str] = []
    for depth, collection in enumerate(collections, 1):
        source = {"sourceDocumentId": ids[-1]} if ids else {"sourceObjectId": object_id}
        own = {"collectionId": collection, "metadata": {"depth": depth}}
        ids.append(create(gateway, "Document", **own, **source))
    return ids


def is_gone(gateway: Gateway, kind: str, id: str) -> bool:
    found: dict[str, Any]
    found = gateway.execute(f"query ($id: ID!) {{ {kind}(id: $id) {{ id }} }}", id=id)
    return found[kind] is None


def test_from_a_bucket_to_faces_and_back(served: Gateway) -> None:
    products = create(served, "Bucket", **PRODUCT_IMAGES)
    bucket = create(served, "Bucket", **CONTRACTS)
    contract = create(served, "Object", bucketId=bucket, **CONTRACT)

    refuses_a_price_that_is_no_number(served, products)
    collections = create_collections(served, bucket)
    documents = create_documents(served, collections, contract)
    link = shows_all_of_it_in_one_query(served, bucket, documents)
    the_deepest_knows_where_it_comes_from(served, bucket, contract, collections, documents)
    the_link_gives_the_exact_bytes(link)
    patches_only_what_is_sent(served, contract)
    deletes_what_was_made_of_the_object_too(served, contract, documents, link)
    hides_a_deleted_bucket_at_once(served, bucket, products)


def refuses_a_price_that_is_no_number(gateway: Gateway, bucket: str) -> None:
    input = {"bucketId": bucket, "metadata": {"title": "Smartphone X1", "price": "cheap"}}
    refused = gateway.execute(operation("Object"), input=input)["createObject"]

    assert refused["object"] is None
    ((code, path),) = [(each["code"], each["path"]) for each in refused["errors"]]
    assert (code, path) == ("SCHEMA_MISMATCH", ["metadata", "price"])
    assert gateway.execute(DOWN, id=bucket)["bucket"]["objects"]["nodes"] == []
    create(gateway, "Object", **input | {"metadata": {"price": 699.5}})


def shows_all_of_it_in_one_query(gateway: Gateway, bucket: str, documents: list[str]) -> str:
    """Return the link to the picture."""
    found = gateway.execute(DOWN, id=bucket)["bucket"]

    (contract,) = found.pop("objects")["nodes"]
    content, thumbnail, paper = contract["blobs"]
    sizes = [each["details"]["sizeBytes"] for each in contract["blobs"]]
    assert found == {
        "bucketName": "walked_contracts",
        "objectCount": 1,
        "totalSizeBytes": sum(sizes),
    }
    assert contract["keyPrefix"] == "/documents"
    assert contract["metadata"] == CONTRACT["metadata"]
    assert contract["documentCount"] == 3
    assert (content["property"], content["type"], content["presignedUrl"]) == (
        "content",
        "JSON",
        None,
    )
    assert content["properties"] == {
        "num_pages": 5,
        "title": "Service Agreement 2024",
        "author": "John Doe",
        "department": "Legal",
    }
    assert thumbnail["details"] == {
        "sizeBytes": len(PNG),
        "mimeType": "image/png",
        "hash": sha256(PNG).hexdigest(),
    }
    assert thumbnail["properties"] == {"height": 30, "width": 40}
    assert (paper["type"], paper["details"]["mimeType"]) == ("PDF", "application/pdf")
    assert fetch(paper["presignedUrl"]).body == PDF

    nodes = contract["documents"]["nodes"]
    for depth, (name, id) in enumerate(zip(("frames", "scenes", "faces"), documents, strict=True)):
        (node,) = nodes
        assert (node["id"], node["collection"]["collectionName"]) == (id, name)
        # What is said of the object is said of all that was made of it.
        assert node["metadata"] == contract["metadata"] | {"depth": depth + 1}
        nodes = node.get("children", {}).get("nodes")
    link: str = thumbnail["presignedUrl"]
    return link


def the_deepest_knows_where_it_comes_from(
    gateway: Gateway, bucket: str, contract: str, collections: list[str], documents: list[str]
) -> None:
    frame, scene, face = documents
    found = gateway.execute(UP, id=face)["document"]

    assert found["ancestors"] == [{"id": frame}, {"id": scene}]
    assert found["source"] == {"__typename": "Document", "id": scene}
    assert found["rootObject"] == {"id": contract, "keyPrefix": "/documents"}
    assert found["lineagePath"] == "/".join([bucket, *collections])
    graph = found["lineage"]
    assert (graph["root"], graph["complete"]) == (face, True)
    assert [(each["distance"], each["node"]["id"]) for each in graph["nodes"]] == [
        (0, face),
        (1, scene),
        (2, frame),
        (3, contract),
    ]
    assert {(each["from"], each["to"], each["featureExtractorId"]) for each in graph["edges"]} == {
        (contract, frame, "frames_extractor_v1"),
        (frame, scene, "scenes_extractor_v1"),
        (scene, face, "faces_extractor_v1"),
    }


def the_link_gives_the_exact_bytes(link: str) -> None:
    whole = fetch(link)
    part = fetch(link, headers={"Range": "bytes=1-3"})
    forged = fetch(f"{link}0")

    assert (whole.status, whole.body) == (200, PNG)
    assert whole.headers["Content-Type"] == "image/png"
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert (part.status, part.body) == (206, b"PNG")
    assert part.headers["Content-Range"] == f"bytes 1-3/{len(PNG)}"
    assert forged.status == 403


def patches_only_what_is_sent(gateway: Gateway, contract: str) -> None:
    input = {"id": contract, "metadata": {"year": None, "status": "final"}, "expectedVersion": 1}
    patched = gateway.mutate(PATCH_OBJECT, **input)
    stale = gateway.execute(PATCH_OBJECT, input=input)["patchObject"]

    assert patched["object"] == {
        "metadata": {"category": "contracts", "status": "final"},
        "version": 2,
    }
    assert stale["object"] is None
    (error,) = stale["errors"]
    assert (error["code"], error["path"], error["currentVersion"]) == (
        "VERSION_MISMATCH",
        ["expectedVersion"],
        2,
    )


def deletes_what_was_made_of_the_object_too(
    gateway: Gateway, contract: str, documents: list[str], link: str
) -> None:
    deleted = gateway.execute(DELETE % "Object", id=contract)["deleteObject"]

    assert deleted == {
        "deletedId": contract,
        "deletedObjects": 1,
        "deletedDocuments": 3,
        "errors": [],
    }
    assert is_gone(gateway, "object", contract)
    assert all(is_gone(gateway, "document", each) for each in documents)
    until(lambda: fetch(link).status == 404, "the bytes are removed")


def hides_a_deleted_bucket_at_once(gateway: Gateway, kept: str, products: str) -> None:
    deleted = gateway.execute(DELETE % "Bucket", id=products)["deleteBucket"]

    listed = gateway.execute("{ buckets(first: 1000) { nodes { id } } }")["buckets"]["nodes"]
    assert deleted == {
        "deletedId": products,
        "deletedObjects": 1,
        "deletedDocuments": 0,
        "errors": [],
    }
    assert {"id": kept} in listed
    assert {"id": products} not in listed
    until(lambda: is_gone(gateway, "bucket", products), "the bucket is gone")
