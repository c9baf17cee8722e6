from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway import demo
from gateway.app import MAKE_CONTEXT, SCHEMA, make_app
from gateway.blobs.signing import PATH_PREFIX
from gateway.database.pool import Database
from gateway.database.state import CannotStart, open_state
from gateway.demo.files import Color, page, picture
from gateway.errors import NotFound
from gateway.namespaces import service
from gateway.namespaces.audit import Actor
from gateway.settings import Settings
from tests.client import Client
from tests.operations import new_bucket, new_collection

ROOT = Path(__file__).parents[1]
PNG_BEGINNING = b"\x89PNG\r\n\x1a\n"

Fill = Callable[..., Awaitable[str | None]]


@pytest.fixture
def fill(client: Client) -> Fill:
    """Fills the client's namespace, or the one that is named."""

    async def fill(namespace: str = client.namespace_id, **settings: int) -> str | None:
        app = make_app(
            settings=Settings(**settings),  # type: ignore[arg-type]
            database=client.database,
            blobs=client.blobs,
        )
        return await demo.fill(app[SCHEMA], app[MAKE_CONTEXT], client.database, namespace=namespace)

    return fill


async def filled(client: Client, fill: Fill) -> dict[str, Any]:
    """Return what the first query shows."""
    query = await fill()
    assert query is not None
    return await client.execute(query)


def below(node: dict[str, Any], field: str) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = node[field]["nodes"]
    return nodes


async def content(client: Client, url: str) -> bytes:
    """Return the bytes that a link leads to."""
    found = await client.blobs.read(urlsplit(url).path.removeprefix(PATH_PREFIX))
    assert found is not None
    return found


async def test_first_query_shows_documents_three_deep(client: Client, fill: Fill) -> None:
    answer = await filled(client, fill)

    (contract,) = below(answer["bucket"], "objects")
    assert contract["keyPrefix"] == "/documents"
    frames = below(contract, "documents")
    scenes = [scene for frame in frames for scene in below(frame, "children")]
    faces = [face for scene in scenes for face in below(scene, "children")]
    for nodes, name in ((frames, "frames"), (scenes, "scenes"), (faces, "faces")):
        assert len(nodes) > 1
        assert {each["collection"]["collectionName"] for each in nodes} == {name}
        # What is said of the object, every document says too, and something of its own.
        assert all(contract["metadata"].items() < each["metadata"].items() for each in nodes)
    assert all(face["features"][0]["payload"]["person"] for face in faces)


async def test_links_lead_to_a_picture_and_a_pdf(client: Client, fill: Fill) -> None:
    answer = await filled(client, fill)

    (contract,) = below(answer["bucket"], "objects")
    links = {each["property"]: each["presignedUrl"] for each in contract["blobs"]}
    assert links["content"] is None
    assert (await content(client, links["thumbnail"])).startswith(PNG_BEGINNING)
    assert (await content(client, links["document"])).startswith(b"%PDF-1.4")


async def test_buckets_and_objects_are_those_of_the_reference(client: Client, fill: Fill) -> None:
    await fill()

    answer = await client.execute(
        """{
          images: bucket(name: "product_images") {
            description metadata bucketSchema objects { nodes { blobs { property type } } }
          }
          contracts: bucket(name: "contracts") {
            objects { nodes { metadata blobs { property type keyPrefix properties } } }
          }
        }"""
    )

    images = answer["images"]
    assert images["description"] == "Product images with metadata for e-commerce"
    assert images["metadata"] == {"department": "Sales", "region": "US"}
    assert set(images["bucketSchema"]["properties"]) == {"image", "metadata"}
    assert below(images, "objects") == [{"blobs": [{"property": "image", "type": "IMAGE"}]}]
    (contract,) = below(answer["contracts"], "objects")
    assert contract["metadata"] == {"category": "contracts", "status": "draft", "year": 2024}
    types = {each["property"]: each["type"] for each in contract["blobs"]}
    assert types == {"content": "JSON", "thumbnail": "IMAGE", "document": "PDF"}
    assert contract["blobs"][0] == {
        "property": "content",
        "type": "JSON",
        "keyPrefix": "/contract-2024/content.pdf",
        "properties": {
            "num_pages": 5,
            "title": "Service Agreement 2024",
            "author": "John Doe",
            "department": "Legal",
        },
    }


async def test_a_face_knows_where_it_comes_from(client: Client, fill: Fill) -> None:
    await fill()

    answer = await client.execute(
        """{
          collection(name: "faces") {
            source { type }
            documents(first: 1) {
              nodes {
                vector presignedUrl sourceBlobs { blobProperty }
                ancestors { collection { collectionName } }
                lineageChain { featureExtractorId }
                rootObject { keyPrefix }
                rootBucket { bucketName }
                documentBlobs { field role presignedUrl }
              }
            }
          }
        }"""
    )

    (face,) = below(answer["collection"], "documents")
    above = [each["collection"]["collectionName"] for each in face["ancestors"]]
    assert above == ["frames", "scenes"]
    assert [each["featureExtractorId"] for each in face["lineageChain"]] == [
        "frame_sampler_v1",
        "scene_detector_v1",
        "face_detector_v2",
    ]
    assert face["rootObject"] == {"keyPrefix": "/documents"}
    assert face["rootBucket"] == {"bucketName": "contracts"}
    assert len(face["vector"]) == 4
    assert face["sourceBlobs"] == [{"blobProperty": "thumbnail"}]
    assert (await content(client, face["presignedUrl"])).startswith(PNG_BEGINNING)
    (thumbnail,) = face["documentBlobs"]
    assert (thumbnail["field"], thumbnail["role"]) == ("thumbnail", "THUMBNAIL")
    assert (await content(client, thumbnail["presignedUrl"])).startswith(PNG_BEGINNING)


async def test_leaves_its_own_examples_as_they_are(client: Client, fill: Fill) -> None:
    await fill()
    before = await client.stored()

    assert await fill() is None

    assert await client.stored() == before


async def test_leaves_a_namespace_with_a_bucket_alone(client: Client, fill: Fill) -> None:
    await new_bucket(client)
    before = await client.stored()

    assert await fill() is None

    assert await client.stored() == before


async def test_leaves_a_namespace_with_a_collection_alone(client: Client, fill: Fill) -> None:
    bucket = await new_bucket(client)
    await new_collection(client, "frames", bucketIds=[bucket["id"]])
    await client.execute(
        "mutation ($id: ID!) { deleteBucket(id: $id) { deletedId } }", id=bucket["id"]
    )
    before = await client.stored()

    assert await fill() is None

    assert await client.stored() == before


async def test_fills_the_namespace_that_is_named_and_no_other(client: Client, fill: Fill) -> None:
    other = await client.elsewhere()
    before = await client.stored()

    assert await fill(other.namespace_id) is not None

    assert await client.stored() | {"files": []} == before
    assert (await other.stored())["buckets"]


async def test_an_unknown_namespace_is_told(fill: Fill) -> None:
    with pytest.raises(NotFound, match="'nowhere'"):
        await fill("nowhere")


async def test_a_refused_example_is_told_with_the_reason(fill: Fill) -> None:
    with pytest.raises(CannotStart, match=r"the most is 10 \(in Bucket, bucketName\)$"):
        await fill(max_name_characters=10)


def test_the_picture_is_a_png_with_every_pixel() -> None:
    image = picture(30, 20, top=Color(0, 0, 0), bottom=Color(200, 100, 0), disc=Color(1, 2, 3))

    assert image.startswith(PNG_BEGINNING)
    chunks, rest = {}, image.removeprefix(PNG_BEGINNING)
    while rest:
        (size,) = struct.unpack(">I", rest[:4])
        kind, data, checksum = rest[4:8], rest[8 : 8 + size], rest[8 + size : 12 + size]
        assert struct.pack(">I", zlib.crc32(kind + data)) == checksum
        chunks[kind], rest = data, rest[12 + size :]
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"]) == (30, 20, 8, 2, 0, 0, 0)
    lines = zlib.decompress(chunks[b"IDAT"])
    assert len(lines) == 20 * (1 + 30 * 3)

    def pixel(x: int, y: int) -> tuple[int, ...]:
        return tuple(lines[y * 91 + 1 + x * 3 :][:3])

    assert [pixel(0, 0), pixel(15, 10), pixel(29, 19)] == [(0, 0, 0), (1, 2, 3), (190, 95, 0)]


def test_the_page_is_a_pdf_whose_table_leads_to_its_objects() -> None:
    file = page("A (small) title", ["one", "two \\"])

    table = int(re.findall(rb"startxref\n(\d+)\n%%EOF\n$", file)[0])
    assert file[table:].startswith(b"xref\n0 6\n0000000000 65535 f \n")
    entries = re.findall(rb"(\d{10}) 00000 n \n", file[table:])
    assert len(entries) == 5
    for number, offset in enumerate(entries, 1):
        assert file[int(offset) :].startswith(b"%d 0 obj\n" % number)
    (length, stream), *_ = re.findall(rb"/Length (\d+) >>\nstream\n(.*)\nendstream", file, re.S)
    assert len(stream) == int(length)
    assert rb"(A \(small\) title) Tj" in stream
    assert rb"(two \\) Tj" in stream


# The command


def run(*arguments: str | Path, database_url: str = "") -> subprocess.CompletedProcess[str]:
    """Run `gateway demo`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment |= {"GATEWAY_DATABASE_URL": database_url}
    command = [sys.executable, "-m", "gateway", "demo", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


async def test_command_fills_a_namespace_outside_once(
    postgres_url: str, database: Database, state_folder: Path
) -> None:
    async with database.transaction() as tx:
        await service.create_namespace(
            tx, by=Actor.at_command_line(), reach=None, name="staging", description=None
        )

    first, second = (
        run("--state", state_folder, "--namespace", "staging", database_url=postgres_url)
        for _ in range(2)
    )

    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("Examples are in the namespace staging. A first query:\n\n{\n")
    assert any(path.is_file() for path in (state_folder / "blobs").rglob("*"))
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout == "The namespace staging is not empty, so no examples were added.\n"


async def test_command_tells_how_to_make_a_namespace(postgres_url: str, state_folder: Path) -> None:
    ended = run("--state", state_folder, "--namespace", "staging", database_url=postgres_url)

    assert ended.returncode == 1
    assert ended.stderr == (
        "gateway: there is no namespace 'staging'; `gateway namespaces create staging` makes it\n"
    )


async def test_command_refuses_a_database_without_tables(
    fresh_database_url: str, state_folder: Path
) -> None:
    ended = run("--state", state_folder, database_url=fresh_database_url)

    assert ended.returncode == 1
    assert "run `gateway migrate`" in ended.stderr


async def test_command_refuses_a_folder_in_use(postgres_url: str, state_folder: Path) -> None:
    with open_state(state_folder):
        ended = run("--state", state_folder, database_url=postgres_url)

    assert ended.returncode == 1
    assert "a gateway is running on the state folder" in ended.stderr
    assert "`gateway serve --demo`" in ended.stderr


def test_command_needs_nothing_but_a_folder(state_folder: Path) -> None:
    first, second = (run("--state", state_folder) for _ in range(2))

    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("Examples are in the namespace default.")
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout == "The namespace default is not empty, so no examples were added.\n"
