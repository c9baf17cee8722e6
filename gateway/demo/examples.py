"""What is made: the reference's bucket and object, and documents three deep beneath the object."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import Any

from gateway.demo.files import Color, page, picture

Input = dict[str, Any]

NIGHT, DUSK, DAY = Color(24, 44, 97), Color(252, 147, 91), Color(150, 200, 240)
WHITE, SUN = Color(250, 250, 250), Color(255, 221, 148)

PRODUCT_IMAGES: Input = {
    "bucketName": "product_images",
    "description": "Product images with metadata for e-commerce",
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
    "metadata": {"department": "Sales", "region": "US"},
}

CONTRACTS: Input = {
    "bucketName": "contracts",
    "description": "Contracts on paper, each with a still of the video of its signing",
    "bucketSchema": {
        "properties": {
            "content": {"description": "What the contract is", "type": "json"},
            "thumbnail": {"description": "A still of the signing", "type": "image"},
            "document": {"description": "The paper", "type": "pdf"},
            "category": {"type": "string"},
            "status": {"type": "string", "enum": ["draft", "final"]},
            "year": {"type": "integer"},
        }
    },
}

# Each is fed by the one before it, the first by the bucket of contracts.
COLLECTIONS: list[Input] = [
    {
        "collectionName": "frames",
        "featureExtractor": {
            "name": "frame_sampler",
            "version": "v1",
            "inputMappings": {"still": "thumbnail"},
            "parameters": {"seconds_between_frames": 20},
        },
    },
    {
        "collectionName": "scenes",
        "featureExtractor": {"name": "scene_detector", "version": "v1"},
    },
    {
        "collectionName": "faces",
        "featureExtractor": {
            "name": "face_detector",
            "version": "v2",
            "fieldPassthrough": [{"sourcePath": "metadata.place", "targetPath": "place"}],
            "parameters": {"least_confidence": 0.8},
        },
    },
]


@dataclass(frozen=True, slots=True)
class Derived:
    """A document, and what the next collection's extractor makes of it."""

    metadata: dict[str, Any]
    finding: dict[str, Any]
    vector: list[float]
    thumbnail: bytes
    children: tuple[Derived, ...] = ()


def phone() -> Input:
    """Return an object for ``PRODUCT_IMAGES``."""
    image = picture(320, 240, top=WHITE, bottom=DAY, disc=NIGHT)
    return {
        "keyPrefix": "/phones/smartphone-x1",
        "metadata": {"title": "Smartphone X1", "category": "phones", "price": 699.5},
        "blobs": [
            {"property": "image", "type": "image", "data": _png(image, "smartphone-x1.png")},
        ],
    }


def contract() -> Input:
    """Return an object for ``CONTRACTS``."""
    paper = page(
        "Service Agreement 2024",
        ["A contract that serves as an example.", "", "1. Nobody owes anybody anything."],
    )
    return {
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
                "data": _png(picture(200, 300, top=NIGHT, bottom=DUSK, disc=SUN), "thumbnail.png"),
                "metadata": {"height": 300, "width": 200},
            },
            {
                "property": "document",
                "type": "pdf",
                "keyPrefix": "/contract-2024/contract.pdf",
                "data": _file(paper, "contract.pdf", "application/pdf"),
            },
        ],
    }


def frames() -> list[Derived]:
    """Return what is made of the contract: frames, of them scenes, of them faces."""
    return [
        Derived(
            {"second": 0},
            {"sharpness": 0.91},
            [0.12, 0.48, 0.31, 0.77],
            _thumbnail(NIGHT, DUSK),
            children=(
                Derived(
                    {"place": "office"},
                    {"label": "handshake", "confidence": 0.97},
                    [0.63, 0.05, 0.22, 0.41],
                    _thumbnail(DUSK, DAY),
                    children=(
                        _face("John Doe", 0.99, [0.81, 0.14, 0.09, 0.33]),
                        _face("Jane Roe", 0.96, [0.27, 0.66, 0.52, 0.08]),
                    ),
                ),
            ),
        ),
        Derived(
            {"second": 20},
            {"sharpness": 0.84},
            [0.15, 0.44, 0.36, 0.71],
            _thumbnail(DUSK, SUN),
            children=(
                Derived(
                    {"place": "garden"},
                    {"label": "group picture", "confidence": 0.88},
                    [0.58, 0.11, 0.29, 0.45],
                    _thumbnail(DAY, WHITE),
                    children=(_face("Jane Roe", 0.93, [0.26, 0.69, 0.49, 0.1]),),
                ),
            ),
        ),
    ]


def as_input(document: Derived, *, extractor_id: str) -> Input:
    """Return a document as input, without where it belongs and what it is made of."""
    return {
        "metadata": document.metadata,
        "features": [{"featureExtractorId": extractor_id, "payload": document.finding}],
        "vector": document.vector,
        "documentBlobs": [
            {
                "field": "thumbnail",
                "role": "THUMBNAIL",
                "type": "image",
                "data": _png(document.thumbnail, "thumbnail.png"),
            }
        ],
    }


def _face(person: str, confidence: float, vector: list[float]) -> Derived:
    finding = {"person": person, "confidence": confidence}
    return Derived({"person": person}, finding, vector, _thumbnail(WHITE, DUSK))


def _thumbnail(top: Color, bottom: Color) -> bytes:
    return picture(64, 48, top=top, bottom=bottom, disc=SUN)


def _png(image: bytes, filename: str) -> Input:
    return _file(image, filename, "image/png")


def _file(content: bytes, filename: str, mime_type: str) -> Input:
    return {
        "base64": b64encode(content).decode(),
        "filename": filename,
        "mime_type": mime_type,
    }
