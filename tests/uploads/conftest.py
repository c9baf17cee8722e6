"""A client whose store takes bytes on a real port: a folder's, then S3's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.blobs.store import BlobStore
from gateway.database.pool import Database
from tests.blobs.conftest import Browser
from tests.blobs.conftest import browser as browser
from tests.blobs.conftest import local_store as local_store
from tests.blobs.conftest import store as store
from tests.client import Client, new_client
from tests.operations import new_bucket
from tests.uploads.uploading import SCHEMA, Uploading


@pytest.fixture
async def client(database: Database, store: BlobStore, tmp_path: Path) -> Client:
    either: Any = store  # what is asked of it here, any store can do
    return await new_client(database, either, tmp_path / "blobs")


@pytest.fixture
async def uploading(client: Client, browser: Browser) -> Uploading:
    bucket = await new_bucket(client, bucketSchema=SCHEMA)
    return Uploading(client, browser, bucket)
